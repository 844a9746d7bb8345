"""Read the tensors of PyTorch's own files (.pth, .pt) without unpickling them.

Two formats are read: the zip of PyTorch 1.6 and later, and the plain sequence of pickles before it ("magic number"). A
list of instructions is all a pickle is; the few that describe tensors in dicts are followed here on a stack of plain
values, where a call is looked up and never made, and every other instruction is refused. The values are then read from
the file by their place. Refused in one line: PyTorch's first format (tar), compressed entries, whatever else a pickle
could say, and tensors that claim more values than the file stores. A TorchScript program is refused too, but where it
is asked for by name: then its modules' tensors are read, and the program that lies beside them is not.
"""

import functools
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from translate.download.archives import BoundedFile
from translate.errors import CheckpointError
from translate.interop.pickle_stack import Global, Refused
from translate.interop.state_pickle import Claim, Machine, Storage

MAX_BYTES = 1024**3
"""The largest network of the reference system, U-Net-256, has 218 MB."""
MAX_ENTRIES = 10_000
MAX_PICKLE_BYTES = 1024**2
"""A thousand tensors need about 100 KB."""
MAX_DEPTH, MAX_VALUES = 6, 100_000
"""As deep as the numbers of an optimizer's parameters lie in a training checkpoint."""
MAX_MODULES = 12
"""As deep as modules lie in modules."""
CHUNK = 1024**2

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def read(path: Path) -> Any:
    """What a file holds: tensors on the CPU, in dicts, lists and tuples with numbers and text as they were saved.

    Raises: CheckpointError when it is of no format that can be read safely, is damaged, or holds anything else.
    """
    return _read(path, _sniffed)


def read_script(path: Path) -> dict[str, Tensor]:
    """The tensors of a TorchScript program by their dotted names, on the CPU; its code is not even decompressed.

    Raises: CheckpointError when it is none, or can't be read safely.
    """
    found: dict[str, Tensor] = {}
    waiting = [("", _read(path, lambda _: functools.partial(_read_zip, script=True)))]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, dict):
            waiting += [(f"{name}.{key}".removeprefix("."), inner) for key, inner in value.items()]
    return found


def _read(path: Path, reader: Callable[[BinaryIO], Callable[[BinaryIO, int], Any]]) -> Any:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise Refused(f"it has {size} bytes, the limit is {MAX_BYTES}")
            return reader(file)(file, size)
    except OSError as error:
        raise CheckpointError(f"{path}: not a readable .pth file ({error.strerror or error})") from None
    except Exception as error:  # damaged bytes make the readers raise whatever they like
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(f"{path}: not weights that can be read safely ({reason})") from None


def _sniffed(file: BinaryIO) -> Callable[[BinaryIO, int], Any]:
    """What reads a file, by its content: a suffix says nothing."""
    head = file.read(512)
    file.seek(0)
    if head.startswith(b"PK\3\4"):
        return _read_zip
    if head.startswith(b"\x80\2\x8a\n" + MAGIC.to_bytes(10, "little") + b"."):
        return _read_sequence
    if head[257:262] == b"ustar" or _is_tar(head):
        raise Refused("PyTorch's first format, a tar; load it in an old PyTorch and save it again by one from 1.6 on")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < MAX_BYTES:
        raise Refused("a safetensors file; only what torch.save writes is imported")
    if head.lstrip().startswith((b"<", b"{")):
        raise Refused("it is a text, perhaps a server's error page; fetch it again")
    raise Refused("a bare pickle or another format; expected what torch.save writes")


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _read_zip(file: BinaryIO, size: int, script: bool = False) -> Any:
    with zipfile.ZipFile(BoundedFile(file)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(entries) < len(archive.infolist()) or len(entries) > MAX_ENTRIES:
            raise Refused(f"{len(archive.infolist())} entries, some of one name or more than {MAX_ENTRIES}")
        folder = next(iter(entries), "").split("/")[0]
        if (f"{folder}/constants.pkl" in entries) != script or f"{folder}/data.pkl" not in entries:
            expected = "TorchScript program" if script else "state_dict that torch.save wrote"
            raise Refused(
                f"a {'state_dict' if script else 'TorchScript program'} or another archive; expected a {expected}"
            )
        if script:  # of a program only the values are read, and its code lies compressed beside them
            entries = {name: entry for name, entry in entries.items() if _is_value(name, folder)}
        for name, entry in entries.items():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise Refused(f"{name[:80]!r} is compressed; PyTorch stores weights plainly")
            if entry.flag_bits & 0x2041:
                raise Refused(f"{name[:80]!r} is encrypted")
        if sum(entry.file_size for entry in entries.values()) > size:
            raise Refused("its entries overlap")
        if f"{folder}/byteorder" in entries and _content(archive, entries[f"{folder}/byteorder"]) != b"little":
            raise Refused("it was saved on a machine of another byte order")
        names = entries[f"{folder}/data.pkl"]
        if names.file_size > MAX_PICKLE_BYTES:
            raise Refused(f"data.pkl has {names.file_size} bytes; no state_dict has so many names")
        value = Machine(legacy=False, script=script).run(io.BytesIO(_content(archive, names)))

        def values(storage: Storage) -> bytearray:
            entry = entries.get(f"{folder}/data/{storage.key}")
            if entry is None or entry.file_size != storage.nbytes:
                raise Refused(f"the values {storage.key} are missing, or of another length than its pickle says")
            return _content(archive, entry)

        return _built(value, values, MAX_MODULES if script else MAX_DEPTH)


def _is_value(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/data/") or name in (f"{folder}/data.pkl", f"{folder}/byteorder")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytearray:
    data = bytearray()
    with archive.open(entry) as source:
        while chunk := source.read(CHUNK):
            data += chunk
    return data


def _read_sequence(file: BinaryIO, size: int) -> Any:
    head = io.BytesIO(file.read(MAX_PICKLE_BYTES))
    if Machine(legacy=True).run(head) != MAGIC or Machine(legacy=True).run(head) != PROTOCOL:
        raise Refused("of a version that is not known")
    system = Machine(legacy=True).run(head)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("it was saved on a machine of another byte order")
    machine = Machine(legacy=True)
    value, keys = machine.run(head), Machine(legacy=True).run(head)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(machine.storages) or len(keys) > MAX_ENTRIES:
        raise Refused("its list of values is another than its pickle says")
    places, place = {}, head.tell()
    for key in keys:
        storage = machine.storages[key]
        file.seek(place)
        if file.read(8) != struct.pack("<q", storage.numel):
            raise Refused(f"the values {key} are of another number than its pickle says")
        places[key], place = place + 8, place + 8 + storage.nbytes
    if place != size:
        raise Refused(f"it has {size} bytes, {place} would be right; it is cut short or damaged")

    def values(storage: Storage) -> bytearray:
        file.seek(places[storage.key])
        return bytearray(file.read(storage.nbytes))

    return _built(value, values)


def _built(value: Any, values: Callable[[Storage], bytearray], deepest: int = MAX_DEPTH) -> Any:
    """The claims in `value` as tensors, once every one of them is known to lie within the file."""
    claims = _claims(value, deepest)
    storages = {claim.storage.key: claim.storage for _, claim in claims}
    for name, claim in claims:
        if not claim.fits():
            raise Refused(f"{name} claims more values than the file stores")
    # Overlapping views or a stride of zero make tensors of any size out of a few bytes.
    if sum(claim.nbytes for _, claim in claims) > sum(storage.nbytes for storage in storages.values()):
        name = max(claims, key=lambda found: found[1].nbytes / max(1, found[1].storage.nbytes))[0]
        raise Refused(f"{name} claims more values than the file stores")
    stored = {key: _tensor(values(storage), storage.dtype) for key, storage in storages.items() if storage.numel}
    return _filled(value, stored)


def _claims(value: Any, deepest: int) -> list[tuple[str, Claim]]:
    """Every tensor with its dotted name; shared dicts are gone through once for each place they stand in."""
    found: list[tuple[str, Claim]] = []
    waiting, seen = [("", value, 0)], 0
    while waiting:
        name, value, depth = waiting.pop()
        seen += 1
        if depth > deepest or seen > MAX_VALUES:
            raise Refused("dicts within dicts within dicts; expected a state_dict")
        if isinstance(value, Claim):
            found.append((name, value))
        elif isinstance(value, Global | Storage):
            raise Refused(f"{name or 'it'} is no tensor")
        elif isinstance(value, dict | list | tuple):
            pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
            waiting += [(f"{name}.{key}".removeprefix("."), inner, depth + 1) for key, inner in pairs]
    return found


def _filled(value: Any, stored: dict[str, Tensor]) -> Any:
    if isinstance(value, Claim):
        if 0 in value.size:
            return torch.empty(value.size, dtype=value.storage.dtype)
        return stored[value.storage.key].as_strided(value.size, value.stride, value.offset)
    if isinstance(value, dict):
        return {key: _filled(inner, stored) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_filled(inner, stored) for inner in value)
    return value


def _tensor(data: bytearray, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(data, dtype=dtype)
