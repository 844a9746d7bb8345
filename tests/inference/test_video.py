"""Clips: every frame in its place and time, the sound as it was, and nothing at all where something is wrong."""

import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from translate.errors import ConfigError, ImageError
from translate.inference import clip_file, folder, video
from translate.inference.files import Options, plan
from translate.inference.translator import Translator
from translate.inference.video import translate_clip

from .clips import av, pictures, sound, times, turn, write_clip, write_sound
from .conftest import CLASSES, Spy, picture_config

NATIVE = Options(scale="native")
UNEVEN = [0, 40, 80, 200, 210, 300, 340, 380, 400, 500]


def grays(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Frames of one gray each, 20 levels apart."""
    return [np.full((height, width, 3), 20 * (number % 12) + 10, np.uint8) for number in range(count)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v"])
def test_frames_times_and_sound_are_kept(identity, tmp_path: Path, suffix: str):
    source, target = tmp_path / f"in{suffix}", tmp_path / "deep" / f"out{suffix}"
    write_clip(source, grays(10), times=UNEVEN)
    done = translate_clip(identity, source, target, NATIVE)
    assert (done.frames, done.width, done.height) == (10, 64, 48)
    assert times(target) == times(source) == [Fraction(time, 1000) for time in UNEVEN]
    assert sound(target) == sound(source)
    assert len(sound(target)) > 10
    for number, picture in enumerate(pictures(target)):
        assert np.abs(picture.astype(int) - (20 * number + 10)).max() <= 3
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_webm_stays_a_webm(identity, tmp_path: Path):
    write_clip(tmp_path / "in.webm", grays(4), codec="libvpx-vp9", sound_codec="libopus")
    translate_clip(identity, tmp_path / "in.webm", tmp_path / "out.webm", NATIVE)
    assert times(tmp_path / "out.webm") == times(tmp_path / "in.webm")
    assert sound(tmp_path / "out.webm") == sound(tmp_path / "in.webm")


def test_an_avi_becomes_a_matroska_with_the_same_sound(identity, tmp_path: Path):
    write_clip(tmp_path / "in.avi", grays(4), codec="mpeg4", sound_codec="mp3")
    (job,) = plan([tmp_path / "in.avi"], tmp_path / "out")
    assert job.target.name == "in.mkv"
    assert folder.apply(identity, [job], NATIVE).written[0].frames == 4
    assert [data for _, data in sound(job.target)] == [data for _, data in sound(job.source)]


def test_colours_come_out_as_they_went_in(identity, tmp_path: Path):
    """Through BT.709 and back: a wrong matrix shifts saturated colours by 20 levels and more."""
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (128, 128, 128), (250, 250, 250)]
    write_clip(tmp_path / "in.mp4", [np.full((48, 64, 3), colour, np.uint8) for colour in colours], sound=False)
    before = pictures(tmp_path / "in.mp4")
    translate_clip(identity, tmp_path / "in.mp4", tmp_path / "out.mp4", NATIVE)
    for one, other in zip(before, pictures(tmp_path / "out.mp4"), strict=True):
        assert np.abs(one[20, 20].astype(int) - other[20, 20]).max() <= 4


def test_a_turned_clip_is_translated_and_written_upright(identity, tmp_path: Path):
    left_is_bright = np.zeros((48, 64, 3), np.uint8)
    left_is_bright[:, :32] = 200
    write_clip(tmp_path / "in.mp4", [left_is_bright] * 3)
    turn(tmp_path / "in.mp4")
    done = translate_clip(identity, tmp_path / "in.mp4", tmp_path / "out.mp4", NATIVE)
    assert (done.width, done.height) == (48, 64)
    assert identity.generator.shapes[0] == (1, 3, 64, 48)
    picture = pictures(tmp_path / "out.mp4")[0]
    assert picture.shape == (64, 48, 3)
    assert picture[10].mean() > 190  # the left edge, turned clockwise, is the top
    assert picture[-10].mean() < 10


def test_odd_sides_get_one_more_row_and_column(identity, tmp_path: Path):
    write_clip(tmp_path / "even.mkv", grays(2), sound=False)
    frames = pictures(tmp_path / "even.mkv")
    with av.open(str(tmp_path / "odd.mkv"), "w") as clip:
        stream = clip.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 63, 47, "bgr0"
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:47, :63]), format="rgb24")
            frame.pts = number
            clip.mux(stream.encode(frame.reformat(format="bgr0")))
        clip.mux(stream.encode(None))
    done = translate_clip(identity, tmp_path / "odd.mkv", tmp_path / "out.mkv", NATIVE)
    assert (done.width, done.height) == (63, 47)
    assert identity.generator.shapes[0] == (1, 3, 47, 63)
    assert pictures(tmp_path / "out.mkv")[0].shape == (48, 64, 3)


def test_a_label_clip_is_painted_with_the_palette(bright_is_sky, tmp_path: Path):
    half = np.zeros((48, 64, 3), np.uint8)
    half[:, 32:] = 255
    write_clip(tmp_path / "in.mp4", [half] * 2)
    done = translate_clip(bright_is_sky, tmp_path / "in.mp4", tmp_path / "out.mp4", NATIVE)
    picture = pictures(tmp_path / "out.mp4")[1].astype(int)
    assert np.abs(picture[20, 8] - CLASSES[0].color).max() <= 5
    assert np.abs(picture[20, 56] - CLASSES[1].color).max() <= 5
    assert done.shares == pytest.approx({"road": 0.5, "sky": 0.5}, abs=0.01)


def test_an_overlay_lies_over_the_frames(bright_is_sky, tmp_path: Path):
    write_clip(tmp_path / "in.mp4", [np.full((48, 64, 3), 250, np.uint8)] * 2)
    translate_clip(bright_is_sky, tmp_path / "in.mp4", tmp_path / "out.mp4", Options(scale="native", overlay=0.5))
    expected = (np.array(CLASSES[1].color) + 250) / 2
    assert np.abs(pictures(tmp_path / "out.mp4")[0][20, 20] - expected).max() <= 5


def test_a_folder_mixes_pictures_and_clips(identity, tmp_path: Path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write_clip(tmp_path / "in" / "sub" / "clip.mp4", grays(5))
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no clip at all")
    folder.images.save(grays(1)[0], tmp_path / "in" / "photo.png")
    told: list[tuple[int, int]] = []
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    summary = folder.apply(identity, jobs, NATIVE, frames=lambda *counts: told.append(counts))
    assert [done.job.target.relative_to(tmp_path / "out").as_posix() for done in summary.written] == [
        "photo.png",
        "sub/clip.mp4",
    ]
    assert [(done.frames, done.width) for done in summary.written] == [(None, 64), (5, 64)]
    assert [failure.path.name for failure in summary.failed] == ["broken.mp4"]
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    again = folder.apply(identity, jobs, NATIVE)
    assert [job.source.name for job in again.skipped] == ["photo.png", "clip.mp4"]


def test_frames_go_through_the_model_in_batches(identity, tmp_path: Path):
    write_clip(tmp_path / "in.mp4", grays(7))
    translate_clip(identity, tmp_path / "in.mp4", tmp_path / "out.mp4", Options(scale="native", batch_size=3))
    assert [shape[0] for shape in identity.generator.shapes] == [3, 3, 1]
    assert times(tmp_path / "out.mp4") == times(tmp_path / "in.mp4")


def test_large_frames_are_taken_a_few_at_a_time(identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(video, "PIXELS_AT_ONCE", 2 * 48 * 64)
    write_clip(tmp_path / "in.mp4", grays(4))
    translate_clip(identity, tmp_path / "in.mp4", tmp_path / "out.mp4", Options(scale="native", batch_size=4))
    assert [shape[0] for shape in identity.generator.shapes] == [2, 2]


def test_a_long_clip_takes_no_more_memory_than_a_short_one(tmp_path: Path):
    """Of Python's own: frames are arrays. 200 frames of this size would be 55 MB."""
    peaks = []
    translator = Translator(Spy(lambda x: x), picture_config(), device="cpu", precision="fp32")
    for count in (4, 200):
        frames = [np.full((240, 384, 3), number, np.uint8) for number in range(count)]
        write_clip(tmp_path / f"{count}.mp4", frames)
        del frames
        tracemalloc.start()
        translate_clip(translator, tmp_path / f"{count}.mp4", tmp_path / f"out{count}.mp4", NATIVE)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2e6


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ImageError("enough")])
def test_what_progress_raises_ends_the_work_and_leaves_no_file(identity, tmp_path: Path, stop):
    write_clip(tmp_path / "in.mp4", grays(6))

    def at_three(done: int, total: int) -> None:
        if done == 3:
            raise stop

    out = tmp_path / "out"
    with pytest.raises(stop if isinstance(stop, type) else type(stop)):
        translate_clip(identity, tmp_path / "in.mp4", out / "clip.mp4", NATIVE, frames=at_three)
    assert list(out.iterdir()) == []


def test_an_earlier_output_stays_until_the_new_one_is_whole(tmp_path: Path):
    write_clip(tmp_path / "in.mp4", grays(4))
    (tmp_path / "out.mp4").write_bytes(b"earlier")
    calls = iter([1, 2])

    def dies(x: torch.Tensor) -> torch.Tensor:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return x

    translator = Translator(Spy(dies), picture_config(), device="cpu")
    with pytest.raises(KeyboardInterrupt):
        translate_clip(translator, tmp_path / "in.mp4", tmp_path / "out.mp4", NATIVE)
    assert (tmp_path / "out.mp4").read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def bad_clip(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("no clip")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "playlist":
        path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")
    elif kind == "sound":
        write_sound(path)
    elif kind == "no frame":
        write_clip(path, [])
    elif kind == "wide":
        write_clip(path, grays(2, 16, 16_400), sound=False, codec="ffv1")
    else:
        write_clip(path, grays(100), options={"movflags": "+faststart"})
        data = bytearray(path.read_bytes())
        if kind == "headless":
            path.write_bytes(data[: data.index(b"moov") - 4] + data[data.index(b"mdat") - 4 :])
        elif kind == "cut off":
            path.write_bytes(data[: len(data) * 2 // 3])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "not a readable clip"),
        ("empty", "not a readable clip"),
        ("playlist", "not a readable clip"),
        ("headless", "not a readable clip"),
        ("sound", "has no moving picture, only audio"),
        ("no frame", "holds no frame"),
        ("cut off", "cut off"),
        ("wide", "16400 x 16 pixels; at most 16,384 a side"),
    ],
)
def test_a_bad_clip_is_one_line_and_leaves_nothing(identity, tmp_path: Path, kind: str, message: str):
    path = tmp_path / ("bad.mkv" if kind in ("wide", "no frame") else "bad.mp4")
    bad_clip(path, kind)
    (job,) = plan([path], tmp_path / f"out{path.suffix}")
    summary = folder.apply(identity, [job], NATIVE)
    assert summary.written == []
    (failure,) = summary.failed
    assert message in failure.reason
    assert "\n" not in failure.reason
    assert str(path) not in failure.reason
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_sound_that_a_container_can_t_hold_is_refused(identity, tmp_path: Path):
    write_clip(tmp_path / "aac.mkv", grays(2))
    with pytest.raises(ImageError, match=r"a \.webm file can't hold its sound \(aac\); write \.mkv"):
        translate_clip(identity, tmp_path / "aac.mkv", tmp_path / "out.webm", NATIVE)
    assert not (tmp_path / "out.webm").exists()


def test_a_model_of_other_channels_takes_no_clip(tmp_path: Path):
    translator = Translator(Spy(lambda x: x), picture_config(channels=7), device="cpu")
    write_clip(tmp_path / "in.mp4", grays(2))
    with pytest.raises(ImageError, match="makes 7 channels, and a clip shows 1 or 3"):
        translate_clip(translator, tmp_path / "in.mp4", tmp_path / "out.mp4", NATIVE)


def test_without_pyav_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'translate-images\[video\]'"):
        clip_file.ClipReader(tmp_path / "in.mp4")
