"""What the trainings of a face editor's parts show while they run."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from translate.cli.lines import tell
from translate.stopping import stop_on_signals


@contextmanager
def watched(steps: int, as_json: bool) -> Iterator[tuple[threading.Event, Callable[[int, Mapping[str, float]], None]]]:
    """An event that the first Ctrl-C sets, or a reader who leaves, and what is to be told (step, losses).

    That shows a bar, or prints lines of JSON.
    """
    from tqdm import tqdm

    hidden = as_json or not sys.stderr.isatty()
    with tqdm(total=steps, unit="step", disable=hidden, dynamic_ncols=True) as bar, stop_on_signals() as stop:

        def report(step: int, losses: Mapping[str, float]) -> None:
            if as_json:
                tell(json.dumps({"kind": "train", "step": step, **losses}), stop)
            bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()}, refresh=False)
            bar.update(step - bar.n)

        yield stop, report
