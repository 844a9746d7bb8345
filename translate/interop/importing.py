"""Turn a file of others, or a zip of a model folder, into one of our model folders, and say where it came from."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from translate.checkpoints import CONFIG_FILE, MODEL_FILE, save_model, sha256, write_json
from translate.config import DataConfig, DiscriminatorConfig, GeneratorConfig, ModelConfig
from translate.errors import CheckpointError
from translate.interop import latent, model_zip, stylegan2, torch_file
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
    """Read a file of others and fill `folder` with a model of our format; the content says which kind of file it is.

    A generator of the pix2pix and CycleGAN project (.pth), a StyleGAN2 of NVIDIA, rosinality or mmgeneration (.pkl,
    .pt, .pth), or a zip of one of our own model folders. `statistics` is about the first alone.
    Raises: CheckpointError when the file can't be read safely, or holds no generator of these; TranslateError for a
    hostile zip.
    """
    if path.suffix.lower() == ".onnx":
        raise CheckpointError(
            f"{path}: ONNX files aren't imported: they hold a program, no weights to train on; such a file is applied "
            f"as it lies there: translate apply {path.name} PHOTO -o OUT"
        )
    if model_zip.is_model_zip(path):
        config, notes = model_zip.unpack(path, folder)
        given = {"name": about.name, "title": about.title, "licence": about.licence}
        config = config.model_copy(update={field: text for field, text in given.items() if text})
        write_json(folder / CONFIG_FILE, config.model_dump(mode="json"))
        norms = ""
    elif _is_stylegan2(path):
        config, notes = _write_latent(path, folder, about)
        norms = ""
    else:
        config, notes, norms = _write_translator(path, folder, about, statistics)
    _record(path, folder, about, norms)
    return Imported(config, notes)


def _is_stylegan2(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise CheckpointError(f"{path}: not a readable .pth file ({error.strerror})") from None
    if head[:1] == b"\x80" and head != b"\x80\2\x8a\n":  # a bare pickle: only NVIDIA publishes weights as one
        return True
    return stylegan2.is_generator(torch_file.read(path))


def _write_latent(path: Path, folder: Path, about: About) -> tuple[ModelConfig, tuple[str, ...]]:
    found = latent.read(path)
    size = found.config.size
    config = ModelConfig(
        name=about.name,
        kind="gan",
        title=about.title,
        description=about.description,
        licence=about.licence,
        generator=found.config,
        data=DataConfig(size=size, load_size=size, crop=size),
    )
    save_model(folder, found.network, config)
    return config, found.notes


def _write_translator(
    path: Path, folder: Path, about: About, statistics: Statistics
) -> tuple[ModelConfig, tuple[str, ...], str]:
    """A pix2pix or CycleGAN generator; also what its batch norm goes by, where it has one."""
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
    notes = [STATISTICS[statistics]] if batch else []
    if stale and found.config.norm == "instance":
        notes.append(f"left out {stale} statistics that old instance norms tracked and nothing uses")
    return config, tuple(notes), statistics if batch else ""


def _record(path: Path, folder: Path, about: About, statistics: str) -> None:
    record = {
        "source": about.source,
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "trust": about.trust,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "statistics": statistics,
        "files": {name: sha256(folder / name) for name in (MODEL_FILE, CONFIG_FILE)},
    }
    write_json(folder / SOURCE_FILE, record)


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
