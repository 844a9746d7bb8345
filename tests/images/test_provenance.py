"""Files that say their picture is synthetic, still and moving; and those that can't."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageSequence

from translate import images
from translate.errors import ImageError

SAID = images.Provenance("Synthetic picture: by <faces> & co", "edited")
RED, BLUE = (Image.new("RGB", (8, 6), colour) for colour in ("red", "blue"))
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
SOURCE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def packet(image: Image.Image) -> str:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return found.decode() if isinstance(found, bytes) else found


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_file_says_in_words_and_in_iptc_s_that_it_is_synthetic(tmp_path: Path, suffix: str):
    images.save(RED, tmp_path / f"a{suffix}", provenance=SAID)
    with Image.open(tmp_path / f"a{suffix}") as image:
        image.load()
        tree = ElementTree.fromstring(packet(image))
        assert image.size == (8, 6)
    assert "".join(tree.find(f".//{DESCRIPTION}").itertext()) == SAID.text
    sources = [node.get(SOURCE) for node in tree.iter() if node.get(SOURCE)]
    assert [source.rpartition("/")[2] for source in sources] == ["compositeWithTrainedAlgorithmicMedia"]


def test_a_png_says_it_in_a_plain_chunk_too(tmp_path: Path):
    images.save(RED, tmp_path / "a.png", provenance=SAID)
    with Image.open(tmp_path / "a.png") as image:
        assert image.text["Comment"] == SAID.text


def test_what_a_model_made_altogether_has_another_word():
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in images.Provenance("x").xmp


@pytest.mark.parametrize("suffix", [".bmp", ".tif"])
def test_a_file_that_can_not_say_it_is_not_written(tmp_path: Path, suffix: str):
    with pytest.raises(ImageError, match="can't say that the picture is synthetic"):
        images.save(RED, tmp_path / f"a{suffix}", provenance=SAID)
    with pytest.raises(ImageError, match="in 16 bits it can't say"):
        images.save(np.zeros((4, 4, 3), np.uint16), tmp_path / "a.png", provenance=SAID)
    assert not list(tmp_path.iterdir())


def test_a_picture_of_a_camera_says_nothing(tmp_path: Path):
    for suffix in (".png", ".jpg", ".webp"):
        images.save(RED, tmp_path / f"a{suffix}")
        with Image.open(tmp_path / f"a{suffix}") as image:
            assert packet(image) is None


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_has_its_frames_their_time_and_its_word(tmp_path: Path, suffix: str):
    path = tmp_path / f"a{suffix}"
    images.save_animation([RED, BLUE, RED], path, seconds=0.2, provenance=SAID)
    with Image.open(path) as image:
        assert (image.n_frames, image.info["loop"]) == (3, 0)
        seen = [np.asarray(frame.convert("RGB"))[3, 4] for frame in ImageSequence.Iterator(image)]
        times = []
        for number in range(3):
            image.seek(number)
            image.load()
            times.append(image.info["duration"])
        image.seek(0)
        said = image.info["comment"].decode() if suffix == ".gif" else packet(image)
    assert times == [200, 200, 200]
    assert all(
        abs(int(value) - want) < 6
        for pixel, colour in zip(seen, ((255, 0, 0), (0, 0, 255), (255, 0, 0)), strict=True)
        for value, want in zip(pixel, colour, strict=True)
    )
    assert "Synthetic picture" in said


@pytest.mark.parametrize(
    ("frames", "name", "said"),
    [
        ([RED], "a.png", "an animation is a .gif or .webp"),
        ([], "a.gif", "0 frames of 0 sizes"),
        ([RED, Image.new("RGB", (6, 8))], "a.gif", "2 frames of 2 sizes"),
    ],
)
def test_what_is_no_animation_is_refused(tmp_path: Path, frames, name, said):
    with pytest.raises(ImageError, match=said):
        images.save_animation(frames, tmp_path / name)
    assert not list(tmp_path.iterdir())
