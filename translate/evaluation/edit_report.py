"""What an evaluation of edits says, as lines, as a folder to read and to keep, and as a sheet to look at."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from translate import checkpoints, images
from translate.evaluation.edits import ELLIPSE, EditReport, Outcome
from translate.evaluation.page import PAGE, RECORD, SHEET

HEADS = ("prompt", "method", "right way", "of those without", "over the line", "identity", "background", "picture")
JUDGED = ("asked", "right", "balanced", "ranked", "yes", "no")
CELL = 128

Row = tuple[str, ...]


def accuracy_rows(report: EditReport) -> list[Row]:
    """What the judge was asked about real faces, under `JUDGED`."""
    return [
        (name, *(f"{share:.2f}" for share in found[:3]), str(found.yes), str(found.no))
        for name, found in report.accuracies.items()
    ]


def outcome_rows(report: EditReport) -> list[Row]:
    """A row an edit, under `HEADS`."""
    return [_row(outcome) for outcome in report.outcomes]


def lines(report: EditReport) -> list[str]:
    """For a terminal."""
    first = [f"{report.model}, CLIP {report.clip}", "the judge, on held-out real faces:"]
    first += _columns(JUDGED, accuracy_rows(report))
    then = ["", f"{report.outcomes[0].faces} held-out faces, each edit at strength 1:"] if report.outcomes else []
    return [*first, *then, *_columns(HEADS, outcome_rows(report)), "", *_inverted(report)]


def write(out: Path, report: EditReport) -> None:
    """report.md, report.json and samples.png in the folder `out`.

    Raises: ImageError, NotWritten when one can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    images.save(sheet(report), out / SHEET)
    checkpoints.write_json(out / RECORD, report.as_json())
    checkpoints.write_text(out / PAGE, page(report))


def page(report: EditReport) -> str:
    """report.md."""
    parts = [
        "# Edits before an independent judge",
        "Made by `translate evaluate MODEL --edits --data FACES --also ATTRIBUTES --report DIR`.",
        f"Model `{report.model}`, CLIP `{report.clip}`, data {', '.join(report.data)}.",
        "The judge is a small residual network, trained from nothing for this page alone, on real faces and their "
        "labels: no CLIP, and no weights of the model. On real faces that neither it nor the model was trained on "
        "(*ranked*: the share of pairs of a yes and a no of which it is surer of the yes; all that *right way* asks of "
        "it is that order):",
        _table(JUDGED, accuracy_rows(report)),
        *(_outcomes(report) if report.outcomes else []),
        "## From photo to latent",
        " ".join(_inverted(report)),
        "## Pictures",
        f"![Held-out faces as the model draws them, and their edits]({SHEET})",
    ]
    return "\n\n".join(parts) + "\n"


def sheet(report: EditReport) -> Image.Image:
    """A column an edit, a row a face; the faces as inverted on the left. No photo is on it."""
    titles = ["inverted", *(f"{outcome.attribute}, {outcome.method}" for outcome in report.outcomes)]
    return images.grid(_cells(report.pictures), titles=titles)


def _outcomes(report: EditReport) -> list[str]:
    across, down = (round(200 * half) for half in ELLIPSE)
    name = f"the cosine of the embedding `{report.identity}` before and after" if report.identity else "not measured"
    about = (
        f"{report.outcomes[0].faces} held-out photos, inverted by the encoder alone, each edit at strength 1 and with "
        "everything else as it comes. *Right way*: share of edits after which the judge's logit is higher than for the "
        "inverted face. *Of those without*: the same of the faces that the judge said no to before; *over the line*: "
        "the share of these that it says yes to after. "
        f"*Identity*: {name}. *Background* and *picture*: mean change of a pixel, of 255, outside of an ellipse of "
        f"{across} % x {down} % of the picture, and of all. An edit that the model does not claim is in brackets."
    )
    return ["## Edits", about, _table(HEADS, outcome_rows(report))]


def _inverted(report: EditReport) -> list[str]:
    found = report.inversion
    return [
        f"Squared error of what the encoder's latent draws, of pixels in [-1, 1]: {found['encoder_l2']:.3f}; "
        f"of the mean face: {found['mean_face_l2']:.3f}.",
        f"Perceptual distance ({report.perceptual}): {found['encoder_perceptual']:.2f}; "
        f"of the mean face: {found['mean_face_perceptual']:.2f}.",
    ]


def _row(outcome: Outcome) -> Row:
    name = outcome.prompt if outcome.claimed else f"({outcome.prompt})"
    without = "-" if outcome.moved_lacking is None else f"{outcome.moved_lacking:.0%} of {outcome.lacking}"
    crossed = "-" if outcome.crossed is None else f"{outcome.crossed:.0%}"
    identity = "-" if outcome.identity is None else f"{outcome.identity:.2f}"
    figures = (f"{outcome.background:.1f}", f"{outcome.changed:.1f}")
    return (name, outcome.method, f"{outcome.moved:.0%}", without, crossed, identity, *figures)


def _cells(pictures: Tensor) -> list[list[Image.Image]]:
    faces = pictures.transpose(0, 1)  # (faces, columns, 3, R, R)
    return [[images.to_pil(cell).resize((CELL, CELL), Image.Resampling.BICUBIC) for cell in row] for row in faces]


def _columns(heads: Row, rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    return [
        "  " + "  ".join(cell.ljust(w) if column == 0 else cell.rjust(w) for column, (cell, w) in placed).rstrip()
        for placed in (list(enumerate(zip(row, widths, strict=True))) for row in (heads, *rows))
    ]


def _table(heads: Row, rows: Sequence[Row]) -> str:
    lines = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
