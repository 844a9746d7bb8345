"""A disk that is full or fails at any write: one line, exit code 2, and no step is lost (row 20)."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import forked
from tests.reliability.faulty_disk import BROKEN, FULL, FaultyDisk
from tests.reliability.figures import Record, count

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")]


def fail_everywhere(kind: str, tries: int) -> dict[str, Any]:
    """Train on a disk that fails at the nth write, for n spread over all of them; then go on with a sound one."""
    from translate import checkpoints

    with tempfile.TemporaryDirectory() as folder:
        root, settings, wrong = Path(folder), {"steps": 4}, []
        data = forked.draw(root / "data")

        def train(out: Path, fail_at: int) -> tuple[int, int, str]:
            disk = FaultyDisk(out, kind, fail_at)
            words = forked.arguments("pix2pix", data, out, settings)
            code = forked.finish(forked.start(words, root / "said", disk.install))
            return code, disk.count, (root / "said").read_text()

        code, total, said = train(root / "whole", 0)
        assert code == 0, said
        tries = min(tries, total)
        places = sorted({1 + number * total // tries for number in range(tries)})
        for place in places:
            out = root / f"run-{place}"
            code, _, said = train(out, place)
            last = said.splitlines()[-1] if said else ""
            if code != 2 or not last.startswith("error: ") or said.count("error: ") != 1 or "Traceback" in said:
                wrong.append([place, code, said[-600:]])
                continue
            if (out / "state").exists():
                try:
                    step = checkpoints.load_state(out / "state")[1]["standing"]["step"]
                except checkpoints.CheckpointError as error:
                    wrong.append([place, "unreadable", str(error)])
                    continue
                if f"saved at step {step}" not in last:
                    wrong.append([place, "stands elsewhere", f"{step}: {last}"])
            code, _, said = train(out, 0)
            if code or forked.differences(root / "whole", out):
                wrong.append([place, code, said[-600:]])
        return {"places": len(places), "of": total, "wrong": wrong}


@pytest.mark.parametrize("kind", [FULL, BROKEN])
@pytest.mark.timeout(3600)
def test_a_disk_that_fails_at_any_write_costs_no_step(kind: str, record_figure: Record) -> None:
    found = forked.call(fail_everywhere, kind, count(10_000, 12), timeout=3600)
    record_figure(20, f"{kind} disk, writes that failed", found["places"])
    record_figure(20, "states lost or runs that differ", len(found["wrong"]))
    assert found["wrong"] == []
    assert found["of"] > 100
