"""Golden pictures, worked out by hand, through the one module that reads them."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.picture_files import RAINBOW, STORED, SUFFIXES, UPRIGHT, chunk, encoded, exif, png_bytes, tiff_bytes, write
from tests.reliability.figures import Record
from translate import images
from translate.config import IGNORE_INDEX
from translate.errors import ImageError


def test_convention_black_is_minus_one_and_white_is_one():
    pixels = np.array([[0, 255]], np.uint8)
    assert images.to_tensor(pixels).tolist() == [[[-1.0, 1.0]]]
    assert images.to_array(torch.tensor([[[-1.0, 1.0]]])).tolist() == [[[0], [255]]]


def test_convention_tensors_are_rgb_planes_in_float32(tmp_path):
    path = write(tmp_path, "red.png", png_bytes(np.array([[[255, 0, 0]]], np.uint8), kind=2))
    tensor = images.to_tensor(images.read_array(path))
    assert tensor.dtype == torch.float32
    assert tensor.shape == (3, 1, 1)
    assert tensor.flatten().tolist() == [1.0, -1.0, -1.0]


def test_convention_rows_come_before_columns(tmp_path):
    Image.new("RGB", (5, 2)).save(tmp_path / "wide.png")
    assert images.read_array(tmp_path / "wide.png").shape == (2, 5, 3)
    assert images.to_tensor(images.read_array(tmp_path / "wide.png")).shape == (3, 2, 5)
    assert images.header(tmp_path / "wide.png") == images.Header(5, 2, "RGB")


def test_convention_the_void_label_is_black():
    assert images.VOID == IGNORE_INDEX
    assert images.colourise(np.array([[0, IGNORE_INDEX]]), [(9, 8, 7)]).tolist() == [[[9, 8, 7], [0, 0, 0]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_orientation_of_every_mode_is_turned_upright(tmp_path, mode, orientation, suffix, record_figure: Record):
    golden = np.array(UPRIGHT[orientation], np.uint8)
    if mode == "I;16":
        golden = golden.astype(np.uint16) * 257
        image = Image.fromarray(np.array(STORED, np.uint16) * 257)
    elif mode == "P":
        image = Image.fromarray(np.array(STORED, np.uint8))
        image.putpalette([v for i in range(256) for v in (i, i, i)])
    elif mode == "1":
        golden = np.where(golden > 30, 255, 0).astype(np.uint8)
        image = Image.fromarray(np.array(STORED, np.uint8) > 30)
    else:
        image = Image.fromarray(np.array(STORED, np.uint8)).convert(mode)
    path = tmp_path / f"turned{suffix}"
    image.save(path, exif=exif(orientation))

    assert np.array_equal(images.read_array(path), np.repeat(golden[..., None], 3, axis=2))
    assert np.array_equal(images.read_array(path, 1), golden[..., None])
    labels = images.read_labels(path)
    assert np.array_equal(labels if labels.ndim == 2 else labels[..., 0], golden)
    assert (images.header(path).height, images.header(path).width) == golden.shape
    record_figure(9, "files turned upright", 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["png", "late", "tif"])
def test_every_orientation_of_16_bit_colours_is_turned_upright(tmp_path, orientation, form, record_figure: Record):
    stored = np.array(STORED, np.uint16)[..., None] * 1000 + np.array([1, 2, 3], np.uint16)
    golden = np.array(UPRIGHT[orientation], np.uint16)[..., None] * 1000 + np.array([1, 2, 3], np.uint16)
    tag = chunk(b"eXIf", exif(orientation).tobytes().removeprefix(b"Exif\0\0"))
    if form == "tif":
        data = tiff_bytes(stored, colours=2, orientation=orientation)
    else:
        data = png_bytes(stored, kind=2, **{"extra" if form == "png" else "after": tag})
    path = write(tmp_path, f"deep.{form}", data)
    array = images.read_array(path)
    assert array.dtype == np.uint16
    assert np.array_equal(array, golden)
    assert np.array_equal(images.read_labels(path), golden)
    if form != "late":
        assert images.header(path) == images.Header(golden.shape[1], golden.shape[0], "RGB;16")
    record_figure(9, "files turned upright", 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_every_orientation_of_a_photo_is_turned_upright(tmp_path, orientation, suffix, record_figure: Record):
    blocks = np.kron(np.array(STORED, np.uint8) * 4, np.ones((16, 16), np.uint8))
    Image.fromarray(blocks).convert("RGB").save(tmp_path / f"photo{suffix}", exif=exif(orientation), quality=100)
    array = images.read_array(tmp_path / f"photo{suffix}")
    assert np.abs(array[8::16, 8::16, 0] / 4 - np.array(UPRIGHT[orientation])).max() < 2
    record_figure(9, "files turned upright", 1)


def test_a_pil_picture_is_turned_like_a_file(tmp_path):
    Image.fromarray(RAINBOW).save(tmp_path / "six.png", exif=exif(6))
    with Image.open(tmp_path / "six.png") as image:
        assert np.array_equal(images.from_pil(image), images.read_array(tmp_path / "six.png"))
        assert np.array_equal(images.from_pil(image), np.rot90(RAINBOW, -1))


def test_alpha_is_laid_over_white(tmp_path):
    """100 at alpha 128 over white: (100 * 128 + 255 * 127) / 255 = 177.2; at alpha 0 only white is left."""
    pixels = np.array([[[100, 0, 255, 128], [1, 2, 3, 0], [1, 2, 3, 255]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert images.read_array(tmp_path / "a.png").tolist() == [[[177, 127, 255], [255, 255, 255], [1, 2, 3]]]
    assert images.read_array(tmp_path / "a.png", None).tolist() == pixels.tolist()
    assert images.read_labels(tmp_path / "a.png").tolist() == pixels[..., :3].tolist()


def test_alpha_of_gray_is_laid_over_white(tmp_path):
    Image.fromarray(np.array([[[100, 128], [7, 0]]], np.uint8), "LA").save(tmp_path / "la.png")
    assert images.read_array(tmp_path / "la.png", 1).tolist() == [[[177], [255]]]
    assert images.read_array(tmp_path / "la.png").tolist() == [[[177] * 3, [255] * 3]]
    assert images.read_array(tmp_path / "la.png", None).tolist() == [[[100, 128], [7, 0]]]
    assert images.read_labels(tmp_path / "la.png").tolist() == [[100, 7]]


def test_16_bit_alpha_is_laid_over_white(tmp_path):
    """1000 at alpha 32768: (1000 * 32768 + 65535 * 32767) / 65535 = 33267.0."""
    pixels = np.array([[[1000, 0, 65535, 32768]]], np.uint16)
    path = write(tmp_path, "a16.png", png_bytes(pixels, kind=6))
    assert images.read_array(path).tolist() == [[[33267, 32767, 65535]]]
    assert images.read_array(path, None).tolist() == pixels.tolist()


def test_palettes_become_colours_for_pictures_and_stay_indices_for_labels(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    for name in ("p.png", "p.gif", "p.bmp", "p.tif"):
        image.save(tmp_path / name)
        assert images.read_array(tmp_path / name).tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
        assert images.read_labels(tmp_path / name).tolist() == [[0, 1, 2]]


def test_a_transparent_palette_entry_becomes_white(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "p.png", transparency=1)
    assert images.read_array(tmp_path / "p.png").tolist() == [[[10, 20, 30], [255, 255, 255]]]
    assert images.read_labels(tmp_path / "p.png").tolist() == [[0, 1]]


def test_a_transparent_colour_becomes_white_in_a_picture_but_not_in_labels(tmp_path):
    Image.fromarray(RAINBOW).save(tmp_path / "t.png", transparency=(255, 0, 0))
    assert images.read_array(tmp_path / "t.png")[0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(images.read_labels(tmp_path / "t.png"), RAINBOW)
    Image.fromarray(np.array(STORED, np.uint8)).save(tmp_path / "l.png", transparency=20)
    assert images.read_array(tmp_path / "l.png", 1)[0, 1, 0] == 255
    assert images.read_labels(tmp_path / "l.png").tolist() == STORED


def test_cmyk_becomes_rgb(tmp_path):
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    image.save(tmp_path / "red.jpg", quality=100)
    image.save(tmp_path / "red.tif")
    for name in ("red.jpg", "red.tif"):
        assert np.abs(images.read_array(tmp_path / name).astype(int) - [255, 0, 0]).max() <= 2
        assert images.read_labels(tmp_path / name).shape == (16, 16, 3)


def test_gray_is_repeated_and_colours_are_weighed_to_luma(tmp_path):
    """Rec. 601: 0.299 red, 0.587 green, 0.114 blue."""
    Image.fromarray(RAINBOW).save(tmp_path / "c.png")
    assert images.read_array(tmp_path / "c.png", 1)[0, :, 0].tolist() == [76, 150, 29]
    Image.fromarray(np.array(STORED, np.uint8)).save(tmp_path / "g.png")
    assert images.read_array(tmp_path / "g.png")[0].tolist() == [[10] * 3, [20] * 3, [30] * 3]
    assert images.read_array(tmp_path / "g.png", None).shape == (2, 3, 1)


@pytest.mark.parametrize("value", [0, 1, 255, 256, 12345, 65534, 65535])
def test_16_bits_stay_16_bits(tmp_path, value):
    gray = np.full((2, 3), value, np.uint16)
    colours = np.stack([gray, gray // 2, 65535 - gray], axis=-1)
    paths = [
        write(tmp_path, "g.png", png_bytes(gray, kind=0)),
        write(tmp_path, "g.tif", tiff_bytes(gray, colours=1)),
        write(tmp_path, "c.png", png_bytes(colours, kind=2)),
        write(tmp_path, "c.tif", tiff_bytes(colours, colours=2)),
    ]
    for path, golden in zip(paths, [gray[..., None]] * 2 + [colours] * 2, strict=True):
        array = images.read_array(path, None)
        assert array.dtype == np.uint16
        assert np.array_equal(array, golden)
    assert np.array_equal(images.read_labels(paths[0]), gray)
    assert np.allclose(images.to_tensor(gray), value / 32767.5 - 1, atol=1e-7)


def test_16_bit_luma_is_weighed_like_8_bit_luma(tmp_path):
    path = write(tmp_path, "c.png", png_bytes(RAINBOW.astype(np.uint16) * 257, kind=2))
    assert np.abs(images.read_array(path, 1) / 257 - images.from_pil(Image.fromarray(RAINBOW), 1)).max() <= 0.5
    white = write(tmp_path, "w.png", png_bytes(np.full((1, 1, 3), 65535, np.uint16), kind=2))
    assert images.read_array(white, 1).item() == 65535


def test_big_endian_and_inverted_gray_tiffs_are_read_right(tmp_path):
    gray = np.array(STORED, np.uint16) * 999
    inverted = write(tmp_path, "i.tif", tiff_bytes(65535 - gray, colours=0))
    assert np.array_equal(images.read_array(inverted, 1)[..., 0], gray)
    Image.fromarray(gray).save(tmp_path / "b.tif", big_tiff=True)
    assert np.array_equal(images.read_array(tmp_path / "b.tif", 1)[..., 0], gray)


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.zeros((2, 3), np.float32), {"colours": 1, "kind": 3}, "float"),
        (np.zeros((2, 3, 4), np.uint16), {"colours": 5}, "16-bit"),
        (np.full((2, 3), -5, np.int32), {"colours": 1, "kind": 2}, "32-bit"),
        (np.zeros((2, 3, 3), np.float32), {"colours": 2, "kind": 3}, "3 channels of 32 bits that are float"),
        (np.zeros((2, 3, 7), np.int16), {"colours": 1, "kind": 2}, "7 channels of 16 bits that are float or signed"),
        (np.zeros((2, 3, 7), np.uint32), {"colours": 1}, "7 channels of 32 bits; scale them to 8 or 16"),
    ],
)
def test_pixels_without_a_safe_reading_are_refused_rather_than_cut(tmp_path, array, options, words):
    path = write(tmp_path, "odd.tif", tiff_bytes(array, **options))
    with pytest.raises(ImageError, match=words):
        images.read_array(path)


def test_a_file_is_known_by_its_content_not_its_suffix(tmp_path):
    path = write(tmp_path, "really-a-png.jpg", png_bytes(RAINBOW, kind=2))
    assert np.array_equal(images.read_array(path), RAINBOW)
    assert images.read_array(str(path)).shape == (2, 3, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_what_was_read_may_be_written_to(tmp_path, mode):
    Image.new(mode, (3, 2)).save(tmp_path / "x.tif")
    for array in (images.read_array(tmp_path / "x.tif"), images.read_labels(tmp_path / "x.tif")):
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_names_may_hold_spaces_and_any_letters(tmp_path):
    deep = RAINBOW.astype(np.uint16) * 257
    path = write(tmp_path, "Straße bei Nacht 写真.PNG", png_bytes(deep, kind=2))
    assert np.array_equal(images.read_array(path), deep)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".tif", ".png"])
def test_the_first_frame_of_an_animation_is_used_and_said_so(tmp_path, suffix, caplog):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"m{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    with caplog.at_level(logging.INFO, logger="translate.images"):
        assert images.read_array(tmp_path / f"m{suffix}")[4, 4].tolist() == [255, 0, 0]
    assert "only the first is used" in caplog.text


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_one_pixel_wide_is_a_picture(tmp_path, size, suffix):
    path = write(tmp_path, f"thin{suffix}", encoded(suffix, size))
    assert images.read_array(path).shape == (size[1], size[0], 3)


def test_broken_exif_beside_sound_pixels_is_ignored(tmp_path):
    path = write(tmp_path, "e.png", png_bytes(RAINBOW, kind=2, extra=chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")))
    assert np.array_equal(images.read_array(path), RAINBOW)


def test_a_width_of_16_does_not_make_a_picture_16_bits_deep(tmp_path: Path):
    Image.new("RGB", (16, 160), (1, 2, 3)).save(tmp_path / "x.png")
    assert images.read_array(tmp_path / "x.png").dtype == np.uint8
