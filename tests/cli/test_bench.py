import json

import pytest
from typer.testing import CliRunner

from translate.cli import bench as command
from translate.errors import ConfigError
from translate.evaluation.bench import BenchReport
from translate.evaluation.bench_edit import EditTimes
from translate.evaluation.bench_guards import Cost as GuardCost
from translate.evaluation.bench_guards import GuardsReport
from translate.evaluation.bench_objectives import Cost, ObjectivesReport
from translate.evaluation.bench_step import StepReport
from translate.evaluation.machine import Timing

REPORT = BenchReport(
    bench="apply",
    machine={"processor": "A fast one", "threads": 2, "instructions": "AVX2", "torch": "2.15", "device": "cpu"},
    rates={
        "matmul_fp32_gflops": 150.0,
        "matmul_bf16_gflops": 1.0,
        "conv_fp32_gflops": 120.0,
        "conv_bf16_gflops": 0.5,
    },
    timings=(
        Timing(name="classic", what="float32, eager", rounds=(300.0, 310.0, 320.0)),
        Timing(name="ours", what="fp32, channels_last", rounds=(100.0, 155.0, 160.0)),
    ),
    ratio=2.0,
    figures={"apply_command_s": 3.25},
    notes=("no CUDA device was used",),
)


STEP = StepReport(
    preset="cut",
    what="resnet of 64 filters, 256 x 256, batch 1, fp32",
    ms_a_step=2500.0,
    gflop_a_step=250.0,
    machine=REPORT.machine,
    rates=REPORT.rates,
)


@pytest.fixture
def timed(monkeypatch):
    """Canned reports; returns what the benches were called with."""
    calls = []

    def bench(**options):
        calls.append(options)
        return REPORT

    monkeypatch.setattr("translate.evaluation.bench_apply.bench_apply", bench)
    monkeypatch.setattr("translate.evaluation.bench_train.bench_train", bench)
    return calls


def _run(*arguments: str):
    return CliRunner().invoke(command.app, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize("verb", ["apply", "train"])
def test_times_ratio_rates_and_notes_are_printed(timed, verb):
    output = _run(verb).output
    for fact in (
        "A fast one",
        "2 threads",
        "150 GFLOP/s fp32, 1 bf16",
        "classic / ours: 2.00",
        "apply_command_s: 3.25",
    ):
        assert fact in output
    assert "310.0 ms an image   float32, eager" in output
    assert "note: no CUDA device was used" in output


def test_json_holds_medians_and_every_round(timed, tmp_path):
    out = tmp_path / "bench.json"
    _run("train", "--json", str(out), "--rounds", "5", "--compile", "--device", "cpu")
    stored = json.loads(out.read_text())
    assert stored["timings"][1]["ms_per_image"] == 155.0
    assert stored["timings"][0]["rounds"] == [300.0, 310.0, 320.0]
    assert stored["rates"]["matmul_bf16_gflops"] == 1.0
    assert timed == [{"device": "cpu", "precision": "auto", "compiled": True, "rounds": 5}]


def test_a_json_file_that_can_not_be_written_is_refused_before_timing(timed, tmp_path):
    with pytest.raises(ConfigError, match="--json"):
        _run("apply", "--json", str(tmp_path / "missing" / "bench.json"))
    assert not timed


def test_a_step_is_told_with_its_arithmetic_and_the_machines_rates(monkeypatch, tmp_path):
    """250 GFLOP in 2.5 s are 100 GFLOP/s."""
    calls = []

    def bench(preset, **options):
        calls.append((preset, options))
        return STEP

    monkeypatch.setattr("translate.evaluation.bench_step.bench_step", bench)
    out = tmp_path / "step.json"
    output = _run("step", "cut", "--rounds=3", "--set=batch_size=1", "--set=data.crop=64", "--json", str(out)).output
    assert "150 GFLOP/s fp32" in output
    assert output.splitlines()[-2:] == [
        "cut (resnet of 64 filters, 256 x 256, batch 1, fp32): 2,500 ms a step",
        "250.0 GFLOP a step, 100 GFLOP/s",
    ]
    stored = json.loads(out.read_text())
    assert (stored["bench"], stored["ms_a_step"], stored["gflops"]) == ("step", 2500.0, 100.0)
    changes = {"batch_size": 1, "data.crop": 64}
    assert calls == [("cut", {"changes": changes, "device": "auto", "precision": "auto", "rounds": 3})]


def test_every_word_is_told_beside_vanilla(monkeypatch, tmp_path):
    calls = []

    def bench(**options):
        calls.append(options)
        cost = Cost(word="hinge", ms_a_step=204.0, times=1.02, gflop_a_step=2.0, times_gflop=1.0)
        return ObjectivesReport(what="pix2pix, small", costs=(cost,), machine=REPORT.machine)

    monkeypatch.setattr("translate.evaluation.bench_objectives.bench_objectives", bench)
    out = tmp_path / "words.json"
    output = _run("objectives", "--rounds=2", "--set=batch_size=4", "--json", str(out)).output
    assert output.splitlines() == [
        "pix2pix, small",
        "hinge                 204.0 ms   1.020 x vanilla in time, 1.000 x in arithmetic",
    ]
    assert json.loads(out.read_text())["costs"][0]["times"] == 1.02
    assert calls == [{"changes": {"batch_size": 4}, "device": "auto", "precision": "auto", "rounds": 2}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pix3pix"], "pix3pix: no such preset"),
        (["cut", "--set=data.crp=3"], "data.crp: no such setting"),
        (["cut", "--set=steps"], "expected key=value"),
        (["cut", "--device=tpu"], "device is 'tpu'"),
        (["cut", "--precision=fp8"], "precision is 'fp8'"),
        (["cut", "--json=missing/step.json"], "--json missing"),
    ],
)
def test_a_mistake_about_a_step_is_one_line_and_exit_code_2(cli, arguments, said):
    code, _, err = cli("bench", "step", *arguments)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert said in err


def test_what_guards_cost_is_told_beside_what_they_may(monkeypatch, tmp_path):
    calls = []

    def bench(**options):
        calls.append(options)
        step = {"what": "a step of cut", "ms_guarded": 505.0, "ms_bare": 500.0, "slower": 0.012, "allowed": 0.02}
        step = GuardCost(**step, low=-0.001, high=0.025)
        applied = GuardCost(
            what="a photo", ms_guarded=90.0, ms_bare=90.0, slower=0.0, low=-0.01, high=0.01, allowed=0.05
        )
        return GuardsReport(
            step=step, ms_a_save=300.0, save_share=0.002, apply=applied, rounds=9, machine=REPORT.machine
        )

    monkeypatch.setattr("translate.evaluation.bench_guards.bench_guards", bench)
    out = tmp_path / "guards.json"
    said = _run("guards", "cut", "--rounds", "9", "--set", "batch_size=2", "--json", str(out)).output
    assert "a step of cut: 505.0 ms, bare 500.0: +1.20 % (-0.10 to +2.50 %, allowed 2 %)" in said
    assert "saves: 300 ms each, 0.20 % of the steps between two, counted above" in said
    assert (calls[0]["preset"], calls[0]["rounds"], calls[0]["changes"]) == ("cut", 9, {"batch_size": 2})
    assert json.loads(out.read_text())["apply"]["allowed"] == 0.05


def test_the_times_of_edits_are_told_in_their_units(monkeypatch, tmp_path):
    times = EditTimes(
        model="faces-abcd", size=64, generate_s=0.0123, new_prompt_s=0.5, known_prompt_s=0.025, optimise_s=4.5,
        steps=100, machine=REPORT.machine, rates=REPORT.rates,
    )  # fmt: skip
    calls = []

    def bench(editor, **options):
        calls.append((editor, options))
        return times

    monkeypatch.setattr("translate.evaluation.bench_edit.bench_edit", bench)
    monkeypatch.setattr("translate.evaluation.bench_edit.random_editor", lambda size, device: f"untrained {size}")
    monkeypatch.setattr("translate.editing.editor.Editor.load", lambda model, device: model)
    out = tmp_path / "edit.json"
    output = _run("edit", "faces", "--rounds=2", "--json", str(out)).output
    told = [line.split() for line in output.splitlines()]
    assert [line[-2:] for line in told[-4:]] == [["12.3", "ms"], ["500.0", "ms"], ["25.0", "ms"], ["4.5", "s"]]
    assert json.loads(out.read_text())["optimise_s"] == 4.5
    _run("edit", "--random=1024", "--steps=7")
    assert calls == [("faces", {"rounds": 2, "steps": 100}), ("untrained 1024", {"rounds": 5, "steps": 7})]


def test_only_benches_are_commands():
    """A helper under a command's decorator would stand in the help."""
    names = [found.callback.__name__ for found in command.app.registered_commands]
    assert names == ["apply", "train", "step", "objectives", "guards", "edit", "serve"]
