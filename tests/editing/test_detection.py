"""Which square of a photo is taken, and what is said of a photo that has no face, or two, or one seen from the side."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import yunet_file
from tests.tiny_faces import face, smooth
from translate import catalog
from translate.checkpoints import sha256
from translate.config import ALIGNMENTS
from translate.editing import detection
from translate.editing.alignment import of_points
from translate.editing.detection import YuNet, find, parse_crop
from translate.errors import CheckpointError, ConfigError, ImageError
from translate.features import FOLDER
from translate.interop.measures import YUNET

TEMPLATE = ALIGNMENTS["utkface"]
PHOTO = smooth(300, 400)


def seen(*faces):
    return lambda photo: list(faces)


def test_the_square_of_the_one_face_is_taken():
    found = find(PHOTO, TEMPLATE, 16, detect=seen(face()))
    assert found.square == of_points(face().points, TEMPLATE)
    assert found.notes == ("one face found",)


def test_of_two_faces_the_first_is_taken_or_the_one_asked_for_and_said():
    large, small = face(), face(300, 100, 20)
    first = find(PHOTO, TEMPLATE, 16, detect=seen(large, small))
    second = find(PHOTO, TEMPLATE, 16, detect=seen(large, small), face=2)
    assert first.square == of_points(large.points, TEMPLATE)
    assert second.square == of_points(small.points, TEMPLATE)
    assert first.notes[0].startswith(
        "2 faces found; the largest, 80 x 100 pixels at 80, 80, is taken; --face N chooses"
    )
    assert second.notes[0].startswith("2 faces found; number 2, 40 x 50 pixels at 290, 80, is taken")
    with pytest.raises(ImageError, match="face 3 is asked for, and 2 found"):
        find(PHOTO, TEMPLATE, 16, detect=seen(large, small), face=3)


@pytest.mark.parametrize(
    ("faces", "said"),
    [
        ((), r"me\.jpg: no face found; choose a photo that shows one larger and from the front, or set its square by"),
        ((face(nose=0.05),), r"me\.jpg: the face is seen from the side"),
        ((face(nose=1.2),), r"me\.jpg: the face is seen from the side"),
        ((face(eyes=2),), r"me\.jpg: the face's square has 5 pixels a side; at least 8 are needed for a model of 16"),
    ],
)
def test_a_photo_that_the_model_cannot_take_is_refused_in_one_line(faces: tuple, said: str):
    with pytest.raises(ImageError, match=said) as caught:
        find(PHOTO, TEMPLATE, 16, where="me.jpg", detect=seen(*faces))
    assert "\n" not in str(caught.value)


def test_of_a_drawing_it_is_said_that_the_detector_is_not_sure():
    notes = find(PHOTO, TEMPLATE, 16, detect=seen(face(score=0.7))).notes
    assert "the detector is not sure (score 0.70): of a drawing or a statue" in notes[1]


def test_a_square_that_is_given_goes_before_any_detector():
    found = find(PHOTO, TEMPLATE, 16, crop=(10, 20, 50), detect=seen(face()))
    np.testing.assert_allclose(found.square.corners[[0, 2]], [[10, 20], [60, 70]])
    assert found.notes == ("the square 10,20,50 was given",)


@pytest.mark.parametrize(
    "crop", [(-1, 0, 50), (351, 0, 50), (0, 251, 50), (0, 0, 0.5), (float("nan"), 0, 9), (0, 0, float("inf"))]
)
def test_a_square_beyond_the_photo_is_refused(crop: tuple):
    with pytest.raises(ConfigError, match=r"leaves the photo of 400 x 300 pixels"):
        find(PHOTO, TEMPLATE, 16, crop=crop)


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "a,b,c", "1;2;3"])
def test_what_is_no_square_is_refused(text: str):
    with pytest.raises(ConfigError, match="expected three numbers, X,Y,SIDE"):
        parse_crop(text)
    assert parse_crop(" 1.5, 2,30") == (1.5, 2, 30)


def test_without_a_detector_a_square_photo_is_taken_whole_and_another_is_not():
    found = find(PHOTO[:, :300], TEMPLATE, 16)
    np.testing.assert_allclose(found.square.corners[[0, 2]], [[0, 0], [300, 300]])
    assert found.notes == ("no face detector is installed: the whole picture is taken as an aligned face",)
    with pytest.raises(
        ImageError, match="400 x 300 pixels are no square, and no face detector is installed; `translate"
    ):
        find(PHOTO, TEMPLATE, 16)
    with pytest.raises(ImageError, match="the model does not say how its faces lie; set the face's square by --crop"):
        find(PHOTO, None, 16, detect=seen(face()))


@pytest.fixture
def yunet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network that takes red cells for faces, installed as if it were YuNet."""
    pytest.importorskip("onnx")
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path))
    (tmp_path / FOLDER).mkdir()
    path = yunet_file.write(tmp_path / FOLDER / YUNET)
    monkeypatch.setattr(detection, "YUNET_DIGEST", sha256(path))
    return path


@pytest.mark.parametrize("scale", [1, 4])
def test_opencv_s_answer_is_brought_to_the_photo_s_pixels(yunet: Path, scale: int):
    """The cell at (20, 10) of the small picture: 32 x 40 pixels round (164, 84); the photo is larger by `scale`."""
    photo = np.zeros((320, 640, 3), np.uint8)
    photo[80:88, 160:168, 0] = 255
    photo = np.kron(photo, np.ones((scale, scale, 1), np.uint8))
    detect = detection.detector()
    assert detect is not None
    (found,) = detect(photo)
    assert found.score == pytest.approx(1)
    assert found.box == pytest.approx(tuple(scale * v for v in (164 - 16, 84 - 20, 32, 40)), abs=1e-3)
    cell = np.array([20, 10])
    expected = (np.array(yunet_file.POINTS).reshape(5, 2) + cell) * 8 * scale
    np.testing.assert_allclose(found.points, expected, rtol=1e-5)


def test_faces_come_largest_first_of_16_bits_too_and_none_is_none(yunet: Path):
    detect = YuNet(yunet)
    assert detect(np.zeros((100, 333, 3), np.uint8)) == []
    photo = np.zeros((320, 320, 3), np.uint16)
    photo[80:88, 160:168, 0] = photo[240:248, 40:48, 0] = 65535
    assert sorted(round(found.box[0]) for found in detect(photo)) == [28, 148]


def test_another_file_is_not_taken_for_yunet(yunet: Path, monkeypatch: pytest.MonkeyPatch):
    yunet.write_bytes(b"not a network")
    with pytest.raises(CheckpointError, match="its SHA-256 starts"):
        detection.detector()
    monkeypatch.setattr(detection, "YUNET_DIGEST", sha256(yunet))
    with pytest.raises(CheckpointError, match=f"OpenCV {cv2.__version__} can't read it") as caught:
        detection.detector()
    assert "\n" not in str(caught.value)


def test_without_weights_there_is_no_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path))
    assert catalog.home() == tmp_path
    assert detection.detector() is None
