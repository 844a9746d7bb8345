"""What is taken for a picture at most; checked on a file's header, before anything is decoded."""

from translate.errors import ImageError

MAX_SIDE = 16_384
MAX_PIXELS = 50_000_000
MAX_VALUES = 8 * MAX_PIXELS
"""Pixels times channels."""
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
LIMITS = f"at most {MAX_SIDE:,} pixels a side and {MAX_PIXELS // 10**6} megapixels are taken"


def check_size(width: int, height: int, channels: int = 1) -> None:
    """Make sure that a picture of this size may be decoded.

    Raises: ImageError for an empty or a too large one.
    """
    if width < 1 or height < 1:
        raise ImageError(f"{width} x {height} pixels: an empty picture; remove it")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels is too large; {LIMITS}, make it smaller first")
    if width * height * channels > MAX_VALUES:
        raise ImageError(
            f"{width} x {height} pixels of {channels} channels is too large; at most {MAX_VALUES // 10**6} million "
            "values are taken, make it smaller first"
        )
