"""Turn a .pth file of the pix2pix and CycleGAN project into one of our model folders, and say where it came from."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from translate.checkpoints import CONFIG_FILE, MODEL_FILE, save_model, sha256, write_json
from translate.config import DiscriminatorConfig, GeneratorConfig, ModelConfig
from translate.errors import CheckpointError
from translate.interop.pix2pix import NORM_STATE, convert, read

SOURCE_FILE = "source.json"
Statistics = Literal["tracked", "picture"]
"""What batch norm goes by when a model is applied: what it tracked in training, or each picture's own."""

STATISTICS = {
    "tracked": "batch norm goes by the statistics tracked in training, as the reference does with --eval",
    "picture": "batch norm goes by each picture's own statistics, as the reference does without --eval; no dropout",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a file can't say of itself."""

    name: str
    title: str = ""
    description: str = ""
    licence: str = ""
    source: str
    """The address or the path it came from."""
    trust: str = "unverified: no SHA-256 is published; this one is recorded"


class Imported(NamedTuple):
    """What a file turned out to be."""

    config: ModelConfig
    notes: tuple[str, ...]
    """What was chosen or left out on the way, for the user to read."""


def write(path: Path, folder: Path, about: About, statistics: Statistics = "tracked") -> Imported:
    """Read a generator's .pth file and fill `folder` with a model of our format.

    Raises: CheckpointError when the file can't be read safely, or is no generator of that project.
    """
    state = read(path)
    stale = sum(name.endswith(NORM_STATE[2:4]) for name in state)
    try:
        found = convert(state)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    del state  # of the largest network 218 MB
    if isinstance(found.config, DiscriminatorConfig):
        raise CheckpointError(f"{path}: a discriminator ({found.config.kind}); a model is a generator, as *_net_G*.pth")
    batch = found.config.norm == "batch"
    if statistics == "picture":
        found = found.per_picture()
    assert isinstance(found.config, GeneratorConfig)
    config = ModelConfig(
        name=about.name,
        kind="pix2pix" if found.config.kind == "unet" else "cyclegan",
        title=about.title,
        description=about.description,
        licence=about.licence,
        generator=found.config,
    )
    save_model(folder, found.build(), config)
    record = {
        "source": about.source,
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "trust": about.trust,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "statistics": statistics if batch else "",
        "files": {name: sha256(folder / name) for name in (MODEL_FILE, CONFIG_FILE)},
    }
    write_json(folder / SOURCE_FILE, record)
    notes = [STATISTICS[statistics]] if batch else []
    if stale and found.config.norm == "instance":
        notes.append(f"left out {stale} statistics that old instance norms tracked and nothing uses")
    return Imported(config, tuple(notes))


def source(folder: Path) -> dict[str, Any]:
    """Where an imported model came from; empty for any other.

    Raises: CheckpointError when that is unreadable.
    """
    path = folder / SOURCE_FILE
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("files"), dict):
        raise CheckpointError(f"{path}: not a readable record of a model's source; import the model again")
    return record


def check(folder: Path) -> None:
    """Compare an imported model's files with the SHA-256s recorded when it was written.

    Raises: CheckpointError naming the first that differs.
    """
    for name, expected in source(folder).get("files", {}).items():
        path = folder / Path(name).name
        if not path.is_file() or sha256(path) != expected:
            raise CheckpointError(f"{path}: its SHA-256 is not the one recorded at import; import the model again")
