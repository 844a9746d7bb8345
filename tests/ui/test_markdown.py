"""A stranger's model card can show text and the pictures beside it, and do nothing else."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.tiny_page import draw
from translate import images
from translate.ui import markdown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick='x()'>b</b>",
        "[click](javascript:alert(1))",
        "[click](data:text/html,x)",
        '![x](https://e.example/p.png "t")',
        "![x][r]\n\n[r]: https://e.example/p.png",
        "![x](//e.example/p.png)",
        "![x](../secret.png)",
        "![x](/etc/passwd)",
        "![x](sub/p.png)",
        "![x](..)",
        "![x]()",
        "![x](link.png)",
        "![x](not-a-picture.png)",
        '![" onerror="alert(1)](https://e.example/p.png)',
    ],
)
def test_nothing_in_a_card_runs_or_is_fetched(tmp_path: Path, text: str) -> None:
    images.save(draw(4, 4), tmp_path / "secret.png")
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "card" / "not-a-picture.png").write_text("x")
    html = markdown.rendered(text, tmp_path / "card")
    tags = re.findall(r"<(\w+)([^>]*)>", html)
    assert {name for name, _ in tags} <= {"p", "em", "span"}
    assert all(more in ("", ' class="tr-note"') for _, more in tags)


def test_the_sample_beside_the_card_is_put_into_it_small_and_without_metadata(tmp_path: Path) -> None:
    images.save(draw(30, 3000), tmp_path / "sample.png")
    html = markdown.rendered("![A strip](sample.png)", tmp_path)
    found = re.fullmatch(r'<p><img alt="A strip" src="data:image/jpeg;base64,([^"]+)"></p>\n', html)
    assert found
    with Image.open(io.BytesIO(base64.b64decode(found[1])), formats=["JPEG"]) as picture:
        assert picture.size == (markdown.WIDEST, 14)


def test_a_deep_picture_is_shown_with_its_upper_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 0x8040, np.uint16)).save(tmp_path / "deep.png")
    data = base64.b64decode(markdown.rendered("![x](deep.png)", tmp_path).split("base64,")[1].split('"')[0])
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        assert picture.getpixel((4, 4)) == (128, 128, 128)


def test_links_to_the_web_open_elsewhere_and_those_to_files_are_words(tmp_path: Path) -> None:
    html = markdown.rendered("[web](https://e.example/a?b=1&c=2) [file](LICENSE)", tmp_path)
    assert '<a href="https://e.example/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">web</a>' in html
    assert "<span>file</span>" in html


def test_headings_stand_below_the_page_s_own_and_tables_can_be_scrolled(tmp_path: Path) -> None:
    html = markdown.rendered("# name\n\n## Measured\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", tmp_path, skip_title=True)
    assert html.startswith("<h4>Measured</h4>")
    assert "name" not in html
    assert re.search(r'<div class="tr-wide"><table>.*<td>2</td>.*</table></div>', html, re.DOTALL)


def test_a_model_without_a_card_has_none(tmp_path: Path) -> None:
    assert markdown.card(tmp_path) == ""
    (tmp_path / "README.md").write_bytes(b"# x\n\n\xff text")
    assert "text" in markdown.card(tmp_path)


def test_every_shipped_card_is_shown_with_its_picture(repo: Path) -> None:
    cards = [
        path.parent for path in (repo / "checkpoints").glob("*/README.md") if (path.parent / "config.json").is_file()
    ]
    assert cards
    for folder in cards:
        assert "data:image/jpeg;base64," in markdown.card(folder), folder
