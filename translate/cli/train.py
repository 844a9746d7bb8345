"""`translate train PRESET --data DIR`: train a translator, watch it, resume it."""

import importlib
import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translate.cli.detach import start_detached
from translate.cli.lines import tell
from translate.cli.options import check_kept
from translate.errors import ConfigError, DatasetError
from translate.stopping import stop_on_signals

if TYPE_CHECKING:
    from translate.config import TrainConfig
    from translate.trainers.loop import Progress
    from translate.trainers.run import Plan, Source
    from translate.trainers.standing import Standing

PARTS = {
    "clip": ("clip", "train_clip"),
    "encoder": ("train_encoder", "train_encoder"),
    "mapper": ("train_mapper", "train_mapper"),
}
"""Presets that have a file of their own here, and the function in it."""


def train(
    preset: Annotated[str | None, typer.Argument(help="Recipe: pix2pix, cyclegan, dcgan, clip, ...")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of pairs, of two domains or of pictures, as datasets/README.md says.")
    ] = None,
    a: Annotated[Path | None, typer.Option("--a", help="Folder of inputs, with --b instead of --data.")] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of targets.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/PRESET.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps in all.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pairs, or pictures of each domain, a step.")] = None,
    size: Annotated[int | None, typer.Option(help="Scale the model sees; load_size and crop follow it.")] = None,
    direction: Annotated[str | None, typer.Option(help="AtoB or BtoA.")] = None,
    init: Annotated[str | None, typer.Option(help="Start from this model's weights (name or folder).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out (or named as PRESET).")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting: key=value, as data.crop=192.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check data and settings, print the plan, stop.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Check, then train as a job: see `translate jobs`.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON lines.")] = False,
) -> None:
    """Train a translator on a folder of pairs or two folders without pairs, or a generator on one folder.

    Parts of a face editor: clip learns words on labelled faces, encoder the way from faces to the latents of --init,
    mapper one sentence for the faces of --init (--set prompt="a smiling man").
    """
    changes: dict[str, Any] = {"steps": steps, "batch_size": batch_size}
    changes = {name: value for name, value in changes.items() if value is not None}
    changes |= dict(setting(text) for text in set_ or [])
    if preset in PARTS:
        own = {"--a": a, "--b": b, "--direction": direction, "--dry-run": dry_run or None, "--detach": detach or None}
        _refuse(preset, own)
        changes |= {} if size is None else {"size": size}
        _train_part(preset, init, data, out, changes, resume, device, as_json)
        return
    changes |= {} if direction is None else {"data.direction": direction}
    from translate import catalog
    from translate.trainers import run

    start = catalog.find(init) if init else None
    source = run.Source(root=data, a=a, b=b)
    with _bar(as_json, "file", "checking") as bar:
        progress = _moving(bar)
        if resume:
            folder = _run_folder(preset, out)
            _check_unchanged(folder, preset if out else None, source, {"--size": size, "--init": init})
            plan = run.resumed(folder, changes, progress=progress)
        else:
            plan = _fresh(preset, size, changes, source, out, start, progress)
    if dry_run:
        _print_plan(plan, as_json)
        return
    if detach:
        more = {"steps": steps, "batch-size": batch_size, "set": set_}
        fixed = {"data": data, "a": a, "b": b, "size": size, "direction": direction, "init": start}
        start_detached(plan.folder, None if resume else preset, fixed, more, device=device, as_json=as_json)
        return
    with _bar(as_json, "step") as bar, stop_on_signals() as stop:
        report = _printed(stop) if as_json else _shown(bar)
        standing = run.train(plan, device=device, resume=resume, init=start, stop=stop, report=report)
    if run.is_main_process():
        _tell(plan, standing, as_json)


def _tell(plan: "Plan", standing: "Standing", as_json: bool) -> None:
    """Where the models are, and how to use them."""
    folders = plan.models()
    if as_json:
        done = {"step": standing.step, "best": standing.best, "best_step": standing.best_step}
        models = {name: str(folder) for name, folder in folders.items()}
        print(json.dumps({"kind": "done", "folder": str(plan.folder), "models": models, **done}))
        return
    print(f"{plan.folder}: step {standing.step}")
    verb = "generate {} -o OUT.png" if plan.config.method == "gan" else "apply {} PHOTO -o OUT.png"
    for name, folder in folders.items():
        best = f"best {standing.best[name]:.4f} at step {standing.best_step[name]}; " if name in standing.best else ""
        print(f"{best}use it: translate {verb.format(folder)}")


def _refuse(preset: str, options: Mapping[str, object]) -> None:
    """Raises: ConfigError for an option that means nothing to this preset."""
    if given := [name for name, value in options.items() if value is not None]:
        raise ConfigError(f"{given[0]} means nothing to the preset {preset}; see `translate train --help`")


def _train_part(
    preset: str,
    init: str | None,
    data: Path | None,
    out: Path | None,
    changes: dict[str, Any],
    resume: bool,
    device: str,
    as_json: bool,
) -> None:
    """Trainings whose recipe, and so whose settings, are their own."""
    module, function = PARTS[preset]
    train = getattr(importlib.import_module(f"translate.cli.{module}"), function)
    train(init, data, out, changes, resume=resume, device=device, as_json=as_json)


def _run_folder(preset: str | None, out: Path | None) -> Path:
    if out is None and preset is None:
        raise ConfigError("--resume needs --out: the folder of the run to go on with")
    if out is None and Path(str(preset), "train.json").is_file():
        return Path(str(preset))  # --resume runs/mine, as one says it
    return out or Path("runs") / str(preset)


def _check_unchanged(folder: Path, preset: str | None, source: "Source", fixed: Mapping[str, object]) -> None:
    """Raises: ConfigError for an option that would make the run in `folder` another one, were it heard."""
    from translate.catalog import RUN_FILE
    from translate.config import read
    from translate.trainers import run

    for name, value in fixed.items():
        check_kept(name, value, None)
    path = folder / RUN_FILE
    if not path.is_file():
        return  # which is said when the run is looked for
    record = read(run.RunRecord, path)
    if preset not in (None, record.config.preset):
        raise ConfigError(f"{folder} is a run of the preset {record.config.preset}, not of {preset}; leave it out")
    for name, given, own in (
        ("--data", source.root, record.source.root),
        ("--a", source.a, record.source.a),
        ("--b", source.b, record.source.b),
    ):
        check_kept(name, given and given.resolve(), own and own.resolve())


def _fresh(
    preset: str | None,
    size: int | None,
    changes: dict[str, Any],
    source: "Source",
    out: Path | None,
    init: Path | None,
    progress: Callable[[int, int], None],
) -> "Plan":
    from translate.checkpoints import load_config
    from translate.presets import preset as recipe
    from translate.presets import scaled
    from translate.trainers import run

    if preset is None:
        raise ConfigError("name a preset, as in `translate train segmentation --data DIR`, or go on with --resume")
    config = recipe(preset)
    if size is not None:
        changes = scaled(config, size) | changes
    # What the first model kept apart stays apart: it would otherwise be scored on pictures it was trained on.
    held_out = load_config(init).held_out if init else None
    folder = out or Path("runs") / preset
    config = config.replace(**changes)
    try:
        return run.plan(config, source, folder, held_out=held_out, progress=progress)
    except DatasetError as error:
        raise DatasetError(f"{error}{_hint(config, source)}") from None


def _hint(config: "TrainConfig", source: "Source") -> str:
    """What to train instead, where pairs were expected and the data are two domains."""
    from translate.cli.data import unpaired_hint

    if config.method != "pix2pix":
        return ""
    # The error is one line; what is said of these data as two domains would stand above it.
    logging.getLogger("translate.data.domains").setLevel(logging.WARNING)
    return unpaired_hint(source.root, source.a, source.b, config.data, "train cyclegan or cut on it")


def setting(text: str) -> tuple[str, Any]:
    """One `--set key=value`; the value is JSON, or else a word.

    Raises: ConfigError when there is no "=".
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {text}: expected key=value, as in data.crop=192")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _print_plan(plan: "Plan", as_json: bool) -> None:
    counts = plan.task.counts
    if as_json:
        record = {"config": plan.config.model_dump(mode="json"), "counts": counts, "layout": plan.layout.kind}
        print(json.dumps(record | {"folder": str(plan.folder), "notes": list(plan.layout.notes)}))
        return
    listed = (f"{split} {' + '.join(f'{n} {what}' for what, n in parts.items())}" for split, parts in counts.items())
    print(f"data: {plan.layout.kind}; {', '.join(listed)}")
    for note in plan.layout.notes:
        print(f"  {note}")
    print(json.dumps(plan.config.model_dump(mode="json"), indent=2))
    print(f"would write to {plan.folder}; nothing was written")


def _bar(as_json: bool, unit: str, what: str | None = None) -> Any:
    """A progress bar on a terminal, nothing otherwise."""
    from tqdm import tqdm

    hidden = as_json or not sys.stderr.isatty()
    return tqdm(unit=unit, desc=what, disable=hidden, dynamic_ncols=True, leave=what is None)


def _moving(bar: Any) -> Callable[[int, int], None]:
    def move(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return move


def _shown(bar: Any) -> "Callable[[Progress], None]":
    def show(progress: "Progress") -> None:
        if bar.n == 0:
            bar.initial = progress.step - 1  # a resumed run's speed counts from where it went on
        bar.total = progress.steps
        best = {"best": " ".join(f"{value:.4f}" for value in progress.best.values())} if progress.best else {}
        bar.set_postfix({name: f"{value:.3f}" for name, value in progress.losses.items()} | best, refresh=False)
        bar.update(progress.step - bar.n)

    return show


def _printed(stop: Event) -> "Callable[[Progress], None]":
    def show(progress: "Progress") -> None:
        own = {"step": progress.step, "seconds": round(progress.seconds, 1)}
        tell(json.dumps({"kind": "train", **own, **progress.losses, **progress.figures}), stop)

    return show
