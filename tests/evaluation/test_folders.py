"""Two folders of pictures: figures worked out by hand, pairs by name, and one line for every mistake."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import images
from translate.errors import CheckpointError, ConfigError, DatasetError, ImageError
from translate.evaluation import folders
from translate.evaluation.gallery import Gallery
from translate.evaluation.report import Report
from translate.evaluation.sets import PictureSet, compare
from translate.features import load_features

PAIRED = {"l1", "psnr", "ssim", "ms_ssim", "colour_difference"}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Writes pictures of smooth colours, between 60 and 180, into a folder; `brighter` is added to every value."""

    def write(
        name: str,
        count: int = 6,
        *,
        size: tuple[int, int] = (24, 20),
        brighter: int = 0,
        prefix: str = "",
        seed: int = 0,
        suffix: str = ".png",
    ) -> Path:
        random, folder = np.random.default_rng(seed), tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            coarse = Image.fromarray(random.integers(60, 180, (3, 3, 3), dtype=np.uint8))
            pixels = np.asarray(coarse.resize(size[::-1], Image.Resampling.BILINEAR)) + np.uint8(brighter)
            Image.fromarray(pixels).save(folder / f"{prefix}{number}{suffix}")
        return folder

    return write


def _compare(a: Path, b: Path, **options: object) -> Report:
    return folders.compare_folders(a, b, device="cpu", features="shipped", **options)  # type: ignore[arg-type]


def _tensors(folder: Path) -> list[torch.Tensor]:
    return [images.to_tensor(np.asarray(Image.open(path)))[None] for path in sorted(folder.iterdir())]


def test_a_pair_that_is_51_levels_brighter_is_so_by_every_figure_of_pairs(make):
    """51 of 255 levels are 0.4 of the range [-1, 1]: PSNR is 10 log10(2^2 / 0.4^2) = 13.98 dB."""
    report = _compare(make("a", brighter=51), make("b"))
    assert report.scores["l1"] == pytest.approx(0.4, abs=1e-6)
    assert report.scores["psnr"] == pytest.approx(13.979, abs=1e-3)
    assert report.scores["sharpness"] == pytest.approx(1, abs=1e-4)
    assert 15 < report.scores["colour_difference"] < 25
    assert math.isnan(report.scores["ms_ssim"])
    assert (report.pairs, report.pixels, report.counts) == (6, 6 * 24 * 20, (6, 6))
    assert any("MS-SSIM is of 0 of 6 pairs: it needs 161 pixels" in note for note in report.notes)


def test_figures_of_the_sets_are_those_of_all_pictures_read_by_hand(make):
    a, b = make("a", 7), make("b", 9, size=(30, 31), seed=1)
    report, space = _compare(a, b), load_features("shipped", "cpu")
    parts = []
    for folder in (a, b):
        part = PictureSet(space)
        for picture in _tensors(folder):
            part.add(picture)
        parts.append(part)
    assert report.scores == compare(*parts).scores
    assert (report.space, report.counts, report.pairs) == (space.name, (7, 9), 0)
    assert f"7 pictures against 9 real pictures, in the feature space {space.name}" in report.protocol
    assert (report.data, report.against, report.model, report.title) == (str(a), str(b), "", "a")


def test_a_folder_beside_itself_is_the_same(make):
    a = make("a", 8)
    report = _compare(a, a)
    assert (report.scores["ssim"], report.scores["psnr"], report.scores["l1"]) == (1, math.inf, 0)
    assert report.scores["frechet"] == pytest.approx(0, abs=1e-6)
    assert report.as_json()["scores"]["psnr"] is None


@pytest.mark.parametrize(
    ("paired", "more_in_a", "pairs", "note"),
    [
        (None, False, 4, "left out of the pairs: 2"),
        (None, True, 0, "4 names pair up, not all of"),
        (True, True, 4, "left out of the pairs: 2"),
        (False, False, 0, None),
    ],
)
def test_names_pair_up_where_all_of_a_have_partners_or_where_asked_for(
    make, paired: bool | None, more_in_a: bool, pairs: int, note: str | None
):
    counts = (6, 4) if more_in_a else (4, 6)
    report = _compare(make("a", counts[0]), make("b", counts[1]), paired=paired)
    assert (report.pairs, report.counts) == (pairs, counts)
    assert (report.scores.keys() >= PAIRED) == bool(pairs)
    told = [found for found in report.notes if "pair" in found and "MS-SSIM" not in found]
    assert [note in found for found in told] == ([True] if note else [])


def test_names_may_end_in_a_word_of_the_folder_and_have_another_suffix(make):
    report = _compare(make("a", prefix="x", suffix=".png"), make("b", prefix="x", suffix=".bmp"))
    assert (report.pairs, report.scores["l1"]) == (6, 0)


def test_pairs_of_unequal_sizes_are_an_error_where_pairs_are_asked_for_and_else_a_note(make):
    a, b = make("a"), make("b", size=(24, 22))
    with pytest.raises(DatasetError, match=r"0.png has 20 x 24 pixels and .*0.png 22 x 24; bring them to one") as told:
        _compare(a, b, paired=True)
    assert "\n" not in str(told.value)
    report = _compare(a, b)
    assert report.pairs == 0
    assert not PAIRED & report.scores.keys()
    assert any("names pair up, but sizes don't" in note and "20 x 24" in note for note in report.notes)
    assert not any("names" in note for note in _compare(a, b, paired=False).notes)


def test_one_picture_is_no_set_but_may_be_a_pair(make):
    one, other = make("one", 1), make("other", 1, brighter=51)
    report = _compare(one, other)
    assert report.scores["l1"] == pytest.approx(0.4, abs=1e-6)
    assert "frechet" not in report.scores
    assert report.space == ""
    with pytest.raises(DatasetError, match=r"one has 1 and .*many 5 usable pictures; a distance between sets needs 2"):
        _compare(one, make("many", 5, prefix="x"))
    with pytest.raises(DatasetError, match="needs 2 of each"):
        _compare(one, other, paired=False)


@pytest.mark.parametrize("which", ["empty", "missing", "file"])
def test_what_is_no_folder_of_pictures_is_refused_in_one_line(make, tmp_path: Path, which: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    said = {"empty": "no pictures", "missing": "does not exist", "file": "is a file"}[which]
    for pair in ((tmp_path / which, make("a")), (make("a"), tmp_path / which)):
        with pytest.raises(DatasetError, match=said) as told:
            _compare(*pair)
        assert "\n" not in str(told.value)


def test_no_common_name_a_nested_folder_and_a_damaged_picture_are_refused(make, tmp_path: Path):
    a, b = make("a"), make("b", prefix="x")
    with pytest.raises(DatasetError, match="no two pictures have one name"):
        _compare(a, b, paired=True)
    with pytest.raises(DatasetError, match=r"inside .*its pictures would be in both sets"):
        _compare(a, make("a/deeper"))
    (b / "x3.png").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match=r"x3\.png"):
        _compare(a, b)
    with pytest.raises(CheckpointError, match="no feature extractor here"):
        folders.compare_folders(a, a, device="cpu", features=str(tmp_path))
    with pytest.raises(ConfigError, match="device"):
        folders.compare_folders(a, a, device="nothing")


def test_two_files_of_one_name_are_left_out_and_told(make):
    a = make("a", 4)
    Image.new("RGB", (20, 24)).save(a / "0.jpg")
    report = _compare(a, make("b", 5, prefix="x"))
    assert report.counts == (3, 5)
    assert any("left out: 2" in note and "has the same name" in note for note in report.notes)


def test_progress_counts_every_picture_and_every_pair(make):
    seen: list[tuple[int, int]] = []
    _compare(make("a", 3), make("b", 3), progress=lambda *now: seen.append(now))
    assert seen == [(number, 9) for number in range(1, 10)]


@pytest.mark.parametrize("paired", [True, False])
def test_the_gallery_shows_pairs_or_pictures_of_either_folder(make, paired: bool):
    a, b, gallery = make("a", 12), make("b", 12 if paired else 24, seed=2), Gallery("a", "b")
    _compare(a, b, paired=paired, gallery=gallery)
    assert len(gallery.names) == 6
    assert gallery.names == [path.stem for path in sorted(a.iterdir())[::2]]
    sheet = gallery.sheet([])
    assert sheet.width == 4 + 2 * (213 + 4)
    others = sorted(b.iterdir())[:: 2 if paired else 4]
    # The middle of the second row: the colour of the middle of the second picture shown.
    x, y = 4 + 213 + 4 + 106, sheet.height - 5 * (256 + 4) + 128
    expected = np.asarray(Image.open(others[1]).convert("RGB"), dtype=int)[11:13, 9:11].mean(axis=(0, 1))
    assert np.abs(np.asarray(sheet, dtype=int)[y, x] - expected).max() <= 3


def test_lpips_is_measured_where_its_weights_are(make, monkeypatch: pytest.MonkeyPatch):
    from translate.interop import lpips

    monkeypatch.setattr(lpips, "load", lambda folder, net: lpips.Perceptual(net).requires_grad_(False))
    a = make("a", size=(40, 40))
    same, other = _compare(a, a), _compare(a, make("b", size=(40, 40), seed=1))
    assert same.scores["lpips"] == 0
    assert other.scores["lpips"] > 0
    assert "LPIPS is lpips-0.1-alex" in other.protocol
    small = make("small")
    assert math.isnan(_compare(small, small).scores["lpips"])
    monkeypatch.undo()
    missing = _compare(a, a)
    assert "lpips" not in missing.scores
    assert any(note.startswith("no LPIPS: ") for note in missing.notes)
