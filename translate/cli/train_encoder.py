"""`translate train encoder --data DIR --init MODEL`: from a face to the latent of a model that makes faces."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translate.cli.part_progress import watched
from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.config import EncoderConfig


def train_encoder(
    model: str | None,
    data: Path | None,
    out: Path | None,
    changes: dict[str, Any],
    *,
    resume: bool,
    device: str,
    as_json: bool,
) -> None:
    """Train, and print what the encoder achieves on held-out faces."""
    if model is None:
        raise ConfigError("an encoder belongs to a generator: name it with --init MODEL")

    from translate import catalog
    from translate.checkpoints import ENCODER
    from translate.editing.inverter import Inverter
    from translate.trainers.encoder import EncoderTraining, read_faces
    from translate.trainers.encoder import train_encoder as train

    config = EncoderTraining().replace(**changes)
    folder = catalog.find(model)
    target = out or folder / ENCODER
    whole = Inverter.load(folder, device=device)  # the same distance as inversion later goes by
    faces = read_faces(data, whole.config.data, config.seed)
    with watched(config.steps, as_json) as (stop, report):
        stored = train(
            whole.generator,
            faces,
            whole.perceptual,
            target,
            config,
            name=whole.config.name,
            measured_by=whole.perceptual.name,
            device=device,
            resume=resume,
            cancelled=stop.is_set,
            report=report,
        )
    _print(stored, target, as_json)


def _print(stored: "EncoderConfig", target: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"kind": "done", "folder": str(target), "step": stored.step, **stored.metrics}))
        return
    print(f"{target}: step {stored.step}")
    print(", ".join(f"{name} {value:.4g}" for name, value in stored.metrics.items()))
    print(f"measured: {stored.measured}")
