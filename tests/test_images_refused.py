"""Files that are too large, damaged, or no pictures: one line, and nothing decoded."""

import struct
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.picture_files import (
    RAINBOW,
    SUFFIXES,
    bmp_header,
    encoded,
    png_bytes,
    tiff_bytes,
    tiff_sizes,
    webp_canvas,
    write,
)
from tests.reliability.figures import Record, count
from translate import images
from translate.errors import ImageError


@pytest.mark.parametrize("size", [(60_000, 60_000), (16_385, 1), (1, 16_385), (8_000, 8_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_beyond_the_limits_is_refused_by_its_header(tmp_path, size, record_figure: Record):
    """In at most 50 ms of the processor's time, the best of three: a decoder would need seconds."""
    huge = [
        write(tmp_path, "h.png", png_bytes(RAINBOW, kind=2, size=size)),
        write(tmp_path, "h.bmp", b"BM" + struct.pack("<IHHI", 200, 0, 0, 54) + bmp_header(*size) + bytes(146)),
        write(tmp_path, "h.tif", tiff_bytes(RAINBOW, colours=2).replace(*tiff_sizes(*size))),
    ]
    if max(size) < 65536:
        gif = encoded(".gif")
        huge.append(write(tmp_path, "h.gif", gif[:6] + struct.pack("<HH", *size) + gif[10:]))
        jpeg = encoded(".jpg")
        at = jpeg.index(b"\xff\xc0") + 5
        huge.append(write(tmp_path, "h.jpg", jpeg[:at] + struct.pack(">HH", *size[::-1]) + jpeg[at + 4 :]))
    if 4 <= min(size) <= 60_000:
        huge.append(write(tmp_path, "h.webp", webp_canvas(*size)))
    for path in huge:
        for read in (images.header, images.read_array, images.read_labels):
            with pytest.raises(ImageError, match="too large"):
                read(path)
    slowest = max(min(refusal_ms(path) for _ in range(3)) for path in huge)
    record_figure(8, "headers refused", len(huge))
    record_figure(8, f"{size[0]} x {size[1]}, slowest in ms", slowest)
    assert slowest <= 50


def refusal_ms(path: Path) -> float:
    """Milliseconds that a refused reading takes of this thread."""
    began = time.thread_time()
    with pytest.raises(ImageError):
        images.read_array(path)
    return 1000 * (time.thread_time() - began)


def test_a_picture_without_pixels_is_refused(tmp_path):
    for name, data in {
        "z.png": png_bytes(RAINBOW, kind=2, size=(0, 5)),
        "z.bmp": b"BM" + struct.pack("<IHHI", 200, 0, 0, 54) + bmp_header(0, 5) + bytes(146),
        "z.tif": tiff_bytes(RAINBOW, colours=2).replace(*tiff_sizes(0, 2)),
    }.items():
        with pytest.raises(ImageError):
            images.read_array(write(tmp_path, name, data))
    with pytest.raises(ImageError, match="empty picture"):
        images.from_pil(Image.new("RGB", (0, 4)))


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".deep.png", ".deep.tif"])
def test_a_file_cut_anywhere_is_read_whole_or_refused_in_one_line(tmp_path, suffix, capfd, record_figure: Record):
    deep = np.random.default_rng(0).integers(0, 65536, (29, 37, 3), dtype=np.uint16)
    if suffix == ".deep.png":
        data = png_bytes(deep, kind=2)
    else:
        data = tiff_bytes(deep, colours=2) if suffix == ".deep.tif" else encoded(suffix)
    whole = images.read_array(write(tmp_path, f"whole{suffix}", data))
    lines = []
    cuts = sorted({0, 1, 2, 7, len(data) - 1, *np.linspace(3, len(data) - 1, 60).astype(int).tolist()})
    for cut in cuts:
        path = write(tmp_path, f"cut{suffix}", data[:cut])
        try:
            assert np.array_equal(images.read_array(path), whole)
        except ImageError as error:
            lines.append(str(error))
    assert len(lines) >= len(cuts) * 0.8
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in lines)
    assert capfd.readouterr().err == ""
    record_figure(6, "files cut", len(cuts))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_mangled_file_is_read_or_refused_but_never_more(tmp_path, suffix, recwarn, record_figure: Record):
    """Whatever a decoder raises on random corruptions, it's an ImageError; after each the good file reads the same."""
    data, rng = encoded(suffix), np.random.default_rng(8)
    good = write(tmp_path, f"good{suffix}", data)
    before = images.read_array(good)
    lines = []
    for _ in range(total := count(full=450, sample=80)):
        mangled = bytearray(data)
        for at in rng.integers(0, len(data), 4):
            mangled[at] = rng.integers(0, 256)
        path = write(tmp_path, f"bad{suffix}", bytes(mangled))
        for read in (images.header, images.read_array, images.read_labels):
            try:
                read(path)
            except ImageError as error:
                lines.append(str(error))
        assert np.array_equal(images.read_array(good), before)
    assert not [line for line in lines if "\n" in line]
    assert not recwarn.list
    record_figure(6, "files mangled", total)
    record_figure(7, "good pictures decoded alike", total)


def test_what_is_no_picture_is_refused_in_one_line(tmp_path):
    (tmp_path / "folder.png").mkdir()
    cases = {
        "text.png": b"hello",
        "empty.jpg": b"",
        "page.gif": b"<html></html>",
        "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "other.ppm": b"P6 1 1 255 abc",
    }
    for path in [write(tmp_path, *case) for case in cases.items()] + [tmp_path / "folder.png", tmp_path / "none.png"]:
        for read in (images.header, images.read_array, images.read_labels):
            with pytest.raises(ImageError) as caught:
                read(path)
            assert str(caught.value).startswith(f"{path}: ")
            assert "\n" not in str(caught.value)


def test_a_name_with_a_line_break_still_gives_one_line(tmp_path):
    with pytest.raises(ImageError) as caught:
        images.read_array(tmp_path / "two\nlines.png")
    assert "\n" not in str(caught.value)


def test_channels_that_cannot_be_made_are_refused(tmp_path):
    path = write(tmp_path, "c.png", png_bytes(RAINBOW, kind=2))
    with pytest.raises(ImageError, match="3 channels where 7 are wanted"):
        images.read_array(path, 7)


def test_threads_may_read_at_the_same_time(tmp_path):
    paths = [write(tmp_path, f"{i}{s}", encoded(s)) for i in range(4) for s in SUFFIXES]
    alone = [images.read_array(path) for path in paths]
    together: list[np.ndarray | None] = [None] * len(paths)

    def work(start: int) -> None:
        for i in range(start, len(paths), 4):
            together[i] = images.read_array(paths[i])

    filters = list(warnings.filters)
    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    assert warnings.filters == filters
