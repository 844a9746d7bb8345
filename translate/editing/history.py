"""Edits as a stack of small values that never change: undo is the state before, bit for bit.

A state is a latent and the edits done to it. An edit is what it adds to w_plus and S at strength 1; another strength
is another number, nothing is computed anew. Without a mask it changes the whole picture, with one only what lies in it.
"""

from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self

import torch
from PIL import Image
from torch import Tensor

from translate.editing.alignment import Square
from translate.editing.composite import composite
from translate.editing.styles import pack
from translate.errors import ConfigError
from translate.networks.stylegan2.synthesis import Synthesis

EditMethod = Literal["direction", "optimise", "mapper"]
TENSORS = ("w_change", "s_change", "mask")


class Photo(Protocol):
    """A photo that a latent was made from: its face as the model sees it, and the way back into it."""

    @property
    def target(self) -> Tensor:
        """The face, cut out as the model's own pictures are. Shape: (1, 3, R, R) in [-1, 1]."""

    @property
    def square(self) -> Square:
        """Where in the photo it lies."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found and chosen, for the user to read."""

    def paste(self, picture: Tensor, base: Tensor, mask: Tensor | None = None) -> Image.Image:
        """The whole photo, with what changed in its face from `base`, before all edits, to `picture`.

        Shape: (1, 3, R, R) in [-1, 1] twice, mask (1, 1, R, R) in [0, 1].
        """


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EditStep:
    """One edit, as what strength 1 of it adds."""

    prompt: str
    neutral: str = ""
    method: EditMethod
    strength: float = 1.0
    w_change: Tensor | None = None
    """(1, num_ws, w_dim)."""
    s_change: Tensor | None = None
    """(1, channels of S)."""
    mask: Tensor | None = None
    """(1, 1, R, R) in [0, 1], where the picture may change."""
    beta: float | None = None
    """The threshold that a direction's channels had to reach."""
    channels: int = 0
    """How many did."""

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        w, s, mask = (None if x is None else x.to(device) for x in (self.w_change, self.s_change, self.mask))
        return replace(self, w_change=w, s_change=s, mask=mask)


@dataclass(frozen=True, slots=True, eq=False)
class EditState:
    """A latent and the edits on it; every method gives a new state."""

    w_plus: Tensor
    """(1, num_ws, w_dim), as it was before any edit."""
    steps: tuple[EditStep, ...] = ()
    origin: str = ""
    """Where it came from, as "seed 7"."""
    photo: Photo | None = None
    """The photo that it was inverted from, for as long as it is at hand: files of latents hold none."""
    synthesis: Synthesis | None = None
    """What draws it where that is not the model's own: the generator's second half, tuned to its photo."""

    def then(self, step: EditStep) -> Self:
        """One edit more."""
        return replace(self, steps=(*self.steps, step))

    def undo(self) -> Self:
        """Without the last edit.

        Raises: ConfigError where there is none.
        """
        if not self.steps:
            raise ConfigError("there is no edit to undo")
        return replace(self, steps=self.steps[:-1])

    def at(self, strength: float) -> Self:
        """The last edit at another strength.

        Raises: ConfigError where there is none.
        """
        before = self.undo()
        return before.then(replace(self.steps[-1], strength=strength))

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        steps = [step.to(device) for step in self.steps]
        return replace(self, w_plus=self.w_plus.to(device), steps=tuple(steps))

    @property
    def reach(self) -> Tensor | None:
        """Where edits may have changed the picture; None is everywhere. Shape: (1, 1, R, R) in [0, 1]."""
        masks = [step.mask for step in self.steps]
        given = [mask for mask in masks if mask is not None]
        return torch.stack(given).amax(dim=0) if given and len(given) == len(masks) else None

    def changes(self, channels: int, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """w_plus and what is added to its S by the edits: those of the whole picture, and of masks that meet `mask`.

        Shape: -> (1, num_ws, w_dim), (1, channels).
        """
        w_plus, s_change = self.w_plus, self.w_plus.new_zeros(1, channels)
        for step in self.steps:
            inside = step.mask is None or (mask is not None and bool((step.mask * mask).any()))
            if not inside or step.strength == 0:
                continue
            if step.w_change is not None:
                w_plus = w_plus + step.strength * step.w_change
            if step.s_change is not None:
                s_change = s_change + step.strength * step.s_change
        return w_plus, s_change


def draw(synthesis: Synthesis, state: EditState) -> Tensor:
    """The picture of a state: the edits of the whole picture, then each masked one within its mask.

    Shape: -> (1, 3, R, R).
    """
    channels = sum(layer.channels for layer in synthesis.layout)
    picture = _render(synthesis, *state.changes(channels))
    for number, step in enumerate(state.steps):
        if step.mask is None or step.strength == 0:
            continue
        # Edits of other masks that meet this one are in it already; those that come later are laid over it.
        whole = [s for s in state.steps if s.mask is None]
        earlier = [s for s in state.steps[: number + 1] if s.mask is not None]
        until = replace(state, steps=(*whole, *earlier))
        after = _render(synthesis, *until.changes(channels, step.mask))
        picture = composite(picture, after, step.mask)
    return picture


def blend(a: EditState, b: EditState, t: float) -> EditState:
    """The state at `t` on the way from a to b: latents in a straight line, a's edits fading, b's growing.

    Where one of them has a generator of its own, tuned to its photo, that one draws all the way.
    Range: a itself at 0, b itself at 1, but for that generator.
    Raises: ConfigError where each has another one.
    """
    synthesis = _of_both(a, b)
    a, b = (end if end.synthesis is synthesis else replace(end, synthesis=synthesis) for end in (a, b))
    if t == 0:
        return a
    if t == 1:
        return b
    faded = [replace(step, strength=step.strength * (1 - t)) for step in a.steps]
    grown = [replace(step, strength=step.strength * t) for step in b.steps]
    origin = f"{a.origin or 'a latent'} to {b.origin or 'a latent'} at {t:g}"
    return EditState(torch.lerp(a.w_plus, b.w_plus, t), (*faded, *grown), origin, synthesis=synthesis)


def mix(a: EditState, b: EditState, layers: int) -> EditState:
    """Style mixing (Karras 2019, Sec. 3.1): the first `layers` w of a, which place and shape, the others of b.

    Edits are left out: a change of S belongs to the face that it was made for.
    Raises: ConfigError as `blend`.
    """
    synthesis = _of_both(a, b)
    w_plus = torch.cat([a.w_plus[:, :layers], b.w_plus[:, layers:]], dim=1)
    origin = f"{layers} layers of {a.origin or 'a latent'}, the rest of {b.origin or 'a latent'}"
    return EditState(w_plus, origin=origin, synthesis=synthesis)


def _of_both(a: EditState, b: EditState) -> Synthesis | None:
    """What draws two faces and all between them: a generator that was tuned to the photo of one of them."""
    if a.synthesis is not None and b.synthesis not in (None, a.synthesis):
        raise ConfigError("each of the faces has a generator tuned to its photo; there is no way between the two")
    return a.synthesis or b.synthesis


def _render(synthesis: Synthesis, w_plus: Tensor, s_change: Tensor) -> Tensor:
    return synthesis.render(synthesis.split(pack(synthesis, w_plus) + s_change))
