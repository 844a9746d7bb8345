"""A disk that fails at the nth thing asked of it: full from then on, in error once, or dead with the whole process."""

import builtins
import errno
import io
import mmap
import os
import signal
from pathlib import Path
from typing import Any

FULL, BROKEN, KILLED = "full", "broken", "killed"
RENAMES = {"rename", "replace", "chmod"}
"""What a full disk still does."""


class FaultyDisk:
    """Counts what is written below `folder`; from `fail_at` on (1 is the first, 0 never), `kind` happens."""

    def __init__(self, folder: Path, kind: str, fail_at: int) -> None:
        self.folder, self.kind, self.fail_at = str(folder), kind, fail_at
        self._shared = mmap.mmap(-1, 8)  # a forked child counts, its parent reads

    @property
    def count(self) -> int:
        """How much has been asked of it, in this process or one forked from it."""
        return int.from_bytes(self._shared[:8], "little")

    def install(self) -> None:
        """Stand between this process and its disk from now on."""
        plain = io.open

        def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not set(mode) & set("wax+") or not self._is_ours(file):
                return plain(file, mode, *args, **kwargs)
            self.touch("open")
            return _File(plain(file, mode, *args, **kwargs), self)

        builtins.open = io.open = opened  # type: ignore[assignment]
        for name in ("mkdir", "rename", "replace", "chmod", "fsync"):
            setattr(os, name, self._guarded(name, getattr(os, name)))

    def touch(self, what: str) -> None:
        """Count one operation, and fail if its time has come. Raises: OSError."""
        count = self.count + 1
        self._shared[:8] = count.to_bytes(8, "little")
        if not self.fail_at or count < self.fail_at:
            return
        if self.kind == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == FULL and what not in RENAMES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.kind == BROKEN and count == self.fail_at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, int) or str(path).startswith(self.folder)

    def _guarded(self, name: str, plain: Any) -> Any:
        def guarded(path: Any, *args: Any, **kwargs: Any) -> Any:
            # Of a folder that is there, a real disk would say so before anything else.
            if self._is_ours(path) and not (name == "mkdir" and os.path.isdir(path)):
                self.touch(name)
            return plain(path, *args, **kwargs)

        return guarded


class _File:
    """An open file whose writes count; one that fails has written its first half."""

    def __init__(self, file: Any, disk: FaultyDisk) -> None:
        self._file, self._disk = file, disk

    def write(self, data: Any) -> Any:
        try:
            self._disk.touch("write")
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        return self._file.write(data)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
