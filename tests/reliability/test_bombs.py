"""Twenty bombs: refused with less than 64 MB of memory (row 3 of docs/reliability.md).

Each is opened in one process of its own, whose memory is limited as well; its highest resident size is compared with
that before the first bomb.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability.figures import Record, count

MIB = 1024**2
GROWTH = 64 * MIB

CHILD = """
import json, resource, sys, time
from pathlib import Path

sys.path.insert(0, sys.argv[2])
from tests.reliability import bombs
from translate.download.archives import Limits, extract
from translate.errors import TranslateError
from translate.interop.pix2pix import convert, read

folder, size = Path(sys.argv[1]), int(sys.argv[3])
found = list(bombs.files(folder, size))
fixture = Path(sys.argv[4])
for _ in range(2):
    convert(read(fixture))
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 1024**3, resource.RLIM_INFINITY))

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

def reset():
    Path("/proc/self/clear_refs").write_text("5")

reset()
before, rows = peak(), []
for name, path, kind in found:
    reset()
    start = peak()
    began = time.perf_counter()
    try:
        if kind == "archive":
            extract(path, folder / "out", Limits(16 * 1024**2, files=300))
        else:
            convert(read(path))
        outcome = ""
    except TranslateError as error:
        outcome = str(error)
    seconds = round(time.perf_counter() - began, 2)
    rows.append((name, path.stat().st_size, peak() - start, outcome, seconds))
print(json.dumps({"rows": rows, "growth": peak() - before, "left": (folder / "out").exists()}))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the memory's high-water mark from /proc")
def test_twenty_bombs_take_less_than_64_megabytes_each(tmp_path: Path, repo: Path, record_figure: Record) -> None:
    fixture = repo / "tests/fixtures/parity/resnet_9blocks_ngf8.pth"
    size = count(full=1024, sample=80) * MIB
    child = [sys.executable, "-c", CHILD, str(tmp_path), str(repo), str(size), str(fixture)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=280, cwd=repo, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found["rows"]) >= 20
    accepted = [name for name, _, _, outcome, _ in found["rows"] if not outcome]
    assert accepted == []
    large = {name: growth // MIB for name, _, growth, *_ in found["rows"] if growth > GROWTH}
    assert large == {}
    assert found["growth"] <= GROWTH
    assert not found["left"]
    assert all(outcome.isprintable() for *_, outcome, _ in found["rows"])
    record_figure(3, "bombs", len(found["rows"]))
    record_figure(3, "largest growth in MiB", max(growth for _, _, growth, *_ in found["rows"]) / MIB)
