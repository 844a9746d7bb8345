"""`translate evaluate MODEL... --data DIR`, or `--a DIR --b DIR` alone: every metric that fits, in one table."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translate.cli import clip
from translate.cli.evaluate_edits import evaluate_edits
from translate.cli.options import check_json_out
from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.evaluation.gallery import Gallery
    from translate.evaluation.report import Report

COLUMN = 14
FACES = 100
"""That --edits edits."""


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
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help="Names, folders, .onnx files; none: two folders.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data, in any layout that training takes.")] = None,
    a: Annotated[Path | None, typer.Option("--a", help="Folder of inputs, with --b instead of --data.")] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of targets; without a model, of real pictures.")] = None,
    paired: Annotated[
        bool | None,
        typer.Option("--paired/--unpaired", help="Picture by picture, or as sets. Default: as trained, as names are."),
    ] = None,
    split: Annotated[Split, typer.Option(help="auto: val, else what the training held out, else test.")] = Split.auto,
    at: Annotated[At, typer.Option(help="Scale; own: as `apply` does it. auto: as trained.")] = At.auto,
    direction: Annotated[Direction | None, typer.Option(help="Default: the model's own.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pairs at a time; changes speed only.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    features: Annotated[
        str, typer.Option(help="Space of distances: auto, inception, shipped, or the folder of one's own.")
    ] = "auto",
    confusion: Annotated[bool, typer.Option("--confusion", help="Print the confusion matrix too.")] = False,
    edits: Annotated[
        bool, typer.Option("--edits", help="Whether edits of faces do what the sentence says, before a judge.")
    ] = False,
    also: Annotated[list[Path] | None, typer.Option(help="--edits: a further folder of labelled faces.")] = None,
    judge: Annotated[
        Path | None, typer.Option(help="--edits: keep the judge here as judge.safetensors, or take the one that is.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="--edits: direction or optimise; both unless named.")] = None,
    mapper: Annotated[list[Path] | None, typer.Option(help="--edits: a trained mapper's folder, too.")] = None,
    faces: Annotated[int, typer.Option(min=2, help="--edits: how many held-out faces.")] = FACES,
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write all figures as JSON.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Folder for report.md, report.json and samples.png.")
    ] = None,
) -> None:
    """Score models on data, or without a model the pictures of folder A against the real ones of folder B.

    Accuracy and IoU for label maps; PSNR, SSIM and their like for pairs of pictures; and for sets of pictures
    distances, precision and recall, coverage, colours and sharpness. Of a CLIP zero-shot answers about faces.
    """
    from translate import catalog
    from translate.evaluation import page, side_by_side
    from translate.evaluation.gallery import Gallery

    # The quick questions first: minutes of scoring must not end in an error about a name.
    check_json_out(json_out)
    of_pictures: dict[str, object] = {"--at": at != "auto", "--direction": direction, "--batch-size": batch_size}
    of_pictures |= {"--precision": precision != "auto", "--confusion": confusion}
    of_any = of_pictures | {"--a": a, "--b": b, "--paired": paired is not None, "--features": features != "auto"}
    if edits:
        _refuse(of_any | {"--split": split != "auto"}, "means nothing to --edits")
        return evaluate_edits(
            models or [], data, also or [], judge=judge, wanted=method or [], mappers=mapper or [], faces=faces,
            device=device, json_out=json_out, report=report,
        )  # fmt: skip
    for_edits = {"--also": also, "--judge": judge, "--method": method, "--mapper": mapper, "--faces": faces != FACES}
    _refuse(for_edits, "is about edits of faces; ask for them with --edits")
    if models and clip.is_clip(models[0]):
        _refuse(of_any | {"--report": report}, f"means nothing to {models[0]}, a CLIP: it answers about labelled faces")
        return clip.evaluate(models, data, split.value, device, json_out)
    if report:
        page.check(report)
    if not models:
        sides = _two_folders(a, b, of_pictures | {"--split": split != "auto", "--data": data})
        gallery = Gallery(*(f"{side}: {folder.resolve().name}" for side, folder in zip("ab", sides, strict=True)))
        reports = [_compared(*sides, paired, features, device, gallery if report else None)]
    else:
        folders = [catalog.find(model) for model in models]
        if paired is None:
            side_by_side.check_kinds(folders)
        gallery = Gallery()
        options: dict[str, Any] = {"a": a, "b": b, "split": split.value, "at": at.value, "batch_size": batch_size}
        options["paired"] = paired
        options |= {"direction": direction.value if direction else None, "features": features, "device": device}
        options |= {"precision": precision, "gallery": gallery if report else None}
        reports = [_scored(folder, data, options) for folder in folders]
    _tell(reports, gallery, confusion, json_out, report)


def _tell(
    reports: "Sequence[Report]", gallery: "Gallery", confusion: bool, json_out: Path | None, report: Path | None
) -> None:
    """Print the tables, and write what was asked for."""
    from translate import checkpoints
    from translate.evaluation import page

    print("\n\n".join(_blocks(reports, confusion)))
    if json_out:
        checkpoints.write_json(json_out, page.record(reports))
    if report:
        page.write(report, reports, gallery)
        print(f"\n{report}: {page.PAGE}, {page.RECORD}, and {page.SHEET} to look at")


def _refuse(options: Mapping[str, object], why: str) -> None:
    """Raises: ConfigError for an option that would not be heard."""
    if given := [name for name, value in options.items() if value]:
        raise ConfigError(f"{given[0]} {why}")


def _scored(folder: Path, data: Path | None, options: dict[str, Any]) -> "Report":
    from translate.evaluation.evaluate import evaluate as score

    with _Bar(folder.name, "pair") as bar:
        return score(folder, data, progress=bar, **options)


def _compared(a: Path, b: Path, paired: bool | None, features: str, device: str, gallery: "Gallery | None") -> "Report":
    from translate.evaluation.folders import compare_folders

    with _Bar(a.name, "picture") as bar:
        return compare_folders(a, b, paired=paired, features=features, device=device, progress=bar, gallery=gallery)


def _two_folders(a: Path | None, b: Path | None, meaningless: Mapping[str, object]) -> tuple[Path, Path]:
    """Both folders to compare.

    Raises: ConfigError where one is missing, or an option is given that says nothing of folders.
    """
    _refuse(meaningless, "is about a model and none is given; name one, or give --a and --b alone")
    if a is None or b is None:
        raise ConfigError("nothing to score: name a model, or give two folders as --a (judged) and --b (real)")
    return a, b


def _blocks(reports: Sequence["Report"], confusion: bool) -> list[str]:
    """One block a kind of target: what was scored, then a column a model."""
    from translate.evaluation.table import facts, grouped, unlike

    blocks = []
    for group in grouped(reports):
        told = [facts(report) for report in group]
        blocks.append("\n".join(line for first, *rest in told for line in (first, *(f"  {text}" for text in rest))))
        blocks.append("\n".join([*_table(group), *unlike(group)]))
        if confusion:
            blocks += ["\n".join(_matrix(report)) for report in group if report.confusion]
    return blocks


def _table(group: Sequence["Report"]) -> list[str]:
    from translate.evaluation.table import indented, rows, titles

    table, heads = list(indented(rows(group))), titles(group)
    first = max(len(row.title) for row in table if row.cells) + 2
    width = max(COLUMN, *(len(text) + 2 for row in table for text in (*row.cells, *heads)))
    lines = [" " * first + "".join(head.rjust(width) for head in heads)]
    return lines + [row.title.ljust(first) + "".join(cell.rjust(width) for cell in row.cells) for row in table]


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

    def __init__(self, name: str, unit: str) -> None:
        from tqdm import tqdm

        self.bar = tqdm(desc=name, unit=unit, disable=not sys.stderr.isatty(), leave=False, dynamic_ncols=True)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, done: int, total: int) -> None:
        self.bar.total = total
        self.bar.update(done - self.bar.n)
