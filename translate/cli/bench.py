"""`translate bench train|apply|edit|step|objectives|guards|serve`: this machine, beside the classic settings."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translate.cli.options import check_json_out
from translate.cli.train import setting

if TYPE_CHECKING:
    from translate.evaluation.bench import BenchReport

app = typer.Typer(no_args_is_help=True, help="Measure how fast this machine trains and translates.")

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[str, typer.Option(help="auto, fp32 or bf16.")]
Compiled = Annotated[bool, typer.Option("--compile", help="Time torch.compile too (always done on CUDA).")]
Json = Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write all figures as JSON.")]


@app.command()
def apply(
    device: Device = "auto",
    precision: Precision = "auto",
    compiled: Compiled = False,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")] = 9,
    json_out: Json = None,
) -> None:
    """Time a 256 x 256 photo through the paper's U-Net, the shipped model, and the whole `translate apply`."""
    from translate.evaluation.bench_apply import bench_apply

    check_json_out(json_out)
    _say("timing; half a minute on a small machine ...")
    _show(bench_apply(device=device, precision=precision, compiled=compiled, rounds=rounds), json_out)


@app.command()
def train(
    device: Device = "auto",
    precision: Precision = "auto",
    compiled: Compiled = False,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")] = 3,
    json_out: Json = None,
) -> None:
    """Time the training step on 256 x 256 pairs: a U-Net of 32 filters with its memory, and the paper's of 64."""
    from translate.evaluation.bench_train import bench_train

    check_json_out(json_out)
    _say("timing; a minute or two on a small machine ...")
    _show(bench_train(device=device, precision=precision, compiled=compiled, rounds=rounds), json_out)


@app.command()
def step(
    preset: Annotated[str, typer.Argument(help="Recipe, as for `translate train`.")] = "cyclegan",
    device: Device = "auto",
    precision: Precision = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Steps timed; the median counts.")] = 7,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting: key=value.")] = None,
    json_out: Json = None,
) -> None:
    """Time one training step of a preset, beside the arithmetic it does and this machine's rates."""
    from translate import checkpoints
    from translate.evaluation.bench_step import bench_step

    check_json_out(json_out)
    changes = dict(setting(text) for text in set_ or [])
    found = bench_step(preset, changes=changes, device=device, precision=precision, rounds=rounds)
    print(_machine(found.machine, found.rates))
    print(f"{preset} ({found.what}): {found.ms_a_step:,.0f} ms a step")
    print(f"{found.gflop_a_step:,.1f} GFLOP a step, {found.gflops:,.0f} GFLOP/s")
    if json_out:
        checkpoints.write_json(json_out, found.as_json())


@app.command()
def objectives(
    device: Device = "auto",
    precision: Precision = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Steps timed of each word; the median counts.")] = 15,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting of pix2pix: key=value.")] = None,
    json_out: Json = None,
) -> None:
    """Time a pix2pix step with every adversarial loss, each beside one with vanilla."""
    from translate import checkpoints
    from translate.evaluation.bench_objectives import bench_objectives

    check_json_out(json_out)
    changes = dict(setting(text) for text in set_ or [])
    found = bench_objectives(changes=changes, device=device, precision=precision, rounds=rounds)
    print(found.what)
    for cost in found.costs:
        multiples = f"{cost.times:.3f} x vanilla in time, {cost.times_gflop:.3f} x in arithmetic"
        print(f"{cost.word:<18}{cost.ms_a_step:9.1f} ms   {multiples}")
    if json_out:
        checkpoints.write_json(json_out, found.as_json())


@app.command()
def guards(
    preset: Annotated[str, typer.Argument(help="Recipe, as for `translate train`.")] = "pix2pix-fast",
    device: Device = "auto",
    precision: Precision = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; the median of their ratios counts.")] = 40,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting: key=value.")] = None,
    json_out: Json = None,
) -> None:
    """Time a training step and an `apply` with what makes them hard to break, and without it in turn."""
    from translate import checkpoints
    from translate.evaluation.bench_guards import bench_guards

    check_json_out(json_out)
    _say("timing; a minute or two on a small machine ...")
    changes = dict(setting(text) for text in set_ or [])
    found = bench_guards(preset=preset, changes=changes, device=device, precision=precision, rounds=rounds)
    print(f"the median of {rounds} ratios and its 95 % interval")
    for cost in (found.step, found.apply):
        range_ = f"{100 * cost.low:+.2f} to {100 * cost.high:+.2f} %, allowed {100 * cost.allowed:.0f} %"
        print(f"{cost.what}: {cost.ms_guarded:.1f} ms, bare {cost.ms_bare:.1f}: {100 * cost.slower:+.2f} % ({range_})")
    print(
        f"saves: {found.ms_a_save:.0f} ms each, {100 * found.save_share:.2f} % of the steps between two, counted above"
    )
    if json_out:
        checkpoints.write_json(json_out, found.as_json())


@app.command()
def edit(
    model: Annotated[str, typer.Argument(help="A StyleGAN2 with a CLIP: its name or folder.")] = "faces",
    random: Annotated[
        int | None,
        typer.Option(min=8, max=1024, metavar="SIZE", help="Not a model, but the FFHQ models' networks, untrained."),
    ] = None,
    device: Device = "auto",
    steps: Annotated[int, typer.Option(min=1, max=10_000, help="Steps of the optimisation.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="A quarter of the runs of what is quick; the median counts.")] = 5,
    json_out: Json = None,
) -> None:
    """Time a face, a global direction of a new sentence, the same again, and an optimisation."""
    from translate import checkpoints
    from translate.editing.editor import Editor
    from translate.evaluation.bench_edit import bench_edit, random_editor

    check_json_out(json_out)
    editor = Editor.load(model, device=device) if random is None else random_editor(random, device=device)
    found = bench_edit(editor, rounds=rounds, steps=steps)
    print(_machine(found.machine, found.rates))
    print(f"{found.model}, {found.size} x {found.size} pixels")
    print(f"a face of a seed                      {1000 * found.generate_s:9.1f} ms")
    print(f"a sentence never heard, by direction  {1000 * found.new_prompt_s:9.1f} ms")
    print(f"another strength of it                {1000 * found.known_prompt_s:9.1f} ms")
    print(f"an optimisation of {found.steps} steps          {found.optimise_s:9.1f} s")
    if json_out:
        checkpoints.write_json(json_out, found.as_json())


@app.command()
def serve(
    requests: Annotated[int, typer.Option(min=1, help="Requests to /apply in all.")] = 1000,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Visitors, each with a photo of its own.")] = 64,
    json_out: Json = None,
) -> None:
    """Load a page of its own with a toy model: answers, times, memory, a full queue. Exit code 1 where one is amiss."""
    from translate import checkpoints
    from translate.evaluation.bench_serve import bench_serve

    check_json_out(json_out)
    _say(f"asking {requests} times ...")
    found = bench_serve(requests=requests, at_once=at_once)
    facts = found.as_json()
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<20}{value:,.1f}" if isinstance(value, float) else f"{name:<20}{value}")
    if json_out:
        checkpoints.write_json(json_out, facts)
    if facts["missed"]:
        raise typer.Exit(1)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def _show(report: "BenchReport", json_out: Path | None) -> None:
    from translate import checkpoints

    print("\n".join(_lines(report)))
    if json_out:
        checkpoints.write_json(json_out, report.as_json())


def _lines(report: "BenchReport") -> list[str]:
    lines = [_machine(report.machine, report.rates)]
    width = max(len(timing.name) for timing in report.timings) + 2
    lines += [f"{t.name:<{width}}{t.median:9.1f} ms an image   {t.what}" for t in report.timings]
    lines.append(f"classic / ours: {report.ratio:.2f}")
    lines += [f"{name}: {value:,.2f}" for name, value in report.figures.items()]
    return lines + [f"note: {note}" for note in report.notes]


def _machine(machine: dict[str, Any], rates: dict[str, float]) -> str:
    """Two lines: what it is, and how fast it multiplies."""
    name = machine.get("gpu") or machine["processor"]
    threads = f"{machine['threads']} threads, {machine['instructions']}"
    speed = {key: _rate(value) for key, value in rates.items()}
    return (
        f"{name}; {threads}; torch {machine['torch']} on {machine['device']}\n"
        f"matrix products: {speed['matmul_fp32_gflops']} GFLOP/s fp32, {speed['matmul_bf16_gflops']} bf16; "
        f"convolutions: {speed['conv_fp32_gflops']} fp32, {speed['conv_bf16_gflops']} bf16"
    )


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # emulated bf16 is below 1
