"""A latent as a file: safetensors, with where it comes from in the head, so that no other model is given it.

What belongs to one photo goes with it: the square of the photo that it stands for, and, after pivotal tuning, the
generator's own weights for it.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from translate import checkpoints
from translate.checkpoints import MODEL_FILE
from translate.editing.alignment import Square
from translate.errors import CheckpointError
from translate.networks import StyleGAN2Generator

KIND, FORMAT = "translate latent", 1
W_PLUS, TUNED = "w_plus", "generator."
LARGEST = 2**30
"""Bytes that a latent's file may have: a tuned generator of 1024 pixels has 120 million, of four bytes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """Styles that draw a picture, of which model, and how they came about.

    Shape: w_plus (N, num_ws, w_dim).
    """

    w_plus: Tensor
    model: str
    """The model's name."""
    digest: str
    """The SHA-256 of its weights."""
    square: Square | None = None
    """Of an inverted photo: where in it the picture lies."""
    tuned: Mapping[str, Tensor] = field(default_factory=dict)
    """The generator's tensors that pivotal tuning changed."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Facts for people, as JSON holds them: steps, figures and what measured them."""


def digest_of(model: Path) -> str:
    """What tells a model's weights from all others': the SHA-256 of their file."""
    return checkpoints.sha256(model / MODEL_FILE)


def save_latent(path: Path, latent: Latent) -> None:
    """Write a latent; tuned weights in float16, as a shipped generator has them.

    Raises: NotWritten when the disk won't take it.
    """
    square = latent.square
    facts = {
        "kind": KIND,
        "format": FORMAT,
        "model": latent.model,
        "sha256": latent.digest,
        "square": None if square is None else [square.x, square.y, square.half_x, square.half_y],
        "about": dict(latent.about),
    }
    tensors = {W_PLUS: latent.w_plus.float()} | {f"{TUNED}{name}": t.half() for name, t in latent.tuned.items()}
    checkpoints.write_tensors(path, tensors, {"translate": json.dumps(facts)})


def load_latent(path: Path, *, digest: str | None = None, generator: StyleGAN2Generator | None = None) -> Latent:
    """Read a latent; with `digest` and `generator` it must be one of that model.

    Raises: CheckpointError when it is damaged, no latent, or another model's.
    """
    if path.is_file() and path.stat().st_size > LARGEST:
        raise CheckpointError(f"{path}: {path.stat().st_size} bytes are no latent")
    facts = _facts(path)
    if digest is not None and facts["sha256"] != digest:
        raise CheckpointError(
            f"{path}: a latent of {facts['model']!r} with weights {facts['sha256'][:8]}, and this model's are "
            f"{digest[:8]}; load that model, or invert the photo again"
        )
    tensors = checkpoints.read_tensors(path)
    w_plus = tensors.pop(W_PLUS, None)
    if w_plus is None or w_plus.ndim != 3 or not all(name.startswith(TUNED) for name in tensors):
        raise CheckpointError(f"{path}: no latent: it lacks w_plus (N, num_ws, w_dim), or holds something else besides")
    if not all(bool(t.isfinite().all()) for t in (w_plus, *tensors.values())):
        raise CheckpointError(f"{path}: holds values that are not finite; the file is damaged")
    tuned = {name.removeprefix(TUNED): t.float() for name, t in tensors.items()}
    square = facts["square"]
    found = Latent(
        w_plus=w_plus.float(),
        model=facts["model"],
        digest=facts["sha256"],
        square=None if square is None else Square(*square),
        tuned=tuned,
        about=facts["about"],
    )
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


def _facts(path: Path) -> dict[str, Any]:
    text = checkpoints.read_facts(path).get("translate", "")
    try:
        facts = json.loads(text)
        kinds = (facts["kind"], facts["format"], type(facts["model"]), type(facts["sha256"]), type(facts["about"]))
        square = facts["square"]
        is_square = square is None or (len(square) == 4 and all(isinstance(v, int | float) for v in square))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{path}: no latent of this program; make one with `translate invert`") from None
    if kinds[:2] == (KIND, FORMAT) and kinds[2:] == (str, str, dict) and is_square:
        return dict(facts)
    if facts["kind"] == KIND and isinstance(facts["format"], int) and facts["format"] > FORMAT:
        raise CheckpointError(f"{path}: format {facts['format']} is newer than this program reads; update translate")
    raise CheckpointError(f"{path}: no latent of this program; make one with `translate invert`")


def _check(path: Path, latent: Latent, generator: StyleGAN2Generator) -> None:
    expected = (generator.num_ws, generator.synthesis.w_dim)
    if tuple(latent.w_plus.shape[1:]) != expected:
        found = list(latent.w_plus.shape)
        raise CheckpointError(f"{path}: w_plus is {found}, the model takes (N, {expected[0]}, {expected[1]})")
    own = generator.state_dict()
    for name, tensor in latent.tuned.items():
        if name not in own or own[name].shape != tensor.shape:
            raise CheckpointError(f"{path}: {name} {list(tensor.shape)} fits nothing in the generator")
