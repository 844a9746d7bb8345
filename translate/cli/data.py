"""`translate data list|pull|check|synthesise`: which sets are known and accepted; get one, look at one, draw one."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from translate.cli.pull import pull_data
from translate.cli.stripes import stripes

if TYPE_CHECKING:
    from translate.config import DataConfig
    from translate.data.catalog import PublicSet
    from translate.data.check import Report
    from translate.data.check_domains import DomainReport
    from translate.data.domains import UnpairedLayout
    from translate.data.folders import Problem
    from translate.data.layouts import PairedLayout

app = typer.Typer(no_args_is_help=True, help="Get data sets, look at them, or draw one.")

app.command("pull")(pull_data)
app.command("stripes")(stripes)


@app.command()
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder of pairs; with --unpaired of two domains, or a list.csv.", show_default=False),
    ] = None,
    a: Annotated[Path | None, typer.Option("--a", help="Folder of inputs, with --b instead of one folder.")] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of targets.")] = None,
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Two domains without pairs, as CycleGAN takes.")] = False,
    direction: Annotated[str, typer.Option(help="AtoB or BtoA.")] = "AtoB",
    target: Annotated[str, typer.Option(help="What the targets of pairs are: auto, image or labels.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read every file of a data set as training would, and name each that can't be used (exit 2 if there is one)."""
    from translate.config import DataConfig, parse

    # The notes are printed with the rest.
    for module in ("layouts", "domains"):
        logging.getLogger(f"translate.data.{module}").setLevel(logging.WARNING)
    config = parse(DataConfig, {"direction": direction, "target": target})
    problems = (_check_domains if unpaired else _check_pairs)(folder, a, b, config, as_json)
    for problem in () if as_json else problems:
        print(problem, file=sys.stderr)
    if not as_json and problems:
        print(f"{len(problems)} files can't be used; mend or remove them", file=sys.stderr)
    elif not as_json:
        print("every file can be used")
    if problems:
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
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Those of two domains without pairs alone.")] = False,
    out: Annotated[Path, typer.Option(help="Folder in which pulled sets are looked for.")] = Path("datasets"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """The folder layouts that training and checking accept, and the public sets that can be pulled: all, of pairs or of
    two domains, or with --unpaired those alone."""
    from translate.data import catalog, domains, layouts

    listed = domains.DESCRIPTIONS if unpaired else layouts.DESCRIPTIONS
    sets = [chosen for chosen in catalog.SETS if chosen.kind == "domains" or not unpaired]
    if as_json:
        print(json.dumps({"layouts": listed, "sets": [_set_record(chosen, out) for chosen in sets]}, indent=2))
        return
    width = max(len(name) for name in [*listed, *(chosen.name for chosen in sets)])
    print("layouts of a folder:")
    for name, description in listed.items():
        print(f"  {name:<{width}}  {description}")
    print("public sets, as in `translate data pull NAME`:")
    for chosen in sets:
        size = "not given away" if chosen.withheld else f"{chosen.mib} MiB"
        terms = chosen.withheld or chosen.terms
        there = f"; there: {out / chosen.name}" if (out / chosen.name).is_dir() else ""
        print(f"  {chosen.name:<{width}}  {chosen.kind}: {chosen.about}; {size}; {terms}{there}")
    if not unpaired:
        print("layouts of two domains without pairs: translate data list --unpaired")


def _set_record(chosen: "PublicSet", out: Path) -> dict[str, Any]:
    folder = out / chosen.name
    return {
        "name": chosen.name,
        "kind": chosen.kind,
        "about": chosen.about,
        "url": None if chosen.withheld else chosen.url,
        "mib": chosen.mib,
        "sha256": chosen.sha256,
        "terms": chosen.terms,
        "folder": str(folder) if folder.is_dir() else None,
    }


def _check_pairs(
    folder: Path | None, a: Path | None, b: Path | None, config: "DataConfig", as_json: bool
) -> "Sequence[Problem]":
    from translate.data.check import examine
    from translate.data.layouts import recognise
    from translate.errors import DatasetError

    try:
        layout = recognise(folder, a=a, b=b, config=config)
    except DatasetError as error:
        raise DatasetError(f"{error}{unpaired_hint(folder, a, b, config, 'add --unpaired')}") from None
    with _bar(len(layout.pairs), "pair", as_json) as bar:
        report = examine(layout, config, progress=lambda done, _: cast(None, bar.update(done - bar.n)))
    if as_json:
        print(json.dumps(_record(layout, report), ensure_ascii=False, indent=2))
    else:
        _print(layout, report)
    return report.problems


def unpaired_hint(folder: Path | None, a: Path | None, b: Path | None, config: "DataConfig", advice: str) -> str:
    """What an error says more where the data are two domains that share no name; nothing where they are not."""
    from translate.data.domains import recognise_domains
    from translate.errors import DatasetError

    try:
        found = recognise_domains(folder, a=a, b=b, config=config, draw=False)
    except DatasetError:
        return ""
    names = [{file.name for part in found.splits.values() for file in part[side]} for side in (0, 1)]
    return "" if names[0] & names[1] else f"; it looks unpaired ({found.kind}): {advice}"


def _check_domains(
    folder: Path | None, a: Path | None, b: Path | None, config: "DataConfig", as_json: bool
) -> "Sequence[Problem]":
    from translate.data.check_domains import examine_domains
    from translate.data.domains import recognise_domains
    from translate.errors import ConfigError

    if config.target != "auto":
        raise ConfigError(f"target is {config.target!r}, but only pairs have targets; leave it out with --unpaired")
    layout = recognise_domains(folder, a=a, b=b, config=config)
    total = sum(len(files) for domains in layout.splits.values() for files in domains)
    with _bar(total, "picture", as_json) as bar:
        report = examine_domains(layout, config, progress=lambda done, _: cast(None, bar.update(done - bar.n)))
    if as_json:
        print(json.dumps(_domains_record(layout, report), ensure_ascii=False, indent=2))
    else:
        _print_domains(layout, report)
    return report.problems


def _bar(total: int, unit: str, as_json: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, disable=as_json or not sys.stderr.isatty())


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
        "problems": _problems(report.problems),
    }


def _domains_record(layout: "UnpairedLayout", report: "DomainReport") -> dict[str, Any]:
    return {
        "folder": str(layout.root),
        "layout": layout.kind,
        "pictures": {split: {"a": len(part.a), "b": len(part.b)} for split, part in layout.splits.items()},
        "held_out": list(layout.held_out.names) if layout.held_out else [],
        "sizes": {
            side: [{"width": w, "height": h, "pictures": n} for (w, h), n in sizes.items()]
            for side, sizes in zip("ab", report.sizes, strict=True)
        },
        "notes": list(layout.notes),
        "problems": _problems(report.problems),
    }


def _problems(problems: "Sequence[Problem]") -> list[dict[str, str]]:
    return [{"path": str(problem.path), "reason": problem.reason} for problem in problems]


def _print(layout: "PairedLayout", report: "Report") -> None:
    counts = ", ".join(f"{len(pairs)} {split}" for split, pairs in layout.splits.items())
    print(f"{layout.root}: {layout.kind}; {counts} pairs; targets are {layout.target}")
    for note in layout.notes:
        print(f"  {note}")
    print(f"  sizes: {_sizes(report.sizes)}")
    if report.resized:
        print(f"  {report.resized} pairs differ in size but not in shape; B is resized to A")
    if layout.legend is not None and any(report.class_pixels):
        shares = zip(layout.legend.classes, _shares(layout, report), strict=True)
        print("  classes: " + ", ".join(f"{spec.name} {share:.1%}" for spec, share in shares))


def _print_domains(layout: "UnpairedLayout", report: "DomainReport") -> None:
    counts = ", ".join(f"{count} {split}" for split, count in layout.counts.items())
    print(f"{layout.root}: {layout.kind}; {counts} pictures of A + B")
    for note in layout.notes:
        print(f"  {note}")
    for side, sizes in zip("AB", report.sizes, strict=True):
        print(f"  sizes of {side}: {_sizes(sizes)}")


def _sizes(found: "dict[tuple[int, int], int]") -> str:
    sizes = [f"{w}x{h} ({n})" for (w, h), n in list(found.items())[:5]]
    return (", ".join(sizes) or "none readable") + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _shares(layout: "PairedLayout", report: "Report") -> list[float]:
    total = sum(report.class_pixels)
    if not total:
        return [0.0] * (len(layout.legend.classes) if layout.legend else 0)
    return [round(pixels / total, 6) for pixels in report.class_pixels]
