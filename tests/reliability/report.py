"""The table of docs/reliability.md, from what the tests told: `python -m tests.reliability.report LINES OUT.md`."""

import datetime
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROWS = {
    1: ("Hostile weight files run nothing", "300 or more files, 0 executions"),
    2: ("A mutated weight file is a model or one line", "10,000 files, 0 tracebacks, at most 5 s each"),
    3: ("Bombs among weights and archives take no memory", "20 files, at most 64 MiB more each"),
    4: ("NVIDIA's .pkl: tensors bit-equal, embedded source never run", "all"),
    5: ("No call in the program can run what a file says", "0 calls"),
    6: ("A malformed picture is decoded or refused in one line", "all, 0 crashes"),
    7: ("After each hostile picture the next good one decodes alike", "bit-identical"),
    8: ("Oversize and empty pictures are refused by their header", "at most 50 ms"),
    9: ("Every EXIF orientation is turned upright; no metadata leaves", "exact; 0 leaks"),
    10: ("Hostile archives write nothing outside and leave no half set", "60 or more, 0 bytes"),
    11: ("Cut downloads resume to the right SHA-256; a wrong one is never seen", "100 of 100"),
    12: ("The page reads nothing outside its folder and asks nobody for a visitor", "0 reads, 0 requests"),
    13: ("No visitor gets another's picture", "50 visitors, 20 jobs each, 0"),
    14: ("64 visitors at once: every answer is the single one; a full queue is told", "1,000 requests; 200 ms"),
    15: ("The page's memory stays where it is; a planted leak is seen", "10,000 requests, 100 MB in the second half"),
    16: ("An endless upload is refused, hardly noticed by others", "limit + 1 MB written; p95 at most twice, or 50 ms"),
    17: ("Who cancels or leaves frees the accelerator", "within 2 s, 100 of 100 each"),
    18: ("Where memory runs out for one in ten calls, the others are the same", "bit-identical"),
    19: ("SIGKILL: every state readable, the resumed run ends bit-identical", "50 kills a trainer, 0 lost"),
    20: ("A full or failing disk: the last good state loads", "at every write"),
    21: ("Bit flips and truncations are found; the state before is used", "100 of 100"),
    22: ("SIGTERM saves and exits", "within a step + 10 s"),
    23: ("NaN goes back at most three times; none is saved", "one-line stop, 0 NaN states"),
    24: ("Bad files among 10,000 are named before the first step", "8 of 8"),
    25: ("Out of memory names the largest batch that fits", "equal"),
    26: (
        "One of two processes is killed: both go on; two learn what one does",
        "10 of 10; after 20 steps 1e-4, in float64 2e-8",
    ),
    27: ("Gradients of our operations, reference outputs, batches against single pictures", "gradcheck; 1e-5"),
    28: ("A browser that has nothing of the page yet shows it soon", "first paint within 2 s"),
}
"""By number: what is promised, and the target."""

HEAD = """# Reliability

Made by `make reliability`: every promise tried in full, each figure told by the test that asserts it. The default test
suite, with `make slow`, tries the same on a sample. What a row took is the time of its tests, of which two run at once;
those that measure time (rows 14 to 18 and 28) run one by one.

{day}, {machine}: {tests} tests, {failed}.

| | Promise | Target | Measured | Took | |
|---|---|---|---|---|---|
"""


def table(lines: Iterable[dict[str, Any]], *, day: str, machine: str) -> str:
    """The page. Raises: KeyError for a figure of a row that is in no table."""
    lines = list(lines)
    figures: dict[int, dict[str, Any]] = {row: {} for row in ROWS}
    failed: dict[int, list[str]] = {row: [] for row in ROWS}
    seconds = dict.fromkeys(ROWS, 0.0)
    for line in lines:
        for row, name, value in line["figures"]:
            known = figures[row].get(name)
            figures[row][name] = value if known is None else _joined(known, value)
        for row in {row for row, *_ in line["figures"]}:
            seconds[row] += line["seconds"]
            if not line["passed"]:
                failed[row].append(line["test"])
    rows = []
    for row, (promise, target) in ROWS.items():
        measured = "; ".join(f"{name}: {_said(value)}" for name, value in sorted(figures[row].items()))
        met = "not measured" if not figures[row] else f"**failed**: {', '.join(failed[row])}" if failed[row] else "met"
        took = _duration(seconds[row]) if figures[row] else ""
        rows.append(f"| {row} | {promise} | {target} | {measured} | {took} | {met} |")
    names = [line["test"] for line in lines if not line["passed"]]
    broken = f"**{len(names)} failed**: {', '.join(names)}" if names else "all passed"
    return HEAD.format(day=day, machine=machine, tests=len(lines), failed=broken) + "\n".join(rows) + "\n"


def _joined(known: Any, value: Any) -> Any:
    """What two tests told under one name: counts are added up, of measures the largest stands."""
    both = known, value
    if all(isinstance(one, int) for one in both):
        return known + value
    return max(both) if all(isinstance(one, int | float) for one in both) else value


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Write the page; the machine is described as for a benchmark."""
    from translate.devices import pick_device
    from translate.evaluation.machine import describe

    told, out = map(Path, sys.argv[1:])
    facts = describe(pick_device("cpu"))
    versions = f"Python {facts['python']}, torch {facts['torch']}"
    machine = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, {versions}"
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    out.write_text(table(lines, day=datetime.date.today().isoformat(), machine=machine))


if __name__ == "__main__":
    main()
