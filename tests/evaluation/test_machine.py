import time

import pytest
import torch

from translate.evaluation.machine import Contender, Timing, describe, peak_memory_mib, race, rates, ratio

CPU = torch.device("cpu")


def _timing(*rounds: float) -> Timing:
    return Timing(name="x", what="", rounds=rounds)


def test_contenders_run_in_turn_after_one_round_to_warm_up():
    seen = []
    contenders = {name: Contender(name, lambda name=name: seen.append(name)) for name in ("a", "b")}
    timings = race(contenders, 2, CPU)
    assert seen == ["a", "b", "a", "b", "a", "b"]
    assert [len(timing.rounds) for timing in timings.values()] == [2, 2]


def test_times_are_milliseconds_an_image():
    timing = race({"nap": Contender("", lambda: time.sleep(0.02), images=4)}, 2, CPU)["nap"]
    assert 5 <= timing.median < 25


def test_the_ratio_compares_neighbours_so_that_a_slow_spell_does_not_count():
    """Both are three times slower in the second round; every round says 2."""
    assert ratio(_timing(2.0, 6.0, 2.0), _timing(1.0, 3.0, 1.0)) == 2.0
    assert ratio(_timing(9.0, 2.0, 2.2), _timing(1.0, 1.0, 1.0)) == pytest.approx(2.2)


def test_a_timing_tells_median_best_and_all_rounds():
    stored = _timing(3.0, 1.0, 2.0).as_json()
    assert (stored["ms_per_image"], stored["best"], stored["rounds"]) == (2.0, 1.0, [3.0, 1.0, 2.0])


def test_the_machine_is_named_and_rated():
    facts = describe(CPU)
    assert facts["processor"]
    assert facts["threads"] == torch.get_num_threads()
    assert isinstance(facts["bf16_in_hardware"], bool)
    found = rates(CPU)
    assert found.keys() == {f"{what}_{kind}_gflops" for what in ("matmul", "conv") for kind in ("fp32", "bf16")}
    assert found["matmul_fp32_gflops"] > 1


def test_the_peak_is_at_least_what_is_held_and_never_falls():
    ballast = torch.ones(64, 2**20, dtype=torch.uint8)
    before = peak_memory_mib()
    if before is None:
        pytest.skip("this system doesn't tell a process its peak memory")
    assert 64 < before < 2**20
    del ballast
    assert peak_memory_mib() > 0.9 * before  # the kernel counts in batches
