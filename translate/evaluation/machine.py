"""What a machine can do, so that times measured on it can be compared: its name, its arithmetic rates, its memory."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from translate.devices import pick_precision

LONG_ENOUGH = 0.02
"""Seconds from which one run is long enough to be timed; emulated bf16 gets there with small operands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Milliseconds an image in each of several rounds."""

    name: str
    what: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The typical round."""
        return statistics.median(self.rounds)

    def as_json(self) -> dict[str, Any]:
        """Name, settings, median, best and all rounds."""
        return {
            "name": self.name,
            "what": self.what,
            "ms_per_image": round(self.median, 3),
            "best": round(min(self.rounds), 3),
            "rounds": [round(value, 3) for value in self.rounds],
        }


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to time: its settings in words, one run of it, and how many images a run handles."""

    what: str
    run: Callable[[], object]
    images: int = 1


def race(contenders: Mapping[str, Contender], rounds: int, device: torch.device) -> dict[str, Timing]:
    """Run each contender once a round, in turn, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender.run()
    for _ in range(rounds):
        for name, contender in contenders.items():
            times[name].append(1000 * timed(contender.run, device) / contender.images)
    return {name: Timing(name=name, what=contenders[name].what, rounds=tuple(v)) for name, v in times.items()}


def ratio(classic: Timing, ours: Timing) -> float:
    """How many times faster `ours` is: the median over rounds, each compared with its neighbour in time.

    A machine that other work slows down for a while slows both sides of a pair.
    """
    return statistics.median(c / o for c, o in zip(classic.rounds, ours.rounds, strict=True))


def describe(device: torch.device) -> dict[str, Any]:
    """Names and counts: processor, threads, instruction set, device, torch."""
    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "device": str(device),
        "bf16_in_hardware": pick_precision("auto", device) == "bf16",
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def usable_cores() -> int:
    """Cores this process may run on, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rates(device: torch.device) -> dict[str, float]:
    """GFLOP/s of matrix products and 3x3 convolutions (channels_last), in float32 and bfloat16."""
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        found[f"matmul_{name}_gflops"] = _fastest((_matmul(n, dtype, device) for n in (256, 1024, 4096, 8192)), device)
        found[f"conv_{name}_gflops"] = _fastest((_conv(c, dtype, device) for c in (32, 128, 512)), device)
    return found


def peak_memory_mib() -> float | None:
    """The most memory this process has had resident; None where the system doesn't tell."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux a child inherits the figure of the process that started it.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _matmul(n: int, dtype: torch.dtype, device: torch.device) -> tuple[float, Callable[[], object]]:
    a, b = (torch.ones(n, n, dtype=dtype, device=device) for _ in range(2))
    return 2.0 * n**3, lambda: a @ b


def _conv(channels: int, dtype: torch.dtype, device: torch.device) -> tuple[float, Callable[[], object]]:
    side = 64
    x = torch.ones(1, channels, side, side, dtype=dtype, device=device).contiguous(memory_format=torch.channels_last)
    w = torch.ones(channels, channels, 3, 3, dtype=dtype, device=device).contiguous(memory_format=torch.channels_last)
    return 2.0 * channels**2 * 9 * side**2, lambda: F.conv2d(x, w, padding=1)


@torch.inference_mode()
def _fastest(sizes: Iterable[tuple[float, Callable[[], object]]], device: torch.device) -> float:
    """GFLOP/s at the first of growing sizes that takes long enough, or at the last one."""
    rate = 0.0
    for flop, action in sizes:
        first = timed(action, device)
        seconds = min(first, *(timed(action, device) for _ in range(2 if first > 1 else 5)))
        rate = flop / seconds / 1e9
        if seconds > LONG_ENOUGH:
            break
    return round(rate, 2)


def timed(action: Callable[[], object], device: torch.device) -> float:
    """Seconds that `action` takes, the device's part included."""
    began = time.perf_counter()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter() - began


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
