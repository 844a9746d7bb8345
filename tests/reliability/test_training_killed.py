"""SIGKILL at any moment: nothing unreadable, nothing lost but the steps since the last save (row 19)."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import forked
from tests.reliability.faulty_disk import KILLED, FaultyDisk
from tests.reliability.figures import Record, count

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")]
STEPS, SAVE_EVERY = 16, 2


def kills(method: str, wanted: int) -> dict[str, Any]:
    """Kill trainings at random moments until there have been so many kills; each goes on until it is done."""
    from translate import checkpoints
    from translate.trainers.logs import read_log

    with tempfile.TemporaryDirectory() as folder:
        root, random = Path(folder), forked.rng(0)
        data, settings = forked.draw(root / "data"), {"steps": STEPS, "save_every": SAVE_EVERY}
        began = time.monotonic()
        whole = forked.arguments(method, data, root / "whole", settings)
        assert forked.finish(forked.start(whole, root / "said")) == 0, (root / "said").read_text()
        took, found = time.monotonic() - began, {"kills": 0, "unreadable": 0, "lost": 0, "different": 0, "runs": 0}
        while found["kills"] < wanted:
            out = root / f"run-{found['runs']}"
            while True:
                words = forked.arguments(method, data, out, settings)
                last_chance = found["kills"] == wanted
                delay = 1e6 if last_chance else random.uniform(0.3, 1.0) * took
                if forked.kill_after(forked.start(words, root / "said"), delay) == 0:
                    break
                assert not (root / "said").read_text().count("Traceback"), (root / "said").read_text()
                found["kills"] += 1
                logged = max((int(line["step"]) for line in read_log(out)), default=0)
                if not any((out / name).exists() for name in ("state", "state.previous")):
                    continue
                try:
                    _, facts = checkpoints.load_state(out / "state")
                except checkpoints.CheckpointError:
                    found["unreadable"] += 1
                    break
                # The log of a step is written before its save.
                found["lost"] += logged - facts["standing"]["step"] > SAVE_EVERY
            found["different"] += bool(forked.differences(root / "whole", out))
            found["runs"] += 1
        return found


@pytest.mark.parametrize("method", forked.METHODS)
@pytest.mark.timeout(3600)
def test_a_killed_training_loses_the_steps_since_the_last_save_and_no_bit_more(
    method: str, record_figure: Record
) -> None:
    wanted = count(50, 6)
    found = forked.call(kills, method, wanted, timeout=3600)
    record_figure(19, f"{method}, kills", found["kills"])
    record_figure(19, "unreadable, or steps lost", found["unreadable"] + found["lost"])
    record_figure(19, "resumed runs that differ", found["different"])
    assert found["kills"] == wanted
    assert (found["unreadable"], found["lost"], found["different"]) == (0, 0, 0)
    assert found["runs"] >= 1


def killed_at_every_write(method: str, tries: int) -> dict[str, Any]:
    """Kill trainings at the nth thing they ask of the disk, for n spread over all of them; resume each."""
    with tempfile.TemporaryDirectory() as folder:
        root, settings, different = Path(folder), {"steps": 4}, []
        data = forked.draw(root / "data")

        def train(out: Path, fail_at: int) -> tuple[int, int]:
            disk = FaultyDisk(out, KILLED, fail_at)
            words = forked.arguments(method, data, out, settings)
            return forked.finish(forked.start(words, root / "said", disk.install)), disk.count

        code, total = train(root / "whole", 0)
        assert code == 0, (root / "said").read_text()
        tries = min(tries, total)
        spread = {1 + number * total // tries for number in range(tries)}
        places = sorted(spread | {3, 5})  # the first two files, where nothing is there to resume yet
        for place in places:
            out = root / f"run-{place}"
            assert train(out, place) == (-9, place)
            code, _ = train(out, 0)
            if code or forked.differences(root / "whole", out) or list(out.rglob("*.tmp")):
                different.append([place, code, (root / "said").read_text()[-300:]])
        return {"places": len(places), "of": total, "different": different}


@pytest.mark.timeout(3600)
def test_a_kill_at_any_write_is_survived(record_figure: Record) -> None:
    found = forked.call(killed_at_every_write, "pix2pix", count(10_000, 12), timeout=3600)
    record_figure(19, "kills at each single write", found["places"])
    record_figure(19, "resumed runs that differ", len(found["different"]))
    assert found["different"] == []
    assert found["of"] > 100
