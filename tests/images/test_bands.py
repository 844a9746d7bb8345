"""TIFFs of many channels and of 16-bit colours: every layout gives the values that were stored, bad ones a line."""

import io
import itertools
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.picture_files import STORED, UPRIGHT, tiff_bytes, write
from translate import images
from translate.errors import ImageError
from translate.images import bands

READERS = (images.header, images.read_array)


def values(channels: int, dtype: type = np.uint16, size: tuple[int, int] = (29, 37)) -> np.ndarray:
    return np.random.default_rng(channels).integers(0, np.iinfo(dtype).max, (*size, channels), dtype, endpoint=True)


def layout(array: np.ndarray, *, order: str, planes: bool, squares: bool, compression: int, differences: bool) -> bytes:
    """A TIFF of strips of 5 rows or tiles of 16 x 32, laid out here and not by the module that is tested."""
    height, width, channels = array.shape
    high, wide = (16, 32) if squares else (5, width)
    pieces = []
    for plane in [slice(c, c + 1) for c in range(channels)] if planes else [slice(None)]:
        for top, left in itertools.product(range(0, height, high), range(0, width, wide)):
            piece = array[top : top + high, left : left + wide, plane]
            if squares:
                piece = np.pad(piece, ((0, high - piece.shape[0]), (0, wide - piece.shape[1]), (0, 0)), mode="edge")
            if differences:
                piece = np.concatenate([piece[:, :1], piece[:, 1:] - piece[:, :-1]], axis=1)
            pieces.append(packed(piece.astype(array.dtype.newbyteorder(order)).tobytes(), compression))
    entries = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [array.dtype.itemsize * 8] * channels),
        259: ("H", [compression]),
        262: ("H", [1]),
        277: ("H", [channels]),
        284: ("H", [2 if planes else 1]),
        317: ("H", [2 if differences else 1]),
        338: ("H", [0] * (channels - 1)),
    }
    entries |= {322: ("I", [wide]), 323: ("I", [high])} if squares else {278: ("I", [high])}
    entries[325 if squares else 279] = ("I", [len(piece) for piece in pieces])
    return bands._file(order, entries, 324 if squares else 273, pieces)


def packed(data: bytes, compression: int) -> bytes:
    if compression == 1:
        return data
    if compression in (8, 32946):
        return zlib.compress(data)
    # Pillow packs a gray row; what its one strip holds is what any decoder of that kind unpacks.
    buffer = io.BytesIO()
    name = {5: "tiff_lzw", 32773: "packbits"}[compression]
    Image.frombytes("L", (len(data), 1), data).save(buffer, "TIFF", compression=name)
    with Image.open(buffer, formats=("TIFF",)) as image:
        at, length = image.tag_v2[273][0], image.tag_v2[279][0]
    return buffer.getvalue()[at : at + length]


@pytest.mark.parametrize("compression", bands.COMPRESSIONS.keys() - {50000})
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("squares", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_layout_gives_the_values_that_were_stored(tmp_path, order, squares, planes, compression):
    for channels, dtype, differences in itertools.product((2, 4, 7), (np.uint8, np.uint16), (False, True)):
        array = values(channels, dtype)
        data = layout(
            array, order=order, planes=planes, squares=squares, compression=compression, differences=differences
        )
        found = images.read_array(write(tmp_path, "x.tif", data), None)
        assert found.dtype == dtype
        assert np.array_equal(found, array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 13, 200])
def test_what_is_written_comes_back(tmp_path, channels, dtype):
    array = values(channels, dtype)
    images.save(array, tmp_path / "x.tif")
    found = images.read_array(tmp_path / "x.tif", None)
    assert found.dtype == dtype
    assert np.array_equal(found, array)


def test_other_programs_read_what_is_written(tmp_path):
    """OpenCV, which has a libtiff of its own, as the judge."""
    cv2 = pytest.importorskip("cv2")
    array = values(3)
    images.save(array, tmp_path / "x.tif")
    assert np.array_equal(cv2.imread(str(tmp_path / "x.tif"), cv2.IMREAD_UNCHANGED)[..., ::-1], array)


@pytest.mark.parametrize("value", [0, 1, 255, 256, 12345, 65534, 65535])
def test_sixteen_bits_stay_sixteen_bits_through_png_and_tiff(tmp_path, value):
    array = np.full((3, 4, 3), value, np.uint16)
    array[0, 0] = (value // 2, 7, 65535 - value)
    for name in ("x.png", "x.tif"):
        images.save(array, tmp_path / name)
        found = images.read_array(tmp_path / name)
        assert found.dtype == np.uint16
        assert np.array_equal(found, array)


def test_formats_of_eight_bits_or_three_channels_refuse_more(tmp_path):
    for array, name, words in [
        (values(3), "x.jpg", "3-channel 16-bit picture as JPEG: it holds 8 bits"),
        (values(1), "x.webp", "1-channel 16-bit picture as WEBP: it holds 8 bits"),
        (values(7), "x.png", "7-channel 16-bit picture as PNG: it holds one channel or three; save it as TIFF"),
    ]:
        with pytest.raises(ImageError, match=words):
            images.save(array, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_many_channels_is_turned_upright(tmp_path, orientation):
    stored = np.array(STORED, np.uint16)[..., None] * 1000 + np.arange(5, dtype=np.uint16)
    golden = np.array(UPRIGHT[orientation], np.uint16)[..., None] * 1000 + np.arange(5, dtype=np.uint16)
    path = write(tmp_path, "x.tif", tiff_bytes(stored, colours=1, orientation=orientation))
    assert np.array_equal(images.read_array(path, None), golden)
    assert images.header(path) == images.Header(golden.shape[1], golden.shape[0], "5 channels;16")


def test_planes_of_16_bit_colours_are_put_together(tmp_path):
    array = values(3)
    assert np.array_equal(images.read_array(write(tmp_path, "x.tif", tiff_bytes(array, colours=2, planes=True))), array)


def test_channels_that_are_no_alpha_are_not_taken_for_it(tmp_path):
    """Red, green, blue and near infrared: four channels where four are asked for, and no RGB in silence."""
    images.save(values(4), tmp_path / "x.tif")
    assert images.read_array(tmp_path / "x.tif", 4).shape == (29, 37, 4)
    with pytest.raises(ImageError, match=r"x\.tif: has 4 channels where 3 are wanted"):
        images.read_array(tmp_path / "x.tif")
    with pytest.raises(ImageError, match="4 channels are no label map"):
        images.read_labels(tmp_path / "x.tif")
    Image.new("RGBA", (3, 2), (0, 0, 0, 0)).save(tmp_path / "alpha.tif")
    assert images.read_array(tmp_path / "alpha.tif").tolist() == [[[255] * 3] * 3] * 2


def test_nothing_but_pixels_is_written(tmp_path):
    images.save(values(7), tmp_path / "x.tif")
    with open(tmp_path / "x.tif", "rb") as file:
        data = file.read()
    count = struct.unpack_from("<H", data, 8)[0]
    tags = {struct.unpack_from("<H", data, 10 + 12 * i)[0] for i in range(count)}
    assert tags == {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 338, 339}


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def changed(data: bytes, tag: int, kind: int, count: int, value: int) -> bytes:
    """The file with one entry of its directory replaced."""
    start = struct.unpack_from("<I", data, 4)[0]
    for i in range(struct.unpack_from("<H", data, start)[0]):
        at = start + 2 + 12 * i
        if struct.unpack_from("<H", data, at)[0] == tag:
            return data[:at] + entry(tag, kind, count, value) + data[at + 12 :]
    raise AssertionError(f"no entry {tag}")


PLAIN = tiff_bytes(values(7), colours=1)

HOSTILE = {
    "60,000 a side": changed(changed(PLAIN, 256, 4, 1, 60_000), 257, 4, 1, 60_000),
    "1 x 16,385": changed(changed(PLAIN, 256, 4, 1, 1), 257, 4, 1, 16_385),
    "16,385 x 1": changed(changed(PLAIN, 256, 4, 1, 16_385), 257, 4, 1, 1),
    "2^32 - 1 a side": changed(changed(PLAIN, 256, 4, 1, 2**32 - 1), 257, 4, 1, 2**32 - 1),
    "no width": changed(PLAIN, 256, 4, 1, 0),
    "no height": changed(PLAIN, 257, 4, 1, 0),
    "65,535 channels": changed(changed(PLAIN, 277, 3, 1, 65_535), 257, 4, 1, 16_000),
    "2^32 - 1 strips": changed(PLAIN, 273, 4, 2**32 - 1, 0),
    "2^32 - 1 depths": changed(PLAIN, 258, 3, 2**32 - 1, 8),
    "a table beyond the end": changed(PLAIN, 279, 4, 9, 10**9),
    "a strip beyond the end": changed(PLAIN, 273, 4, 1, 10**9),
    "a strip of 4 GB": changed(PLAIN, 279, 4, 1, 2**32 - 1),
    "no rows in a strip": changed(PLAIN, 278, 4, 1, 0),
    "one row in a strip": changed(PLAIN, 278, 4, 1, 1),
    "an unknown compression": changed(PLAIN, 259, 3, 1, 34_712),
    "JPEG": changed(PLAIN, 259, 3, 1, 7),
    "a directory of 65,535 entries": PLAIN[:4] + struct.pack("<I", 8) + b"\xff\xff" + PLAIN[10:],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_line_and_in_fifty_milliseconds(tmp_path, name):
    """Rows 6 to 8 of the reliability figures: by what its directory says, before anything is decoded."""
    path = write(tmp_path, "x.tif", HOSTILE[name])
    for reader in READERS:
        began = time.perf_counter()
        with pytest.raises(ImageError) as caught:
            reader(path)
        assert time.perf_counter() - began < 0.05
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_only_the_first_directory_is_read_so_that_none_can_lead_in_circles(tmp_path):
    start = struct.unpack_from("<I", PLAIN, 4)[0]
    count = struct.unpack_from("<H", PLAIN, start)[0]
    looped = PLAIN[: start + 2 + 12 * count] + struct.pack("<I", start) + PLAIN[start + 6 + 12 * count :]
    assert np.array_equal(images.read_array(write(tmp_path, "x.tif", looped), None), values(7))


def test_a_strip_that_unpacks_to_more_than_it_should_fills_no_memory(tmp_path):
    """64 MB of zeros in 64 KB, where 7 bytes are due: no strip is that long. Of 3 MB in 3 KB the first 7 are taken."""
    array = np.zeros((1, 1, 7), np.uint8)
    data = layout(array, order="<", planes=False, squares=False, compression=8, differences=False)
    bomb = zlib.compress(bytes(64 << 20), 9)
    bombed = changed(changed(data, 273, 4, 1, len(data)), 279, 4, 1, len(bomb)) + bomb
    with pytest.raises(ImageError, match="its end is missing"):
        images.read_array(write(tmp_path, "x.tif", bombed), None)
    bomb = zlib.compress(bytes(3 << 20), 9)
    bombed = changed(changed(data, 273, 4, 1, len(data)), 279, 4, 1, len(bomb)) + bomb
    assert np.array_equal(images.read_array(write(tmp_path, "x.tif", bombed), None), array)


def test_a_file_cut_anywhere_is_read_whole_or_refused_in_a_line(tmp_path, capfd):
    for array in (values(7), values(3), values(5, np.uint8)):
        data = bands.encode(array)
        for cut in sorted({0, 1, 3, 8, 9, len(data) - 1, *np.linspace(10, len(data) - 2, 40).astype(int).tolist()}):
            path = write(tmp_path, "x.tif", data[:cut])
            with pytest.raises(ImageError) as caught:
                images.read_array(path, None)
            assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_a_mangled_file_is_read_or_refused_and_the_next_good_one_is_the_same(tmp_path, compression):
    array = values(7)
    data = layout(array, order="<", planes=False, squares=True, differences=True, compression=compression)
    rng, lines = np.random.default_rng(8), []
    for number in range(150):
        mangled = bytearray(data)
        for at in rng.integers(0, 400 if number % 2 else len(data), 3):
            mangled[at] = rng.integers(0, 256)
        for reader in (*READERS, images.read_labels):
            try:
                reader(write(tmp_path, "bad.tif", bytes(mangled)))
            except ImageError as error:
                lines.append(str(error))
    assert len(lines) > 100
    assert not [line for line in lines if "\n" in line]
    assert np.array_equal(images.read_array(write(tmp_path, "good.tif", data), None), array)
