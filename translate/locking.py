"""One process at a time: a file that is locked for as long as its process lives."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from translate.errors import TranslateError


@contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock file `path`, made with its folder and gone afterwards; a killed process frees it.

    On Windows nothing is held: there a file that one process has open can't be replaced by another anyway.
    Raises: TranslateError(`busy`) when another process holds it, and one that says so when it can't be made.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        with _opened(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise TranslateError(busy) from None
            if not _is_at(path, file.fileno()):
                continue  # its holder removed it between our opening and our locking
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as error:
        raise TranslateError(f"{path}: can't be written ({error.strerror or error})") from None


def _is_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
