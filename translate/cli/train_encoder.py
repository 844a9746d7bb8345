"""`translate train encoder --data DIR --init MODEL`: from a face to the latent of a model that makes faces."""

import json
import sys
from pathlib import Path
from typing import Any

from translate.errors import ConfigError


def train_encoder(
    model: str | None, data: Path | None, out: Path | None, changes: dict[str, Any], *,
    resume: bool, device: str, as_json: bool,
) -> None:  # fmt: skip
    """Train, and print what the encoder achieves on held-out faces."""
    if model is None:
        raise ConfigError("an encoder belongs to a generator: name it with --init MODEL")

    from tqdm import tqdm

    from translate import catalog, checkpoints
    from translate.cli.train import stop_on_signals
    from translate.editing.perceptual import load_perceptual
    from translate.networks import StyleGAN2Generator
    from translate.trainers.encoder import EncoderTraining, read_faces
    from translate.trainers.encoder import train_encoder as train

    config = EncoderTraining().replace(**changes)
    folder = catalog.find(model)
    generator, described = checkpoints.load_model(folder)
    if not isinstance(generator, StyleGAN2Generator):
        raise ConfigError(f"{model}: no StyleGAN2; an encoder finds styles, and this model has none")
    from translate.devices import pick_device

    perceptual = load_perceptual(folder, device=pick_device(device))
    faces = read_faces(data, described.data.replace(size=generator.resolution), config.seed)
    target = out or folder / checkpoints.ENCODER
    with (
        tqdm(total=config.steps, unit="step", disable=as_json or not sys.stderr.isatty(), dynamic_ncols=True) as bar,
        stop_on_signals() as stop,
    ):

        def report(step: int, losses: dict[str, float]) -> None:
            if as_json:
                print(json.dumps({"kind": "train", "step": step, **losses}), flush=True)
            bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()}, refresh=False)
            bar.update(step - bar.n)

        stored = train(
            generator, faces, perceptual, target, config, name=described.name, measured_by=perceptual.name,
            device=device, resume=resume, cancelled=stop.is_set, report=report,
        )  # fmt: skip
    if as_json:
        print(json.dumps({"kind": "done", "folder": str(target), "step": stored.step, **stored.metrics}))
        return
    print(f"{target}: step {stored.step}")
    print(", ".join(f"{name} {value:.4g}" for name, value in stored.metrics.items()))
    print(f"measured: {stored.measured}")
