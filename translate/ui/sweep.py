"""The clock that deletes: everything in the page's folder that is older than an hour, whoever left it there.

Gradio's own forgets what it never sent (a cancelled request's result, a broken upload), and ends for good when a file
is added while it looks.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translate.ui.guard import KEEP_SECONDS, own_folder

if TYPE_CHECKING:
    import gradio as gr

EVERY_SECONDS = 600

_at_work: set[Path] = set()


@contextmanager
def at_work(folder: Path) -> Iterator[Path]:
    """Keep the clock from `folder` and what is in it, inside this block: work may take longer than an hour.

    Nothing of it is on the disk: with the process goes its whole folder, and where it is killed nothing is held.
    """
    _at_work.add(folder)
    try:
        yield folder
    finally:
        _at_work.discard(folder)


def sweep(page: "gr.Blocks", kept: Collection[Path], now: float | None = None) -> int:
    """Delete what is older than KEEP_SECONDS but for `kept` and what is worked on; how many files that were."""
    limit = (now or time.time()) - KEEP_SECONDS
    deleted, worked_on = set(), frozenset(_at_work)
    # The deepest first, so that folders are empty by their turn.
    for path in sorted(own_folder().rglob("*"), key=lambda path: len(path.parts), reverse=True):
        with suppress(OSError):  # gone meanwhile, or a folder that is not empty
            if path in kept or not worked_on.isdisjoint((path, *path.parents)) or path.lstat().st_ctime > limit:
                continue
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
                deleted.add(str(path))
    for known in page.temp_file_sets:
        known.difference_update(deleted)  # else these names would fill the memory
    return len(deleted)


def sweeping(page: "gr.Blocks") -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """What makes a server sweep as long as it runs; what lies there when it starts is the page's own, its examples."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        kept = frozenset(own_folder().rglob("*"))

        async def forever() -> None:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                await asyncio.to_thread(sweep, page, kept)

        task = asyncio.create_task(forever())
        try:
            yield
        finally:
            task.cancel()

    return lifespan
