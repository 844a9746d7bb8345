"""`translate evaluate MODEL... --data DIR`: every metric that fits, in one table, and as JSON."""

import math
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.cli.options import check_json_out
from translate.errors import ConfigError
from translate.metrics.figures import FIGURES

if TYPE_CHECKING:
    from translate.evaluation.report import Report

LABEL_SCORES = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy", "class_accuracy": "class accuracy"}
PICTURE_SCORES = {"l1": "L1", "psnr": "PSNR (dB)", "ssim": "SSIM"}
DOMAIN_SCORES = {name: FIGURES[name].title for name in ("kernel", "frechet", "copied")}
SCORES = {"labels": LABEL_SCORES, "image": PICTURE_SCORES, "domain": DOMAIN_SCORES}
COLUMN = 14


class Split(StrEnum):
    """Which pairs are scored."""

    auto, val, test, train, all = "auto", "val", "test", "train", "all"


class At(StrEnum):
    """The scale at which they are scored."""

    auto, square, keep, native, own = "auto", "square", "keep", "native", "own"


class Direction(StrEnum):
    """Which side of the folder is the model's input."""

    a_to_b, b_to_a = "AtoB", "BtoA"


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Names or folders, side by side.")],
    data: Annotated[Path | None, typer.Option(help="Folder of data, in any layout that training takes.")] = None,
    a: Annotated[Path | None, typer.Option("--a", help="Folder of inputs, with --b instead of --data.")] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of targets.")] = None,
    split: Annotated[Split, typer.Option(help="auto: val, else what the training held out, else test.")] = Split.auto,
    at: Annotated[At, typer.Option(help="Scale; own: as `apply` does it. auto: as trained.")] = At.auto,
    direction: Annotated[Direction | None, typer.Option(help="Default: the model's own.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pairs at a time; changes speed only.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    features: Annotated[str, typer.Option(help="Without pairs: feature space, or the folder of one's own.")] = "auto",
    confusion: Annotated[bool, typer.Option("--confusion", help="Print the confusion matrix too.")] = False,
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write all figures as JSON.")] = None,
) -> None:
    """Score models: accuracy and IoU for label maps; L1, PSNR and SSIM for pictures; without pairs, distances."""
    from translate import catalog, checkpoints

    # The quick questions first: minutes of scoring must not end in an error about a name.
    check_json_out(json_out)
    folders = [catalog.find(model) for model in models]

    from translate.evaluation.evaluate import evaluate as score

    _check_kinds(folders)
    reports = []
    for folder in folders:
        with _Bar(folder.name) as bar:
            reports.append(
                score(
                    folder,
                    data,
                    a=a,
                    b=b,
                    split=split.value,
                    at=at.value,
                    direction=direction.value if direction else None,
                    batch_size=batch_size,
                    features=features,
                    device=device,
                    precision=precision,
                    progress=bar,
                )
            )
    print("\n\n".join(_blocks(reports, confusion)))
    if json_out:
        checkpoints.write_json(json_out, {"reports": [report.as_json() for report in reports]})


def _check_kinds(folders: Sequence[Path]) -> None:
    """Refuse models whose figures can't be of the same data.

    Raises: ConfigError.
    """
    from translate.checkpoints import load_config
    from translate.evaluation.domains import UNPAIRED

    kinds = {load_config(folder).kind in UNPAIRED: folder for folder in folders}
    if len(kinds) > 1:
        raise ConfigError(
            f"{kinds[True]} was trained without pairs and {kinds[False]} on pairs: they are scored by different "
            "figures on different data; evaluate them in two calls"
        )


def _blocks(reports: Sequence["Report"], confusion: bool) -> list[str]:
    """One block a kind of target: what was scored, then a column a model."""
    blocks = []
    groups: dict[tuple[str, ...], list[Report]] = {}
    for report in reports:
        groups.setdefault((report.target, *(score.name for score in report.classes)), []).append(report)
    for group in groups.values():
        blocks.append("\n".join(line for report in group for line in _facts(report)))
        blocks.append("\n".join(_table(group)))
        if confusion:
            blocks += ["\n".join(_matrix(report)) for report in group if report.confusion]
    return blocks


def _facts(report: "Report") -> list[str]:
    void = f", {report.void:,} void left out" if report.void else ""
    scored = f"{report.pairs} pairs" if report.target != "domain" else f"{report.pairs} inputs"
    pixels = f", {report.pixels:,} pixels{void}" if report.pixels else ""
    return [
        f"{report.model}: {scored} of {report.data} ({report.split}){pixels}",
        f"  protocol: {report.protocol}",
        f"  model {report.sha256[:12]}, step {report.step}, {report.device} {report.precision}, "
        f"{report.seconds:.1f} s, {report.milliseconds:.0f} ms a picture",
        *(f"  note: {note}" for note in report.notes),
    ]


def _table(group: Sequence["Report"]) -> list[str]:
    names = SCORES[group[0].target]
    rows = [(title, [report.scores[name] for report in group]) for name, title in names.items()]
    if group[0].classes:
        rows.append(("IoU", []))
    for index, score in enumerate(group[0].classes):
        rows.append((f"  {score.name}", [report.classes[index].iou for report in group]))
    first = max(len(title) for title, _ in rows) + 2
    width = max(COLUMN, *(len(report.model) + 2 for report in group))
    lines = [" " * first + "".join(report.model.rjust(width) for report in group)]
    return lines + [title.ljust(first) + "".join(_figure(v).rjust(width) for v in values) for title, values in rows]


def _figure(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 2 else f"{value:.2f}"


def _matrix(report: "Report") -> list[str]:
    names = [score.name for score in report.classes]
    first, width = max(map(len, names)) + 2, 7
    head = f"{report.model}: where each class's pixels went (%), rows truth, columns prediction"
    lines = [head, " " * first + "".join(name[: width - 1].rjust(width) for name in names)]
    for name, row in zip(names, report.confusion, strict=True):
        shares = [f"{100 * count / sum(row):.1f}" if sum(row) else "-" for count in row]
        lines.append(name.ljust(first) + "".join(share.rjust(width) for share in shares))
    return lines


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, name: str) -> None:
        from tqdm import tqdm

        self.bar = tqdm(desc=name, unit="pair", disable=not sys.stderr.isatty(), leave=False, dynamic_ncols=True)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, done: int, total: int) -> None:
        self.bar.total = total
        self.bar.update(done - self.bar.n)
