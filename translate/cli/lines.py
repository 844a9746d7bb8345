"""Lines for whoever reads standard output, and may leave in the middle: `translate train ... --json | head -1`."""

import logging
import os
import sys
import threading

log = logging.getLogger(__name__)


def tell(line: str, stop: threading.Event) -> None:
    """Print `line` at once. When nobody reads any more, `stop` is set: the work then ends as on SIGTERM, saved."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # What is still to be printed, and Python's own last flush, goes nowhere instead.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        log.warning("nobody reads what is printed any more; the training is saved and ends")
        stop.set()
