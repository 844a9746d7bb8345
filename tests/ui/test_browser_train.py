"""The Train tab in a real browser: a zip becomes a training, a model, a translation."""

import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.browser import MARKS, PHONE, download, fits, open_tab, upload, wait_for_result
from tests.ui.tiny_page import Served, draw
from translate.evaluation import estimate
from translate.jobs import datasets
from translate.jobs.record import Record, write
from translate.stopping import check
from translate.ui import train_new

pytestmark = MARKS
PATIENCE = 240_000
"""Milliseconds: a training starts torch in a process of its own."""


@pytest.fixture
def train(page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Train tab, with runs of its own."""
    monkeypatch.chdir(tmp_path)
    page.set_default_timeout(PATIENCE)
    open_tab(page, "Train")
    page.wait_for_selector("text=Your trainings appear here")
    return page


def zipped(path: Path, broken: bool = False) -> Path:
    """Eight pairs: what is in b is the mirror of a."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(8):
            photo = path.with_name("photo.png")
            for side, image in (("a", draw(24, 32, number)), ("b", draw(24, 32, number).transpose(Image.Transpose(0)))):
                image.save(photo)
                archive.writestr(
                    f"{side}/{number}.png", b"no picture" if broken and number == 3 else photo.read_bytes()
                )
    return path


def fill(page: Any, **values: object) -> None:
    for name, value in values.items():
        page.locator(f"#train-{name} input, #train-{name} textarea").first.fill(str(value))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_zip_is_trained_on_and_the_model_translates_as_from_python(
    train: Any, served: Served, tmp_path: Path
) -> None:
    train.set_input_files("#train-zip input[type=file]", zipped(tmp_path / "mirrors.zip"))
    train.wait_for_selector(".tr-survey")
    assert "Pairs of pictures" in train.locator(".tr-survey").inner_text()
    assert "train: 7 pairs, val: 1 pairs" in train.locator(".tr-survey").inner_text()
    train.wait_for_function("document.querySelectorAll('#train-previews img').length === 8")
    assert train.locator("#train-name input, #train-name textarea").first.input_value() == "mirrors-pix2pix-fast"
    fill(train, size=32, steps=50, batch=1, name="tiny-trained")
    train.click("#train-start")
    train.wait_for_selector(".tr-state.tr-finished, .tr-state.tr-failed")
    assert "Step\n50 of 50" in train.locator(".tr-job").inner_text()
    assert train.locator("#train-curves svg").count() >= 3
    train.reload()
    train.get_by_role("tab", name="Train").click()
    train.wait_for_selector(".tr-state.tr-finished")

    run = tmp_path / "runs" / "tiny-trained"
    with train.expect_download() as waited:
        train.click("#train-pack")
    assert waited.value.suggested_filename == "tiny-trained.zip"
    with zipfile.ZipFile(waited.value.path()) as archive:
        assert sorted(archive.namelist()) == ["tiny-trained/config.json", "tiny-trained/model.safetensors"]
        assert archive.read("tiny-trained/model.safetensors") == (run / "model.safetensors").read_bytes()

    train.click("#train-use")
    train.wait_for_function("document.querySelector('#model input').value.startsWith('tiny-trained')")
    upload(train, served.photo)
    wait_for_result(train)
    with Image.open(download(train, tmp_path)) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(translate.load(run)(served.photo)))


def test_a_file_that_can_t_be_used_is_named_and_nothing_can_be_started(train: Any, tmp_path: Path) -> None:
    train.set_viewport_size(PHONE)
    train.set_input_files("#train-zip input[type=file]", zipped(tmp_path / "spoiled.zip", broken=True))
    train.wait_for_selector(".tr-bad")
    assert "a/3.png: no PNG, JPEG" in train.locator(".tr-bad").inner_text()
    assert str(tmp_path) not in train.locator("#train-report").inner_text()
    assert train.locator("#train-start").is_disabled()
    assert fits(train)
    assert not (tmp_path / "runs").exists()


def test_a_hostile_zip_is_one_line(train: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../up.png", b"x")
    train.set_input_files("#train-zip input[type=file]", tmp_path / "bad.zip")
    toast = train.get_by_test_id("toast-body")
    toast.wait_for()
    assert "leads out of the folder; nothing was extracted" in toast.inner_text()
    assert "translate-" not in toast.inner_text()


@pytest.fixture
def kept(train: Any, tmp_path: Path) -> Iterator[Path]:
    """A set that was uploaded before, chosen on the page; no other test's."""
    for other in datasets.kept().values():
        shutil.rmtree(other)
    folder = datasets.keep(zipped(tmp_path / "mirrors.zip"))
    train.reload()
    open_tab(train, "Train")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def take(page: Any) -> None:
    page.click("#train-kept input")
    page.get_by_role("option", name="mirrors").click()


def test_an_uploaded_set_is_deleted_after_a_question_and_not_while_a_job_trains_on_it(
    train: Any, kept: Path, tmp_path: Path
) -> None:
    assert train.locator("#train-kept-delete").is_disabled()
    take(train)
    train.wait_for_selector(".tr-survey")
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    job = Record(words=("pix2pix", f"--data={kept}"), created=1.0, asked=time.time())
    write(run, job)  # its process is on its way
    train.click("#train-kept-delete")
    asked = train.locator("#train-kept-sure")
    asked.get_by_text("Delete the set mirrors with its 16 files").wait_for()
    assert "Without it mine can’t go on." in asked.inner_text()
    train.click("#train-kept-yes")
    train.get_by_test_id("toast-body").get_by_text("mirrors: mine trains on it; stop that first").wait_for()
    assert kept.is_dir()
    write(run, job.replace(state="stopped"))
    train.click("#train-kept-no")
    train.wait_for_selector("#train-kept-sure", state="hidden")
    train.click("#train-kept-delete")
    train.click("#train-kept-yes")
    train.wait_for_selector("text=Show what to learn")
    train.wait_for_selector("#train-kept", state="hidden")  # none is left to choose
    assert not kept.exists()


def test_looking_at_data_and_the_estimate_are_stopped(train: Any, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def slow(*_: object, cancelled: Callable[[], bool], **__: object) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(0.05)
            if cancelled():
                ended.append(True)
            check(cancelled)

    with monkeypatch.context() as patch:
        patch.setattr(train_new, "survey", slow)
        take(train)
        train.click("#train-looking-stop")
        train.wait_for_selector("text=Stopped; the data were not looked at.")
        assert (train.locator(".tr-survey").count(), ended) == (0, [True])
    take(train)
    train.wait_for_selector(".tr-survey")
    monkeypatch.setattr(estimate, "estimate", slow)
    train.click("#train-measure")
    train.click("#train-measuring-stop")
    train.wait_for_selector("#train-measuring-status >> text=Stopped.")
    assert ended == [True, True]
    assert train.locator("#train-measure").is_enabled()
