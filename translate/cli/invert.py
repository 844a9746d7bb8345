"""`translate invert PHOTO -o LATENT`: the latent that draws the face in a photo."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translate.cli.options import check_json_out, check_says_synthetic
from translate.errors import ConfigError
from translate.stopping import stop_on_signals

if TYPE_CHECKING:
    from translate.editing.inverter import Inversion

SUFFIX = ".safetensors"


def invert(
    photo: Annotated[Path, typer.Argument(metavar="INPUT", help="A photo with a face.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write the latent to, named .safetensors.")],
    model: Annotated[str, typer.Option(help="Name or folder of a model of faces.")] = "faces",
    crop: Annotated[str | None, typer.Option(help="The face's square in the photo, X,Y,SIDE in pixels.")] = None,
    face: Annotated[int | None, typer.Option(help="Of several faces, which; 1 is the largest.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=0, max=10_000, help="Of the projector; 0: the encoder alone.")
    ] = None,
    tune: Annotated[int, typer.Option(min=0, max=10_000, help="Most steps of pivotal tuning; 0 is off.")] = 0,
    perceptual: Annotated[
        str, typer.Option(help="auto, lpips-vgg, lpips-alex, discriminator or encoder: what faces are compared by.")
    ] = "auto",
    preview: Annotated[Path | None, typer.Option(help="Picture to write: cut out of the photo | drawn again.")] = None,
    paste: Annotated[Path | None, typer.Option(help="Picture to write: the photo with the drawn face in it.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the projector's noise.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    as_json: Annotated[Path | None, typer.Option("--json", help="File to write the figures to.")] = None,
) -> None:
    """Turn the face in a photo into a latent of MODEL, to be edited, and say how near it comes."""
    from translate import images
    from translate.editing import alignment, detection
    from translate.editing.inverter import Inverter
    from translate.editing.latents import save_latent

    if out.suffix != SUFFIX or not out.absolute().parent.is_dir():
        raise ConfigError(f"{out}: name a file that ends in {SUFFIX}, in a folder that exists")
    check_json_out(as_json)
    for path in (preview, paste):
        if path is not None:
            check_says_synthetic(path)
    square = None if crop is None else detection.parse_crop(crop)
    array = images.read_array(photo)
    inverter = Inverter.load(model, device=device, perceptual=perceptual)
    with _bar() as bar, stop_on_signals() as stop:

        def report(step: int, steps: int, figures: dict[str, float]) -> None:
            bar.total = steps
            bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
            bar.update(step - bar.n)

        found = inverter(
            array, where=photo, crop=square, face=face, steps=steps, tune=tune, seed=seed,
            cancelled=stop.is_set, report=report,
        )  # fmt: skip
    save_latent(out, found.latent)
    made = images.Provenance(f"Synthetic picture: a face drawn again by the model {found.latent.model}", "edited")
    if preview is not None:
        pair = [images.to_pil(picture) for picture in (found.target, found.drawn)]
        images.save(images.grid([pair]), preview, provenance=made)
    if paste is not None and found.latent.square is not None:
        images.save(alignment.paste(array, found.latent.square, found.drawn.cpu()), paste, provenance=made)
    _print(found, out, as_json)


def _print(found: "Inversion", out: Path, as_json: Path | None) -> None:
    about = found.latent.about
    for note in found.notes:
        print(note)
    steps = f"{about['steps']} steps" + (f", tuned for {about['tuned_steps']}" if "tuned_steps" in about else "")
    print(
        f"{out}: {steps}; squared error {about['l2']:g}, perceptual {about['perceptual']:g} by {about['measured_by']}"
    )
    if as_json is not None:
        square = found.latent.square
        place = None if square is None else [round(value, 2) for value in square.corners.ravel().tolist()]
        record = {"latent": str(out), "model": found.latent.model, "sha256": found.latent.digest, "square": place}
        text = json.dumps(record | dict(about) | {"notes": list(found.notes)}, indent=2)
        as_json.write_text(text + "\n", encoding="utf-8")


def _bar() -> Any:
    from tqdm import tqdm

    return tqdm(unit="step", disable=not sys.stderr.isatty(), dynamic_ncols=True, leave=False)
