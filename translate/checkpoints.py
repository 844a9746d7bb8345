"""The only reader and writer of models and training states: safetensors for numbers, JSON for everything else."""

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from translate.config import FORMAT_VERSION, Config, EncoderConfig, JudgeConfig, LatentConfig, ModelConfig, read
from translate.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from translate.networks import AnyDiscriminator, FaceEncoder

log = logging.getLogger(__name__)

Part = TypeVar("Part", bound=Config)

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
STATE_FILE = "state.json"
ENCODER, DISCRIMINATOR = "encoder", "discriminator"
"""Folders in a model's own that hold what belongs to it, each a model.safetensors and a config.json."""
UNFINISHED = ".tmp"
"""How the name of what is still being written ends."""


class NotWritten(CheckpointError):
    """The disk is full, failing or closed to us; what was there before is kept."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path}: can't be written ({error.strerror or error}); what was there before is kept")
        self.is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell in one line that `path` can't be written.

    Raises: NotWritten for any error of the disk.
    """
    try:
        yield
    except OSError as error:
        raise NotWritten(path, error) from None


def save_model(folder: Path, module: "nn.Module", config: Config, *, half: bool = False) -> None:
    """Write weights and config so that `load_model(folder)`, or the loader of that config's kind, gives them back.

    `half` stores float16, for shipping. Both files appear whole or not at all.
    """
    save_weights(folder, module.state_dict(), config, half=half)


def save_weights(folder: Path, weights: Mapping[str, "Tensor"], config: Config, *, half: bool = False) -> None:
    """As `save_model`, of a state_dict."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    state = {name: t.half() if half and t.is_floating_point() else t for name, t in weights.items()}
    write_tensors(folder / MODEL_FILE, state)
    write_json(folder / CONFIG_FILE, config.model_dump(mode="json"))


def load_config(folder: Path) -> ModelConfig:
    """The config of a model folder; needs no torch.

    Raises: CheckpointError when the folder holds no model of a version this program reads.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder}: no model here ({CONFIG_FILE} is missing)")
    try:
        return read(ModelConfig, path)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def load_model(folder: Path) -> tuple["nn.Module", ModelConfig]:
    """The generator in evaluation mode, float32, on the CPU, and its config.

    Raises: CheckpointError naming the file and what is wrong with it.
    """
    from translate.networks import build_generator, build_latent_generator

    config = load_config(folder)
    network = config.generator
    generator: nn.Module
    generator = build_latent_generator(network) if isinstance(network, LatentConfig) else build_generator(network)
    load_weights(generator, folder / MODEL_FILE)
    return generator.eval(), config


def holds_part(model: Path, name: str) -> bool:
    """Whether the model has an encoder or a discriminator of that name beside it."""
    return (model / name / CONFIG_FILE).is_file()


def load_encoder(folder: Path) -> tuple["FaceEncoder", EncoderConfig]:
    """The encoder stored in `folder`, frozen, float32, on the CPU, and its config.

    Raises: CheckpointError naming the file and what is wrong with it.
    """
    from translate.networks import build_encoder

    config = load_part_config(EncoderConfig, folder)
    encoder = build_encoder(config)
    load_weights(encoder, folder / MODEL_FILE)
    return encoder.eval().requires_grad_(False), config


def load_discriminator(folder: Path) -> tuple["AnyDiscriminator", JudgeConfig]:
    """The discriminator stored in `folder`, frozen, float32, on the CPU, and its config.

    Raises: CheckpointError naming the file and what is wrong with it.
    """
    from translate.networks import build_latent_discriminator

    config = load_part_config(JudgeConfig, folder)
    judge = build_latent_discriminator(config.discriminator, config.generator, "none")
    load_weights(judge, folder / MODEL_FILE)
    return judge.eval().requires_grad_(False), config


def load_part_config(kind: type[Part], folder: Path) -> Part:
    """What a part of a model, an encoder, a discriminator or a CLIP, says of itself.

    Raises: CheckpointError when the folder holds none of a version this program reads.
    """
    try:
        return read(kind, folder / CONFIG_FILE)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def load_weights(module: "nn.Module", path: Path, *, allow: int = 0) -> list[str]:
    """Fill `module` from a safetensors file; every name and shape must match, but for `allow` shapes.

    Those keep their values and are returned by name: a fine-tuned model may have other classes than its start.
    Raises: CheckpointError naming the first tensor that does not fit, or holds a value that is not finite.
    """
    own = module.state_dict()
    found = read_tensors(path)
    if missing := sorted(set(own) - set(found)):
        raise CheckpointError(f"{path}: lacks {missing[0]} and {len(missing) - 1} more; it belongs to another network")
    if extra := sorted(set(found) - set(own)):
        raise CheckpointError(f"{path}: {extra[0]} and {len(extra) - 1} more fit nothing in the network of its config")
    unfit = [name for name, tensor in found.items() if tensor.shape != own[name].shape]
    if len(unfit) > allow:
        name = unfit[0]
        raise CheckpointError(f"{path}: {name} is {list(found[name].shape)}, the network has {list(own[name].shape)}")
    for name, tensor in found.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise CheckpointError(f"{path}: {name} holds values that are not finite; the file is damaged")
    for name in found.keys() - set(unfit):
        own[name].copy_(found[name])
    return unfit


def save_state(folder: Path, tensors: Mapping[str, Mapping[str, "Tensor"]], facts: Mapping[str, Any]) -> None:
    """Write a training state as one folder that replaces the previous one whole.

    `tensors` maps a file's stem to its tensors; `facts` is JSON (step, figures). The SHA-256 of each file and of the
    facts is kept beside them and checked on reading. The state before this one stays beside it.
    Raises: NotWritten when the disk won't take it; the states that were there stay.
    """
    try:
        _save_state(folder, tensors, facts)
    except NotWritten as error:
        if not error.is_full or not _previous(folder).is_dir() or not _is_whole(folder):
            raise
        # A disk may be too full for three states and have room for two.
        log.warning("%s: the disk is full; the state before the last one is dropped to make room", folder)
        shutil.rmtree(_previous(folder), ignore_errors=True)
        _save_state(folder, tensors, facts)


def _save_state(folder: Path, tensors: Mapping[str, Mapping[str, "Tensor"]], facts: Mapping[str, Any]) -> None:
    fresh: Path | None = None
    try:
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            sweep(folder.parent, f"{folder.name}-")
            fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=UNFINISHED, dir=folder.parent))
            hashes = {}
            for stem, group in tensors.items():
                data = _packed(group)
                hashes[f"{stem}.safetensors"] = hashlib.sha256(data).hexdigest()
                _put(fresh / f"{stem}.safetensors", data)
            manifest = {"format": FORMAT_VERSION, "files": hashes, "facts": dict(facts)}
            _put(fresh / STATE_FILE, _text({**manifest, "sha256": _digest(manifest)}))
            _settle(fresh)
            _swap(fresh, folder)
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def load_state(folder: Path, *, mend: bool = False) -> tuple[dict[str, dict[str, "Tensor"]], dict[str, Any]]:
    """What `save_state` wrote; falls back to the previous state when the last one is damaged or half-replaced.

    `mend` then removes the damaged one, which the next save would else keep in place of the whole one.
    Raises: CheckpointError when neither is whole.
    """
    problems: list[str] = []
    for candidate in (folder, _previous(folder)):
        if not candidate.is_dir():
            continue
        try:
            found = _load_state(candidate)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        if problems:
            log.warning("%s; going on from the state before it", problems[0])
            if mend:
                shutil.rmtree(folder, ignore_errors=True)
        return found
    raise CheckpointError("; ".join(problems) or f"{folder}: no training state here; start without --resume")


def _load_state(folder: Path) -> tuple[dict[str, dict[str, "Tensor"]], dict[str, Any]]:
    path = folder / STATE_FILE
    try:
        text = path.read_bytes()
        written = json.loads(text)
        manifest = {name: value for name, value in written.items() if name != "sha256"}
        files, facts = dict(manifest["files"]), dict(manifest["facts"])
        # Byte for byte: JSON has many spellings of the same thing, and one of them alone was written.
        is_damaged = _digest(manifest) != written["sha256"] or _text(written) != text
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a readable training state ({error})") from None
    if is_damaged:
        raise CheckpointError(f"{path}: its SHA-256 is not the recorded one; the file is damaged")
    return {Path(name).stem: _verified(folder / Path(name).name, expected) for name, expected in files.items()}, facts


def _verified(path: Path, expected: str) -> dict[str, "Tensor"]:
    """A file's tensors, from the very bytes whose hash was checked."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != expected:
            raise CheckpointError(f"{path}: its SHA-256 is not the recorded one; the file is damaged")
        return load(data)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from None


def _is_whole(folder: Path) -> bool:
    try:
        _load_state(folder)
    except CheckpointError:
        return False
    return True


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], facts: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file atomically, with `facts` in its head.

    Shared or channels_last memory is copied into plain layout first.
    """
    _write(path, _packed(tensors, facts))


def read_facts(path: Path) -> dict[str, str]:
    """What `write_tensors` put in the head of a file.

    Raises: CheckpointError when the file is missing or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from None


def read_tensors(path: Path) -> dict[str, "Tensor"]:
    """Raises: CheckpointError when the file is missing or not safetensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from None


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON atomically; of a name that is no UTF-8 the bytes are escaped, and read back as they were."""
    _write(path, _text(values))


def write_text(path: Path, text: str) -> None:
    """Write text atomically."""
    _write(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    _write(path, data)


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(folder: Path, start: str = "", *, below: bool = False) -> None:
    """Remove what a killed process left half-written in `folder`, and `below` it: what is named after `start`."""
    unfinished = f".{start}*{UNFINISHED}"
    for path in list(folder.rglob(unfinished) if below else folder.glob(unfinished)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _packed(tensors: Mapping[str, "Tensor"], facts: Mapping[str, str] | None = None) -> bytes:
    from safetensors.torch import save

    plain = {name: t.detach().to("cpu").contiguous().clone() for name, t in tensors.items()}
    data: bytes = save(plain, dict(facts) if facts else None)
    return data


def _text(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _write(path: Path, data: bytes) -> None:
    with writing(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=UNFINISHED, dir=path.parent)
        os.close(handle)
        try:
            _put(Path(name), data)
            os.chmod(name, 0o644)  # mkstemp makes files that only their owner can read
            os.replace(name, path)
            _settle(path.parent)
        finally:
            Path(name).unlink(missing_ok=True)


def _put(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Have the disk itself know the names in `folder`: a rename that power fails on may else come back undone."""
    if os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _previous(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.previous")


def _swap(fresh: Path, folder: Path) -> None:
    # Renames only: at any moment either `folder` or its predecessor is whole.
    old = _previous(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(folder, old)
    os.rename(fresh, folder)
    _settle(folder.parent)
