"""`translate jobs list|watch|pause|resume|stop|delete`: trainings that run by themselves (`train --detach`)."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.errors import ConfigError, TranslateError

if TYPE_CHECKING:
    from translate.jobs import Job, Progress

app = typer.Typer(no_args_is_help=True, help="Trainings that run by themselves: look at them, stop and resume them.")

Name = Annotated[str, typer.Argument(help="The job's name, as `translate jobs list` has it.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TICK = 1.0


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every job in runs/, the newest first: state, step, time left."""
    from translate.jobs import as_json as record
    from translate.jobs import jobs

    found = jobs()
    if as_json:
        print(json.dumps([record(job) for job in found], indent=2))
        return
    width = max((len(job.name) for job in found), default=0)
    for job in found:
        print(f"{job.name:<{width}}  {line(job)}")
    if not found:
        print("no job in runs/; start one: translate train PRESET --data DIR --detach")


@app.command()
def watch(name: Name, as_json: Json = False) -> None:
    """Show how a job goes on, until it ends; Ctrl-C ends the watching alone."""
    from translate.jobs import as_json as record
    from translate.jobs import find

    job, said = find(name), ""
    while True:
        text = json.dumps(record(job)) if as_json else line(job)
        if text != said:
            print(text, flush=True)
        if not job.is_active:
            break
        said = text
        time.sleep(TICK)
        job = find(name)
    if job.state == "failed":
        raise TranslateError(f"{name}: {job.record.message}")


@app.command()
def pause(name: Name, as_json: Json = False) -> None:
    """Have a job save and end, to be resumed later; the next one begins."""
    from translate import jobs

    _tell(jobs.pause(name), as_json)


@app.command()
def stop(name: Name, as_json: Json = False) -> None:
    """Have a job save and end for good; asked again after 20 s, it ends without saving."""
    from translate import jobs

    _tell(jobs.stop(name), as_json)


@app.command()
def resume(
    name: Name,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps in all.", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option(help="As `translate train --resume` takes it.", min=1)] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting that may change: key=value.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps; default as before.")] = None,
    as_json: Json = False,
) -> None:
    """Queue the rest of a job that was paused, stopped or interrupted, or of any run in runs/."""
    from translate import jobs

    changes = [f"--steps={steps}"] if steps else []
    changes += [f"--batch-size={batch_size}"] if batch_size else []
    changes += [f"--set={text}" for text in set_ or []]
    _tell(jobs.resume(name, changes, device=device), as_json)


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a job with its run: models, state, samples and log."""
    from translate import jobs

    job = jobs.find(name)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError(f"{name}: nobody is there to be asked; delete it with --yes")
        typer.confirm(f"delete {job.folder} with its models?", abort=True)
    folder = jobs.delete(name)
    print(json.dumps({"deleted": str(folder)}) if as_json else f"{folder}: deleted")


@app.command(hidden=True)
def run(folder: Path) -> None:
    """Be the process of a job: what `train --detach` starts, and no one else needs."""
    from translate.cli.train import train
    from translate.jobs.process import carry_out

    verb = typer.Typer(pretty_exceptions_enable=False)
    verb.command()(train)
    carry_out(folder, lambda words: verb(words, prog_name="translate train", standalone_mode=False))


def line(job: "Job") -> str:
    """A job as one line."""
    from translate.jobs import duration, progress

    now = progress(job.folder)
    parts = [f"{job.state:<11}", f"step {now.step}" + (f" of {now.steps}" if now.steps else "")]
    if job.wish:
        parts.append(f"to be {job.wish}")
    if job.state == "running" and now.left is not None:
        parts.append(f"{duration(now.left)} left")
    if job.state == "running":
        parts.append(_losses(now))
    if job.record.message and not job.is_active:
        parts.append(job.record.message)
    return "  ".join(part for part in parts if part).rstrip()


def _losses(now: "Progress") -> str:
    return " ".join(f"{name} {curve[-1][1]:.3g}" for name, curve in list(now.losses.items())[:4])


def _tell(job: "Job", as_json: bool) -> None:
    from translate.jobs import as_json as record

    print(json.dumps(record(job)) if as_json else f"{job.name}: {line(job)}")
