"""The only reader and writer of models and training states: safetensors for numbers, JSON for everything else."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translate.config import FORMAT_VERSION, LatentConfig, ModelConfig, read
from translate.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
STATE_FILE = "state.json"


def save_model(folder: Path, generator: "nn.Module", config: ModelConfig, *, half: bool = False) -> None:
    """Write weights and config so that `load_model(folder)` gives them back.

    `half` stores float16, for shipping. Both files appear whole or not at all.
    """
    import torch

    state = {}
    for name, tensor in generator.state_dict().items():
        if half and tensor.is_floating_point():
            tensor = tensor.to(torch.float16)
        state[name] = tensor
    folder.mkdir(parents=True, exist_ok=True)
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
    facts is kept beside them and checked on reading.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        hashes = {}
        for stem, group in tensors.items():
            path = fresh / f"{stem}.safetensors"
            write_tensors(path, group)
            hashes[path.name] = sha256(path)
        manifest = {"format": FORMAT_VERSION, "files": hashes, "facts": dict(facts)}
        write_json(fresh / STATE_FILE, {**manifest, "sha256": _digest(manifest)})
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def load_state(folder: Path) -> tuple[dict[str, dict[str, "Tensor"]], dict[str, Any]]:
    """What `save_state` wrote; falls back to the previous state when the last one is damaged or half-replaced.

    Raises: CheckpointError when neither is whole.
    """
    problems = []
    for candidate in (folder, _previous(folder)):
        if not (candidate / STATE_FILE).is_file():
            continue
        try:
            return _load_state(candidate)
        except CheckpointError as error:
            problems.append(str(error))
    raise CheckpointError("; ".join(problems) or f"{folder}: no training state here; start without --resume")


def _load_state(folder: Path) -> tuple[dict[str, dict[str, "Tensor"]], dict[str, Any]]:
    path = folder / STATE_FILE
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        recorded = manifest.pop("sha256")
        files, facts = dict(manifest["files"]), dict(manifest["facts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a readable training state ({error})") from None
    if _digest(manifest) != recorded:
        raise CheckpointError(f"{path}: its SHA-256 is not the recorded one; the file is damaged")
    tensors = {}
    for name, expected in files.items():
        path = folder / Path(name).name
        if not path.is_file() or sha256(path) != expected:
            raise CheckpointError(f"{path}: its SHA-256 is not the recorded one; the file is damaged")
        tensors[path.stem] = read_tensors(path)
    return tensors, facts


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"]) -> None:
    """Write a safetensors file atomically. Shared or channels_last memory is copied into plain layout first."""
    from safetensors.torch import save

    plain = {name: t.detach().to("cpu").contiguous().clone() for name, t in tensors.items()}
    _write(path, save(plain))


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
    _write(path, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(name, path)
    except OSError as error:
        raise CheckpointError(f"{path}: can't be written ({error.strerror}); what was there before is kept") from None
    finally:
        Path(name).unlink(missing_ok=True)


def _previous(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.previous")


def _swap(fresh: Path, folder: Path) -> None:
    # Renames only: at any moment either `folder` or its predecessor is whole.
    old = _previous(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(folder, old)
    os.rename(fresh, folder)
