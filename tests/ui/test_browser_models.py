"""The owner's Models and Evaluate tabs in a real headless Chromium."""

import json
import shutil
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import translate
from tests.ui.browser import MARKS, PHONE, download, fits, open_tab, upload, wait_for_result
from tests.ui.test_evaluate_tab import app
from tests.ui.tiny_page import Served, draw, save_tiny
from translate import images

pytestmark = MARKS

WEIGHTS = Path(__file__).resolve().parents[1] / "fixtures" / "parity" / "resnet_9blocks_ngf8_oldstyle.pth"


@pytest.fixture
def extra(served: Served) -> Iterator[Path]:
    """A place for a model of this test's own, which is gone afterwards."""
    folder = served.home / "models" / "tiny-extra"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def choose(page: Any, name: str) -> None:
    """Choose a model in the list, and wait for its card."""
    page.locator("#models-list label").filter(has_text=name).first.click()
    page.wait_for_function(f"document.querySelector('#models-card').innerText.includes({name!r})")


def pick(page: Any, field: str, title: str) -> None:
    page.click(f"{field} input")
    page.get_by_role("option", name=title).first.click()


def test_a_card_is_read_and_a_model_is_searched_and_verified(page: Any, extra: Path) -> None:
    save_tiny(extra, "labels", title="Harbour", licence="CC0")
    (extra / "README.md").write_text(
        "# x\n\nOf <b>boats</b>. ![away](https://e.example/p.png) <img src=https://e.example/q.png>\n\n![here](sample.png)"
    )
    images.save(draw(20, 30), extra / "sample.png")
    page.reload()
    open_tab(page, "Models")
    page.wait_for_selector("#models-list label")
    page.get_by_label("Search").fill("harbour")
    page.wait_for_function("document.querySelectorAll('#models-list label').length === 1")
    page.wait_for_function("document.querySelector('#models-count').innerText.includes('1 of ')")
    choose(page, "Harbour")
    card = page.locator("#models-card")
    assert "Of <b>boats</b>." in card.inner_text()
    assert "CC0" in card.inner_text()
    assert card.locator("img").count() == 1
    assert card.get_by_alt_text("here").evaluate("image => image.naturalWidth") == 30
    page.click("#models-verify")
    page.wait_for_selector("#models-result .tr-good", timeout=120_000)
    from translate.checkpoints import sha256

    assert sha256(extra / "model.safetensors") in page.locator("#models-result").inner_text()


def test_a_broken_model_is_listed_with_why_and_deleted_only_when_it_is_meant(page: Any, extra: Path) -> None:
    save_tiny(extra, "labels")
    (extra / "config.json").write_text("{")
    page.reload()
    open_tab(page, "Models")
    choose(page, "tiny-extra")
    assert "not a readable JSON file" in page.locator("#models-card").inner_text()
    page.click("#models-delete")
    page.wait_for_selector("#models-sure", state="visible")
    assert "Delete tiny-extra with all it holds" in page.locator("#models-asking").inner_text()
    page.click("#models-keep")
    page.wait_for_selector("#models-sure", state="hidden")
    assert extra.is_dir()
    page.click("#models-delete")
    page.click("#models-sure")
    # Not its line "is deleted": on a slow machine the list's own refresh may come after it and take it away.
    page.locator("#models-list label").filter(has_text="tiny-extra").wait_for(state="detached")
    assert not extra.exists()
    choose(page, "street-segmentation")
    assert not page.is_visible("#models-delete")  # it comes with the program


def test_weights_of_others_are_imported_and_translate_a_photo(
    page: Any, served: Served, extra: Path, tmp_path: Path
) -> None:
    open_tab(page, "Models")
    page.click("#models-import > button")
    page.set_input_files("#import-file input[type=file]", WEIGHTS)
    page.wait_for_selector(f"#import-file >> text={WEIGHTS.name[:8]}")
    page.fill("#import-name input, #import-name textarea", "tiny-extra")
    page.click("#import-start")
    page.wait_for_selector("#import-status .tr-good", timeout=120_000)
    assert "tiny-extra is here: resnet, 8 filters, 3 -> 3" in page.locator("#import-status").inner_text()
    assert "resnet_9blocks" in page.locator("#models-card").inner_text()
    page.reload()
    page.click("#model input")
    page.get_by_role("option", name="tiny-extra").click()
    upload(page, served.photo)
    wait_for_result(page)
    with Image.open(download(page, tmp_path)) as image:
        expected = translate.load(extra)(served.photo)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


def test_a_file_that_is_no_model_is_told_in_one_line_and_leaves_nothing(
    page: Any, served: Served, tmp_path: Path
) -> None:
    (tmp_path / "page.pth").write_text("<html>404")
    before = sorted((served.home / "models").iterdir())
    open_tab(page, "Models")
    page.click("#models-import > button")
    page.set_input_files("#import-file input[type=file]", tmp_path / "page.pth")
    page.wait_for_selector("#import-file >> text=page")
    page.click("#import-start")
    toast = page.get_by_test_id("toast-body")
    toast.wait_for()
    assert "page.pth: not weights that can be read safely (it is a text" in toast.inner_text()
    assert "translate-" not in toast.inner_text()
    assert sorted((served.home / "models").iterdir()) == before


def test_without_a_network_a_fetch_says_so_and_terms_are_agreed_to_first(
    page: Any, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    known = socket.getaddrinfo

    def unknown(host: Any, *more: Any, **options: Any) -> Any:
        if host in (None, "", "localhost", "127.0.0.1", b"127.0.0.1"):
            return known(host, *more, **options)
        asked.append(str(host))
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    open_tab(page, "Models")
    page.click("#models-pull > button")
    pick(page, "#pull-name", "horse2zebra")
    page.wait_for_selector("#pull-terms >> text=ImageNet (non-commercial research)")
    page.click("#pull-start")
    toast = page.get_by_test_id("toast-body")
    toast.wait_for()
    assert "say that you may use it on these terms" in toast.inner_text()
    assert asked == []
    page.get_by_test_id("toast-close").click()
    toast.wait_for(state="detached")
    page.get_by_label("I may use it on these terms").check()
    page.click("#pull-start")
    toast.wait_for()
    assert "can't be reached ([Errno -3] Temporary failure in name resolution" in toast.inner_text()
    assert "is there a network?" in toast.inner_text()
    assert asked == ["efrosgans.eecs.berkeley.edu"]
    page.wait_for_selector("#pull-start:not([disabled])")
    assert not page.is_visible("#pull-cancel")
    assert not (served.home / "models" / "horse2zebra").exists()


def test_two_models_are_evaluated_as_the_command_line_does(page: Any, tmp_path: Path) -> None:
    for number in range(3):
        images.save(draw(64, 64, number), tmp_path / "pairs" / "a" / f"{number}.png")
        images.save(draw(64, 64, number + 10), tmp_path / "pairs" / "b" / f"{number}.png")
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w") as archive:
        for file in (tmp_path / "pairs").rglob("*.png"):
            archive.write(file, file.relative_to(tmp_path).as_posix())
    open_tab(page, "Evaluate")
    assert "How good is a model?" in page.locator("#evaluate-figures").inner_text()
    pick(page, "#evaluate-models", "Tiny picture")
    pick(page, "#evaluate-models", "Tiny novelty")
    page.keyboard.press("Escape")
    page.set_input_files("#evaluate-upload input[type=file]", tmp_path / "pairs.zip")
    page.wait_for_selector("#evaluate-upload >> text=pairs")
    page.click("#evaluate-start")
    page.wait_for_selector("#evaluate-figures table", timeout=120_000)
    table = page.locator("#evaluate-figures table").first
    heads = table.locator("thead th").all_inner_texts()
    lines = table.locator("tbody tr:not(.tr-of)").all()
    shown = {line.locator("th").inner_text(): line.locator("td").all_inner_texts() for line in lines}
    done = CliRunner().invoke(
        app, ["tiny-picture", "tiny-whatever", "--data", str(tmp_path / "pairs"), "--json", str(tmp_path / "out.json")]
    )
    assert done.exit_code == 0, done.output
    scores = [report["scores"] for report in json.loads((tmp_path / "out.json").read_text())["reports"]]
    assert heads == ["tiny-picture", "tiny-whatever"]
    assert shown["PSNR (dB)"] == [f"{score['psnr']:.2f}" for score in scores]
    assert shown["SSIM"] == [f"{score['ssim']:.4f}" for score in scores]
    assert shown["L1"] == [f"{score['l1']:.4f}" for score in scores]
    with page.expect_download() as waited:
        page.click("#evaluate-download")
    waited.value.save_as(tmp_path / "report.zip")
    with zipfile.ZipFile(tmp_path / "report.zip") as report:
        record = json.loads(report.read("evaluation/report.json"))
    assert [found["scores"] for found in record["reports"]] == scores
    page.wait_for_function("document.querySelector('#evaluate-sheet img').naturalWidth > 600")


def test_trainings_are_compared_by_their_curves(page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, last in (("first", 0.25), ("second", 0.125)):
        (tmp_path / "runs" / name).mkdir(parents=True)
        records = [{"kind": "train", "step": 1, "gen/l1": 0.5}, {"kind": "train", "step": 20, "gen/l1": last}]
        (tmp_path / "runs" / name / "log.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    open_tab(page, "Evaluate")
    page.click("#compare > button")
    pick(page, "#compare-runs", "first")
    page.wait_for_selector("#compare-figures >> text=0.2500 at 20")
    pick(page, "#compare-runs", "second")
    page.wait_for_selector("#compare-figures >> text=0.1250 at 20")
    curve = page.get_by_alt_text("L1 loss of the generator over the steps of first, second")
    assert curve.evaluate("image => image.naturalWidth") == 605


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_tabs_fit_a_phone(page: Any, scheme: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    open_tab(page, "Models")
    choose(page, "street-segmentation")
    page.wait_for_function("document.querySelector('#models-chosen').getBoundingClientRect().top < innerHeight * 0.6")
    assert fits(page)
    page.click("#models-import > button")
    page.click("#models-pull > button")
    assert fits(page)
    open_tab(page, "Evaluate")
    page.click("#compare > button")
    assert fits(page)
