"""What ends a training before its time: a request to stop, in the middle of a validation too; a process that died."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "gloo", "NCCL")
"""What torch's messengers between processes say when the one at the other end is gone."""


class Stopped(Exception):
    """Someone asked to stop."""


@contextmanager
def stoppable(networks: Iterable[nn.Module], stop: threading.Event) -> Iterator[None]:
    """Let `stop` end what is under way at the next batch of one of `networks`: a validation may take minutes.

    Raises: Stopped.
    """

    def look(*_: object) -> None:
        if stop.is_set():
            raise Stopped

    hooks = [network.register_forward_pre_hook(look) for network in networks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def is_lost_process(error: RuntimeError) -> bool:
    """Whether an exchange with the other processes of a training failed."""
    return any(sign in str(error) for sign in LOST)
