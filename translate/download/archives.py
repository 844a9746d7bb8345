"""Extract a zip, tar or tar.gz of a stranger: every member is checked before it is written, a set appears whole.

Refused are links, devices, absolute and parent paths, names that two systems read differently, duplicates, encryption,
rare compressions, and whatever is larger than was expected. On Windows a colon in a name becomes an underscore.
Python's own extraction and its filters are not used: they have been bypassed repeatedly (CVE-2025-4517 and its kin).
"""

import gzip
import os
import re
import shutil
import stat
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from translate.errors import TranslateError

CHUNK = 1024**2
MAX_READ = 2 * CHUNK
"""The most that a zip's directory or a tar's header may have: both are held in memory."""
MAX_DEPTH, MAX_PART, MAX_PATH = 16, 200, 1000
END = b"\0" * tarfile.BLOCKSIZE
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>"|?*\\]')
_COLONS = sys.platform != "win32"
"""Whether a name may hold a colon: the times in the names of published photos do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an archive may hold."""

    size: int
    """Bytes of all files together."""
    files: int = 200_000
    """Files and folders."""


class Extracted(NamedTuple):
    """What a folder was filled with."""

    files: int
    size: int


def extract(
    archive: Path, folder: Path, limits: Limits, progress: Callable[[int, int | None], object] | None = None
) -> Extracted:
    """Extract `archive` into the new `folder`, which appears when everything in it is written; or nothing does.

    Where all lies in one folder of the archive, that folder's content becomes `folder`'s.
    Raises: TranslateError for an archive that is damaged, hostile or too large, or where `folder` is there already.
    """
    if os.path.lexists(folder):
        raise TranslateError(f"{folder}: is there already; remove it, or choose another place")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        writer = _Writer(archive, fresh, limits, progress or (lambda done, total: None))
        _read(archive, writer)
        inside = list(fresh.iterdir())
        if not writer.files:
            raise TranslateError(f"{archive}: holds no file")
        whole = inside[0] if len(inside) == 1 and inside[0].is_dir() else fresh
        if hasattr(os, "sync"):
            os.sync()  # once for thousands of files: the name must not outlive a power cut that the files do not
        whole.chmod(0o755)
        os.rename(whole, folder)
        return Extracted(writer.files, writer.size)
    except OSError as error:
        where = error.filename or folder
        raise TranslateError(f"{where}: {error.strerror or error}; nothing was left at {folder}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


class BoundedFile:
    """A file that gives at most `MAX_READ` bytes at a time, for readers that believe the sizes in it."""

    def __init__(self, file: BinaryIO, most: int = MAX_READ) -> None:
        self.file, self.most = file, most
        self.size = os.fstat(file.fileno()).st_size
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int | None = -1) -> bytes:
        """Raises: ValueError for more at once than is held in memory."""
        if size is None or size < 0:
            size = max(0, self.size - self.file.tell())
        if size > self.most:
            raise ValueError(f"a piece of {size} bytes is to be read at once, at most {self.most} are")
        return self.file.read(size)


@dataclass(slots=True)
class _Writer:
    """Writes members below `root`, none before its name and size are checked."""

    archive: Path
    root: Path
    limits: Limits
    progress: Callable[[int, int | None], object]
    total: int | None = None
    files: int = 0
    size: int = 0
    members: int = 0
    seen: dict[str, str] = field(default_factory=dict)
    """Each path as a system without upper case would know it -> the path as it is, with a slash behind a folder."""

    def refuse(self, name: str, why: str) -> TranslateError:
        """The error for a member."""
        return TranslateError(f"{self.archive}: {name[:100]!r} {why}; nothing was extracted")

    def add(self, name: str, size: int, source: IO[bytes] | None) -> None:
        """Write a file of `size` bytes, or make a folder where there is no `source`.

        Raises: TranslateError for a name, a size or a number that is not as expected.
        """
        target = self.root.joinpath(*self._enter(name, is_folder=source is None))
        if source is None:
            target.mkdir(parents=True, exist_ok=True)
            return
        if not 0 <= size <= self.limits.size - self.size:
            raise self.refuse(name, f"brings more than the {self.limits.size} bytes expected in all")
        if size > shutil.disk_usage(self.root).free:
            raise self.refuse(name, f"has {size} bytes, more than the disk has left")
        target.parent.mkdir(parents=True, exist_ok=True)
        left = size
        with target.open("xb") as file:
            while left and (chunk := source.read(min(left, CHUNK))):
                left -= len(chunk)
                file.write(chunk)
        if left:
            raise self.refuse(name, f"ends {left} bytes early; the archive is damaged")
        self.files += 1
        self.size += size
        self.progress(self.size, self.total)

    def _enter(self, name: str, is_folder: bool) -> tuple[str, ...]:
        """The parts of a member's path, when it may be written."""
        self.members += 1
        if self.members > self.limits.files:
            raise self.refuse(name, f"is one more than the {self.limits.files} files and folders expected")
        text = name.removesuffix("/") if is_folder else name
        parts = tuple(text.removeprefix("./").split("/"))
        if text in (".", "") and is_folder:
            return ()
        if why := _objection(text, parts):
            raise self.refuse(name, why)
        for end in range(1, len(parts) + 1):
            path = "/".join(parts[:end]) + ("/" if end < len(parts) or is_folder else "")
            key = unicodedata.normalize("NFC", path.removesuffix("/")).casefold().replace(":", "_")
            known = self.seen.setdefault(key, path)
            if known != path:
                raise self.refuse(name, f"collides with {known[:100]!r}")
            if end == len(parts):
                if f"{key}/" in self.seen:
                    raise self.refuse(name, "is in the archive twice")
                self.seen[f"{key}/"] = path
        # As every unzip for Windows does it; the keys above see to it that no two names become one.
        return parts if _COLONS else tuple(part.replace(":", "_") for part in parts)


def _objection(text: str, parts: tuple[str, ...]) -> str:
    """What is wrong with a path, if anything."""
    if text.startswith("/") or re.match(r"[A-Za-z]:", text):
        return "is an absolute path"
    if ".." in parts:
        return "leads out of the folder"
    if (
        len(parts) > MAX_DEPTH
        or len(text) > MAX_PATH
        or any(len(part.encode("utf-8", "replace")) > MAX_PART for part in parts)
    ):
        return "is too long a path"
    for part in parts:
        if part in ("", ".") or part != part.strip() or part.endswith("."):
            return "has a name that not every system keeps"
        if _FORBIDDEN.search(part) or _RESERVED.fullmatch(part) or not part.isprintable():
            return "has a name that not every system allows"
    return ""


def _read(archive: Path, writer: _Writer) -> None:
    try:
        with archive.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if head == b"PK\3\4":
                _read_zip(file, writer)
            elif head[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    _read_tar(unpacked, writer)
            else:
                _read_tar(file, writer)
    except (TranslateError, OSError) as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(archive, error) from None
        raise
    except Exception as error:  # damaged bytes make the readers raise whatever they like
        raise _damaged(archive, error) from None


def _damaged(archive: Path, error: Exception) -> TranslateError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return TranslateError(f"{archive}: not a readable zip, tar or tar.gz ({reason}); nothing was extracted")


def _read_zip(file: BinaryIO, writer: _Writer) -> None:
    """Every entry is checked before the first is written."""
    with zipfile.ZipFile(BoundedFile(file)) as archive:
        entries = archive.infolist()
        if archive.comment[:4] == b"PK\5\6" or len(entries) > writer.limits.files:
            raise writer.refuse(f"{len(entries)} entries", f"are more than the {writer.limits.files} expected")
        writer.total = sum(entry.file_size for entry in entries)
        if writer.total > writer.limits.size:
            raise writer.refuse(f"{writer.total} bytes", f"are more than the {writer.limits.size} expected")
        place = 0
        for entry in sorted(entries, key=lambda entry: entry.header_offset):
            if why := _zip_objection(entry):
                raise writer.refuse(entry.orig_filename, why)
            if entry.header_offset < place:
                raise writer.refuse(entry.orig_filename, "shares its bytes with another file")
            place = entry.header_offset + 30 + entry.compress_size
        for entry in entries:
            if entry.is_dir():
                writer.add(entry.orig_filename, 0, None)
                continue
            with archive.open(entry) as source:
                writer.add(entry.orig_filename, entry.file_size, source)
                source.read(1)  # at the end the checksum is compared


def _zip_objection(entry: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if (kind == stat.S_IFDIR) != entry.is_dir() and kind:
        return "is called a file and a folder"
    if entry.flag_bits & 0x2041:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {entry.compress_type}, which is not read"
    return "is a folder with content" if entry.is_dir() and entry.file_size else ""


def _read_tar(file: BinaryIO | gzip.GzipFile, writer: _Writer) -> None:
    stream = _Forwards(file, writer.limits.size + 4096 * (writer.limits.files + 20))
    with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
        while (member := archive.next()) is not None:
            archive.members.clear()  # else every header stays in memory
            if member.isdir():
                writer.add(member.name, 0, None)
            elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None:
                stream.seek(member.offset_data)
                writer.add(member.name, member.size, stream)  # type: ignore[arg-type]
            else:
                raise writer.refuse(member.name, "is a link, a device or a file with holes")
    # tarfile takes a damaged header for the end; the real one is a block of zeros, and nothing but zeros follows.
    if stream.block != END:
        raise ValueError("it is cut short or damaged")
    padding = stream.read(CHUNK)
    if padding.strip(b"\0") or stream.read(1):
        raise ValueError("something follows its end")


class _Forwards:
    """What tarfile reads from: forwards only, in small pieces, up to a limit."""

    def __init__(self, file: BinaryIO | gzip.GzipFile, limit: int) -> None:
        self.file, self.limit = file, limit
        self.place = 0
        self.block = b""
        """What the last read gave."""

    def tell(self) -> int:
        return self.place

    def seek(self, place: int, whence: int = 0) -> int:
        """Raises: ValueError for a place behind."""
        if place < self.place:
            raise ValueError("its members are out of order")
        while self.place < place and self.read(min(CHUNK, place - self.place)):
            pass
        return self.place

    def read(self, size: int = -1) -> bytes:
        """Raises: ValueError for a piece or a whole larger than expected."""
        if not 0 <= size <= MAX_READ:
            raise ValueError(f"a header of {size} bytes")
        self.block = self.file.read(size)
        self.place += len(self.block)
        if self.place > self.limit:
            raise ValueError(f"it unpacks to more than {self.limit} bytes")
        return self.block
