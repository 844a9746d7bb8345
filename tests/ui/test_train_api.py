"""`/train` and `/jobs`, and who has them."""

import asyncio
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.ui.tiny_page import Served, TinyModels, draw
from translate import jobs
from translate.evaluation import estimate
from translate.evaluation.estimate import Estimate
from translate.jobs import datasets
from translate.jobs.record import Record, write
from translate.ui import train_new
from translate.ui.app import build
from translate.ui.settings import Settings
from translate.ui.train_new import Chosen


@pytest.fixture
def client(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.chdir(tmp_path)
    return Client(served.url, verbose=False)


@pytest.fixture
def mirrors(tmp_path: Path) -> Iterator[Path]:
    """An uploaded set of eight pairs."""
    with zipfile.ZipFile(tmp_path / "mirrors.zip", "w") as archive:
        for number in range(8):
            draw(24, 32, number).save(tmp_path / "photo.png")
            for side in "ab":
                archive.write(tmp_path / "photo.png", f"{side}/{number}.png")
    yield datasets.keep(tmp_path / "mirrors.zip")
    shutil.rmtree(datasets.find("mirrors"))


def test_a_training_is_queued_with_the_words_of_the_command_line(
    client: Client, mirrors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def start(name: str, words: list[str], *, device: str) -> jobs.Job:
        asked.append((name, words, device))
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        write(folder, Record(words=tuple(words), created=1.0, asked=1.0))
        return jobs.find(name)

    monkeypatch.setattr(jobs, "start", start)
    answer = client.predict("mirrors", "pix2pix-fast", "mine", 50, 64, 2, "BtoA", api_name="/train")
    words = ["pix2pix-fast", f"--data={mirrors}", "--size=64", "--steps=50", "--batch-size=2", "--direction=BtoA"]
    assert asked == [("mine", words, "auto")]
    assert (answer["name"], answer["state"], answer["step"]) == ("mine", "interrupted", 0)
    assert [job["name"] for job in client.predict("list", "", api_name="/jobs")] == ["mine"]
    assert client.predict("show", "mine", api_name="/jobs") == answer


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("/etc", "pix2pix", "mine"), "start with --data-root"),
        (("mirrors", "segmentation", "mine"), "does not fit these data; take one of pix2pix-fast, pix2pix"),
        (("mirrors", "pix2pix", "../mine"), "no name for a model"),
        (("mirrors", "pix2pix", "mine", 0.5), "steps is 0.5; give a whole number"),
        (("mirrors", "pix2pix", "mine", 10, 64, 2, "up"), "give AtoB or BtoA"),
    ],
)
def test_what_can_t_be_trained_is_one_line(client: Client, mirrors: Path, given: tuple[Any, ...], why: str) -> None:
    with pytest.raises(AppError, match=why):
        client.predict(*given, api_name="/train")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("verb", "name", "why"),
    [("delete", "mine", "give list, show, pause, resume, stop"), ("stop", "../x", "no training job of that name")],
)
def test_a_verb_or_a_name_that_is_none_is_one_line(client: Client, verb: str, name: str, why: str) -> None:
    with pytest.raises(AppError, match=why):
        client.predict(verb, name, api_name="/jobs")


def test_strangers_have_neither(tmp_path: Path) -> None:
    named = {function.api_name for function in build(TinyModels(), Settings(public=True)).fns.values()}
    assert "apply" in named
    assert not {"train", "jobs"} & named


def test_an_estimate_is_for_the_device_that_will_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Estimate(seconds_a_step=0.5, steps_timed=8, memory_mib=None, device="GPU 1")
    asked: list[str] = []
    monkeypatch.setattr(
        estimate, "estimate", lambda config, *, device="auto", cancelled=bool: asked.append(device) or found
    )
    models = TinyModels()
    models.device = "cuda:1"
    page = build(models, Settings())
    own = [one.fn for one in page.fns.values() if getattr(one.fn, "__module__", "") == train_new.__name__]
    (measured,) = (function for function in own if function.__name__ == "measured")

    async def last() -> Any:
        updates = [told async for told in measured(Chosen(tmp_path, "pictures", 0, 0), "pix2pix", *[None] * 3, "AtoB")]
        return updates[-1]

    cards = [str(part.value) for part in asyncio.run(last()).values() if isinstance(part, gr.HTML)]
    assert asked == ["cuda:1"]
    assert any("about 11 h" in card for card in cards)  # 80,000 steps
