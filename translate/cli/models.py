"""`translate models list|show|import|pull|pack|features|delete|verify`: what can be loaded by name, and is it sound."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translate.cli.features import features
from translate.cli.import_ import import_
from translate.cli.pack import pack
from translate.cli.pull import pull_model
from translate.errors import CheckpointError

if TYPE_CHECKING:
    from translate.catalog import Broken, Entry

app = typer.Typer(no_args_is_help=True, help="See which models there are, get more, check and remove them.")

app.command("import")(import_)
app.command("pull")(pull_model)
app.command()(pack)
app.command()(features)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of a model, or its folder.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List shipped models, your runs, and installed models."""
    from translate import catalog
    from translate.config import described

    found = catalog.scan()
    if as_json:
        print(json.dumps([_row(entry) for entry in found], indent=2))
        return
    if not found:
        print("no models yet: train one with `translate train`")
        return
    lines = [("NAME", "SOURCE", "MAKES", "SIZE", "")]
    for entry in found:
        makes = "broken" if isinstance(entry, catalog.Broken) else described.makes(entry.config)
        about = entry.problem if isinstance(entry, catalog.Broken) else entry.config.title
        lines.append((entry.name, entry.source, makes, _megabytes(entry.folder), about))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)]
        print("  ".join(cells).rstrip())


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show what a model is, where it is, and how good it was measured to be."""
    from translate import catalog
    from translate.checkpoints import load_config
    from translate.config import described
    from translate.interop import importing
    from translate.metrics.figures import figure

    folder = catalog.find(name)
    config = load_config(folder)
    source = importing.source(folder)
    if as_json:
        record = config.model_dump(mode="json") | {"folder": str(folder), "bytes": catalog.size(folder)}
        print(json.dumps(record | {"source": source}, indent=2))
        return
    network, scale = described.network(config)
    measured = [f"{figure(key).title} {figure(key).text(value)}" for key, value in config.metrics.items()]
    facts: list[tuple[str, object]] = [
        ("title", config.title),
        ("about", config.description),
        ("folder", f"{folder} ({_megabytes(folder)})"),
        ("method", f"{config.kind}, preset {config.preset}" if config.preset else config.kind),
        ("network", network),
        ("scale", scale),
        ("input", described.drawn_in(config)),
        ("classes", ", ".join([*(spec.name for spec in config.classes), *config.labels])),
        ("trained", f"{config.step} steps" if config.step else ""),
        ("held out", f"{len(config.held_out.names)} pairs or pictures" if config.held_out else ""),
        ("measured", ", ".join(measured)),
        ("licence", config.licence),
        ("norm", importing.STATISTICS.get(source.get("statistics", ""), "")),
        ("source", f"{source['source']}, {source['date']}; {source['trust']}" if source else ""),
    ]
    print(config.name)
    for key, value in facts:
        if value:
            print(f"  {key:<9} {value}")


@app.command()
def delete(
    name: Annotated[str, typer.Argument(help="A run, one direction of a run as RUN/AtoB, or an installed model.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete a run or an installed model with all its files; of a run of two directions, both or one."""
    from translate import catalog

    folder, source = catalog.locate(name)
    if source != "shipped" and not yes:
        if not sys.stdin.isatty():
            raise CheckpointError(f"{folder} would be deleted for good; confirm with --yes")
        if not typer.confirm(f"Delete {folder} with all it holds, for good?", err=True):
            print("nothing was deleted")
            return
    print(f"deleted {catalog.delete(name)}")


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: every model.")] = None,
    as_json: Json = False,
) -> None:
    """Load models and check their configs, weights and output; exit with 2 when one is broken."""
    from translate import catalog

    if names:
        found = {name: catalog.find(name) for name in names}
    else:
        found = {entry.name: entry.folder for entry in catalog.scan()}
    from translate.inference.soundness import problem

    problems = {name: problem(folder) for name, folder in found.items()}
    if as_json:
        print(json.dumps([{"name": name, "ok": not why, "problem": why} for name, why in problems.items()], indent=2))
    else:
        for name, why in problems.items():
            print(f"{name}: {why or 'sound'}")
    if count := sum(bool(why) for why in problems.values()):
        raise CheckpointError(f"{count} of {len(problems)} models can't be used")


def _row(entry: "Entry | Broken") -> dict[str, Any]:
    from translate import catalog
    from translate.config import described

    row: dict[str, Any] = {"name": entry.name, "source": entry.source, "folder": str(entry.folder)}
    if isinstance(entry, catalog.Broken):
        return row | {"bytes": catalog.size(entry.folder), "problem": entry.problem}
    config = entry.config
    return row | {
        "bytes": catalog.size(entry.folder),
        "title": config.title,
        "kind": config.kind,
        "output": described.output(config),
        "classes": [*(spec.name for spec in config.classes), *config.labels],
        "metrics": config.metrics,
    }


def _megabytes(folder: Path) -> str:
    from translate import catalog

    return f"{catalog.size(folder) / 1e6:.1f} MB"
