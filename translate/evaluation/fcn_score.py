"""The FCN-score (Isola 2017, Sec. 4.1): a segmentation network reads translated photos, and is compared with the label
maps they were made from."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from translate import images
from translate.catalog import RUN_FILE
from translate.config import ModelConfig, read
from translate.data.layouts import PairedLayout, recognise
from translate.data.paired import PairedDataset, sides
from translate.data.reading import read_index
from translate.data.transforms import fitted_size, resample
from translate.errors import DatasetError
from translate.evaluation.selection import class_table
from translate.inference.translator import Translator
from translate.metrics import segmentation
from translate.trainers.run import RunRecord

PROTOCOL = (
    "{scorer} segments each translated photo, brought from the model's scale to its own, and is compared pixel by "
    "pixel with the label map the photo was made from; the real photos took the same way"
)
PREFIX = "fcn_"


def fcn_score(run: Path, scorer: str, *, device: str = "auto", real: bool = False) -> dict[str, float]:
    """How much of the labels a segmentation model called `scorer` finds in what the last model of `run` paints.

    With `real`, in the photos themselves at the same scale: what can be hoped for. Keys are those of
    `metrics.segmentation.scores` behind `PREFIX`.
    Raises: DatasetError where the inputs are no label maps, or of classes the scorer doesn't know.
    """
    data, layout = held_out(run)
    model = Translator.load(scorer, device=device)
    table = readable(layout, data, model.config)
    painter = None if real else Translator.load(run / "last", device=device).forward
    return {f"{PREFIX}{name}": value for name, value in _score(data, model, painter, table).items()}


def held_out(run: Path) -> tuple[PairedDataset, PairedLayout]:
    """The pairs that the training in `run` was judged on, as it saw them."""
    record = read(RunRecord, run / RUN_FILE)
    data, source = record.config.data, record.source
    layout = recognise(source.root, a=source.a, b=source.b, config=data, held_out=record.held_out)
    network = record.config.translator
    channels = (network.in_channels, network.out_channels)
    return PairedDataset(layout.splits["val"], layout, data, train=False, seed=0, channels=channels), layout


def readable(layout: PairedLayout, data: PairedDataset, scorer: ModelConfig) -> Tensor:
    """The scorer's class for each label value of the inputs. Shape: -> (256,) int64.

    Raises: DatasetError where there is none.
    """
    first, _ = sides(data.config)
    if layout.legend is None or layout.legend_side != first:
        raise DatasetError(
            f"{layout.root}: a scorer compares with the label maps that are translated, and here the inputs are "
            "pictures; swap the direction, as in --set data.direction=BtoA"
        )
    if scorer.translator.head != "labels" or scorer.translator.in_channels != data.channels[1]:
        raise DatasetError(f"{scorer.name}: as a scorer is needed a model that turns these photos into label maps")
    return class_table(scorer.classes, layout.legend.classes)[0]


def _score(
    data: PairedDataset, scorer: Translator, painter: Callable[[Tensor], Tensor] | None, table: Tensor
) -> dict[str, float]:
    own, classes = scorer.config.data, len(scorer.config.classes)
    total = torch.zeros(classes, classes, dtype=torch.int64)
    for index, pair in enumerate(data.pairs):
        real_a, real_b = data[index]
        photo = real_b[None] if painter is None else painter(real_a[None]).cpu()  # (1, 3, h, w)
        labels = read_index(data.layout, pair, sides(data.config)[0])
        height, width = fitted_size(labels.shape[0], labels.shape[1], own.size, own.fit)
        truth = table[torch.from_numpy(resample(labels, height, width)).long()]  # (height, width)
        found = scorer.forward(images.resize(photo, height, width)).argmax(dim=1)[0].cpu()
        total += segmentation.confusion(found, truth, classes)
    return segmentation.scores(total)
