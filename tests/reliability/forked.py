"""Trainings that may be killed: a process that imports everything once and forks a child for each of them.

Importing takes seconds and such a training a fraction of one. Only the children compute, so that the parent has no
threads that a fork would lose. `call` runs a function of a test module in such a process.
"""

import importlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
METHODS = ("pix2pix", "cyclegan", "cut")
SCRIPT = "from tests.reliability import forked; forked.main()"
TINY = {
    "generator.filters": 4,
    "generator.norm": "instance",
    "discriminator.filters": 4,
    "discriminator.layers": 1,
    "discriminator.norm": "instance",
    "data.size": 16,
    "data.load_size": 18,
    "data.crop": 16,
    "data.holdout": 2,
    "batch_size": 2,
    "precision": "fp32",
    "workers": 0,
    "ema": 0.9,
    "log_every": 1,
    "validate_every": 4,
    "sample_every": 4,
    "save_every": 2,
    "samples": 2,
    "stability.augment": ["translation"],
    "stability.adaptive": 0.1,
    "stability.adaptive_pictures": 40,
}
OWN = {
    "pix2pix": {"generator.depth": 2, "generator.max_filters": 8, "generator.dropout": 0.5},
    "cyclegan": {"generator.blocks": 1, "objective.pool": 4},
    "cut": {"generator.blocks": 1, "objective.patches": 8, "objective.projection": 8},
    "dcgan": {
        "generator.size": 16,
        "generator.latent": 4,
        "stability.augment": ["colour", "translation", "cutout"],
        "stability.label_noise": 0.2,
        "stability.instance_noise": 0.1,
        "stability.r1": 1.0,
    },
}


def draw(root: Path, count: int = 8) -> Path:
    """`count` pictures of 16 x 16 in a/ and their negatives, by the same names, in b/: pairs, or two domains."""
    rng = np.random.default_rng(0)
    for side in "ab":
        (root / side).mkdir(parents=True)
    for number in range(count):
        picture = np.kron(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
        Image.fromarray(picture).save(root / "a" / f"{number}.png")
        Image.fromarray(255 - picture).save(root / "b" / f"{number}.png")
    return root


def arguments(method: str, data: Path, out: Path, changes: dict[str, Any] | None = None) -> list[str]:
    """The command line of a tiny training, for `translate train`; resumes what there is."""
    if any((out / state).exists() for state in ("state", "state.previous")):
        return ["train", "--resume", "--out", str(out), "--device", "cpu", "--json"]
    settings = TINY | OWN[method] | (changes or {})
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    return ["train", method, "--data", str(data), "--out", str(out), "--device", "cpu", "--json", *words]


def call(function: Callable[..., Any], *values: Any, timeout: float = 280) -> Any:
    """What a function returns in a process that may fork; values and result are JSON."""
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, function.__module__, function.__name__, json.dumps(values)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def main() -> None:
    """The forking process itself."""
    module, function, values = sys.argv[1:]
    import accelerate.utils
    import albumentations
    import kornia
    import torch._dynamo  # an optimizer would import it, for seconds, in each child anew

    from translate.trainers import run

    del accelerate, albumentations, kornia, run
    torch.set_num_threads(1)
    memory = Path("/dev/shm")  # where hundreds of small files are quickly synced
    tempfile.tempdir = str(memory) if memory.is_dir() else None
    print(json.dumps(getattr(importlib.import_module(module), function)(*json.loads(values))))


def start(words: list[str], said: Path, before: Callable[[], None] = lambda: None) -> int:
    """Fork a child that runs the command line after `before`; its output goes to the file `said`. Its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        logging.getLogger().handlers.clear()
        sys.argv = ["translate", *words]
        before()
        from translate.cli.main import main as translate

        translate()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def finish(child: int) -> int:
    """Wait for a child; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(child: int, seconds: float, number: int = signal.SIGKILL) -> int:
    """Send a signal after a while, unless the child has ended before; its exit code."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, number)
    return finish(child)


def rng(seed: int) -> random.Random:
    """Delays that are the same every time."""
    return random.Random(seed)


def differences(one: Path, two: Path) -> list[str]:
    """The tensors in which two runs' states differ by a single bit."""
    from translate import checkpoints

    left, right = (
        {f"{group}/{name}": value for group, members in tensors.items() for name, value in members.items()}
        for tensors in (checkpoints.load_state(run / "state")[0] for run in (one, two))
    )
    return sorted(set(left) ^ set(right)) + [
        name for name in left if name in right and left[name].numpy().tobytes() != right[name].numpy().tobytes()
    ]
