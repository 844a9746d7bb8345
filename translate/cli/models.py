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
    from translate.config import ModelConfig

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

    found = catalog.scan()
    if as_json:
        print(json.dumps([_row(entry) for entry in found], indent=2))
        return
    if not found:
        print("no models yet: train one with `translate train`")
        return
    lines = [("NAME", "SOURCE", "MAKES", "SIZE", "")]
    for entry in found:
        makes = "broken" if isinstance(entry, catalog.Broken) else _makes(entry)
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
    from translate.interop import importing
    from translate.metrics.figures import figure

    folder = catalog.find(name)
    config = load_config(folder)
    source = importing.source(folder)
    if as_json:
        record = config.model_dump(mode="json") | {"folder": str(folder), "bytes": _bytes(folder), "source": source}
        print(json.dumps(record, indent=2))
        return
    network, scale = _network(config)
    measured = [f"{figure(key).title} {figure(key).text(value)}" for key, value in config.metrics.items()]
    facts: list[tuple[str, object]] = [
        ("title", config.title),
        ("about", config.description),
        ("folder", f"{folder} ({_megabytes(folder)})"),
        ("method", f"{config.kind}, preset {config.preset}" if config.preset else config.kind),
        ("network", network),
        ("scale", scale),
        ("input", _input(config)),
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
    problems = {name: _problem(folder) for name, folder in found.items()}
    if as_json:
        print(json.dumps([{"name": name, "ok": not why, "problem": why} for name, why in problems.items()], indent=2))
    else:
        for name, why in problems.items():
            print(f"{name}: {why or 'sound'}")
    if count := sum(bool(why) for why in problems.values()):
        raise CheckpointError(f"{count} of {len(problems)} models can't be used")


def _problem(folder: Path) -> str:
    """What is wrong with a model, in one line; empty when it loads and makes a finite picture."""
    import torch

    from translate.checkpoints import load_config
    from translate.config import GeneratorConfig
    from translate.errors import TranslateError
    from translate.inference.sampler import Sampler
    from translate.inference.translator import Translator
    from translate.interop import importing

    try:
        importing.check(folder)
        if not isinstance(load_config(folder).generator, GeneratorConfig):
            sampler = Sampler.load(folder, device="cpu", precision="fp32")
            return "" if sampler.is_sound() else f"{folder}: noise gives values that are not finite"
        translator = Translator.load(folder, device="cpu", precision="fp32")
    except TranslateError as error:
        return str(error)
    size = translator.config.data.size
    output = translator.forward(torch.zeros(1, translator.config.translator.in_channels, size, size))
    return "" if bool(output.isfinite().all()) else f"{folder}: a gray picture gives values that are not finite"


def _row(entry: "Entry | Broken") -> dict[str, Any]:
    from translate.catalog import Broken

    row: dict[str, Any] = {"name": entry.name, "source": entry.source, "folder": str(entry.folder)}
    if isinstance(entry, Broken):
        return row | {"bytes": _bytes(entry.folder), "problem": entry.problem}
    config = entry.config
    return row | {
        "bytes": _bytes(entry.folder),
        "title": config.title,
        "kind": config.kind,
        "output": _output(config),
        "classes": [*(spec.name for spec in config.classes), *config.labels],
        "metrics": config.metrics,
    }


def _makes(entry: "Entry") -> str:
    if (output := _output(entry.config)) == "labels":
        return f"{len(entry.config.classes)} classes"
    return {"image": "pictures", "noise-to-image": "pictures from noise"}.get(output, "points from noise")


def _output(config: "ModelConfig") -> str:
    from translate.config import GeneratorConfig

    if isinstance(config.generator, GeneratorConfig):
        return config.generator.head
    return "noise-to-points" if config.generator.kind == "mlp" else "noise-to-image"


def _input(config: "ModelConfig") -> str:
    """The classes of a label map that is translated, each with its colour; empty where photos are."""
    drawn = [f"{i} {spec.name} #{bytes(spec.color).hex()}" for i, spec in enumerate(config.input_classes)]
    return f"label map of {len(drawn)} classes: {', '.join(drawn)}" if drawn else ""


def _network(config: "ModelConfig") -> tuple[str, str]:
    """What a model is made of, and the scale it works at."""
    from translate.config import GeneratorConfig

    network, data = config.generator, config.data
    about = f"{network.kind}, {network.filters} filters"
    if not isinstance(network, GeneratorConfig):
        scale = "" if network.kind == "mlp" else f"pictures of {network.size} x {network.size} pixels"
        return f"{about}, {network.latent} numbers of noise -> {network.out_channels}", scale
    detail = "; the photo's own detail is added to the result" if data.keep_detail else ""
    what = "a label map" if config.input_classes else "a photo"
    scale = f"{what} is brought to the area of {data.size} x {data.size} pixels{detail}"
    return f"{about}, {network.in_channels} -> {network.out_channels}", scale


def _bytes(folder: Path) -> int:
    from translate.checkpoints import MODEL_FILE

    try:
        return (folder / MODEL_FILE).stat().st_size
    except OSError:
        return 0


def _megabytes(folder: Path) -> str:
    return f"{_bytes(folder) / 1e6:.1f} MB"
