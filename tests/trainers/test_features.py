"""A tiny recipe on drawn pictures: it learns to tell them apart, repeats itself by its seed, refuses in one line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.checkpoints import read_tensors
from translate.errors import CheckpointError, ConfigError, DatasetError, ImageError
from translate.features import CONFIG_FILE, WEIGHTS_FILE, load_features
from translate.trainers.features import FeaturesConfig, _read_all, train_features, view

TINY = FeaturesConfig(
    filters=(8, 12, 16), dim=8, size=24, crop=16, projection=8, batch_size=12, steps=40, warmup=0, log_every=1, lr=1e-2,
    light=0.1, saturation=0.2, hue=0.02, gray=0, scale=(0.6, 1), precision="fp32", temperature=0.5,
)  # fmt: skip


@pytest.fixture
def drawn(tmp_path: Path) -> list[Path]:
    """Coarse coloured patterns in one folder, twelve, and slanted stripes in another, five."""
    rng = np.random.default_rng(0)
    folders = [tmp_path / "patterns", tmp_path / "stripes" / "deep"]
    for folder in folders:
        folder.mkdir(parents=True)
    for number in range(12):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 32), Image.Resampling.BILINEAR).save(folders[0] / f"{number}.png")
    y, x = np.mgrid[:40, :32]
    for number in range(5):
        wave = np.sin((x * np.cos(number) + y * np.sin(number)) * 0.9) * 100 + 128
        Image.fromarray(wave.astype(np.uint8)).save(folders[1] / f"{number}.jpg")
    return [folders[0], tmp_path / "stripes"]


def test_a_tiny_recipe_learns_to_tell_drawn_pictures_apart(drawn: list[Path], tmp_path: Path):
    seen: list[tuple[int, float]] = []
    losses = train_features(drawn, tmp_path / "out", TINY, device="cpu", report=lambda *at: seen.append(at))
    assert [step for step, _ in seen] == list(range(1, 41))
    assert [loss for _, loss in seen] == losses
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:8])


def test_what_was_trained_is_a_feature_space_of_the_pictures_it_has_seen(drawn: list[Path], tmp_path: Path):
    train_features(drawn, tmp_path / "mine", TINY.replace(steps=4), device="cpu")
    space = load_features(str(tmp_path / "mine"), "cpu")
    assert space.name.startswith("mine-8@24px-")
    stored, weights = _read_all(drawn, TINY, torch.Generator())
    features = space(torch.stack([torch.from_numpy(a).permute(2, 0, 1) / 127.5 - 1 for a in stored]).float())
    # The norms were settled on whole pictures, both folders as often: mean 0 and variance 1, but for rounding.
    share = weights / weights.sum()
    mean = share @ features
    assert mean.abs().max() < 0.25
    assert (share @ (features - mean).square() - 1).abs().max() < 0.35


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(drawn: list[Path], tmp_path: Path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        torch.manual_seed(len(name))
        train_features(drawn, tmp_path / name, TINY.replace(steps=3, seed=seed), device="cpu")
    files = [(tmp_path / name / WEIGHTS_FILE).read_bytes() for name in "abc"]
    assert files[0] == files[1]
    assert files[0] != files[2]
    assert read_tensors(tmp_path / "a" / WEIGHTS_FILE)["mix.weight"].dtype == torch.float16


def test_every_folder_is_drawn_from_equally_often_and_none_beyond_the_limit(drawn: list[Path]):
    stored, weights = _read_all(drawn, TINY, torch.Generator().manual_seed(0))
    assert (len(stored), stored[0].shape, stored[0].dtype) == (17, (24, 24, 3), np.uint8)
    assert weights[:12].sum() == pytest.approx(1)
    assert weights[12:].sum() == pytest.approx(1)
    few, _ = _read_all(drawn, TINY.replace(limit=3), torch.Generator().manual_seed(0))
    assert len(few) == 6


def test_a_view_of_all_and_without_changes_is_the_picture_or_its_mirror_image():
    config = TINY.replace(crop=24, scale=(1, 1), aspect=(1, 1), light=0, saturation=0, hue=0, gray=0)
    pictures = torch.rand(20, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = view(pictures, config, torch.Generator().manual_seed(1))
    same = [torch.allclose(a, b, atol=1e-4) for a, b in zip(seen, pictures, strict=True)]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-4) for a, b in zip(seen, pictures, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 3 < sum(same) < 17


def test_a_view_shows_a_part_of_its_area():
    """On a ramp from -1 to 1 a view of a quarter of the area spans half of the levels."""
    config = TINY.replace(scale=(0.25, 0.25), aspect=(1, 1), light=0, saturation=0, hue=0, gray=0)
    ramp = torch.linspace(-1, 1, 64).expand(8, 3, 64, 64)
    seen = view(ramp, config, torch.Generator().manual_seed(0))
    spans = seen.amax(dim=(1, 2, 3)) - seen.amin(dim=(1, 2, 3))
    assert torch.allclose(spans, torch.full((8,), 15 / 16), atol=0.04)
    assert seen.mean(dim=(1, 2, 3)).std() > 0.1


def test_a_gray_view_has_no_colour_and_keeps_its_brightness():
    config = TINY.replace(crop=24, scale=(1, 1), aspect=(1, 1), light=0, saturation=0, hue=0, gray=1)
    pictures = torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(0)) - 0.5
    seen = view(pictures, config, torch.Generator().manual_seed(1))
    luma = (pictures * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1)
    assert torch.allclose(seen[:, 0], seen[:, 2], atol=1e-3)
    assert torch.allclose(seen[:, 1].mean(dim=(1, 2)), luma.mean(dim=(1, 2)), atol=1e-3)


def test_views_stay_in_range_and_gray_pictures_stay_gray():
    gray = (torch.rand(8, 1, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1).expand(-1, 3, -1, -1)
    seen = view(gray, TINY, torch.Generator().manual_seed(1))
    assert seen.shape == (8, 3, 16, 16)
    assert seen.abs().max() <= 1
    assert (seen[:, 0] - seen[:, 1]).abs().max() < 1e-3


def test_a_folder_without_pictures_is_refused(drawn: list[Path], tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty: holds no pictures to learn features from"):
        train_features([*drawn, tmp_path / "empty"], tmp_path / "out", TINY, device="cpu")


def test_a_single_picture_is_refused(drawn: list[Path], tmp_path: Path):
    for path in sorted(drawn[0].iterdir())[1:]:
        path.unlink()
    with pytest.raises(DatasetError, match="1 pictures; at least 2"):
        train_features(drawn[:1], tmp_path / "out", TINY, device="cpu")


def test_a_damaged_picture_is_named(drawn: list[Path], tmp_path: Path):
    (drawn[0] / "3.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"3\.png"):
        train_features(drawn, tmp_path / "out", TINY, device="cpu")


def test_an_extractor_is_never_replaced_by_another(drawn: list[Path], tmp_path: Path):
    train_features(drawn, tmp_path / "out", TINY.replace(steps=1), device="cpu")
    before = (tmp_path / "out" / WEIGHTS_FILE).read_bytes()
    with pytest.raises(CheckpointError, match="already holds a feature extractor"):
        train_features(drawn, tmp_path / "out", TINY, device="cpu")
    assert (tmp_path / "out" / WEIGHTS_FILE).read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="can't be made a folder"):
        train_features(drawn, tmp_path / "file", TINY, device="cpu")
    assert not (tmp_path / "file" / CONFIG_FILE).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scale": (0.5, 1.5)}, "keep it within"),
        ({"scale": (0.9, 0.3)}, "low <= high"),
        ({"batch_size": 1}, "batch_size is 1"),
    ],
)
def test_a_recipe_out_of_range_is_refused(changes: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said):
        FeaturesConfig().replace(**changes)
