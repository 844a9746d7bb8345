"""The names in the latent mappers that StyleCLIP's authors published, into ours.

A file holds `state_dict`, in which the mapper's names start with "mapper." and the generator's with "decoder.". The
coarse level is spelt "course". The first part of a level, number 0, is its norm and holds nothing.
"""

import re
from typing import Any, NamedTuple

from torch import Tensor

from translate.errors import CheckpointError
from translate.networks.mapper import DEPTH, LEVELS, SPANS, Level

NAMES: dict[str, Level] = {"course_mapping": "coarse", "medium_mapping": "medium", "fine_mapping": "fine"}
_LAYER = re.compile(r"mapper\.(?:(\w+_mapping)\.)?mapping\.(?:mapping\.)?(\d)\.(weight|bias)")
PUBLISHED_WS = 18
"""They are for generators of 1024 pixels, unless the file's own generator says otherwise."""


class ConvertedMapper(NamedTuple):
    """Weights under our names, and what they are weights of."""

    state: dict[str, Tensor]
    levels: tuple[Level, ...]
    num_ws: int
    w_dim: int


def convert(content: Any) -> ConvertedMapper:
    """What a published file holds, as a mapper of ours.

    Raises: CheckpointError when it is no mapper in w_plus, lacks a layer, or has one of another shape.
    """
    given = content.get("state_dict", content) if isinstance(content, dict) else {}
    state: dict[str, Tensor] = {}
    for name, tensor in given.items() if isinstance(given, dict) else ():
        match = _LAYER.fullmatch(str(name))
        if match is None or not isinstance(tensor, Tensor):
            continue
        if match[1] is not None and match[1] not in NAMES:
            raise CheckpointError(f"{name}: of a mapper in style space, which is not read; take one in w_plus")
        level = "all" if match[1] is None else NAMES[match[1]]
        state[f"parts.{level}.layers.{int(match[2]) - 1}.{match[3]}"] = tensor.float()
    if not state:
        raise CheckpointError("no latent mapper of StyleCLIP (no name starts with mapper.)")
    found = {name.split(".")[1] for name in state}
    levels: tuple[Level, ...] = ("all",) if "all" in found else tuple(level for level in LEVELS if level in found)
    first = next(iter(state.values()))
    w_dim = int(first.shape[-1]) if first.ndim else 0
    _check(state, levels, w_dim)
    num_ws = _layers(given)
    if any(not range(num_ws)[SPANS[level]] for level in levels):
        raise CheckpointError(f"a mapper of {', '.join(levels)} layers beside a generator of {num_ws} layers")
    return ConvertedMapper(state, levels, num_ws, w_dim)


def _check(state: dict[str, Tensor], levels: tuple[Level, ...], w_dim: int) -> None:
    for level in levels:
        for number in range(DEPTH):
            for kind, shape in (("weight", (w_dim, w_dim)), ("bias", (w_dim,))):
                tensor = state.get(f"parts.{level}.layers.{number}.{kind}")
                if tensor is None or tuple(tensor.shape) != shape:
                    have = "missing" if tensor is None else f"{list(tensor.shape)}, expected {list(shape)}"
                    raise CheckpointError(f"the {level} mapper's {kind} {number + 1} is {have}")
                if not bool(tensor.isfinite().all()):
                    raise CheckpointError(f"the {level} mapper's {kind} {number + 1} is not finite")
    if len(state) != len(levels) * DEPTH * 2:
        raise CheckpointError(f"{len(state)} tensors of a mapper, expected {len(levels) * DEPTH * 2}")


def _layers(given: dict[str, Any]) -> int:
    """How many w the file's generator takes: two for each of its layers to RGB but the first, and two more."""
    doublings = {name.split(".")[2] for name in map(str, given) if name.startswith("decoder.to_rgbs.")}
    return 2 * (len(doublings) + 1) if doublings else PUBLISHED_WS
