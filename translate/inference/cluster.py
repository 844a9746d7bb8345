"""Apply a model to files over a Ray cluster (Ray Data): each worker loads the model once and takes files in blocks.

Model, inputs and outputs must be on a disk that every machine sees under the same path. RAY_ADDRESS names the cluster;
without it Ray starts one on this machine.
"""

import dataclasses
import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from translate.errors import ConfigError
from translate.inference import folder
from translate.inference.files import Job, Options
from translate.inference.folder import Failure, Summary, Written
from translate.inference.translator import Translator

BLOCK = 16
"""Files a worker is handed at a time."""

Rows = dict[str, Any]


class Worker:
    """For `ray.data.Dataset.map_batches`: rows with a `source` and a `target` path become rows that say what was done.

    `status` is written, skipped or failed; `report` the rest, as JSON.
    """

    def __init__(self, model: str, device: str, precision: str, options: Options) -> None:
        self.options = options
        self.translator = Translator.load(Path(model), device=device, precision=precision)

    def __call__(self, rows: Rows) -> Rows:
        jobs = [Job(Path(s), Path(t)) for s, t in zip(rows["source"], rows["target"], strict=True)]
        done = folder.apply(self.translator, jobs, self.options)
        told = [("written", str(w.job.source), str(w.job.target), _facts(w)) for w in done.written]
        told += [("skipped", str(job.source), str(job.target), {}) for job in done.skipped]
        told += [("failed", str(failure.path), "", {"reason": failure.reason}) for failure in done.failed]
        status, source, target, report = zip(*told, strict=True)
        return {
            "status": list(status),
            "source": list(source),
            "target": list(target),
            "report": [json.dumps(facts) for facts in report],
        }


def apply_on_cluster(
    model: Path,
    jobs: Sequence[Job],
    options: Options,
    *,
    device: str = "auto",
    precision: str = "auto",
    workers: int | None = None,
    report: Callable[[int], object] | None = None,
) -> Summary:
    """Carry out `jobs` on a Ray cluster as `folder.apply` does on one machine; the outputs are the same.

    A worker takes a GPU where the cluster has some and `device` allows it, else a CPU; `workers` None takes all.
    Raises: ConfigError without Ray, or where a worker fails.
    """
    ray = _require()
    began, summary = time.perf_counter(), Summary()
    if not jobs:
        return summary
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # what goes wrong comes back as failures
    gpus = int(ray.cluster_resources().get("GPU", 0)) if device == "auto" or device.startswith("cuda") else 0
    most = workers or gpus or int(ray.cluster_resources().get("CPU", 1))
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [{"source": str(job.source.absolute()), "target": str(job.target.absolute())} for job in jobs]
    blocks = -(-len(rows) // BLOCK)
    data = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
        Worker,
        fn_constructor_args=(str(model.absolute()), device, precision, options),
        batch_size=BLOCK,
        num_gpus=1 if gpus else 0,
        num_cpus=0 if gpus else 1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=max(1, min(most, blocks))),
    )
    try:
        for row in data.iter_rows():
            _add(summary, row)
            if report is not None:
                report(1)
    except ray.exceptions.RayError as error:
        raise ConfigError(f"the Ray cluster gave up: {_last_line(error)}") from None
    _sort(summary, jobs)
    summary.seconds = time.perf_counter() - began
    return summary


def _require() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise ConfigError("a cluster needs Ray: pip install 'translate-images[cluster]'") from None
    return ray


def _facts(written: Written) -> dict[str, Any]:
    return {field.name: getattr(written, field.name) for field in dataclasses.fields(written) if field.name != "job"}


def _add(summary: Summary, row: Rows) -> None:
    job, facts = Job(Path(row["source"]), Path(row["target"])), json.loads(row["report"])
    if row["status"] == "written":
        summary.written.append(Written(job=job, **facts))
    elif row["status"] == "skipped":
        summary.skipped.append(job)
    else:
        summary.failed.append(Failure(job.source, facts["reason"]))


def _sort(summary: Summary, jobs: Sequence[Job]) -> None:
    """Back into the order of `jobs`, and under the names they were given by."""
    given = {job.source.absolute(): (number, job) for number, job in enumerate(jobs)}
    summary.written = [
        dataclasses.replace(done, job=given[done.job.source][1])
        for done in sorted(summary.written, key=lambda done: given[done.job.source][0])
    ]
    summary.skipped = [given[job.source][1] for job in sorted(summary.skipped, key=lambda job: given[job.source][0])]
    summary.failed = [
        Failure(given[failure.path][1].source, failure.reason)
        for failure in sorted(summary.failed, key=lambda failure: given[failure.path][0])
    ]


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
