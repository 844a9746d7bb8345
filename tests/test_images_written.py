"""From pictures to tensors and back, and into files that say nothing of where they came from."""

import os

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from tests.picture_files import RAINBOW, SUFFIXES, exif
from tests.reliability.figures import Record
from translate import images
from translate.config import IGNORE_INDEX
from translate.errors import ImageError

CANNOT_HOLD = {("I;16", suffix) for suffix in (".jpg", ".webp", ".bmp", ".gif")}


def test_every_byte_survives_the_way_to_a_tensor_and_back():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(images.to_array(images.to_tensor(every)), every)
    photo = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert np.array_equal(images.to_array(images.to_tensor(photo)), photo)
    assert np.array_equal(np.asarray(images.to_pil(images.to_tensor(photo)[None])), photo)


@pytest.mark.parametrize("channels", [1, 2, 4, 7, 13])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
def test_a_tensor_may_have_any_number_of_channels(channels, kind):
    top = 1 if np.issubdtype(kind, np.floating) else np.iinfo(kind).max
    array = np.zeros((4, 6, channels), kind)
    array[..., -1] = top
    tensor = images.to_tensor(array)
    assert tensor.shape == (channels, 4, 6)
    assert bool((tensor[-1] == 1).all())
    assert channels == 1 or bool((tensor[:-1] == -1).all())
    assert images.to_array(tensor).shape == (4, 6, channels)


def test_a_tensor_shares_no_memory_with_its_array():
    array = np.zeros((2, 2, 1), np.float32)
    images.to_tensor(array).fill_(1)
    assert array.max() == 0


def test_values_are_rounded_not_cut_and_clamped_at_the_ends():
    tensor = torch.tensor([[[-3.0, 3.0, 99.6 / 127.5 - 1, 99.4 / 127.5 - 1]]])
    assert images.to_array(tensor)[0, :, 0].tolist() == [0, 255, 100, 99]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 3), np.int32),
        np.zeros((2, 2, 3), bool),
        np.full((2, 2), 1.5),
        np.full((2, 2), -0.1),
        np.full((2, 2), np.nan),
        np.zeros(4, np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_an_array_whose_range_is_unclear_is_refused(array):
    with pytest.raises(ImageError):
        images.to_tensor(array)


def test_nan_and_odd_shapes_make_no_picture():
    with pytest.raises(ImageError, match="NaN"):
        images.to_pil(torch.full((3, 2, 2), torch.nan))
    for shape in [(2, 4, 4), (2, 3, 4, 4), (4, 4)]:
        with pytest.raises(ImageError, match="no picture"):
            images.to_pil(torch.zeros(shape))
    assert images.to_pil(torch.zeros(1, 4, 6)).mode == "L"


def test_resizing_averages_what_it_shrinks():
    stripes = torch.tensor([-1.0, 1.0]).repeat(32).expand(1, 1, 64, 64)
    small = images.resize(stripes, 8, 8)
    assert small.shape == (1, 1, 8, 8)
    assert small[..., 2:-2].abs().max() < 0.02
    assert images.resize(stripes, 64, 64) is stripes
    assert images.resize(torch.full((2, 5, 3, 4), 0.25), 7, 9).unique().tolist() == [0.25]


def test_a_label_map_keeps_its_indices_in_the_file(tmp_path):
    index = np.array([[0, 1], [2, IGNORE_INDEX]], np.int64)
    image = images.labels_to_pil(index, [(1, 2, 3), (4, 5, 6), (7, 8, 9)])
    images.save(image, tmp_path / "labels.png")
    assert images.read_labels(tmp_path / "labels.png").tolist() == index.tolist()
    colours = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 0, 0]]]
    assert images.read_array(tmp_path / "labels.png").tolist() == colours
    assert images.colourise(index, [(1, 2, 3), (4, 5, 6), (7, 8, 9)]).tolist() == colours


@pytest.mark.parametrize("index", [np.array([[3]]), np.array([[-1]]), np.array([[254]]), np.zeros((1, 2, 2), int)])
def test_an_index_without_a_colour_is_refused(index):
    with pytest.raises(ImageError, match="classes are expected"):
        images.colourise(index, [(1, 2, 3)] * 3)


def test_a_sheet_has_one_cell_a_picture():
    red, blue = Image.new("RGB", (20, 10), "red"), np.full((10, 20, 3), (0, 0, 255), np.uint8)
    sheet = images.grid([[red, blue], [blue]], gap=2)
    assert sheet.size == (2 + 22 * 2, 2 + 12 * 2)
    assert sheet.getpixel((5, 5)) == (255, 0, 0)
    assert sheet.getpixel((30, 5)) == (0, 0, 255)
    assert sheet.getpixel((30, 20)) == (255, 255, 255)
    assert images.grid([[red, blue]], titles=("photo", "map")).height > images.grid([[red, blue]]).height
    assert images.grid([]).size


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".jpeg", ".tiff", ".PNG", ".JPG"])
def test_the_suffix_chooses_the_format(tmp_path, suffix):
    images.save(Image.fromarray(RAINBOW), tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.format == images.WRITERS[suffix.lower()]
    if suffix.lower() in (".png", ".bmp", ".tif", ".tiff"):
        assert np.array_equal(images.read_array(tmp_path / f"out{suffix}"), RAINBOW)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_mode_is_written_or_refused_without_a_trace(tmp_path, mode, suffix):
    image = Image.new(mode, (9, 7), 1)
    if (mode, suffix) in CANNOT_HOLD:
        with pytest.raises(ImageError, match=f"can't write this {mode} picture") as caught:
            images.save(image, tmp_path / f"x{suffix}")
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []
    else:
        images.save(image, tmp_path / f"x{suffix}")
        assert images.read_array(tmp_path / f"x{suffix}").shape == (7, 9, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("mode", ["RGB", "P", "L"])
def test_nothing_a_photo_says_of_its_owner_is_saved(tmp_path, suffix, mode, record_figure: Record):
    secret = b"TOPSECRET"
    image = Image.fromarray(RAINBOW).convert(mode)
    tags = exif(1)
    tags[0x010F] = secret.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", secret.decode())
    image.info |= {"exif": tags.tobytes(), "comment": secret, "xmp": secret, "icc_profile": secret, "XML": secret}
    image.info |= {"dpi": (72, 72), "pnginfo": text, "photoshop": secret, "Comment": secret.decode()}
    image.getexif()[0x010E] = secret.decode()
    images.save(image, tmp_path / f"out{suffix}")
    leaks = (tmp_path / f"out{suffix}").read_bytes().count(secret)
    record_figure(9, "leaks of metadata", leaks)
    assert not leaks


def test_a_photo_with_metadata_loses_it_on_the_way_through(tmp_path):
    tags = exif(6)
    tags[0x010F] = "TOPSECRET"
    Image.fromarray(RAINBOW).save(tmp_path / "in.jpg", exif=tags, comment=b"TOPSECRET", xmp=b"TOPSECRET")
    assert b"TOPSECRET" in (tmp_path / "in.jpg").read_bytes()
    images.save(images.to_pil(images.to_tensor(images.read_array(tmp_path / "in.jpg"))), tmp_path / "out.jpg")
    assert b"TOPSECRET" not in (tmp_path / "out.jpg").read_bytes()
    with Image.open(tmp_path / "out.jpg") as image:
        assert dict(image.getexif()) == {}
        assert image.size == (2, 3)


@pytest.mark.parametrize("name", ["x.tga", "x.svg", "x", "x.png.zip"])
def test_an_unknown_suffix_is_refused(tmp_path, name):
    with pytest.raises(ImageError, match="name it"):
        images.save(Image.fromarray(RAINBOW), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "out.png"
    images.save(Image.fromarray(RAINBOW), path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ImageError, match="No space left on device"):
        images.save(Image.new("RGB", (50, 50)), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]


def test_saving_makes_the_folder(tmp_path):
    images.save(Image.fromarray(RAINBOW), tmp_path / "a" / "b" / "out.png")
    assert (tmp_path / "a" / "b" / "out.png").is_file()
    with pytest.raises(ImageError):
        images.save(Image.fromarray(RAINBOW), tmp_path / "a" / "b" / "out.png" / "below.png")


def test_16_bit_colours_need_opencv_to_keep_rgb_order(tmp_path):
    """OpenCV writes BGR; what comes back here is what was meant."""
    deep = RAINBOW.astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "d.png"), deep[..., ::-1])
    assert np.array_equal(images.read_array(tmp_path / "d.png"), deep)
