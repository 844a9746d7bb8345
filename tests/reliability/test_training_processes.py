"""Two processes train as one would, and go on after one of them was killed (row 26)."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import forked
from tests.reliability.figures import Record, count

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")]
WORLD, STEPS = 2, 20
SINGLE, DOUBLE, LOGGED = 1e-4, 2e-8, 1e-6
"""Tolerances: of what generators give after training in float32, of each weight after training in float64, and of the
losses there, which are logged in float32."""
STILL = {"steps": STEPS, "save_every": 5, "validate_every": 10, "sample_every": 100}
# As deep as the paper's U-Net has to be before there is dropout in it; batch norm, as its preset.
LIKE_THE_PAPER = {
    "generator.norm": "batch",
    "discriminator.norm": "batch",
    "generator.depth": 6,
    "data.size": 64,
    "data.load_size": 68,
    "data.crop": 64,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "pix2pix": ("pix2pix", LIKE_THE_PAPER),
    "pix2pix, instance norm": ("pix2pix", {}),
    "cyclegan": ("cyclegan", {}),
    "cyclegan, no norm": ("cyclegan", {"generator.norm": "none", "discriminator.norm": "none"}),
    "cut": ("cut", {}),
    "dcgan": ("dcgan", {"generator.norm": "batch", "discriminator.norm": "batch"}),
}


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


def launch(words: list[str], said: Path, before: Callable[[], None] = lambda: None) -> list[int]:
    """The children that train together, each after `before`."""
    port = free_port()

    def child(rank: int) -> int:
        def prepare() -> None:
            os.environ.update(environment(rank, port))
            before()

        return forked.start(words, said.with_name(f"{said.name}-{rank}"), prepare)

    return [child(rank) for rank in range(WORLD)]


def in_double() -> None:
    """Train in float64 from here on, wherever float32 is asked for."""
    import torch

    from translate.trainers import feeding, unpaired_judge, validation

    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = lambda self, *_, **__: self.double()  # type: ignore[assignment, method-assign]
    move = feeding._move
    feeding._move = lambda x, *where: move(x.double() if x.is_floating_point() else x, *where)
    for module in (validation, unpaired_judge):
        plain = module.to_device
        module.to_device = lambda batch, device, plain=plain: plain(batch.double(), device)


def compare(case: str, is_double: bool) -> dict[str, Any]:
    """The largest difference between what one process and two learn from the same batches, log, and then give."""
    from translate import checkpoints
    from translate.trainers.logs import read_log

    method, changes = CASES[case]
    before = in_double if is_double else lambda: None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data, settings = forked.draw(root / "data"), STILL | changes
        alone = forked.arguments(method, data, root / "alone", settings | {"batch_size": 4})
        assert forked.finish(forked.start(alone, root / "said", before)) == 0, (root / "said").read_text()
        together = forked.arguments(method, data, root / "together", settings | {"batch_size": 4 // WORLD})
        codes = [forked.finish(child) for child in launch(together, root / "said", before)]
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
            "type": str(next(value.dtype for value in one["generator"].values() if value.is_floating_point())),
            "tensors": max(gaps.values()),
            "losses": max(losses),
            "given": given_apart(root / "alone", root / "together"),
            "compared": len(gaps),
            "where": max(gaps, key=lambda name: gaps[name]),
        }


def given_apart(one: Path, two: Path) -> float:
    """The largest difference between what the newest models of two runs make of the same noise."""
    import torch

    from translate import checkpoints

    apart = 0.0
    for path in one.rglob("last/config.json"):
        folders = path.parent, two / path.parent.relative_to(one)
        networks = [checkpoints.load_model(folder)[0] for folder in folders]
        side = checkpoints.load_config(path.parent).data.size
        is_latent = not hasattr(checkpoints.load_config(path.parent).generator, "in_channels")
        torch.manual_seed(0)
        x = torch.randn(4, networks[0].start.width) if is_latent else torch.rand(4, 3, side, side) * 2 - 1
        with torch.no_grad():
            left, right = (network(x) for network in networks)
        apart = max(apart, (left - right).abs().max().item())
    return apart


# Instance norm of the few pixels of these pictures amplifies rounding: CycleGAN's ten passes of it are for float64.
@pytest.mark.parametrize("case", [case for case in CASES if case != "cyclegan"])
@pytest.mark.timeout(1000)
def test_two_processes_learn_what_one_does_from_the_same_batches(case: str, record_figure: Record) -> None:
    """What generators give, in float32: a bias in front of an instance norm changes nothing in it, and has no gradient
    but rounding errors, which Adam makes as large as any. In float64 these vanish beside Adam's epsilon."""
    found = forked.call(compare, case, False, timeout=900)
    record_figure(26, f"{case}, what is given apart after {STEPS} steps", found["given"])
    assert found["type"] == "torch.float32"
    assert 0 < found["given"] < SINGLE
    assert found["losses"] < SINGLE


@pytest.mark.parametrize("case", CASES)
@pytest.mark.timeout(1000)
def test_in_float64_two_processes_learn_every_weight_as_one_does(case: str, record_figure: Record) -> None:
    """Batch statistics, dropout, augmentation and its probability included: what is left in float32 is rounding."""
    found = forked.call(compare, case, True, timeout=900)
    record_figure(26, f"{case} in float64, weights apart", found["tensors"])
    assert found["type"] == "torch.float64"
    assert found["compared"] > 10
    assert found["tensors"] < DOUBLE, found["where"]
    assert found["losses"] < LOGGED


def kill_one(method: str, norm: str, times: int) -> dict[str, Any]:
    """Kill one of two processes at random moments, launch both again until they are done."""
    from translate import checkpoints
    from translate.trainers.logs import read_log

    with tempfile.TemporaryDirectory() as folder:
        root, random, steps = Path(folder), forked.rng(0), []
        data, out = forked.draw(root / "data"), root / "run"
        settings = STILL | {"steps": 10_000, "save_every": 2, "generator.norm": norm, "discriminator.norm": norm}
        for number in range(times):
            children = launch(forked.arguments(method, data, out, settings), root / "said")
            before = steps[-1] if steps else 0
            # Not before both have met: then there would be nobody yet to miss the other.
            while max((int(line["step"]) for line in read_log(out)), default=0) < before + 4:
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


@pytest.mark.parametrize(("method", "norm"), [("pix2pix", "batch"), ("cyclegan", "instance")])
@pytest.mark.timeout(1800)
def test_after_one_of_two_processes_was_killed_both_go_on(method: str, norm: str, record_figure: Record) -> None:
    """It may be missed in the middle of a forward pass too, where batch norm asks for its sums."""
    times = count(10, 3)
    found = forked.call(kill_one, method, norm, times, timeout=1800)
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
