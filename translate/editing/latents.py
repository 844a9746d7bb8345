"""A latent as a file: safetensors, with where it comes from in the head, so that no other model is given it.

One format for all: a photo's latent with the square that it stands for, the generator's own weights where it was tuned,
and every edit done to it.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from translate import checkpoints
from translate.checkpoints import MODEL_FILE
from translate.config import Config, parse
from translate.editing.alignment import Square
from translate.editing.history import TENSORS, EditStep
from translate.errors import CheckpointError, ConfigError
from translate.networks import StyleGAN2Generator
from translate.networks.stylegan2.synthesis import Synthesis

FORMAT = 1
FACTS = "translate"
"""Under which word the head of the file says what it is."""
SUFFIX = ".safetensors"
W_PLUS, TUNED = "w_plus", "generator."
LARGEST = 2**30
"""Bytes that a latent's file may have: a tuned generator of 1024 pixels has 120 million, of four bytes at most."""
MOST_STEPS = 1000
_MAKE_ONE = "no latent of this program; `translate invert` and `translate edit --latent` make them"

Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """Styles that draw a picture, of which model, how they came about, and the edits on them.

    Shape: w_plus (N, num_ws, w_dim); with edits N is 1.
    """

    w_plus: Tensor
    model: str
    """The model's name."""
    digest: str
    """The SHA-256 of its weights."""
    origin: str = ""
    """Where it came from, as "seed 7"."""
    square: Square | None = None
    """Of an inverted photo: where in it the picture lies."""
    steps: tuple[EditStep, ...] = ()
    tuned: Mapping[str, Tensor] = field(default_factory=dict)
    """The generator's tensors that pivotal tuning changed."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Facts for people, as JSON holds them: steps, figures and what measured them."""


class StepFacts(Config):
    """What a stored edit says of itself, beside its numbers."""

    prompt: str
    neutral: str = ""
    method: Literal["direction", "optimise", "mapper"]
    strength: Finite = 1.0
    beta: float | None = None
    channels: int = 0


class LatentFacts(Config):
    """What a stored latent says of itself."""

    format: int = FORMAT
    kind: Literal["translate latent"] = "translate latent"
    model: str
    sha256: str
    """Of the weights of the generator that it is a latent of."""
    origin: str = ""
    square: tuple[Finite, Finite, Finite, Finite] | None = None
    steps: tuple[StepFacts, ...] = Field(default=(), max_length=MOST_STEPS)
    about: dict[str, Any] = Field(default_factory=dict)


def digest_of(model: Path) -> str:
    """What tells a model's weights from all others': the SHA-256 of their file."""
    return checkpoints.sha256(model / MODEL_FILE)


def save_latent(path: Path, latent: Latent) -> None:
    """Write a latent; tuned weights in float16, as a shipped generator has them.

    Raises: CheckpointError for another suffix than .safetensors; NotWritten when the disk won't take it.
    """
    if path.suffix.lower() != SUFFIX:
        raise CheckpointError(f"{path}: a latent is a safetensors file; name it {path.stem or 'face'}{SUFFIX}")
    tensors = {W_PLUS: latent.w_plus.float()} | {f"{TUNED}{name}": t.half() for name, t in latent.tuned.items()}
    for number, step in enumerate(latent.steps):
        given = {name: getattr(step, name) for name in TENSORS}
        tensors |= {f"{number}.{name}": tensor.float() for name, tensor in given.items() if tensor is not None}
    words = [word.name for word in fields(EditStep) if word.name not in TENSORS]
    square = latent.square
    facts = LatentFacts(
        model=latent.model,
        sha256=latent.digest,
        origin=latent.origin,
        square=None if square is None else (square.x, square.y, square.half_x, square.half_y),
        steps=tuple(StepFacts(**{name: getattr(step, name) for name in words}) for step in latent.steps),
        about=dict(latent.about),
    )
    checkpoints.write_tensors(path, tensors, {FACTS: json.dumps(facts.model_dump(mode="json"))})


def load_latent(path: Path, *, digest: str | None = None, generator: StyleGAN2Generator | None = None) -> Latent:
    """Read a latent; with `digest` and `generator` it must be one of that model.

    Raises: CheckpointError when it is damaged, no latent, or another model's.
    """
    if path.is_file() and path.stat().st_size > LARGEST:
        raise CheckpointError(f"{path}: {path.stat().st_size} bytes are no latent")
    facts = _facts(path)
    if digest is not None and facts.sha256 != digest:
        raise CheckpointError(
            f"{path}: a latent of {facts.model!r} with weights {facts.sha256[:8]}, and this model's are "
            f"{digest[:8]}; load that model, or invert the photo again"
        )
    tensors = checkpoints.read_tensors(path)
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise CheckpointError(f"{path}: holds values that are not finite; the file is damaged")
    w_plus = tensors.pop(W_PLUS, None)
    if w_plus is None or w_plus.ndim != 3:
        raise CheckpointError(f"{path}: no latent: it lacks w_plus (N, num_ws, w_dim)")
    found = Latent(
        w_plus=w_plus.float(),
        model=facts.model,
        digest=facts.sha256,
        origin=facts.origin,
        square=None if facts.square is None else Square(*facts.square),
        steps=tuple(_step(number, step, tensors) for number, step in enumerate(facts.steps)),
        tuned={name.removeprefix(TUNED): tensors.pop(name).float() for name in [*tensors] if name.startswith(TUNED)},
        about=facts.about,
    )
    if tensors:
        raise CheckpointError(f"{path}: holds {min(tensors)[:80]!r} besides, which is no part of a latent")
    if generator is not None:
        _check(path, found, generator)
    return found


def tuned_generator(generator: StyleGAN2Generator, latent: Latent) -> StyleGAN2Generator:
    """The generator with the weights that were tuned for this latent; the same one where there are none."""
    if not latent.tuned:
        return generator
    own = copy.deepcopy(generator)
    state = own.state_dict()
    for name, tensor in latent.tuned.items():
        state[name].copy_(tensor)
    return own


def tuned_tensors(generator: StyleGAN2Generator, synthesis: Synthesis | None) -> dict[str, Tensor]:
    """What a latent keeps of a tuned synthesis: the tensors in which it differs from the generator's own."""
    if synthesis is None:
        return {}
    own = generator.synthesis.state_dict()
    return {f"synthesis.{name}": t for name, t in synthesis.state_dict().items() if not torch.equal(t, own[name])}


def _facts(path: Path) -> LatentFacts:
    text = checkpoints.read_facts(path).get(FACTS, "null")
    try:
        written = json.loads(text)
    except (ValueError, RecursionError):
        written = None
    if not isinstance(written, dict) or written.get("kind") != LatentFacts.model_fields["kind"].default:
        raise CheckpointError(f"{path}: {_MAKE_ONE}")
    if isinstance(written.get("format"), int) and written["format"] > FORMAT:
        raise CheckpointError(f"{path}: format {written['format']} is newer than this program reads; update translate")
    try:
        return parse(LatentFacts, written)
    except (ConfigError, RecursionError) as error:
        raise CheckpointError(f"{path}: its head is damaged ({error})") from None


def _step(number: int, facts: StepFacts, tensors: dict[str, Tensor]) -> EditStep:
    w_change, s_change, mask = (tensors.pop(f"{number}.{name}", None) for name in TENSORS)
    return EditStep(**facts.model_dump(), w_change=w_change, s_change=s_change, mask=mask)


def _check(path: Path, latent: Latent, generator: StyleGAN2Generator) -> None:
    """Every number must be one that this generator can use."""
    expected, side = (generator.num_ws, generator.synthesis.w_dim), generator.resolution
    if tuple(latent.w_plus.shape[1:]) != expected:
        found = list(latent.w_plus.shape)
        raise CheckpointError(f"{path}: w_plus is {found}, the model takes (N, {expected[0]}, {expected[1]})")
    channels = sum(layer.channels for layer in generator.synthesis.layout)
    shapes = {"w_change": (1, *expected), "s_change": (1, channels), "mask": (1, 1, side, side)}
    for number, step in enumerate(latent.steps):
        for name, shape in shapes.items():
            tensor = getattr(step, name)
            if tensor is not None and (tuple(tensor.shape) != shape or tensor.dtype != torch.float32):
                what = f"{tensor.dtype} {list(tensor.shape)}"
                raise CheckpointError(f"{path}: {number}.{name} is {what}, the model has float32 {list(shape)}")
        if step.mask is not None and not (float(step.mask.min()) >= 0 and float(step.mask.max()) <= 1):
            raise CheckpointError(f"{path}: {number}.mask holds values outside [0, 1]; the file is damaged")
    own = generator.state_dict()
    for name, tensor in latent.tuned.items():
        if name not in own or own[name].shape != tensor.shape:
            raise CheckpointError(f"{path}: {name} {list(tensor.shape)} fits nothing in the generator")
