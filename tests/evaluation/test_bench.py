import json

import pytest
import torch

from translate.config import TrainConfig
from translate.evaluation import bench_train as train
from translate.evaluation.bench import compare
from translate.evaluation.bench_apply import SHOWN, bench_apply
from translate.evaluation.bench_train import bench_train
from translate.evaluation.machine import Contender

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _quick_rates(monkeypatch):
    monkeypatch.setattr("translate.evaluation.bench.rates", lambda device: {"matmul_fp32_gflops": 1.0})


def test_apply_is_timed_with_our_settings_and_with_the_classic_ones():
    report = bench_apply(device="cpu", command=False, rounds=3, size=32, filters=4)
    timings = {timing.name: timing for timing in report.timings}
    assert {"classic", "ours"} <= timings.keys()
    assert all(len(timing.rounds) == 3 for timing in timings.values())
    assert "train() mode" in timings["classic"].what
    assert report.ratio > 0
    assert SHOWN in timings or any(SHOWN in note for note in report.notes)
    json.dumps(report.as_json(), allow_nan=False)


@pytest.mark.slow
def test_train_is_timed_by_the_trainers_own_step_with_memory_and_ratio():
    report = bench_train(device="cpu", rounds=2, size=32, filters=4, small_filters=2, batch=2)
    assert [timing.name for timing in report.timings] == ["2 filters", "classic", "ours"]
    assert "batch 2" in report.timings[0].what
    assert report.ratio > 0
    assert report.figures.get("peak_memory_mib", 100) > 50
    json.dumps(report.as_json(), allow_nan=False)


def test_the_classic_recipe_is_that_of_the_paper():
    config: TrainConfig = train._recipe(64, 4)
    assert (config.generator.filters, config.generator.depth, config.generator.max_filters) == (64, 8, 512)
    assert (config.generator.norm, config.generator.dropout, config.generator.upsample) == ("batch", 0.5, "transposed")
    assert (config.discriminator.filters, config.discriminator.layers) == (64, 3)
    assert (config.objective.adversarial, config.objective.lambda_l1) == ("vanilla", 100.0)


def test_the_classic_update_moves_one_player_as_plain_adam_does():
    """One Adam step moves every weight by the rate, against its gradient's sign (Kingma 2015, Sec. 2.1)."""
    trainer = train.Pix2Pix(train._recipe(2, 1), CPU)
    update = train.ClassicUpdate(trainer.players)
    weight = trainer.players["generator"].module.ups[0].conv.bias
    before = weight.detach().clone()
    update("generator", {"a": weight.sum(), "b": weight.sum()})
    assert torch.allclose(weight, before - trainer.players["generator"].lr, atol=1e-7)
    assert weight.grad is None


def test_what_can_not_be_compiled_is_noted_and_the_rest_is_timed():
    def broken() -> None:
        raise RuntimeError("no compiler\nmore")

    fine = Contender("", lambda: sum(range(1000)))
    contenders = {"classic": fine, "ours": fine, "compiled": Contender("", broken)}
    report = compare("apply", contenders, 2, CPU, figures={"unknown": None, "known": 1.0})
    assert [timing.name for timing in report.timings] == ["classic", "ours"]
    assert any("not possible here (RuntimeError: no compiler)" in note for note in report.notes)
    assert report.figures == {"known": 1.0}


def test_a_broken_contender_that_must_run_is_an_error():
    def broken() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        compare("apply", {"classic": Contender("", broken), "ours": Contender("", broken)}, 1, CPU)


def test_on_a_cpu_the_report_says_that_cuda_was_not_measured():
    fine = Contender("", lambda: sum(range(1000)))
    assert any("CUDA" in note for note in compare("train", {"classic": fine, "ours": fine}, 1, CPU).notes)


@pytest.mark.gpu
def test_on_cuda_compile_and_graphs_are_reported():
    report = bench_apply(device="cuda", command=False, rounds=3)
    names = {timing.name for timing in report.timings} | {note.partition(":")[0] for note in report.notes}
    assert {"compiled", "compiled, CUDA graphs"} <= names
