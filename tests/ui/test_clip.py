"""One clip for the page, without the page."""

import sys
from pathlib import Path

import numpy as np
import pytest

from translate.errors import ConfigError, ImageError
from translate.ui import clip
from translate.ui.clip import is_available, look, translate_clip
from translate.ui.models import Models

pytest.importorskip("av")

from tests.inference import clips


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """Five frames of 64 x 48, a fifth of a second, with sound."""
    frames = [np.full((48, 64, 3), 40 * number, np.uint8) for number in range(5)]
    clips.write_clip(tmp_path / "a walk.mp4", frames)
    return tmp_path / "a walk.mp4"


def test_a_clip_is_described_before_anything_is_started(walk: Path) -> None:
    facts = look(walk)
    assert (facts.width, facts.height, facts.frames) == (64, 48, 5)
    assert facts.seconds == pytest.approx(0.2, abs=0.05)


def test_every_frame_is_what_the_library_makes_of_it(walk: Path, tmp_path: Path) -> None:
    from translate.inference.files import Options
    from translate.inference.video import translate_clip as by_library

    told: list[tuple[int, int]] = []
    models = Models()
    done = translate_clip(models, "tiny-labels", walk, 0.0, 1.0, told.append, bool)
    assert done.file is not None
    assert done.file.name == "a-walk-tiny-labels.mp4"
    assert (done.frames, done.width, done.height) == (5, 64, 48)
    assert told == [(number, 5) for number in range(1, 6)]
    by_library(models.load("tiny-labels"), walk, tmp_path / "expected.mp4", Options())
    np.testing.assert_array_equal(clips.pictures(done.file), clips.pictures(tmp_path / "expected.mp4"))
    assert clips.sound(done.file) == clips.sound(tmp_path / "expected.mp4")


def test_a_result_may_lie_over_the_clip(walk: Path) -> None:
    done = translate_clip(Models(), "tiny-labels", walk, 0.0, 0.0, bool, bool)
    assert done.file is not None
    assert np.abs(np.subtract(clips.pictures(done.file), clips.pictures(walk), dtype=int)).max() < 12  # the clip alone


def test_a_clip_that_is_stopped_leaves_no_file(walk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clip, "own_folder", lambda: tmp_path / "own")
    (tmp_path / "own").mkdir()
    told: list[tuple[int, int]] = []
    done = translate_clip(Models(), "tiny-labels", walk, 0.0, 1.0, told.append, lambda: len(told) == 2)
    assert done.file is None
    assert len(told) == 2
    assert not [path for path in (tmp_path / "own").rglob("*") if path.is_file()]


def test_a_clip_too_long_is_refused_by_its_header_or_when_it_proves_longer(
    walk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"a walk\.mp4: 5 frames; this page takes 4 of a clip"):
        look(walk, 4)
    monkeypatch.setattr(clip, "look", lambda *_: clip.Facts(64, 48, 1, 0.04))
    with pytest.raises(ConfigError, match="5 frames; this page takes 4"):
        translate_clip(Models(), "tiny-labels", walk, 0.0, 1.0, bool, bool, most=4)


@pytest.mark.parametrize("name", ["notes.txt", "walk.mp4"])
def test_what_is_no_clip_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(ImageError, match=r"is no clip this page takes|not a readable clip"):
        look(tmp_path / name)


def test_without_pyav_it_is_said_how_to_get_it(walk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(clip, "find_spec", lambda _: None)
    assert not is_available()
    assert "pip install 'translate-images[video]'" in clip.NO_PYAV
    with pytest.raises(ConfigError, match="pip install"):
        look(walk)
