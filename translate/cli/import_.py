"""`translate models import FILE --name N`: weights that others published as a model of ours."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.interop.importing import Imported, Statistics


def import_(
    file: Annotated[Path, typer.Argument(help="Weights, as latest_net_G.pth, or a zip.", show_default=False)],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    statistics: Annotated[
        str,
        typer.Option(help="Batch norm goes by what it tracked in training (tracked) or by each picture (picture)."),
    ] = "tracked",
    title: Annotated[str, typer.Option(help="What it is, in a few words.")] = "",
    licence: Annotated[str, typer.Option(help="Terms of the weights.")] = "",
) -> None:
    """Import a .pth, .pt or .pkl file, or a zip of a model folder; nothing in the file is run.

    Taken are generators of the pix2pix and CycleGAN project and StyleGAN2s of NVIDIA, rosinality and mmgeneration: the
    network is read off names and shapes. The pix2pix project tests its models with each picture's own statistics
    unless told `--eval`; `--statistics picture` does the same, without its dropout.
    """
    chosen = parse_statistics(statistics)

    from translate import catalog

    catalog.check_free(name)

    from translate.interop import importing

    about = importing.About(name=name, title=title, licence=licence, source=str(file.absolute()))
    with catalog.installing(name) as folder:
        found = importing.write(file, folder, about, chosen)
    print_imported(name, found)


def parse_statistics(text: str) -> "Statistics":
    """`tracked` or `picture`.

    Raises: ConfigError for anything else.
    """
    match text:
        case "tracked":
            return "tracked"
        case "picture":
            return "picture"
    raise ConfigError(f"--statistics {text}: known: tracked, picture")


def print_imported(name: str, found: "Imported") -> None:
    """What the file turned out to be, and what to do with it."""
    from translate.config import LatentConfig

    network = found.config.generator
    if isinstance(network, LatentConfig):
        print(f"{name}: {network.kind}, pictures of {network.size} x {network.size} pixels from noise")
        _print_notes(found, f"translate generate {name} -o OUT --seeds 0-7")
        return
    depth = f"{network.depth} halvings" if network.kind == "unet" else f"{network.blocks} blocks"
    norm = "no norm" if network.norm == "none" else f"{'batch' if network.norm == 'picture' else network.norm} norm"
    print(
        f"{name}: {'U-Net' if network.kind == 'unet' else 'ResNet'}, {depth}, {network.filters} filters, {norm}, "
        f"{network.in_channels} -> {network.out_channels} channels"
    )
    _print_notes(found, f"translate apply {name} PHOTO -o OUT")


def _print_notes(found: "Imported", use: str) -> None:
    for note in found.notes:
        print(f"  {note}")
    print(f"  use it: {use}")
