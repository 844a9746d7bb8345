"""Archives that want to write elsewhere, to fill the disk or the memory, or to be read in two ways."""

import gzip
import io
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

GOOD = {"set/train/1.jpg": b"one" * 100, "set/train/2.jpg": b"two" * 300, "set/val/3.jpg": b"x" * 512}
MIB = 1024**2

PATHS = {
    "parent": "../evil",
    "parent inside": "set/../../evil",
    "parent at the end": "set/..",
    "parent and back": "set/../set/evil",
    "absolute": "/tmp/evil",
    "two slashes": "//evil",
    "drive": "C:/evil",
    "drive, relative": "C:evil",
    "backslash": "set\\..\\..\\evil",
    "share": "\\\\host\\evil",
    "dot": "set/./evil",
    "empty part": "set//evil",
    "line break": "set/ev\nil",
    "escape": "set/\x1b[2Jevil",
    "device": "set/CON",
    "device with suffix": "set/nul.jpg",
    "space at the end": "set/evil ",
    "dot at the end": "set/evil.",
    "right to left": "set/\u202egpj.live",
    "long part": "set/" + "e" * 255,
    "long path": "set/" + "/".join(["e" * 150] * 8),
    "deep": "/".join(["e"] * 40),
    "question mark": "set/ev?il",
    "tilde home": "~/../evil",
}
PAIRS = {
    "twice": ("set/evil", "set/evil"),
    "twice but for case": ("set/evil", "set/EVIL"),
    "twice but for the form of an accent": ("set/\u00e9", "set/e\u0301"),
    "a file and a folder": ("set/evil", "set/evil/more"),
    "a folder and a file": ("set/evil/more", "set/evil"),
    "folders but for case": ("set/a/1", "SET/a/2"),
    "twice but for a colon": ("set/12:30.jpg", "set/12_30.jpg"),
}
LINKS = {
    "symbolic link": (tarfile.SYMTYPE, "../../evil"),
    "symbolic link inside": (tarfile.SYMTYPE, "train"),
    "absolute link": (tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": (tarfile.LNKTYPE, "set/train/1.jpg"),
    "hard link outside": (tarfile.LNKTYPE, "../evil"),
    "character device": (tarfile.CHRTYPE, ""),
    "block device": (tarfile.BLKTYPE, ""),
    "pipe": (tarfile.FIFOTYPE, ""),
    "old file with holes": (tarfile.GNUTYPE_SPARSE, ""),
    "contiguous": (tarfile.CONTTYPE, ""),
    "unknown kind": (b"Z", ""),
}


def archives(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of each hostile archive, written to `folder` as it is asked for."""
    for group in (_named(), _linked(), _zip_tricks(), _damaged()):
        for name, data in group:
            path = folder / f"{name.replace(' ', '-').replace(',', '')}.bin"
            path.write_bytes(data)
            yield name, path


def bombs(folder: Path, size: int = 256 * MIB) -> Iterator[tuple[str, Path]]:
    """(name, file) of archives that unpack to `size` or claim to; small files all."""
    for name, make in _BOMBS.items():
        path = folder / f"{name.replace(' ', '-')}.bin"
        make(path, size)
        yield name, path


def tar(members: list[tuple[tarfile.TarInfo, bytes]], **options: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as archive:  # type: ignore[call-overload]
        for info, data in members:
            info.size = len(data) if info.isreg() else info.size
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(members: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # it warns of names that are there already
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def good_tar(extra: list[tuple[tarfile.TarInfo, bytes]] | None = None) -> bytes:
    return tar([(tarfile.TarInfo(name), data) for name, data in GOOD.items()] + (extra or []))


def good_zip(extra: list[tuple[str | zipfile.ZipInfo, bytes]] | None = None) -> bytes:
    return zipped([*GOOD.items(), *(extra or [])])


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name  # past the constructor's own cleaning
    return info


def _named() -> Iterator[tuple[str, bytes]]:
    for name, path in PATHS.items():
        yield f"zip, {name}", good_zip([(_entry(path), b"evil")])
        yield f"tar, {name}", good_tar([(tarfile.TarInfo(path), b"evil")])
    yield "tar.gz, parent", gzip.compress(good_tar([(tarfile.TarInfo("../evil"), b"evil")]))
    yield "tar, folder outside", good_tar([(_folder("../evil"), b"")])
    yield "zip, folder outside", good_zip([(_entry("../evil/"), b"")])
    for name, (first, second) in PAIRS.items():
        yield f"zip, {name}", good_zip([(_entry(first), b"evil"), (_entry(second), b"more")])
        yield f"tar, {name}", good_tar([(tarfile.TarInfo(first), b"evil"), (tarfile.TarInfo(second), b"more")])


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def _linked() -> Iterator[tuple[str, bytes]]:
    for name, (kind, target) in LINKS.items():
        info = tarfile.TarInfo("set/link")
        info.type, info.linkname = kind, target
        # A file behind it, through it.
        yield f"tar, {name}", good_tar([(info, b""), (tarfile.TarInfo("set/link/evil"), b"evil")])
    for name, kind in (
        ("link", stat.S_IFLNK),
        ("pipe", stat.S_IFIFO),
        ("device", stat.S_IFCHR),
        ("socket", stat.S_IFSOCK),
    ):
        entry = _entry("set/link")
        entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
        yield f"zip, {name}", good_zip([(entry, b"../../evil")])
    entry = _entry("set/link")
    entry.create_system, entry.external_attr = 0, (stat.S_IFLNK | 0o777) << 16
    yield "zip, link of another system", good_zip([(entry, b"../../evil")])


def _zip_tricks() -> Iterator[tuple[str, bytes]]:
    whole = good_zip()
    encrypted = bytearray(whole)
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        encrypted[encrypted.find(signature) + place] |= 1
    yield "zip, encrypted", bytes(encrypted)
    yield "zip, bzip2", zipped([("set/evil", b"evil")], zipfile.ZIP_BZIP2)
    yield "zip, lzma", zipped([("set/evil", b"evil")], zipfile.ZIP_LZMA)
    yield "zip, other name in the local header", whole.replace(b"set/train/1.jpg", b"../../evil//jpg", 1)
    yield "zip, wrong checksum", whole.replace(b"oneone", b"twotwo", 1)
    directory = whole.index(b"PK\1\2")
    first = whole[directory : whole.index(b"PK\1\2", directory + 4)]
    twin = first.replace(b"set/train/1.jpg", b"set/train/9.jpg")
    end = bytearray(whole[whole.index(b"PK\5\6") :])
    count, size = struct.unpack_from("<HI", end, 10)
    struct.pack_into("<HHI", end, 8, count + 1, count + 1, size + len(twin))
    both = whole[directory : whole.index(b"PK\5\6")] + twin
    yield "zip, two entries of the same bytes", whole[:directory] + both + end
    longer = bytearray(whole)
    struct.pack_into("<I", longer, longer.index(b"PK\1\2") + 24, 10_000)
    yield "zip, longer than it is", bytes(longer)
    yield "zip, folder with content", good_zip([(_entry("set/more/"), b"evil")])
    yield "zip, nothing in it", zipped([])
    yield "zip, only folders", zipped([(_entry("set/"), b"")])


def _damaged() -> Iterator[tuple[str, bytes]]:
    for kind, whole in (("zip", good_zip()), ("tar", good_tar()), ("tar.gz", gzip.compress(good_tar()))):
        yield f"{kind}, half of it", whole[: min(len(whole) // 2, 2500)]
        yield f"{kind}, a header destroyed", whole[:1030] + b"\xff" * 64 + whole[1094:]
    whole = good_tar()
    yield "tar, cut between two files", whole[: 512 + 512]
    yield "tar, something behind its end", whole + good_tar()
    yield "tar.gz, something behind its end", gzip.compress(whole) + b"PK\3\4 evil"
    yield "tar.gz, wrong checksum", gzip.compress(whole)[:-8] + b"\0" * 8
    yield "a text", b"<!DOCTYPE html><title>404 Not Found</title>"
    yield "nothing", b""
    negative = bytearray(good_tar([(tarfile.TarInfo("set/evil"), b"")]))
    place = negative.index(b"set/evil")
    negative[place + 124 : place + 136] = b"\xff" * 12  # -1 in base 256
    negative[place + 148 : place + 156] = b" " * 8
    negative[place + 148 : place + 156] = b"%06o\0 " % sum(negative[place : place + 512])
    yield "tar, negative size", bytes(negative)
    pax = tarfile.TarInfo("set/evil")
    pax.pax_headers = {"path": "../../evil"}
    yield "tar, parent by a pax header", good_tar()[:-10240] + tar([(pax, b"evil")], format=tarfile.PAX_FORMAT)


def _gzip_of(path: Path, head: bytes, zeros: int) -> None:
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(head)
        for _ in range(zeros // MIB):
            file.write(b"\0" * MIB)


def _header(name: str, kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def _zip_of_zeros(path: Path, size: int, claimed: int | None = None) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("set/zeros", "w") as file:
        for _ in range(size // MIB):
            file.write(b"\0" * MIB)
    if claimed is not None:
        data = bytearray(path.read_bytes())
        struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, claimed)
        path.write_bytes(data)


def _many_entries(path: Path, size: int) -> None:
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0) + b"a/%02d"
    count = 60_000
    directory = b"".join(entry[:46] + b"%04x" % (i % 65536) for i in range(count))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), 4, 0)
    path.write_bytes(b"PK\3\4" + directory + end)


_BOMBS: dict[str, Callable[[Path, int], None]] = {
    "zip of zeros": lambda path, size: _zip_of_zeros(path, size),
    "zip of zeros that claims little": lambda path, size: _zip_of_zeros(path, size, 1000),
    "zip with sixty thousand entries": _many_entries,
    "gzip of zeros": lambda path, size: _gzip_of(path, b"", size),
    "tar.gz with a long file": lambda path, size: _gzip_of(path, _header("set/a", tarfile.REGTYPE, size), size),
    "tar.gz with a long pax header": lambda path, size: _gzip_of(path, _header("x", tarfile.XHDTYPE, size), size),
    "tar.gz with a long global header": lambda path, size: _gzip_of(path, _header("x", tarfile.XGLTYPE, size), size),
    "tar.gz with a long name": lambda path, size: _gzip_of(
        path, _header("././@LongLink", tarfile.GNUTYPE_LONGNAME, size), size
    ),
    "tar.gz that claims exabytes": lambda path, size: _gzip_of(path, _header("set/a", tarfile.REGTYPE, 2**62), MIB),
    "tar.gz with many folders": lambda path, size: _gzip_of(
        path, b"".join(_header(f"set/{i}", tarfile.DIRTYPE, 0) for i in range(400)), MIB
    ),
    "tar.gz of zeros behind its end": lambda path, size: _gzip_of(path, good_tar(), size),
}
