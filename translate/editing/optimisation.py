"""StyleCLIP's latent optimisation (Patashnik 2021, Sec. 4): move one latent until its picture fits the text."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from translate.config import Config, Count, NonNegative, Positive
from translate.editing.composite import composite
from translate.editing.styles import conv_channels, pack
from translate.errors import TranslateError
from translate.networks.stylegan2.synthesis import Synthesis
from translate.objectives.styleclip import Losses, OptimisationObjective, detached

RISE, FALL = 0.05, 0.25
"""Shares of the steps in which the rate rises and falls."""

Encode = Callable[[Tensor], Tensor]
"""A picture (N, 3, H, W) in [-1, 1] to its embedding (N, E), of length 1."""


class OptimisationConfig(Config):
    """The published weights and rate, but another `space` and `towards`, and fewer steps. The paper's own setting is
    w_plus, prompt and 300 steps (Patashnik 2021, released code)."""

    space: Literal["channels", "w_plus", "s"] = "channels"
    """What moves: the style channels that a direction of the text moves, from a part of that direction on (see `lead`);
    w of every layer, as in the paper; or all style channels of the convolutions, those to RGB staying as they are.
    Thousands of free numbers please a small CLIP without what it asks for, and where a face has what the text asks for
    already it points anywhere. A face of a text alone takes w_plus."""
    towards: Literal["direction", "prompt"] = "direction"
    """What a picture is to resemble: where the words lead from the neutral text, or, as in the paper, the prompt. Of a
    face that fits the prompt already the prompt asks nothing more. A face of a text alone takes the prompt."""
    steps: Count = 25
    lr: Positive = 0.1
    lambda_l2: NonNegative = 0.008
    lambda_id: NonNegative = 0.0
    lambda_outside: NonNegative = 1.0
    preview_every: Annotated[int, Field(ge=0)] = 10
    """How often `report` is given a picture; 0: never."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step done: figures of the losses as weighted, and now and then the picture (1, 3, R, R)."""

    step: int
    steps: int
    losses: dict[str, float]
    picture: Tensor | None


class Optimised(NamedTuple):
    """Where the latent has moved to, both as differences from the start; `finished` is false where it was cancelled."""

    w_change: Tensor
    """(1, num_ws, w_dim)."""
    s_change: Tensor
    """(1, channels of S)."""
    losses: dict[str, float]
    finished: bool


class Start(NamedTuple):
    """Where the latent is: w of every layer, and what is added to its styles."""

    w_plus: Tensor
    """(1, num_ws, w_dim)."""
    s_change: Tensor
    """(1, channels of S)."""


def rate(step: int, steps: int) -> float:
    """What the learning rate is multiplied by: it rises over 5 % of the steps, a cosine lets it fall in the last 25 %.

    Range: [0, 1], 0 at the first step.
    """
    t = step / steps
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / FALL))
    return fall * min(1.0, t / RISE)


def optimise(
    synthesis: Synthesis,
    encode: Encode,
    told: Tensor,
    start: Start,
    config: OptimisationConfig | None = None,
    *,
    lead: Tensor | None = None,
    free: bool = False,
    identity: Encode | None = None,
    mask: Tensor | None = None,
    cancelled: Callable[[], bool] = bool,
    report: Callable[[Progress], None] | None = None,
) -> Optimised:
    """Move the latent towards a text with Adam; the generator's own noise, and nothing drawn.

    `lead` is what the space `channels` begins with adding to S, and is held near to by L2 in place of the start: each
    channel moves in units of its own, and where it is 0 not at all. `free` has D_CLIP alone, for a face from nothing.
    `cancelled` is asked before every step.

    Shape: told (1, E), lead (1, channels of S), mask (1, 1, R, R) in [0, 1], where the picture may change.
    Raises: TranslateError when a loss is not finite; ValueError for `channels` without `lead`.
    """
    config = config or OptimisationConfig()
    objective = _objective(config, free)
    route = _route(synthesis, start, config, lead)
    moving = route.origin.clone().requires_grad_()
    optimizer = torch.optim.Adam([moving], lr=config.lr)
    with torch.no_grad():
        before = route.picture(route.still)
        known = identity(before) if identity and objective.lambda_id else None
    figures: dict[str, float] = {}
    for step in range(config.steps):
        if cancelled():
            return Optimised(*route.changes(moving.detach() if step else route.still), figures, finished=False)
        optimizer.param_groups[0]["lr"] = config.lr * rate(step, config.steps)
        after = route.picture(moving)
        shown = after if mask is None else composite(before, after, mask)
        losses = objective(encode(shown), told, moving, route.origin)
        if mask is not None:
            losses |= objective.outside(before, after, mask)
        if known is not None and identity is not None:
            losses |= objective.identity(known, identity(shown))
        _move(optimizer, moving, losses)
        figures = detached(losses)
        if report:
            due = config.preview_every and (step % config.preview_every == 0 or step + 1 == config.steps)
            report(Progress(step + 1, config.steps, figures, shown.detach() if due else None))
    return Optimised(*route.changes(moving.detach()), figures, finished=True)


class Route(NamedTuple):
    """What the optimizer moves, the picture of it, and what it comes to: the changes of w_plus and of S."""

    still: Tensor
    """Which leaves the picture as it is."""
    origin: Tensor
    """Where it begins."""
    picture: Callable[[Tensor], Tensor]
    changes: Callable[[Tensor], tuple[Tensor, Tensor]]


def _through_w(synthesis: Synthesis, start: Start) -> Route:
    origin = start.w_plus.detach()

    def picture(w_plus: Tensor) -> Tensor:
        return synthesis.render(synthesis.split(pack(synthesis, w_plus) + start.s_change))

    return Route(origin, origin, picture, lambda moved: (moved - origin, torch.zeros_like(start.s_change)))


def _through_s(synthesis: Synthesis, start: Start) -> Route:
    with torch.no_grad():
        styles = pack(synthesis, start.w_plus) + start.s_change  # (1, channels of S)
    free = conv_channels(synthesis).to(styles.device)
    origin = styles[:, free]

    def picture(moved: Tensor) -> Tensor:
        return synthesis.render(synthesis.split(styles.index_copy(1, free, moved)))

    def changes(moved: Tensor) -> tuple[Tensor, Tensor]:
        change = torch.zeros_like(styles).index_copy(1, free, moved - origin)
        return torch.zeros_like(start.w_plus), change

    return Route(origin, origin, picture, changes)


def _through_channels(synthesis: Synthesis, start: Start, lead: Tensor) -> Route:
    with torch.no_grad():
        styles = pack(synthesis, start.w_plus) + start.s_change  # (1, channels of S)
    chosen = lead[0].nonzero()[:, 0]
    units = lead[:, chosen]

    def picture(moved: Tensor) -> Tensor:
        return synthesis.render(synthesis.split(styles.index_add(1, chosen, moved * units)))

    def changes(moved: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(start.w_plus), torch.zeros_like(styles).index_add(1, chosen, moved * units)

    still = styles.new_zeros(len(styles), len(chosen))
    return Route(still, torch.ones_like(still), picture, changes)


def _route(synthesis: Synthesis, start: Start, config: OptimisationConfig, lead: Tensor | None) -> Route:
    if config.space == "w_plus":
        return _through_w(synthesis, start)
    if config.space == "s":
        return _through_s(synthesis, start)
    if lead is None:
        raise ValueError("the space channels needs lead, what is added to S at its beginning")
    return _through_channels(synthesis, start, lead)


def _objective(config: OptimisationConfig, free: bool) -> OptimisationObjective:
    outside = config.lambda_outside
    if free:
        return OptimisationObjective(lambda_l2=0, lambda_id=0, lambda_outside=outside)
    return OptimisationObjective(lambda_l2=config.lambda_l2, lambda_id=config.lambda_id, lambda_outside=outside)


def _move(optimizer: torch.optim.Optimizer, moving: Tensor, losses: Losses) -> None:
    total = torch.stack(list(losses.values())).sum()
    # Of the latent alone: no gradient of the networks is computed, nor left behind in them.
    (slope,) = torch.autograd.grad(total, moving)
    if not bool(total.isfinite()) or not bool(slope.isfinite().all()):
        raise TranslateError("the optimisation's loss is not finite; try another prompt or a smaller lr")
    moving.grad = slope
    optimizer.step()
