"""Two processes train as one would, and go on after one of them was killed (row 26)."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import forked
from tests.reliability.figures import Record, count

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")]
WORLD, STEPS, TOLERANCE = 2, 20, 1e-4
# Dropout is drawn alike in each process for its own pictures, and adaptive augmentation counts from the middle of each
# process's own logits. Norms are off: a bias in front of one has no
# gradient but rounding errors, which Adam makes as large as any and a norm of so few pixels amplifies.
STILL = {
    "generator.norm": "none",
    "discriminator.norm": "none",
    "stability.adaptive": 0.0,
    "steps": STEPS,
    "save_every": 5,
    "validate_every": 10,
    "sample_every": 100,
}
NO_DROPOUT: dict[str, dict[str, Any]] = {"pix2pix": {"generator.dropout": 0.0}}


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun and accelerate launch tell each of their processes."""
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": WORLD, "LOCAL_WORLD_SIZE": WORLD, "MASTER_PORT": port}
    return {"MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "true"} | {
        name: str(value) for name, value in own.items()
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(words: list[str], said: Path) -> list[int]:
    """The children that train together."""
    port = free_port()

    def child(rank: int) -> int:
        own = environment(rank, port)
        return forked.start(words, said.with_name(f"{said.name}-{rank}"), lambda: os.environ.update(own))

    return [child(rank) for rank in range(WORLD)]


def compare(method: str) -> dict[str, Any]:
    """The largest difference between what one process and two learn from the same batches, and in what they log."""
    from translate import checkpoints
    from translate.trainers.logs import read_log

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data, still = forked.draw(root / "data"), STILL | NO_DROPOUT.get(method, {})
        alone = forked.arguments(method, data, root / "alone", still | {"batch_size": 4})
        assert forked.finish(forked.start(alone, root / "said")) == 0, (root / "said").read_text()
        together = forked.arguments(method, data, root / "together", still | {"batch_size": 4 // WORLD})
        codes = [forked.finish(child) for child in launch(together, root / "said")]
        assert codes == [0] * WORLD, [(root / f"said-{rank}").read_text() for rank in range(WORLD)]
        one, two = (checkpoints.load_state(root / name / "state")[0] for name in ("alone", "together"))
        assert one.keys() == two.keys()
        logs = [[r for r in read_log(root / name) if r["kind"] == "train"] for name in ("alone", "together")]
        gaps = {
            f"{group}/{name}": (value.double() - two[group][name].double()).abs().max().item()
            for group, members in one.items()
            if not group.endswith("_optimizer")
            for name, value in members.items()
        }
        losses = [
            abs(left[key] - right[key]) / max(1, abs(left[key]))
            for left, right in zip(*logs, strict=True)
            for key in left.keys() - {"kind", "step", "seconds"}
        ]
        return {
            "tensors": max(gaps.values()),
            "losses": max(losses),
            "compared": len(gaps),
            "where": max(gaps, key=lambda name: gaps[name]),
        }


@pytest.mark.parametrize("method", ["pix2pix", "cyclegan", "dcgan"])
def test_two_processes_learn_what_one_does_from_the_same_batches(method: str, record_figure: Record) -> None:
    found = forked.call(compare, method)
    record_figure(26, f"{method}, largest difference to one process after {STEPS} steps", found["tensors"])
    assert found["compared"] > 10
    assert found["tensors"] < TOLERANCE
    assert found["losses"] < TOLERANCE


def kill_one(method: str, times: int) -> dict[str, Any]:
    """Kill one of two processes at random moments, launch both again until they are done."""
    from translate import checkpoints

    with tempfile.TemporaryDirectory() as folder:
        root, random, steps = Path(folder), forked.rng(0), []
        data, out = forked.draw(root / "data"), root / "run"
        settings = STILL | {"steps": 10_000, "save_every": 2}
        for number in range(times):
            children = launch(forked.arguments(method, data, out, settings), root / "said")
            log, before = out / "log.jsonl", steps[-1] if steps else 0
            while not log.exists() or len(log.read_text().splitlines()) < before + 4:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.3))
            victim, other = children[number % WORLD], children[1 - number % WORLD]
            os.kill(victim, signal.SIGKILL)
            forked.finish(victim)
            code, said = forked.kill_after(other, 30), (root / f"said-{1 - number % WORLD}").read_text()
            assert code == 2, [code, said]
            assert "error: another process of this training has ended" in said, said
            assert "Traceback" not in said, said
            steps.append(checkpoints.load_state(out / "state")[1]["standing"]["step"])
        return {"times": times, "steps": steps}


@pytest.mark.parametrize("method", ["pix2pix", "cyclegan"])
@pytest.mark.timeout(1800)
def test_after_one_of_two_processes_was_killed_both_go_on(method: str, record_figure: Record) -> None:
    times = count(10, 3)
    found = forked.call(kill_one, method, times, timeout=1800)
    record_figure(26, f"{method}, one of two killed and resumed", len(found["steps"]))
    assert found["steps"] == sorted(set(found["steps"]))


LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--nproc-per-node", str(WORLD), "--master-port"],
    "accelerate": ["accelerate.commands.launch", "--cpu", "--num_processes", str(WORLD), "--main_process_port"],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_trains_in_two_processes(launcher: str, tmp_path: Path) -> None:
    data = forked.draw(tmp_path / "data")
    words = forked.arguments("pix2pix", data, tmp_path / "run", {"steps": 2, "batch_size": 2})
    process = subprocess.run(
        [sys.executable, "-m", *LAUNCHERS[launcher], str(free_port()), "-m", "translate", *words],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=forked.ROOT,
        check=False,
        env=os.environ | {"PYTHONPATH": str(forked.ROOT)},
    )
    assert process.returncode == 0, process.stderr[-2000:]
    lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith('{"kind"')]
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2]
