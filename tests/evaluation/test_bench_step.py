"""The bench of a training step: its arithmetic is counted as by hand, and it is the trainer's own step."""

import json
from typing import Any

import pytest
import torch

from translate.errors import ConfigError
from translate.evaluation.bench_guards import bench_guards
from translate.evaluation.bench_step import SEEDS, StepReport, bench_step
from translate.presets import PRESETS

TINY: dict[str, Any] = {
    "generator.filters": 4,
    "generator.blocks": 1,
    "discriminator.filters": 4,
    "discriminator.layers": 1,
    "data.crop": 32,
}


@pytest.fixture(autouse=True)
def _quick_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate.evaluation.bench_step.rates", lambda device: {"matmul_fp32_gflops": 1.0})


def _bench(preset: str, **changes: Any) -> StepReport:
    return bench_step(preset, changes=changes, device="cpu", precision="fp32", rounds=1)


def test_the_arithmetic_of_a_step_is_counted_as_by_hand():
    """A U-Net of one level without a discriminator: a 4 x 4 convolution down to 16 x 16 and a transposed one up.

    Each multiplies 16 weights with 3 x 8 channels at 256 places. Forward is one pass through each; backward is one for
    each one's weights and one for the input of the second: the picture needs no gradient.
    """
    changes = {"generator.depth": 1, "generator.filters": 8, "objective.lambda_gan": 0.0, "data.crop": 32}
    one_pass = 2 * 16 * 3 * 8 * 256
    assert _bench("pix2pix", **changes).gflop_a_step == pytest.approx(5 * one_pass / 1e9)


def test_a_discriminator_adds_its_passes():
    """One more pass of one layer is what tells the two apart: a PatchGAN on A and B together, of one level.

    It has 4 x 4 convolutions of 6 -> 4 channels at 16 x 16 places, 4 -> 8 at 15 x 15 and 8 -> 1 at 14 x 14. It learns
    from real and fake: 2 forward, 2 by weights, 2 by inputs but not the first one's. The generator learns from it: 1
    forward, 1 by inputs, the first one's too.
    """
    changes = {"generator.depth": 1, "generator.filters": 8, "discriminator.filters": 4, "discriminator.layers": 1}
    plain = _bench("pix2pix", **changes, **{"objective.lambda_gan": 0.0, "data.crop": 32})
    adversarial = _bench("pix2pix", **changes, **{"data.crop": 32})
    first, others = 2 * 16 * 6 * 4 * 16**2, 2 * 16 * (4 * 8 * 15**2 + 8 * 1 * 14**2)
    expected = first * (2 + 2 + 0 + 1 + 1) + others * (2 + 2 + 2 + 1 + 1)
    assert adversarial.gflop_a_step - plain.gflop_a_step == pytest.approx(expected / 1e9)


def test_a_pass_that_is_made_every_other_time_counts_half():
    """FastCUT translates a mirrored picture and encodes it once more as it is (Park 2020, B.1)."""
    coins = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        coins.append(bool(torch.rand(()) < 0.5))
    assert sorted(coins) == [False, True]
    plain = _bench("fastcut", **TINY, **{"objective.flip_equivariance": False}).gflop_a_step
    # 7 x 7 of 3 -> 4 channels at 32 x 32 places, 3 x 3 of 4 -> 8 at 16 x 16 and of 8 -> 16 at 8 x 8, a block of two
    # of 16 -> 16.
    encoding = 2 * (49 * 3 * 4 * 32**2 + 9 * (4 * 8 * 16**2 + (8 * 16 + 2 * 16 * 16) * 8**2))
    assert _bench("fastcut", **TINY).gflop_a_step - plain == pytest.approx(0.5 * encoding / 1e9)


@pytest.mark.parametrize("preset", ["cyclegan", "cut", "fastcut"])
def test_twice_the_pictures_are_twice_the_arithmetic(preset: str):
    one, two = (_bench(preset, **TINY, batch_size=count).gflop_a_step for count in (1, 2))
    assert two == pytest.approx(2 * one)


def test_cyclegan_computes_more_than_cut_and_more_with_its_identity_term():
    """Six passes of a generator and two discriminators against two and one (Park 2020, Sec. 4)."""
    cycle, cut = (
        _bench("cyclegan", **TINY),
        _bench("cut", **TINY, **{"objective.patches": 2, "objective.projection": 2}),
    )
    without = _bench("cyclegan", **TINY, **{"objective.lambda_identity": 0.0})
    assert cycle.gflop_a_step > without.gflop_a_step > cut.gflop_a_step


def test_labels_can_be_timed_too():
    report = _bench("segmentation", **{"generator.filters": 4, "generator.depth": 2, "data.crop": 16})
    assert report.ms_a_step > 0
    assert "16 x 16, batch 8, fp32" in report.what


def test_the_report_tells_what_was_timed_where():
    report = _bench("cut", **TINY)
    stored = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert (stored["bench"], stored["preset"]) == ("step", "cut")
    assert stored["what"] == "resnet of 4 filters, 32 x 32, batch 1, fp32"
    assert stored["machine"]["device"] == "cpu"
    assert stored["rates"] == {"matmul_fp32_gflops": 1.0}
    assert stored["gflops"] == pytest.approx(1000 * report.gflop_a_step / report.ms_a_step, abs=0.06)


@pytest.mark.parametrize(
    ("preset", "changes", "said"),
    [
        ("pix3pix", {}, "pix3pix: no such preset"),
        ("cut", {"data.crp": 3}, "data.crp: no such setting"),
        ("cut", {"data.crop": 16}, "this discriminator needs"),
    ],
)
def test_a_mistake_is_one_line(preset: str, changes: dict[str, Any], said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        _bench(preset, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("preset", [name for name, recipe in PRESETS.items() if recipe().method == "gan"])
def test_what_starts_from_noise_is_refused_in_one_line_before_anything_is_timed(
    preset: str, monkeypatch: pytest.MonkeyPatch
):
    for bench in (bench_step, bench_guards):
        monkeypatch.setattr(f"{bench.__module__}.make_accelerator", lambda *_: pytest.fail("a trainer was built"))
    monkeypatch.setattr("translate.evaluation.bench_guards._apply", lambda *_: pytest.fail("a photo was translated"))
    for bench in (bench_step, bench_guards):
        with pytest.raises(ConfigError) as refused:
            bench(preset=preset, device="cpu")
        assert str(refused.value).startswith(f"{preset}: starts from noise; a bench times what translates pictures")
