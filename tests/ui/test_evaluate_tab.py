"""The Evaluate tab without a browser, and the endpoints `/evaluate` and `/models` as a script asks them."""

import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from tests.ui.tiny_page import Served, draw
from translate import images
from translate.cli.evaluate import evaluate as command
from translate.errors import DatasetError, TranslateError
from translate.ui import guard
from translate.ui.compare_runs import MOST, compare
from translate.ui.evaluate_run import Ask, evaluate
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.sweep import sweep

app = typer.Typer()
app.command()(command)

NAMES = ["tiny-picture", "tiny-whatever"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs of pictures in two folders."""
    root = tmp_path_factory.mktemp("root") / "pairs"
    for number in range(3):
        images.save(draw(64, 64, number), root / "a" / f"{number}.png")
        images.save(draw(64, 64, number + 10), root / "b" / f"{number}.png")
    return root


def upload(folder: Path) -> dict[str, str]:
    """What a file component sends of a zip of `folder`."""
    path = guard.own_folder() / f"upload-{len(list(guard.own_folder().iterdir()))}" / f"{folder.name}.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, f"{folder.name}/{file.relative_to(folder).as_posix()}")
    return {"path": str(path)}


def by_the_command_line(data: Path, tmp_path: Path, precision: str = "fp32") -> list[dict[str, float]]:
    """The scores of `translate evaluate --json`."""
    done = CliRunner().invoke(
        app,
        [
            *NAMES,
            "--data",
            str(data),
            "--device",
            "cpu",
            "--precision",
            precision,
            "--json",
            str(tmp_path / "out.json"),
        ],
    )
    assert done.exit_code == 0, done.output
    reports = json.loads((tmp_path / "out.json").read_text())["reports"]
    return [report["scores"] for report in reports]


def test_models_are_scored_on_an_uploaded_zip_as_the_command_line_does(pairs: Path, tmp_path: Path) -> None:
    before = {path.name for path in guard.own_folder().iterdir()}
    done = evaluate(Models(device="cpu", precision="fp32"), Settings(), Ask(models=NAMES, upload=upload(pairs)))
    assert [report["scores"] for report in done.record()["reports"]] == by_the_command_line(pairs, tmp_path)
    assert [report.data for report in done.reports] == ["pairs", "pairs"]  # no folder of this machine
    kept = {path.name for path in guard.own_folder().iterdir()} - before
    assert not [name for name in kept if name.startswith("data-")]  # what was unpacked is gone


def test_an_evaluation_of_more_than_an_hour_keeps_its_data_until_it_ends(pairs: Path) -> None:
    models, ask = Models(device="cpu", precision="fp32"), Ask(models=NAMES[:1], upload=upload(pairs))
    before, swept = frozenset(guard.own_folder().rglob("*")), []
    page: Any = SimpleNamespace(temp_file_sets=[])

    def cancelled() -> bool:  # asked between batches, by when the data are two hours old
        swept.append(sweep(page, before, time.time() + 2 * guard.KEEP_SECONDS))
        return False

    done = evaluate(models, Settings(), ask, cancelled=cancelled)
    assert swept
    assert set(swept) == {0}
    assert done.record()["reports"][0]["scores"] == evaluate(models, Settings(), ask).record()["reports"][0]["scores"]
    assert not list(guard.own_folder().glob("data-*"))


def test_a_folder_below_the_data_root_gives_the_same(pairs: Path, tmp_path: Path) -> None:
    models, settings = Models(device="cpu", precision="fp32"), Settings(data_root=pairs.parent)
    stages: list[str] = []
    done = evaluate(
        models, settings, Ask(models="tiny-picture, tiny-whatever", folder="pairs"), lambda s: stages.append(s.text)
    )
    assert [report["scores"] for report in done.record()["reports"]] == by_the_command_line(pairs, tmp_path)
    assert stages[:2] == ["Reading the data", "Loading tiny-picture (1 of 2)"]
    assert stages[-1] == "tiny-whatever (2 of 2): 3 of 3"


def test_the_download_holds_the_report_in_three_forms_and_its_pictures(pairs: Path) -> None:
    done = evaluate(Models(), Settings(), Ask(models=["tiny-picture"], upload=upload(pairs)))
    with zipfile.ZipFile(done.file) as archive:
        files = {name.removeprefix("evaluation/"): archive.read(name) for name in archive.namelist()}
    assert sorted(files) == ["report.html", "report.json", "report.md", "samples.png"]
    assert json.loads(files["report.json"]) == done.record()
    assert b"PSNR" in files["report.md"]
    html = files["report.html"].decode()
    assert "<td>PSNR (dB)</td>" in html
    assert 'src="data:image/jpeg;base64,' in html  # one file is a page of its own
    with Image.open(done.sheet, formats=["PNG"]) as sheet:
        assert sheet.width > 3 * 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"models": []}, "no model is chosen"),
        ({"models": " , "}, "no model is chosen"),
        ({"models": ["/etc"]}, "no model '/etc'"),
        ({"models": ["x"] * 13}, "at most 12"),
        ({"models": {"a": 1}}, "no model is chosen"),
        ({"split": "best"}, "split is 'best'; known: auto, val"),
        ({"at": None}, "at is 'None'; known: auto"),
        ({"direction": "up"}, "direction is 'up'; known: AtoB, BtoA"),
        ({"upload": None}, "there are no data"),
        ({"upload": None, "folder": "/etc"}, "there are no data"),
    ],
)
def test_what_will_not_do_is_told_before_anything_is_scored(pairs: Path, changes: dict[str, Any], words: str) -> None:
    asked = {"models": ["tiny-picture"], "upload": upload(pairs)} | changes
    with pytest.raises(TranslateError, match=words):
        evaluate(Models(), Settings(), Ask(**asked))


def test_a_zip_without_pairs_is_one_line_and_is_removed(tmp_path: Path) -> None:
    images.save(draw(8, 8), tmp_path / "alone" / "x.png")
    before = set(guard.own_folder().glob("data-*"))
    with pytest.raises(DatasetError) as caught:
        evaluate(Models(), Settings(), Ask(models=["tiny-picture"], upload=upload(tmp_path / "alone")))
    assert "\n" not in str(caught.value)
    assert set(guard.own_folder().glob("data-*")) == before


def test_trainings_are_compared_by_name_alone_and_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (("<one>", 0.5), ("two", 0.25)):
        (tmp_path / "runs" / name).mkdir(parents=True)
        record = json.dumps({"kind": "train", "step": 7, "gen/l1": value})
        (tmp_path / "runs" / name / "log.jsonl").write_text(record)
    html = compare(["<one>", "two"])
    assert "&lt;one&gt;" in html
    assert "<one>" not in html
    assert html.count("<td>0.5000 at 7</td><td>0.2500 at 7</td>") == 1
    assert html.count('<img alt="L1 loss of the generator over the steps of') == 1
    for names in (["../x"], ["x"] * (MOST + 1), "one"):
        with pytest.raises(TranslateError):
            compare(names)


@pytest.fixture(scope="module")
def client(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    client = Client(served.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield client
    client.close()


def test_the_endpoint_gives_the_record_of_the_command_line_and_the_report(
    client: Any, pairs: Path, tmp_path: Path
) -> None:
    from gradio_client import handle_file

    archive = upload(pairs)["path"]
    record, report = client.predict(models=",".join(NAMES), data=handle_file(archive), api_name="/evaluate")
    expected = by_the_command_line(pairs, tmp_path, "auto")  # as the page was started
    for scored, scores in zip(record["reports"], expected, strict=True):
        assert scored["scores"] == pytest.approx(scores, nan_ok=True)
    with zipfile.ZipFile(report) as archive_:
        assert "evaluation/report.json" in archive_.namelist()


def test_the_endpoint_tells_a_mistake_in_one_line(client: Any) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="there are no data"):
        client.predict(models="tiny-picture", data=None, api_name="/evaluate")


def test_models_are_listed_for_scripts(client: Any) -> None:
    rows = client.predict(api_name="/models")
    found = {row["name"]: row for row in rows}
    assert found["tiny-labels"]["title"] == "Tiny map"
    assert found["tiny-labels"]["classes"] == ["ground", "road & path", "water"]
    assert (found["tiny-picture"]["kind"], found["tiny-picture"]["output"]) == ("pix2pix", "image")
    assert rows[0]["name"] == "tiny-labels"


def test_strangers_may_list_models_and_find_no_tab_that_is_the_owner_s() -> None:
    from translate.ui.app import build

    page = build(settings=Settings(public=True))
    endpoints = {function.api_name for function in page.fns.values()}
    assert "models" in endpoints
    assert "evaluate" not in endpoints
    ids = {block.elem_id for block in page.blocks.values()}
    assert not ids & {"tab-models", "tab-evaluate", "models-list", "evaluate-start"}
