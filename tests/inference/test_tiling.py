"""A picture in tiles is the picture translated whole, or as near to it as its network allows."""

import itertools
import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from translate import images
from translate.config import ModelConfig
from translate.data.synthetic import scene
from translate.errors import ConfigError, ImageError
from translate.inference import tiling, translator
from translate.inference.tiling import spans, step_of, tile_side
from translate.inference.translator import Translator
from translate.networks import build_generator

from .conftest import Spy, label_config, picture_config


def network_config(**changes: object) -> ModelConfig:
    config = picture_config()
    return config.replace(**{f"generator.{name}": value for name, value in changes.items()})


def random_model(seed: int = 0, **changes: object) -> Translator:
    torch.manual_seed(seed)
    config = network_config(dropout=0.0, **changes)
    network = build_generator(config.generator)
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.kaiming_normal_(part.weight, nonlinearity="relu")  # what comes out depends on what goes in
    with torch.no_grad():
        for weight in network.output.parameters():
            weight.mul_(0.2)  # so that tanh doesn't saturate
    return Translator(network, config, device="cpu", precision="fp32")


def spied(function: Callable[[Tensor], Tensor], config: ModelConfig | None = None) -> Translator:
    return Translator(Spy(function), config or picture_config(), device="cpu", precision="fp32")


def noise(height: int, width: int, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


@pytest.mark.parametrize("length", [65, 100, 128, 500, 1023, 4097])
@pytest.mark.parametrize(("tile", "step"), [(64, 4), (64, 64), (128, 32), (256, 4), (512, 256), (1024, 256)])
def test_the_weights_of_all_tiles_sum_to_one_at_every_place(length, tile, step):
    total = torch.zeros(length)
    parts = spans(length, tile, step)
    for part in parts:
        assert part.end - part.start <= tile
        total[part.start : part.end] += part.weights
    assert (total - 1).abs().max() < 1e-6
    assert (parts[0].start, parts[-1].end) == (0, length)
    if tile >= 2 * step:
        assert not [part.start for part in parts if part.start % step]
    overlaps = [before.end - after.start for before, after in itertools.pairwise(parts)]
    assert min(overlaps, default=tile) >= tile // 4


def test_what_is_small_enough_is_one_tile():
    assert [(part.start, part.end, part.weights.tolist()) for part in spans(3, 64, 4)] == [(0, 3, [1, 1, 1])]


def test_pictures_beyond_two_megapixels_are_cut_unasked_and_tiles_fit_the_network_s_grid():
    deep = network_config(depth=8).generator
    assert step_of(deep) == 256
    assert step_of(network_config(kind="resnet").generator) == 4
    assert tile_side(1000, 2000, deep) is None
    assert tile_side(1001, 2000, deep) == 1024
    assert tile_side(600, 600, deep, 500) == 512
    assert tile_side(512, 512, deep, 500) is None
    many = network_config(depth=4).generator.replace(out_channels=100, head="labels")
    assert tile_side(3000, 16_000, many) == 256  # 100 planes of 1,024 x 16,000 would be 6.5 GB


def test_a_tile_too_small_to_see_anything_is_refused(identity):
    with pytest.raises(ConfigError, match="tile is 63; the smallest has 64"):
        identity.run(noise(8, 8), tile=63)


@pytest.mark.parametrize("size", [(300, 211), (64, 900), (65, 65)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_identity_model_gives_every_value_back_in_tiles(identity, size, dtype):
    photo = noise(*size, dtype=dtype)
    result = identity.run(photo, scale="native", tile=64)
    assert result.tile == 64
    assert result.pixels.dtype == dtype
    assert np.array_equal(result.pixels, photo)
    assert max(max(shape[2:]) for shape in identity.generator.shapes) == 64


@pytest.mark.parametrize("scale", [0.5, 0.37, 1.7])
def test_tiles_and_scaling_are_together_what_scaling_alone_is(scale):
    photo, _ = scene(1, 200, 300)
    model = spied(lambda x: x * 0.5)
    whole, tiled = model.run(photo, scale=scale), model.run(photo, scale=scale, tile=64)
    assert (whole.tile, tiled.tile) == (None, 64)
    assert np.abs(whole.pixels.astype(int) - tiled.pixels).max() <= 1


def test_what_changes_is_added_to_the_photo_in_tiles_too():
    model = spied(lambda x: x + 40 / 255, picture_config().replace(**{"data.keep_detail": True}))
    photo = noise(240, 320)
    result = model.run(photo, scale=0.5, tile=64)
    assert result.kept_detail
    assert np.array_equal(result.pixels, np.minimum(photo.astype(int) + 20, 255))


def test_detail_fades_in_tiles_as_in_the_whole_picture():
    config = picture_config().replace(**{"data.keep_detail": "unchanged"})
    model = spied(lambda x: torch.where(x.mean(dim=1, keepdim=True) > 0, -x, x), config)
    photo, _ = scene(1, 200, 300)
    whole, tiled = model.run(photo, scale=0.5), model.run(photo, scale=0.5, tile=64)
    assert (whole.tile, tiled.tile, whole.kept_detail, tiled.kept_detail) == (None, 64, True, True)
    assert np.abs(whole.pixels.astype(int) - tiled.pixels).max() <= 1


def test_logits_are_blended_and_not_classes():
    """Two tiles of 64, 48 rows over one another: the ramp is 8 long, its middle at 40.

    The first says 1 for road, the second 3 for sky: they are equal where the first counts three quarters, which is
    before the middle. A vote of classes would change at 40.
    """
    answers = iter([(1.0, 0.0), (0.0, 3.0)])

    def says(x: Tensor) -> Tensor:
        return torch.tensor(next(answers)).view(1, 2, 1, 1).expand(1, 2, *x.shape[2:])

    labels = spied(says, label_config()).run(np.zeros((80, 8, 3), np.uint8), scale="native", tile=64).labels
    assert labels is not None
    ramp = np.sin((np.arange(8) + 0.5) / 8 * np.pi / 2) ** 2
    first = 36 + int(np.argmax(3 * ramp > 1 - ramp))
    assert first < 40
    assert labels[:, 0].tolist() == [0] * first + [1] * (80 - first)


@pytest.mark.parametrize("kind", ["unet", "resnet"])
def test_a_network_of_batch_norms_paints_in_tiles_what_it_paints_whole(kind):
    """Beyond what a network sees from one place, a tile's pixel is the whole picture's."""
    model = random_model(norm="batch", kind=kind, depth=3, blocks=1, filters=8)
    photo, _ = scene(2, 400, 420)
    whole, tiled = model.run(photo, scale="native"), model.run(photo, scale="native", tile=256)
    assert tiled.tile == 256
    assert np.ptp(whole.pixels) > 20
    assert np.abs(whole.pixels.astype(int) - tiled.pixels).max() <= 1


def seam(pixels: np.ndarray, reference: np.ndarray, tile: int, step: int) -> float:
    """Mean gradient across the borders of tiles over that of all other places, in units of the reference's."""
    ratios = []
    for axis in (0, 1):
        parts = spans(pixels.shape[axis], tile, step)
        edges = {part.start - 1 for part in parts[1:]} | {part.end - 1 for part in parts[:-1]}
        # The middle of what two tiles see: there they are blended, or would meet without an overlap.
        edges |= {(before.end + after.start) // 2 - 1 for before, after in itertools.pairwise(parts)}
        for array in (pixels, reference):
            gradient = np.abs(np.diff(array.astype(float), axis=axis)).mean(axis=(1 - axis, 2))
            at = np.isin(np.arange(len(gradient)), sorted(edges))
            ratios.append(gradient[at].mean() / gradient[~at].mean())
    return max(ratios[0] / ratios[1], ratios[2] / ratios[3], key=lambda ratio: abs(ratio - 1))


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_gradients_across_borders_are_within_five_percent_of_those_inside(norm):
    model = random_model(norm=norm, depth=4, filters=8)
    photo, _ = scene(3, 528, 560)
    whole, tiled = (model.run(photo, scale="native", tile=tile).pixels for tile in (None, 128))
    assert abs(seam(tiled, whole, 128, 16) - 1) <= 0.05


def test_tiles_side_by_side_with_norms_of_their_own_show_their_borders():
    """What the figure above would be without overlap and without norms that are held."""
    model = random_model(norm="instance", depth=4, filters=8)
    photo, _ = scene(3, 528, 560)
    whole = model.run(photo, scale="native").pixels
    parts = spans(528, 128, 16), spans(560, 128, 16)
    cuts = [
        [0, *((a.end + b.start) // 2 for a, b in itertools.pairwise(side)), n]
        for side, n in zip(parts, (528, 560), strict=True)
    ]
    naive = np.zeros_like(whole)
    for top, bottom in itertools.pairwise(cuts[0]):
        for left, right in itertools.pairwise(cuts[1]):
            part = images.to_tensor(photo[top:bottom, left:right])[None]
            naive[top:bottom, left:right] = images.to_array(model.forward(part)[0])
    assert abs(seam(naive, whole, 128, 16) - 1) > 0.2


class Short:
    """Runs out of memory in the calls whose numbers are given; `function` answers the others."""

    def __init__(self, fails: Callable[[int, Tensor], bool], function: Callable[[Tensor], Tensor]) -> None:
        self.fails, self.function, self.calls = fails, function, 0

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.fails(self.calls, x):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.function(x)


def test_one_tile_in_ten_that_runs_out_of_memory_leaves_the_other_nine_bit_identical(caplog):
    """Row 18 of the reliability figures."""
    model = random_model(norm="batch", depth=3, filters=8)
    photo, _ = scene(4, 500, 500)
    whole = model.run(photo, scale="native", tile=128).pixels
    rng, calls, hit = np.random.default_rng(0), 0, np.zeros((500, 500), bool)
    parts = [(y, x) for y in spans(500, 128, 8) for x in spans(500, 128, 8)]
    network, order = model.generator, iter(parts)

    def fails(_: int, x: Tensor) -> bool:
        nonlocal calls
        if min(x.shape[2:]) < 100:
            return False  # a half
        calls += 1
        y, x_ = next(order)
        failed = bool(rng.random() < 0.1)
        if failed:
            hit[y.start : y.end, x_.start : x_.end] = True
        return failed

    model.generator = Spy(Short(fails, network))
    with caplog.at_level(logging.WARNING):
        found = model.run(photo, scale="native", tile=128).pixels
    assert calls == len(parts)
    assert 0.05 < hit.mean() < 0.6
    assert np.array_equal(found[~hit], whole[~hit])
    assert np.abs(found[hit].astype(int) - whole[hit]).max() <= 40
    assert [r.getMessage() for r in caplog.records] == [
        "a tile of 128 pixels a side doesn't fit into the memory of cpu; halved"
    ]


def test_of_a_hundred_pictures_ten_run_out_of_memory_and_all_are_bit_identical():
    """A failed call is tried again in smaller pieces; to a model that looks at single pixels they are the same."""
    photos = [np.random.default_rng(seed).integers(0, 256, (130, 130, 3), np.uint8) for seed in range(100)]
    often = Short(lambda call, x: call % 10 == 0 and min(x.shape[2:]) > 68, lambda x: -x)
    results = spied(often).run_many(photos, scale="native")
    assert often.calls > 110
    assert [result.tile for result in results].count(None) < 100
    assert all(np.array_equal(r.pixels, 255 - photo) for r, photo in zip(results, photos, strict=True))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        MemoryError("std::bad_alloc"),
    ],
)
def test_a_picture_that_does_not_fit_whole_is_cut_until_it_does(error, caplog):
    def fits(x: Tensor) -> Tensor:
        if x.shape[2] * x.shape[3] > 80 * 80:
            raise error
        return -x

    photo = noise(300, 200)
    with caplog.at_level(logging.WARNING):
        result = spied(fits).run(photo, scale="native")
    assert np.array_equal(result.pixels, 255 - photo)
    assert [r.getMessage() for r in caplog.records] == [
        "200 x 300 pixels don't fit into the memory of cpu; cut into tiles",
        "a tile of 148 pixels a side doesn't fit into the memory of cpu; halved",
    ]


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_below_the_smallest_tile_memory_that_runs_out_is_told_in_one_line(norm):
    model = random_model(norm=norm)
    network = model.generator

    class Full(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.generator = Full()
    with pytest.raises(ImageError, match=r"not even \d+ x \d+ pixels fit into the memory of cpu; free some, or"):
        model.run(noise(200, 300), scale="native", tile=128)


def test_other_errors_of_a_tile_are_bugs_and_stay_such():
    def fail(x: Tensor) -> Tensor:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        spied(fail).run(noise(200, 100), scale="native", tile=64)


def test_tiles_are_counted_and_what_the_counting_raises_ends_the_work(identity):
    told: list[tuple[int, int]] = []
    identity.run(noise(160, 64), scale="native", tile=64, progress=lambda *done: told.append(done))
    assert told == [(i + 1, len(told)) for i in range(len(told))]
    assert len(told) > 2

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    identity.generator.shapes.clear()
    with pytest.raises(KeyboardInterrupt):
        identity.run(noise(160, 64), scale="native", tile=64, progress=stop)
    assert len(identity.generator.shapes) == 2


@pytest.mark.parametrize("scale", ["auto", 0.5, "native"])
def test_a_large_photo_is_painted_in_pieces_and_comes_out_the_same(identity, scale, monkeypatch):
    photo, _ = scene(5, 120, 150)
    usual = identity.run(photo, scale=scale)
    monkeypatch.setattr(translator, "LARGE_PIXELS", 1000)
    pieces = identity.run(photo, scale=scale)
    assert (pieces.tile, pieces.scale) == (None, usual.scale)
    assert identity.generator.shapes[0] == identity.generator.shapes[1]
    assert np.abs(usual.pixels.astype(int) - pieces.pixels).max() <= 1


def test_more_than_a_network_is_given_at_once_is_cut_unasked(identity, monkeypatch):
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 10_000)
    monkeypatch.setattr(tiling, "TILE", 64)
    assert identity.run(noise(100, 100), scale="native").tile is None
    assert identity.run(noise(101, 100), scale="native").tile == 64


def test_label_shares_of_a_picture_in_tiles_sum_to_one(bright_is_sky):
    photo = noise(700, 130)
    tiled, whole = (bright_is_sky.run(photo, scale="native", tile=tile) for tile in (64, None))
    assert tiled.tile == 64
    assert np.array_equal(tiled.labels, whole.labels)
    assert tiled.shares == whole.shares
    assert sum(tiled.shares.values()) == pytest.approx(1)
