"""Files are translated in batches; bad ones don't stop the others; an interrupted run goes on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import images
from translate.errors import ConfigError, ImageError
from translate.inference import folder
from translate.inference.files import Job, plan
from translate.inference.folder import Failure, Options
from translate.inference.translator import Translator

from .conftest import CLASSES, Spy, picture_config

NATIVE = Options(scale="native")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures of two sizes, each of one gray."""
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    for value, (name, size) in enumerate({"a": (8, 4), "b": (4, 4), "c": (8, 4), "sub/d": (8, 4)}.items()):
        Image.new("RGB", size, (value, value, value)).save(root / f"{name}.png")
    return root


def values(out: Path) -> dict[str, int]:
    return {
        path.relative_to(out).as_posix(): int(np.asarray(Image.open(path, formats=["PNG"]))[0, 0, 0])
        for path in sorted(out.rglob("*.*"))
    }


def test_every_picture_gets_its_own_translation(identity, photos: Path, tmp_path: Path):
    summary = folder.apply(identity, plan([photos], tmp_path / "out"), NATIVE)
    assert values(tmp_path / "out") == {"a.png": 0, "b.png": 1, "c.png": 2, "sub/d.png": 3}
    assert (len(summary.written), summary.skipped, summary.failed) == (4, [], [])
    assert {(done.width, done.height, done.scale) for done in summary.written} == {(8, 4, 1.0), (4, 4, 1.0)}


def test_pictures_of_one_size_share_a_batch(identity, photos: Path, tmp_path: Path):
    folder.apply(identity, plan([photos], tmp_path / "out"), Options(scale="native", batch_size=2))
    assert sorted(identity.generator.shapes) == [(1, 3, 4, 4), (1, 3, 4, 8), (2, 3, 4, 8)]
    assert values(tmp_path / "out") == {"a.png": 0, "b.png": 1, "c.png": 2, "sub/d.png": 3}


def test_large_photos_are_not_decoded_in_large_batches(identity, photos: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(folder, "PIXELS_AT_ONCE", 40)
    folder.apply(identity, plan([photos], tmp_path / "out"), Options(scale="native", batch_size=8))
    assert {shape[0] for shape in identity.generator.shapes} == {1}


def test_finished_outputs_are_skipped_and_counted(identity, photos: Path, tmp_path: Path):
    out = tmp_path / "out"
    jobs = plan([photos], out)
    folder.apply(identity, jobs[:3], NATIVE)
    Image.new("RGB", (1, 1), (99, 0, 0)).save(out / "a.png")
    seen = len(identity.generator.shapes)
    summary = folder.apply(identity, jobs, NATIVE)
    assert [done.job.target.name for done in summary.written] == ["d.png"]
    assert [job.target.name for job in summary.skipped] == ["a.png", "b.png", "c.png"]
    assert len(identity.generator.shapes) == seen + 1
    assert values(out)["a.png"] == 99


def test_overwrite_redoes_them(identity, photos: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    Image.new("RGB", (1, 1), (99, 0, 0)).save(out / "a.png")
    summary = folder.apply(identity, plan([photos], out), Options(scale="native", overwrite=True))
    assert (len(summary.written), values(out)["a.png"]) == (4, 0)


def test_bad_files_are_named_and_the_others_are_written(identity, photos: Path, tmp_path: Path):
    (photos / "b.png").write_text("no picture")
    (photos / "c.png").write_bytes((photos / "c.png").read_bytes()[:50])  # the header is whole, the pixels are not
    told: list[int] = []
    summary = folder.apply(identity, plan([photos], tmp_path / "out"), NATIVE, report=told.append)
    assert values(tmp_path / "out") == {"a.png": 0, "sub/d.png": 3}
    assert [failure.path.name for failure in summary.failed] == ["b.png", "c.png"]
    assert not [failure for failure in summary.failed if str(photos) in failure.reason or "\n" in failure.reason]
    assert sum(told) == 4


def test_one_picture_that_fails_in_the_model_does_not_take_its_batch_along(photos: Path, tmp_path: Path):
    def fussy(x: torch.Tensor) -> torch.Tensor:
        if len(x) > 1 or bool((x[0, 0, 0, 0] + 1) * 127.5 > 2.5):
            raise torch.OutOfMemoryError("out of memory")
        return x

    translator = Translator(Spy(fussy), picture_config(), device="cpu")
    summary = folder.apply(translator, plan([photos], tmp_path / "out"), Options(scale="native", batch_size=4))
    assert values(tmp_path / "out") == {"a.png": 0, "b.png": 1, "c.png": 2}
    assert [failure.path.name for failure in summary.failed] == ["d.png"]
    assert "not even 8 x 4 pixels fit into the memory" in summary.failed[0].reason


def test_an_output_that_can_t_be_written_is_reported(identity, photos: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder should be")
    summary = folder.apply(identity, plan([photos], tmp_path / "out"), NATIVE)
    assert [failure.path.name for failure in summary.failed] == ["d.png"]


def test_an_interrupted_run_leaves_whole_outputs_and_goes_on(photos: Path, tmp_path: Path):
    calls = iter([False, False, True])

    def interrupted(x: torch.Tensor) -> torch.Tensor:
        if next(calls, False):
            raise KeyboardInterrupt
        return x

    translator = Translator(Spy(interrupted), picture_config(), device="cpu")
    jobs = plan([photos], tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        folder.apply(translator, jobs, NATIVE)
    assert len(values(tmp_path / "out")) == 2
    summary = folder.apply(translator, jobs, NATIVE)
    assert (len(summary.skipped), len(summary.written)) == (2, 2)
    assert values(tmp_path / "out") == {"a.png": 0, "b.png": 1, "c.png": 2, "sub/d.png": 3}


def test_a_label_model_writes_class_numbers_with_their_colours(bright_is_sky, photos: Path, tmp_path: Path):
    Image.new("RGB", (2, 2), (255, 255, 255)).save(photos / "a.png")
    folder.apply(bright_is_sky, plan([photos], tmp_path / "out"))
    assert images.read_labels(tmp_path / "out" / "a.png").tolist() == [[1, 1], [1, 1]]
    assert images.read_labels(tmp_path / "out" / "b.png").tolist() == [[0] * 4] * 4
    assert images.read_array(tmp_path / "out" / "a.png")[0, 0].tolist() == list(CLASSES[1].color)


def test_an_overlay_lays_the_classes_over_the_photo(bright_is_sky, tmp_path: Path):
    Image.new("RGB", (2, 2), (255, 255, 255)).save(tmp_path / "a.png")
    job = [Job(tmp_path / "a.png", tmp_path / "o.png")]
    expected = {0.0: [255, 255, 255], 1.0: [200, 100, 50], 0.5: [227, 177, 152]}  # 227.5, 177.5, 152.5 cut off
    for strength, colour in expected.items():
        folder.apply(bright_is_sky, job, Options(overlay=strength, overwrite=True))
        assert images.read_array(tmp_path / "o.png")[0, 0].tolist() == colour


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".gif"])
def test_class_numbers_are_not_written_where_they_would_be_lost(bright_is_sky, photos: Path, tmp_path: Path, suffix):
    job = [Job(photos / "a.png", tmp_path / f"o{suffix}")]
    with pytest.raises(ConfigError, match=f"a {suffix} file can't hold class numbers.*--overlay"):
        folder.apply(bright_is_sky, job)
    assert len(folder.apply(bright_is_sky, job, Options(overlay=1)).written) == 1


@pytest.mark.parametrize("options", [Options(overlay=1.5), Options(overlay=-1), Options(scale=0.0)])
def test_options_out_of_range_are_refused_before_anything_is_done(identity, photos: Path, tmp_path: Path, options):
    with pytest.raises(ConfigError):
        folder.apply(identity, plan([photos], tmp_path / "out"), options)
    assert not (tmp_path / "out").exists()


def test_who_cancels_keeps_what_is_done_and_the_next_run_goes_on(identity, photos: Path, tmp_path: Path):
    jobs, done = plan([photos], tmp_path / "out"), []
    summary = folder.apply(identity, jobs, NATIVE, finished=done.append, cancelled=lambda: len(done) == 2)
    assert summary.stopped
    assert summary.written == done
    assert sorted(values(tmp_path / "out")) == sorted(one.job.target.name for one in done)
    assert len(done) == 2
    again = folder.apply(identity, jobs, NATIVE)
    assert (len(again.skipped), len(again.written), again.stopped) == (2, 2, False)
    assert values(tmp_path / "out") == {"a.png": 0, "b.png": 1, "c.png": 2, "sub/d.png": 3}


def test_cancelling_is_heard_between_the_tiles_of_one_picture(identity, tmp_path: Path):
    Image.new("RGB", (256, 256)).save(tmp_path / "large.png")
    job, asked = Job(tmp_path / "large.png", tmp_path / "out.png"), []
    options = Options(scale="native", tile=64)
    summary = folder.apply(
        identity, [job], options, cancelled=lambda: bool(asked), tiles=lambda *tile: asked.append(tile)
    )
    assert summary.stopped
    assert len(asked) == 1  # one tile was told, and none after it
    assert not job.target.exists()


def test_a_reason_does_not_repeat_the_path():
    assert folder._failure(Path("a.png"), ImageError("a.png: damaged")) == Failure(Path("a.png"), "damaged")
