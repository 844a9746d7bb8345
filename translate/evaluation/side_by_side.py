"""Several models scored on the same data: what `translate evaluate` and the page have in common."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from translate.config import Direction
from translate.errors import ConfigError
from translate.evaluation.domains import UNPAIRED
from translate.evaluation.evaluate import At, evaluate
from translate.evaluation.gallery import Gallery
from translate.evaluation.report import Report
from translate.evaluation.selection import Split
from translate.inference.onnx_file import load_config
from translate.stopping import check

Told = Callable[[Path, int, int], None]
"""Called with a model's folder, the pictures or pairs that are done, and how many there are."""


def check_kinds(folders: Sequence[Path]) -> None:
    """Refuse models whose figures can't be of the same data.

    Raises: ConfigError.
    """
    kinds = {load_config(folder).kind in UNPAIRED: folder for folder in folders}
    if len(kinds) > 1:
        raise ConfigError(
            f"{kinds[True]} was trained without pairs and {kinds[False]} on pairs: they are scored by different "
            "figures on different data; evaluate them in two calls, or say --paired or --unpaired"
        )


def score(
    folders: Sequence[Path],
    data: Path,
    *,
    gallery: Gallery | None = None,
    split: Split = "auto",
    at: At = "auto",
    direction: Direction | None = None,
    device: str = "auto",
    precision: str = "auto",
    progress: Told = lambda folder, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Report]:
    """A report a model, each on the pictures in `data`; `cancelled` is asked after every batch and before every layer.

    Raises: Cancelled; as `evaluate` does, and ConfigError for models that can't stand in one table.
    """
    if not folders:
        raise ConfigError("no model is chosen; choose one or several")
    check_kinds(folders)
    reports = []
    options: dict[str, Any] = {"split": split, "at": at, "direction": direction, "device": device}
    for folder in folders:

        def told(done: int, total: int, folder: Path = folder) -> None:
            check(cancelled)
            progress(folder, done, total)

        told(0, 0)
        report = evaluate(
            folder, data, **options, precision=precision, progress=told, gallery=gallery, cancelled=cancelled
        )
        reports.append(report)
    return reports
