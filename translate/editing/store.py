"""Latents with their edits in a file: safetensors, whose header says which model they belong to."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from translate.checkpoints import read_facts, read_tensors, write_tensors
from translate.config import Config, parse
from translate.editing import latents
from translate.editing.history import TENSORS, EditState, EditStep
from translate.errors import CheckpointError, ConfigError

FORMAT = 1
KIND: Literal["translate edits"] = "translate edits"
FACTS = "translate"
"""Under which word the head of the file says what it is."""
SUFFIX = ".safetensors"
MOST_STEPS = 1000


class StepFacts(Config):
    """What a stored edit says of itself, beside its numbers."""

    prompt: str
    neutral: str = ""
    method: Literal["direction", "optimise", "mapper"]
    strength: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    beta: float | None = None
    channels: int = 0


class LatentFacts(Config):
    """What a stored latent says of itself."""

    format: int = FORMAT
    kind: Literal["translate edits"] = KIND
    model: str
    sha256: str
    """Of the weights of the generator that it is a latent of."""
    origin: str = ""
    steps: tuple[StepFacts, ...] = Field(default=(), max_length=MOST_STEPS)


def save_latent(path: Path, state: EditState, model: str, weights: str) -> None:
    """Write a latent and its edits, so that `load_latent` gives the same picture.

    Raises: CheckpointError for another suffix; NotWritten.
    """
    if path.suffix.lower() != SUFFIX:
        raise CheckpointError(f"{path}: a latent is a safetensors file; name it {path.stem or 'face'}{SUFFIX}")
    tensors = {"w_plus": state.w_plus}
    for number, step in enumerate(state.steps):
        given = {name: getattr(step, name) for name in TENSORS}
        tensors |= {f"{number}.{name}": tensor for name, tensor in given.items() if tensor is not None}
    words = {field.name for field in fields(EditStep)} - set(TENSORS)
    steps = tuple(StepFacts(**{name: getattr(step, name) for name in words}) for step in state.steps)
    facts = LatentFacts(model=model, sha256=weights, origin=state.origin, steps=steps)
    write_tensors(path, tensors, {FACTS: facts.model_dump_json()})


def load_latent(path: Path, model: str, weights: str, shapes: dict[str, tuple[int, ...]]) -> EditState:
    """Read a latent of this model.

    Shape: `shapes` are those of w_plus, w_change, s_change and mask in this model.
    Raises: CheckpointError for a damaged file, another model's latent, or numbers that don't fit.
    """
    facts = _facts(path)
    if facts.sha256 != weights:
        other = f"weights {facts.sha256[:8]}, not {weights[:8]}"
        raise CheckpointError(f"{path}: is a latent of the model {facts.model} ({other} of {model}); use it with that")
    found = read_tensors(path)
    for name, tensor in found.items():
        _check(path, name, tensor, shapes.get(name.rpartition(".")[2]))
    if "w_plus" not in found:
        raise CheckpointError(f"{path}: no latent of a face (w_plus is missing)")
    steps = []
    for number, step in enumerate(facts.steps):
        w_change, s_change, mask = (found.get(f"{number}.{name}") for name in TENSORS)
        steps.append(EditStep(**step.model_dump(), w_change=w_change, s_change=s_change, mask=mask))
    return EditState(found["w_plus"], tuple(steps), facts.origin)


def is_inverted(path: Path) -> bool:
    """Whether a file is a latent as `translate invert` writes it, without edits.

    Raises: CheckpointError when it is missing or not safetensors.
    """
    try:
        return bool(json.loads(read_facts(path).get(FACTS, "null"))["kind"] == latents.KIND)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _facts(path: Path) -> LatentFacts:
    try:
        written = json.loads(read_facts(path).get(FACTS, "null"))
        if not isinstance(written, dict) or written.get("kind") != KIND:
            raise CheckpointError(f"{path}: no latent with edits, as `translate edit -o face{SUFFIX}` writes them")
        if isinstance(written.get("format"), int) and written["format"] > FORMAT:
            raise CheckpointError(f"{path}: format {written['format']} is newer than this program reads; update it")
        return parse(LatentFacts, written)
    except (ConfigError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its head is damaged ({error})") from None


def _check(path: Path, name: str, tensor: Tensor, shape: tuple[int, ...] | None) -> None:
    if shape is None or tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
        expected = "nothing of that name" if shape is None else f"float32 {list(shape)}"
        raise CheckpointError(f"{path}: {name} is {tensor.dtype} {list(tensor.shape)}, the model has {expected}")
    if not bool(tensor.isfinite().all()):
        raise CheckpointError(f"{path}: {name} holds values that are not finite; the file is damaged")
    if name.endswith("mask") and not (float(tensor.min()) >= 0 and float(tensor.max()) <= 1):
        raise CheckpointError(f"{path}: {name} holds values outside [0, 1]; the file is damaged")
