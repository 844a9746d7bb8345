"""`translate data check|synthesise|list`: look at a folder of pairs, draw one, say which are accepted."""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from translate.data.check import Report
    from translate.data.layouts import PairedLayout

app = typer.Typer(no_args_is_help=True, help="Look at folders of pairs, or draw one.")


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="Folder of pairs.", show_default=False)] = None,
    a: Annotated[
        Path | None, typer.Option("--a", help="Folder of inputs, with --b instead of a folder of pairs.")
    ] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of targets.")] = None,
    direction: Annotated[str, typer.Option(help="AtoB or BtoA.")] = "AtoB",
    target: Annotated[str, typer.Option(help="What the targets are: auto, image or labels.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read every file of a data set as training would, and name each that can't be used (exit 2 if there is one)."""
    from tqdm import tqdm

    from translate.config import DataConfig, parse
    from translate.data.check import examine
    from translate.data.layouts import recognise

    # The notes are printed with the rest.
    logging.getLogger("translate.data.layouts").setLevel(logging.WARNING)
    config = parse(DataConfig, {"direction": direction, "target": target})
    layout = recognise(folder, a=a, b=b, config=config)
    with tqdm(total=len(layout.pairs), unit="pair", disable=as_json or not sys.stderr.isatty()) as bar:
        report = examine(layout, config, progress=lambda done, _: cast(None, bar.update(done - bar.n)))
    if as_json:
        print(json.dumps(_record(layout, report), ensure_ascii=False, indent=2))
    else:
        _print(layout, report)
    if report.problems:
        raise typer.Exit(2)


@app.command()
def synthesise(
    out: Annotated[Path, typer.Argument(help="Folder to write: new, or this set begun earlier.", show_default=False)],
    count: Annotated[int, typer.Option(help="Pairs to draw, a fifth of them for validation.", min=2)] = 100,
    size: Annotated[int, typer.Option(help="Side of each picture in pixels.", min=16, max=4096)] = 256,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pairs.", min=0)] = 0,
) -> None:
    """Draw aerial scenes and their maps in six classes: roads, houses, water, trees, shadows and texture."""
    from tqdm import tqdm

    from translate.data import synthetic

    with tqdm(total=count, unit="pair", disable=not sys.stderr.isatty()) as bar:
        synthetic.write(out, count, size, seed, progress=lambda done: bar.update(done - bar.n))
    print(f"{out}: {count} pairs of {size}x{size} pixels; train on them: translate train segmentation --data {out}")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """The folder layouts that training and checking accept."""
    from translate.data.layouts import DESCRIPTIONS

    if as_json:
        print(json.dumps(DESCRIPTIONS, indent=2))
        return
    width = max(len(name) for name in DESCRIPTIONS)
    for name, description in DESCRIPTIONS.items():
        print(f"{name:<{width}}  {description}")


def _record(layout: "PairedLayout", report: "Report") -> dict[str, Any]:
    legend = layout.legend
    return {
        "folder": str(layout.root),
        "layout": layout.kind,
        "target": layout.target,
        "pairs": {split: len(pairs) for split, pairs in layout.splits.items()},
        "held_out": list(layout.held_out.names) if layout.held_out else [],
        "sizes": [{"width": w, "height": h, "pairs": n} for (w, h), n in report.sizes.items()],
        "classes": [
            {"name": spec.name, "color": spec.color, "share": share}
            for spec, share in zip(legend.classes if legend else (), _shares(layout, report), strict=True)
        ],
        "notes": list(layout.notes),
        "problems": [{"path": str(problem.path), "reason": problem.reason} for problem in report.problems],
    }


def _print(layout: "PairedLayout", report: "Report") -> None:
    counts = ", ".join(f"{len(pairs)} {split}" for split, pairs in layout.splits.items())
    print(f"{layout.root}: {layout.kind}; {counts} pairs; targets are {layout.target}")
    for note in layout.notes:
        print(f"  {note}")
    sizes = [f"{w}x{h} ({n})" for (w, h), n in list(report.sizes.items())[:5]]
    more = f" and {len(report.sizes) - 5} more" if len(report.sizes) > 5 else ""
    print(f"  sizes: {', '.join(sizes) or 'none readable'}{more}")
    if report.resized:
        print(f"  {report.resized} pairs differ in size but not in shape; B is resized to A")
    if layout.legend is not None and any(report.class_pixels):
        shares = zip(layout.legend.classes, _shares(layout, report), strict=True)
        print("  classes: " + ", ".join(f"{spec.name} {share:.1%}" for spec, share in shares))
    for problem in report.problems:
        print(problem, file=sys.stderr)
    if report.problems:
        print(f"{len(report.problems)} files can't be used; mend or remove them", file=sys.stderr)
    else:
        print("every file can be used")


def _shares(layout: "PairedLayout", report: "Report") -> list[float]:
    total = sum(report.class_pixels)
    if not total:
        return [0.0] * (len(layout.legend.classes) if layout.legend else 0)
    return [round(pixels / total, 6) for pixels in report.class_pixels]
