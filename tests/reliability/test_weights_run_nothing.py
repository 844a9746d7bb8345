"""Three hundred hostile weight files: nothing they say is run (row 1 of docs/reliability.md)."""

import json
import subprocess
import sys
from pathlib import Path

from tests.reliability import hostile_weights
from tests.reliability.figures import Record

CHILD = """
import json, mmap, os, sys
from pathlib import Path

import torch  # all modules that reading needs are loaded before the hook is
from translate.errors import CheckpointError
from translate.interop import importing, pix2pix

sys.path.insert(0, sys.argv[3])
from tests.reliability import hostile_weights

folder, canary, fixture = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[4])
files = list(hostile_weights.files(canary))
about = importing.About(name="x", source="x")
importing.write(fixture, folder / "good", about)
try:
    pix2pix.read(folder)
except CheckpointError:
    pass
seen, watching = [], False

def hook(event, arguments):
    # Reading a file opens it; everything else that a payload could bring about has an event of its own.
    if watching and event not in ("object.__getattr__", "object.__setattr__", "sys._getframe"):
        harmless = event == "open" and str(arguments[0]).startswith(str(folder)) and arguments[1] in ("r", "rb", None)
        harmless = harmless or (event == "mmap.__new__" and arguments[2] == mmap.ACCESS_READ)  # of a file opened so
        if not harmless:
            seen.append((name, event, str(arguments)[:200]))

sys.addaudithook(hook)
name, refused, messages = "planted", 0, []
watching = True
os.stat(".")
open(os.devnull, "w").close()
watching = False
planted, seen = len(seen), []
for name, content in files:
    path = folder / "hostile.pth"
    path.write_bytes(content)
    watching = True
    try:
        importing.write(path, folder / "out", about)
    except CheckpointError as error:
        refused += 1
        messages.append(str(error))
    finally:
        watching = False
    if os.path.exists(canary):
        seen.append((name, "canary", ""))
        os.remove(canary)
print(json.dumps({
    "files": len(files), "refused": refused, "executions": seen, "planted": planted,
    "lines": max(message.count("\\n") for message in messages), "printable": all(m.isprintable() for m in messages),
    "left": sorted(path.name for path in folder.iterdir()),
}))
"""


def test_no_hostile_weight_file_runs_anything(tmp_path: Path, repo: Path, record_figure: Record) -> None:
    """In a process of its own with an audit hook; `planted` shows that the hook sees an opened file."""
    canary, folder = tmp_path / "canary", tmp_path / "work"
    folder.mkdir()
    fixture = repo / "tests/fixtures/parity/resnet_9blocks_ngf8.pth"
    child = [sys.executable, "-c", CHILD, str(folder), str(canary), str(repo), str(fixture)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=240, cwd=repo, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["planted"] > 0
    assert found["files"] >= 300
    assert found["executions"] == []
    assert found["refused"] == found["files"]
    assert (found["lines"], found["printable"]) == (0, True)
    assert found["left"] == ["good", "hostile.pth"]
    record_figure(1, "files", found["files"])
    record_figure(1, "executions", len(found["executions"]))


def test_the_payloads_are_real(tmp_path: Path) -> None:
    """The plain unpickler, in a process of its own, does run one: what is refused elsewhere would have worked."""
    canary = tmp_path / "canary"
    arguments = b"(X" + len(f"touch {canary}").to_bytes(4, "little") + f"touch {canary}".encode()
    for number, make in enumerate(hostile_weights.CALLS[name] for name in ("REDUCE", "STACK_GLOBAL", "INST", "OBJ")):
        (tmp_path / "x.pkl").write_bytes(b"\x80\4" + make("os", "system", arguments) + b".")
        code = f"import pickle; pickle.load(open({str(tmp_path / 'x.pkl')!r}, 'rb'))"
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60)
        assert canary.exists(), number
        canary.unlink()
