"""One sheet of what each cell of a study makes of the same held-out inputs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image
from torch import Tensor

from translate import images
from translate.catalog import RUN_FILE
from translate.config import TrainConfig, read
from translate.data.domains import recognise_domains
from translate.data.unpaired import PictureDataset
from translate.evaluation.fcn_score import held_out
from translate.inference.sampler import Sampler
from translate.inference.translator import Translator
from translate.trainers import run
from translate.trainers.cyclegan import A_TO_B
from translate.trainers.validation import picture

T = TypeVar("T")

SHOWN = 6
"""Held-out pictures, or seeds, on the sheet."""
POINTS = 1000
"""Points of a mixture on it."""


def sheet(runs: Mapping[str, Path], device: str, *, data: bool = True) -> Image.Image:
    """A row an input, a column a cell: what the last model of each run makes of it.

    With `data`, the input stands before them, and the target behind them where there is one.
    """
    first = next(iter(runs.values()))
    config = settings_of(first)
    if config.method == "gan":
        return _samples(runs, device)
    inputs, truth = _pairs(first) if config.method == "pix2pix" else (_pictures(first), [])
    columns, titles = ([[picture(one) for one in inputs]], ["input"]) if data else ([], [])
    for name, folder in runs.items():
        both = folder / A_TO_B
        translator = Translator.load((both if both.is_dir() else folder) / "last", device=device)
        columns.append([picture(translator.forward(one[None])[0].cpu()) for one in inputs])
        titles.append(name)
    if truth and data:
        columns.append([picture(one) for one in truth])
        titles.append("target")
    return images.grid(list(zip(*columns, strict=True)), titles=titles)


def settings_of(folder: Path) -> TrainConfig:
    """The settings a run was trained with."""
    return read(run.RunRecord, folder / RUN_FILE).config


def _samples(runs: Mapping[str, Path], device: str) -> Image.Image:
    """A row a seed, of the first class where there are any."""
    columns = []
    for folder in runs.values():
        sampler = Sampler.load(folder / "last", device=device)
        columns.append(sampler.pictures(range(SHOWN), next(iter(sampler.config.labels), None)))
    return images.grid(list(zip(*columns, strict=True)), titles=list(runs))


def points(runs: Mapping[str, Path], device: str) -> dict[str, Tensor]:
    """Points that the last model of each run makes of the same noise. Shape: (POINTS, 2) each."""
    found = {}
    for name, folder in runs.items():
        sampler = Sampler.load(folder / "last", device=device)
        found[name] = sampler.samples(sampler.noise(range(POINTS)), next(iter(sampler.config.labels), None))
    return found


def _pairs(folder: Path) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs and targets, spread over what was held out."""
    data, _ = held_out(folder)
    pairs = [data[index] for index in _spread(range(len(data)))]
    return [pair.real_a for pair in pairs], [pair.real_b for pair in pairs]


def _pictures(folder: Path) -> list[Tensor]:
    record = read(run.RunRecord, folder / RUN_FILE)
    data, source = record.config.data, record.source
    layout = recognise_domains(source.root, a=source.a, b=source.b, config=data, held_out=record.held_out)
    files = _spread(layout.splits["val"].a)
    inputs = PictureDataset(files, data, train=False, seed=0, channels=record.config.translator.in_channels)
    return [inputs[number] for number in range(len(files))]


def _spread(items: Sequence[T]) -> Sequence[T]:
    return items[:: math.ceil(len(items) / SHOWN)]
