"""The three ways from a text to an edit, each as what strength 1 of it adds to the latent."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from translate.editing.directions import Relevance, check_direction, style_change
from translate.editing.history import EditState, EditStep
from translate.editing.mapper import TrainedMapper
from translate.editing.optimisation import Encode, OptimisationConfig, Optimised, Progress, Start, optimise
from translate.editing.styles import StyleStatistics
from translate.errors import ConfigError
from translate.networks.stylegan2.synthesis import Synthesis
from translate.objectives.clip import TextEncoder, text_direction

ALPHA = 3.0
"""Strength 1 of a direction, of -10 to 10; the paper starts from 4.1. Of 80 faces that `faces` was trained on, 96 %
went the right way at 3, 4.1 and 5.5, 77, 87 and 93 % of those that lacked it came over the judge's line, and identity
kept a cosine of 0.89, 0.83 and 0.74 (mean of nine prompts)."""
LEAD = 1.5
"""The alpha that an optimisation begins with; the published rate and weights fit channels in units of it."""


class Message(NamedTuple):
    """What the user should read beside the result."""

    kind: Literal["nothing survived", "chosen by itself", "cancelled"]
    text: str


class Asked(NamedTuple):
    """What an edit was asked for."""

    prompt: str
    neutral: str = ""
    strength: float = 1.0
    mask: Tensor | None = None
    """(1, 1, R, R) in [0, 1]."""


class Found(NamedTuple):
    """An edit, or none and why."""

    step: EditStep | None
    messages: tuple[Message, ...] = ()


class Channels(NamedTuple):
    """What a text moves in style space: sigma p of the channels whose relevance reaches beta, how many, and a word."""

    change: Tensor
    """(1, channels of S)."""
    beta: float
    number: int
    messages: tuple[Message, ...]

    @property
    def lead(self) -> Tensor:
        """What an optimisation begins with. Shape: (1, channels of S)."""
        return LEAD * self.change


def check(strength: float, disentangle: str | float = "auto", method: str = "direction") -> None:
    """Refuse what no edit can be asked for.

    Raises: ConfigError.
    """
    if method not in ("direction", "optimise", "mapper"):
        raise ConfigError(f"method is {method!r}; known: direction, optimise, mapper")
    if not -100 <= strength <= 100:
        raise ConfigError(f"strength is {strength:g}; it must lie in -100 to 100, 1 is each method's own")
    if disentangle != "auto" and not (isinstance(disentangle, int | float) and 0 <= disentangle <= 1):
        raise ConfigError(f"disentangle is {disentangle!r}; take auto or a number from 0 to 1")


def find_channels(
    relevance: Relevance, statistics: StyleStatistics, disentangle: Literal["auto"] | float = "auto"
) -> Channels:
    """The channels whose relevance reaches `disentangle`; a message where it was chosen, or where none does."""
    beta = relevance.chosen_beta() if disentangle == "auto" else disentangle
    change = style_change(relevance, statistics, beta)
    number = int((change != 0).sum())
    if not number:
        largest = float(relevance.values.abs().max())
        text = f"no style channel reaches {beta:g}, the most relevant has {largest:.2f}; take a smaller disentanglement"
        return Channels(change, beta, 0, (Message("nothing survived", text),))
    text = f"disentanglement {beta:g}, which leaves {number} channels"
    return Channels(change, beta, number, (Message("chosen by itself", text),) if disentangle == "auto" else ())


def by_direction(asked: Asked, channels: Channels) -> Found:
    """A global direction: alpha sigma p."""
    if not channels.number:
        return Found(None, channels.messages)
    step = EditStep(
        prompt=asked.prompt,
        neutral=asked.neutral,
        method="direction",
        strength=asked.strength,
        s_change=ALPHA * channels.change,
        mask=asked.mask,
        beta=channels.beta,
        channels=channels.number,
    )
    return Found(step, channels.messages)


def target(
    asked: Asked, clip: TextEncoder, config: OptimisationConfig, templates: Sequence[str], *, free: bool = False
) -> Tensor:
    """What an optimisation makes a picture resemble. Shape: -> (1, E), length 1.

    Raises: ConfigError for words that CLIP does not know, or a prompt that means what the neutral text does.
    """
    if free or config.towards == "prompt":
        return clip.encode_text([asked.prompt])
    direction = text_direction(clip, asked.prompt, asked.neutral, templates)
    check_direction(direction)
    return direction[None]


def by_optimisation(
    asked: Asked,
    state: EditState,
    synthesis: Synthesis,
    encode: Encode,
    told: Tensor,
    config: OptimisationConfig | None = None,
    *,
    channels: Channels | None = None,
    free: bool = False,
    identity: Encode | None = None,
    cancelled: Callable[[], bool] = bool,
    report: Callable[[Progress], None] | None = None,
) -> Found:
    """Where an optimisation leads, of `channels` alone where they are given; cancelled, it leads as far as it got.

    Shape: told (1, E).
    """
    if channels is not None and not channels.number:
        return Found(None, channels.messages)
    start = Start(*state.changes(sum(layer.channels for layer in synthesis.layout), asked.mask))
    done = optimise(
        synthesis,
        encode,
        told,
        start,
        config,
        lead=None if channels is None else channels.lead,
        free=free,
        identity=identity,
        mask=asked.mask,
        cancelled=cancelled,
        report=report,
    )
    return _optimised(asked, done, channels)


def _optimised(asked: Asked, done: Optimised, channels: Channels | None) -> Found:
    step = EditStep(
        prompt=asked.prompt,
        neutral=asked.neutral,
        method="optimise",
        strength=asked.strength,
        w_change=done.w_change if bool(done.w_change.any()) else None,
        s_change=done.s_change if bool(done.s_change.any()) else None,
        mask=asked.mask,
        beta=None if channels is None else channels.beta,
        channels=0 if channels is None else channels.number,
    )
    chosen = () if channels is None else channels.messages
    if done.finished:
        return Found(step, chosen)
    moved = step.w_change is not None or step.s_change is not None
    text = "cancelled; the face is as far as it got" if moved else "cancelled before it began"
    return Found(step if moved else None, (*chosen, Message("cancelled", text)))


def by_mapper(asked: Asked, state: EditState, synthesis: Synthesis, mapper: TrainedMapper) -> Found:
    """What a trained mapper adds.

    Raises: ConfigError for a mapper of another generator's layers.
    """
    shape = (mapper.config.num_ws, mapper.config.w_dim)
    if shape != (synthesis.num_ws, synthesis.w_dim):
        expected = f"{synthesis.num_ws} of {synthesis.w_dim}"
        raise ConfigError(f"the mapper for {mapper.config.prompt!r} takes {shape[0]} w of {shape[1]}, not {expected}")
    channels = sum(layer.channels for layer in synthesis.layout)
    w_plus, _ = state.changes(channels, asked.mask)
    step = EditStep(
        prompt=asked.prompt, method="mapper", strength=asked.strength, w_change=mapper.change(w_plus), mask=asked.mask
    )
    return Found(step)


def pick_mapper(mappers: Sequence[TrainedMapper], prompt: str, model: str, weights: str) -> TrainedMapper:
    """The one that was trained for this prompt, with this generator as far as that is known; of several the last, which
    the user has named.

    Raises: ConfigError naming the prompts that there are mappers for.
    """
    fitting = [mapper for mapper in mappers if mapper.config.weights in ("", weights)]
    for mapper in reversed(fitting):
        if mapper.config.prompt.casefold().strip() == prompt.casefold().strip():
            return mapper
    known = ", ".join(repr(mapper.config.prompt) for mapper in fitting[:20])
    others = f"; {len(mappers) - len(fitting)} more are of other models" if len(fitting) < len(mappers) else ""
    have = f"there are mappers for {known}" if known else "there is none"
    raise ConfigError(f"{model}: no mapper for {prompt!r}; {have}{others}; train one: translate train mapper")


@torch.no_grad()
def figures(
    before: Tensor,
    after: Tensor,
    told: Tensor | None,
    encode: Encode | None,
    mask: Tensor | None,
) -> dict[str, float]:
    """What an edit did: cosines with the text, the mean change of a pixel and the largest outside the mask, of 255.

    Shape: pictures (1, 3, R, R) in [-1, 1], told (1, E), mask (1, 1, R, R).
    """
    moved = (after - before).abs() * 127.5
    found = {"changed": float(moved.mean())}
    if mask is not None:
        found["changed_outside"] = float((moved * (mask == 0)).max())
    if told is not None and encode is not None:
        cosines = (encode(torch.cat([before, after])) * told).sum(dim=1).tolist()
        found |= {"clip_before": cosines[0], "clip_after": cosines[1]}
    return found
