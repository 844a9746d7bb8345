"""Several pictures of one size as a moving one, GIF or WebP."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from translate.errors import ImageError
from translate.images.provenance import Provenance
from translate.images.writing import write_bytes

ANIMATED = {".gif": "GIF", ".webp": "WEBP"}
MOST_FRAMES = 1000


def save_animation(
    frames: Sequence[Image.Image], path: str | Path, *, seconds: float = 0.1, provenance: Provenance | None = None
) -> None:
    """Write frames of `seconds` each, over and over: whole or not at all, and with no metadata but what is given.

    Raises: ImageError for another suffix than .gif or .webp, frames of several sizes, or a disk that won't take it.
    """
    path = Path(path)
    kind = ANIMATED.get(path.suffix.lower())
    if kind is None:
        raise ImageError(f"{path}: an animation is a .gif or .webp")
    sizes = {frame.size for frame in frames}
    if not 1 <= len(frames) <= MOST_FRAMES or len(sizes) > 1:
        raise ImageError(f"{path}: {len(frames)} frames of {len(sizes)} sizes; take 1 to {MOST_FRAMES} of one size")
    bare = [Image.frombytes("RGB", frame.size, frame.convert("RGB").tobytes()) for frame in frames]
    buffer = io.BytesIO()
    options = {} if provenance is None else provenance.options(kind)
    if kind == "WEBP":
        options["quality"] = 90
    try:
        bare[0].save(
            buffer, kind, save_all=True, append_images=bare[1:], duration=round(seconds * 1000), loop=0, **options
        )
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: can't write this animation as {kind}: {error}") from None
    write_bytes(path, buffer.getbuffer())
