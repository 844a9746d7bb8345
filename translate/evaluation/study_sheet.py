"""One sheet of what each cell of a study makes of the same held-out inputs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image
from torch import Tensor

from translate import images
from translate.catalog import RUN_FILE
from translate.config import read
from translate.data.domains import recognise_domains
from translate.data.unpaired import PictureDataset
from translate.evaluation.fcn_score import held_out
from translate.inference.translator import Translator
from translate.trainers import run
from translate.trainers.cyclegan import A_TO_B
from translate.trainers.validation import picture

T = TypeVar("T")

SHOWN = 6
"""Held-out pictures on the sheet."""


def sheet(runs: Mapping[str, Path], device: str, *, data: bool = True) -> Image.Image:
    """A row an input, a column a cell: what the last model of each run makes of it.

    With `data`, the input stands before them, and the target behind them where there is one.
    """
    first = next(iter(runs.values()))
    config = read(run.RunRecord, first / RUN_FILE).config
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
    inputs = PictureDataset(files, data, train=False, seed=0, channels=record.config.generator.in_channels)
    return [inputs[number] for number in range(len(files))]


def _spread(items: Sequence[T]) -> Sequence[T]:
    return items[:: math.ceil(len(items) / SHOWN)]
