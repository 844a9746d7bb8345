"""`translate train PRESET --data DIR`: train a translator, watch it, resume it."""

import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.trainers.loop import Progress
    from translate.trainers.run import Plan


def train(
    preset: Annotated[str | None, typer.Argument(help="Recipe: pix2pix, pix2pix-fast, segmentation, ...")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of pairs, in any layout of datasets/README.md.")] = None,
    a: Annotated[Path | None, typer.Option("--a", help="Folder of inputs, with --b instead of --data.")] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of targets.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/PRESET.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps in all.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pairs a step.")] = None,
    size: Annotated[int | None, typer.Option(help="Scale the model sees; load_size and crop follow it.")] = None,
    direction: Annotated[str | None, typer.Option(help="AtoB or BtoA.")] = None,
    init: Annotated[str | None, typer.Option(help="Start from this model's weights (name or folder).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting: key=value, as data.crop=192.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check data and settings, print the plan, stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON lines.")] = False,
) -> None:
    """Train a translator on a folder of pairs."""
    from translate import catalog
    from translate.presets import preset as recipe
    from translate.trainers import run

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    flags = {"steps": steps, "batch_size": batch_size, "data.direction": direction}
    changes: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    changes |= dict(_setting(text) for text in set_ or [])
    if resume:
        folder = out or (Path("runs") / preset if preset else None)
        if folder is None:
            raise ConfigError("--resume needs --out: the folder of the run to go on with")
        plan = run.resumed(folder, changes)
    else:
        if preset is None:
            raise ConfigError(
                "name a preset, as in `translate train segmentation --data DIR`; see `translate train -h`"
            )
        config = recipe(preset)
        if size is not None:
            changes = _scaled(size, config.data) | changes
        source = run.Source(root=data, a=a, b=b)
        plan = run.plan(config.replace(**changes), source, out or Path("runs") / preset)
    if dry_run:
        _print_plan(plan, as_json)
        return
    start = catalog.find(init) if init else None
    with _Bar(plan.config.steps, as_json) as bar:
        standing = run.train(plan, device=device, resume=resume, init=start, stop=_stop_on_signals(), report=bar)
    summary = {
        "folder": str(plan.folder),
        "step": standing.step,
        "best": standing.best,
        "best_step": standing.best_step,
    }
    if as_json:
        print(json.dumps({"kind": "done", **summary}))
        return
    best = f"; best {standing.best:.4f} at step {standing.best_step}" if standing.best is not None else ""
    print(f"{plan.folder}: step {standing.step}{best}")
    print(f"use it: translate apply {plan.folder} PHOTO -o OUT.png")


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {text}: expected key=value, as in data.crop=192")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _scaled(size: int, data: Any) -> dict[str, Any]:
    """The preset's proportions between size, load_size and crop, at another size."""
    ratio = size / data.size
    return {"data.size": size, "data.load_size": round(data.load_size * ratio), "data.crop": round(data.crop * ratio)}


def _stop_on_signals() -> threading.Event:
    """The first Ctrl-C or SIGTERM lets the loop finish its step, save and return; the second one is the usual one."""
    stop = threading.Event()

    def handler(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
    return stop


def _print_plan(plan: "Plan", as_json: bool) -> None:
    splits = {name: len(pairs) for name, pairs in plan.layout.splits.items()}
    if as_json:
        record = {"config": plan.config.model_dump(mode="json"), "pairs": splits, "layout": plan.layout.kind}
        print(json.dumps(record | {"folder": str(plan.folder), "notes": list(plan.layout.notes)}))
        return
    counts = ", ".join(f"{count} {name}" for name, count in splits.items())
    print(f"data: {plan.layout.kind}; {counts} pairs")
    for note in plan.layout.notes:
        print(f"  {note}")
    print(json.dumps(plan.config.model_dump(mode="json"), indent=2))
    print(f"would write to {plan.folder}; nothing was written")


class _Bar:
    """A progress bar on a terminal, JSON lines on demand, silence otherwise."""

    def __init__(self, steps: int, as_json: bool) -> None:
        from tqdm import tqdm

        self.as_json = as_json
        self.bar = tqdm(total=steps, unit="step", disable=as_json or not sys.stderr.isatty(), dynamic_ncols=True)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, progress: "Progress") -> None:
        if self.as_json:
            figures = {"step": progress.step, "seconds": round(progress.seconds, 1), **progress.losses}
            print(json.dumps({"kind": "train", **figures, **progress.figures}), flush=True)
            return
        if self.bar.n == 0 and progress.step > 1:
            self.bar.initial = progress.step - 1
        self.bar.n = progress.step
        best = {"best": f"{progress.best:.4f}"} if progress.best is not None else {}
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in progress.losses.items()} | best)
