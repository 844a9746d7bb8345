"""Both sides of a pair go through the same geometry, whatever is switched on, and only the input changes colour."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from translate.config import DataConfig
from translate.data.transforms import PairTransform, PictureTransform, fitted_size, resample
from translate.errors import ConfigError, DatasetError

Array = np.ndarray[Any, Any]

SETTINGS: dict[str, dict[str, Any]] = {
    "classic": {},
    "no flip": {"flip": False},
    "turn": {"turn": True},
    "keep": {"fit": "keep"},
    "native": {"fit": "native", "crop": 24},
    "zoom": {"zoom": (0.3, 1.0)},
    "zoom and turn": {"zoom": (0.1, 0.5), "aspect": (0.5, 2.0), "turn": True},
    "zoom and keep": {"zoom": (0.3, 1.0), "fit": "keep"},
    "zoom and native": {"zoom": (0.3, 1.0), "fit": "native"},
}


def config(**changes: Any) -> DataConfig:
    return DataConfig(**{"size": 32, "load_size": 36, "crop": 32, **changes})


def noise(height: int, width: int, channels: int = 3, dtype: Any = np.uint8, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_copy_as_target_stays_a_copy_under_every_augmentation(name: str) -> None:
    picture = noise(40, 52)
    c = config(**SETTINGS[name])
    transform = PairTransform(c, train=True)
    outcomes = set()
    for epoch in range(12):
        a, b = transform(picture, picture.copy(), seed=(0, epoch, 0))
        assert a.shape == (c.crop, c.crop, 3)
        assert np.array_equal(a, b)
        outcomes.add(a.tobytes())
    assert len(outcomes) >= 8


@pytest.mark.parametrize("name", SETTINGS)
def test_labels_stay_on_what_they_label_under_every_augmentation(name: str) -> None:
    """Four flat quarters with their numbers as labels: where a patch is one class, the picture has its gray."""
    labels = np.array([[0, 1], [2, 255]], np.uint8).repeat(64, axis=0).repeat(80, axis=1)
    picture = np.repeat(labels[..., None], 3, axis=2) // 3
    transform = PairTransform(config(**SETTINGS[name]), train=True)
    for epoch in range(8):
        a, b = transform(picture, labels, seed=(1, epoch, 3))
        assert set(np.unique(b)) <= {0, 1, 2, 255}
        planes = torch.from_numpy(b.astype(np.float32))[None]
        flat = (F.max_pool2d(planes, 5, 1, 2) == -F.max_pool2d(-planes, 5, 1, 2))[0].numpy()
        assert flat.any()
        assert np.array_equal(a[flat][:, 0], b[flat] // 3)


def test_colour_jitter_changes_the_input_and_leaves_geometry_and_target_alone() -> None:
    picture = noise(40, 52)
    plain, jittered = (PairTransform(config(colour=strength), train=True) for strength in (0.0, 0.5))
    for epoch in range(4):
        a, b = plain(picture, picture, seed=(0, epoch, 0))
        coloured, target = jittered(picture, picture, seed=(0, epoch, 0))
        assert np.array_equal(target, b)
        assert not np.array_equal(coloured, a)


def test_the_same_seed_gives_the_same_sample_whatever_came_before() -> None:
    picture, c = noise(40, 52), config(zoom=(0.2, 1.0), turn=True, colour=0.4)
    used, fresh = PairTransform(c, train=True), PairTransform(c, train=True)
    for epoch in range(5):
        used(picture, picture, seed=(0, epoch, 1))
    np.random.seed(7)  # global state must not matter
    torch.manual_seed(7)
    expected = fresh(picture, picture, seed=(0, 9, 2))
    actual = used(picture, picture, seed=(0, 9, 2))
    assert all(np.array_equal(x, y) for x, y in zip(expected, actual, strict=True))


def test_turn_gives_all_eight_symmetries_of_the_square() -> None:
    picture = np.zeros((32, 32, 1), np.uint8)
    picture[2:20, 3:8], picture[2:6, 3:15] = 200, 90
    transform = PairTransform(config(turn=True, load_size=32), train=True)
    seen = {transform(picture, picture, seed=(0, e, 0))[0].tobytes() for e in range(100)}
    turned = [np.ascontiguousarray(np.rot90(p, k)) for p in (picture, picture[:, ::-1]) for k in range(4)]
    assert seen == {p.tobytes() for p in turned}


@pytest.mark.parametrize(("fit", "expected"), [("square", (32, 32)), ("keep", (26, 39)), ("native", (60, 90))])
def test_validation_only_fits(fit: str, expected: tuple[int, int]) -> None:
    """60 x 90 at the area of 32 x 32 is 26.1 x 39.2."""
    c = config(fit=fit, colour=0.5, turn=True, zoom=(0.1, 0.2))
    transform = PairTransform(c, train=False)
    a, b = transform(noise(60, 90), noise(60, 90)[..., 0], seed=(0, 0, 0))
    assert (a.shape, b.shape) == ((*expected, 3), expected)
    again, _ = transform(noise(60, 90), noise(60, 90)[..., 0], seed=(0, 1, 0))
    assert np.array_equal(a, again)


def test_square_zoom_keeps_the_pictures_shape_and_the_other_fits_a_squares() -> None:
    """Gray rising to the right and down: its range over the crop tells how much of width and height was seen."""
    ramp = np.zeros((120, 240, 2), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(240)[None], np.arange(120)[:, None] * 2
    for fit, expected in (("square", 1.0), ("keep", 2.0), ("native", 2.0)):
        transform = PairTransform(config(fit=fit, zoom=(0.25, 0.25), aspect=(1, 1), flip=False), train=True)
        for epoch in range(5):
            a, _ = transform(ramp, ramp, seed=(0, epoch, 0))
            wide, high = (np.ptp(a[..., c].astype(float)) / 239 * 32 / 31 for c in (0, 1))
            assert high / wide == pytest.approx(expected, rel=0.1)
            assert wide * high == pytest.approx(0.25, rel=0.15)


def test_a_zoom_window_never_leaves_the_picture() -> None:
    transform = PairTransform(config(fit="keep", zoom=(1.0, 1.0), aspect=(1, 1)), train=True)
    a, _ = transform(noise(20, 90), noise(20, 90), seed=(0, 0, 0))
    assert a.shape == (32, 32, 3)


def test_keep_enlarges_what_would_be_smaller_than_the_crop() -> None:
    transform = PairTransform(config(fit="keep"), train=True)
    a, _ = transform(noise(20, 90), noise(20, 90), seed=(0, 0, 0))
    assert a.shape == (32, 32, 3)


def test_a_native_picture_smaller_than_the_crop_is_refused() -> None:
    transform = PairTransform(config(fit="native"), train=True)
    with pytest.raises(DatasetError, match="90x20 pixels are fewer than the crop of 32"):
        transform(noise(20, 90), noise(20, 90), seed=(0, 0, 0))


def test_a_target_of_another_size_is_brought_to_the_inputs() -> None:
    transform = PairTransform(config(fit="native"), train=False)
    a, b = transform(noise(40, 60), np.arange(6, dtype=np.uint8).reshape(2, 3), seed=(0, 0, 0))
    assert a.shape[:2] == b.shape
    assert (b[:20, :20] == 0).all()
    assert (b[20:, 40:] == 5).all()


@pytest.mark.parametrize(("channels", "dtype"), [(7, np.uint8), (3, np.uint16), (1, np.uint16), (1, np.uint8)])
@pytest.mark.parametrize("name", ["classic", "turn", "zoom", "native"])
def test_any_channels_and_16_bits_go_through_every_geometry(channels: int, dtype: Any, name: str) -> None:
    picture = noise(40, 52, channels, dtype)
    transform = PairTransform(config(**SETTINGS[name]), train=True)
    for epoch in range(4):
        a, b = transform(picture, picture.copy(), seed=(0, epoch, 0))
        assert (a.shape[2], a.dtype) == (channels, dtype)
        assert np.array_equal(a, b)


@pytest.mark.parametrize(("channels", "dtype"), [(7, np.uint8), (3, np.uint16)])
def test_colour_jitter_of_pictures_it_cannot_do_is_refused(channels: int, dtype: Any) -> None:
    transform = PairTransform(config(colour=0.2), train=True)
    picture = noise(40, 52, channels, dtype)
    with pytest.raises(ConfigError, match=f"{channels} channels of"):
        transform(picture, picture, seed=(0, 0, 0))


def test_gray_inputs_can_be_jittered() -> None:
    a, _ = PairTransform(config(colour=0.5), train=True)(noise(40, 52, 1), noise(40, 52), seed=(0, 0, 0))
    assert a.shape == (32, 32, 1)


def test_shrinking_averages_and_labels_take_the_middle_pixel() -> None:
    checks = np.indices((8, 8)).sum(axis=0)[..., None] % 2 * np.uint8(200)
    small = resample(checks.astype(np.uint8), 2, 2)
    assert np.abs(small.astype(int) - 100).max() <= 2
    labels = np.arange(9, dtype=np.uint8).reshape(3, 3)
    assert resample(labels, 1, 1).tolist() == [[4]]
    assert resample(labels, 6, 3).tolist() == labels.repeat(2, axis=0).tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resampling_agrees_with_torchs_antialiased_bilinear(dtype: Any) -> None:
    picture = noise(37, 53, 3, dtype)
    planes = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
    exact = F.interpolate(planes, (20, 64), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    assert np.abs(resample(picture, 20, 64).astype(np.float32) - exact).max() <= 1.01


@pytest.mark.parametrize("size", [(1, 400), (3, 1000)])
def test_no_side_falls_to_zero(size: tuple[int, int]) -> None:
    assert min(fitted_size(*size, 8, "keep")) == 1


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", [*SETTINGS, "colour"])
def test_a_single_picture_is_treated_as_the_input_of_a_pair(name: str, train: bool) -> None:
    c = config(**SETTINGS.get(name, {"colour": 0.4, "zoom": (0.3, 1.0)}))
    alone, pair = PictureTransform(c, train=train), PairTransform(c, train=train)
    for epoch in range(6):
        picture = noise(40, 52, seed=epoch)
        expected, _ = pair(picture, noise(40, 52, seed=99), seed=(0, 1, epoch, 2))
        assert np.array_equal(alone(picture, seed=(0, 1, epoch, 2)), expected)


@pytest.mark.parametrize(("channels", "dtype"), [(7, np.uint8), (1, np.uint16)])
def test_a_single_picture_may_have_any_channels_unless_its_colours_are_jittered(channels: int, dtype: Any) -> None:
    picture = noise(40, 52, channels, dtype)
    out = PictureTransform(config(turn=True), train=True)(picture, seed=(0, 0, 0))
    assert (out.shape, out.dtype) == ((32, 32, channels), dtype)
    with pytest.raises(ConfigError, match=f"{channels} channels of"):
        PictureTransform(config(colour=0.2), train=True)(picture, seed=(0, 0, 0))


def test_a_single_native_picture_smaller_than_the_crop_is_refused() -> None:
    with pytest.raises(DatasetError, match="90x20 pixels are fewer than the crop of 32"):
        PictureTransform(config(fit="native"), train=True)(noise(20, 90), seed=(0, 0, 0))
