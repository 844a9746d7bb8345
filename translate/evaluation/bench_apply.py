"""How long a photo takes through a U-Net: our settings and the classic ones, the shipped model, the whole command."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from translate import catalog, checkpoints, images, presets
from translate.config import DataConfig, GeneratorConfig, ModelConfig
from translate.data import synthetic
from translate.devices import pick_device
from translate.errors import CheckpointError
from translate.evaluation.bench import CLASSIC, FILTERS, SIZE, BenchReport, compare
from translate.evaluation.machine import Contender
from translate.inference.translator import Translator
from translate.networks import build_generator

SHOWN = "street-segmentation"


def bench_apply(
    *,
    device: str = "auto",
    precision: str = "auto",
    compiled: bool = False,
    command: bool = True,
    rounds: int = 9,
    size: int = SIZE,
    filters: int = FILTERS,
) -> BenchReport:
    """Time a photo of `size` x `size` through the paper's U-Net, `street-segmentation`, and `translate apply` whole.

    `compiled` adds torch.compile, which takes a minute to get ready on a CPU; on CUDA it is always there, with and
    without CUDA graphs. `command` runs the shipped model's whole command too.
    """
    where = pick_device(device)
    config = presets.pix2pix().translator.replace(filters=filters, max_filters=8 * filters)
    network = build_generator(config)
    translator = _stored(network, config, size, device, precision)
    x = torch.rand(1, 3, size, size, device=where) * 2 - 1
    settings = f"{translator.precision}, channels_last, eval() mode"
    contenders = {
        "classic": _classic(network.to(where), x),
        "ours": Contender(settings, lambda: translator.forward(x)),
    }
    if compiled or where.type == "cuda":
        contenders |= _compiled(build_generator(config).to(where), x, translator.precision)
    figures, notes = {}, []
    try:
        folder = catalog.find(SHOWN)
    except CheckpointError:
        notes.append(f"{SHOWN} is not there: neither it nor the whole command was timed")
    else:
        shipped = Translator.load(folder, device=device, precision=precision)
        contenders[SHOWN] = Contender(settings, lambda: shipped.forward(x))
        if command:
            figures["apply_command_s"] = _command(folder, size, device)
    return compare("apply", contenders, rounds, where, figures=figures, notes=tuple(notes))


def _stored(network: nn.Module, config: GeneratorConfig, size: int, device: str, precision: str) -> Translator:
    """The network as a user gets it: stored, then loaded by the translator."""
    data = DataConfig(size=size, crop=size, load_size=size)
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save_model(Path(folder), network, ModelConfig(name="bench", generator=config, data=data))
        return Translator.load(folder, device=device, precision=precision)


def _classic(network: nn.Module, x: Tensor) -> Contender:
    network.train()

    def run() -> None:
        with torch.no_grad():
            network(x)

    return Contender(f"{CLASSIC}, train() mode", run)


def _compiled(network: nn.Module, x: Tensor, precision: str) -> dict[str, Contender]:
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
    # Frozen weights let inductor fold norms and lay weights out once, as the translator does by hand.
    variants: dict[str, dict[str, Any]] = {"compiled": {"options": {"freezing": True}}}
    if x.device.type == "cuda":
        variants = {"compiled": {}, "compiled, CUDA graphs": {"mode": "reduce-overhead"}}

    def contender(name: str, module: Any) -> Contender:
        def run() -> None:
            with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16"):
                torch.compiler.cudagraph_mark_step_begin()
                module(x)

        return Contender(f"{precision}, channels_last, eval() mode, {name}", run)

    return {name: contender(name, torch.compile(network, **how)) for name, how in variants.items()}


def _command(model: Path, size: int, device: str, runs: int = 3) -> float:
    """Seconds of `translate apply` on one photo, from the start of Python to its end; the median of some runs."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        photo, out = Path(folder) / "photo.png", Path(folder) / "out.png"
        pixels, _ = synthetic.scene(0, size, size)
        images.save(images.to_pil(images.to_tensor(pixels)), photo)
        command = [sys.executable, "-m", "translate", "apply", str(model), str(photo), "-o", str(out)]
        for _ in range(runs):
            began = time.perf_counter()
            subprocess.run([*command, "--device", device], check=True, capture_output=True)
            seconds.append(time.perf_counter() - began)
            out.unlink()
    return sorted(seconds)[runs // 2]
