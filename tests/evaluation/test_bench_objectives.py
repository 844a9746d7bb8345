"""The bench of objectives: every word has a step, and its arithmetic is counted as by hand."""

import json
from typing import Any, get_args

import pytest

from translate.config import Adversarial
from translate.errors import ConfigError
from translate.evaluation import bench_objectives as module
from translate.evaluation.bench_objectives import TWIN, bench_objectives
from translate.evaluation.machine import Contender, Timing

TINY: dict[str, Any] = {
    "generator.depth": 1,
    "generator.filters": 2,
    "discriminator.filters": 2,
    "discriminator.layers": 1,
    "data.size": 16,
    "data.load_size": 16,
    "data.crop": 16,
}
COMPARING = {"relativistic", "contrastive", "contrastive-ns"}


@pytest.fixture
def raced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps whose times are known: vanilla 100 ms, hinge 104, all others 110."""

    def race(contenders: dict[str, Contender], rounds: int, device: object) -> dict[str, Timing]:
        times = {name: {"vanilla": 100.0, "hinge": 104.0}.get(name, 110.0) for name in contenders}
        return {
            name: Timing(name=name, what=one.what, rounds=(times[name],) * rounds) for name, one in contenders.items()
        }

    monkeypatch.setattr(module, "race", race)


@pytest.mark.usefixtures("raced")
def test_a_ratio_is_of_vanillas_time():
    found = {cost.word: cost for cost in bench_objectives(changes=TINY, device="cpu", precision="fp32").costs}
    assert set(found) == {*get_args(Adversarial), TWIN}
    assert (found["vanilla"].times, found["hinge"].times, found["kl"].times) == (1.0, 1.04, 1.1)
    assert found["hinge"].ms_a_step == 104.0


@pytest.mark.usefixtures("raced")
def test_only_losses_that_compare_with_real_pictures_compute_more_by_one_pass():
    """A PatchGAN of 4 x 4 kernels, 6 -> 2 channels at 8 x 8 places, 2 -> 4 at 7 x 7 and 4 -> 1 at 6 x 6."""
    found = bench_objectives(changes=TINY, device="cpu", precision="fp32").costs
    vanilla = next(cost.gflop_a_step for cost in found if cost.word == "vanilla")
    one_pass = 2 * 16 * (6 * 2 * 64 + 2 * 4 * 49 + 4 * 36) / 1e9
    for cost in found:
        expected = one_pass if cost.word in COMPARING else 0.0
        assert cost.gflop_a_step - vanilla == pytest.approx(expected, abs=1e-12), cost.word


@pytest.mark.usefixtures("raced")
def test_the_report_tells_what_was_timed():
    report = bench_objectives(changes=TINY | {"batch_size": 2}, device="cpu", precision="fp32", rounds=1)
    assert report.what == "pix2pix, U-Net of 2 filters, 16 x 16, batch 2, fp32"
    stored = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert (stored["bench"], stored["costs"][0]["word"]) == ("objectives", "vanilla")


def test_an_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match=r"data\.crp: no such setting"):
        bench_objectives(changes={"data.crp": 3})
