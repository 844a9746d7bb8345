"""`translate data stripes`: horses with stripes drawn on, as pairs to learn from how to take stripes off."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from translate.data.terrain import Array
    from translate.inference.translator import Translator

SCALES = (0.3, 0.4, 0.5, 0.7)
"""At which the model is asked where the horse is; small and large ones answer at different scales."""


def stripes(
    photos: Annotated[Path, typer.Argument(help="Folder of photos of horses.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="New folder to write pairs to, a/ striped and b/ as it was.")],
    model: Annotated[str, typer.Option(help="What finds the horses: a model that turns them into zebras.")] = (
        "horse-to-zebra"
    ),
    variants: Annotated[int, typer.Option(min=1, help="Pairs to draw from each photo.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same stripes.")] = 0,
) -> None:
    """Draw stripes on the brown horses of a folder; photos without a clear one, or held out by the model, are left."""
    import numpy as np
    from tqdm import tqdm

    from translate import catalog, images
    from translate.data.folders import pictures
    from translate.data.stripes import draw_stripes, find_body
    from translate.errors import DatasetError
    from translate.inference.translator import Translator

    if out.exists() and any(out.iterdir()):
        raise DatasetError(f"{out}: is not empty; name a new folder")
    translator = Translator.load(catalog.find(model))
    recorded = translator.config.held_out
    held = {name.removeprefix("a/") for name in recorded.names} if recorded else set()
    found = [path for name, path in sorted(pictures(photos)[0].items()) if name not in held]
    used = 0
    for number, path in enumerate(tqdm(found, unit="photo", disable=not sys.stderr.isatty())):
        photo = images.to_bytes(images.read_array(path, 3))
        body = find_body(photo, _change(translator, photo))
        if body is None:
            continue
        used += 1
        for variant in range(variants):
            striped = draw_stripes(photo, body, np.random.default_rng([seed, number, variant]))
            for side, picture in (("a", striped), ("b", photo)):
                images.save(picture, out / side / f"{path.stem}-{variant}.png")
    print(f"{out}: {used * variants} pairs from {used} of {len(found)} photos; {len(held)} names were held out")


def _change(translator: "Translator", photo: "Array") -> "Array":
    """How much the model changes each pixel, over its scales. Shape: (H, W, 3) -> (H, W), in 8-bit levels."""
    import numpy as np

    changed = [np.asarray(translator(photo, scale=scale), dtype=np.float64) for scale in SCALES]
    total: Array = np.mean([np.abs(array - photo).mean(axis=2) for array in changed], axis=0)
    return total
