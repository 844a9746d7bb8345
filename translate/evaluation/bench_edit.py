"""How long edits take: a face, a new sentence, the same sentence again, and an optimisation."""

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from translate.config import LatentConfig, ModelConfig
from translate.editing.editor import Editor
from translate.editing.optimisation import OptimisationConfig
from translate.evaluation.machine import Contender, describe, race, rates
from translate.interop.clip import PUBLISHED
from translate.networks import build_latent_generator
from translate.networks.clip import build_clip

FORMAT = 1
PROMPTS = ("an old person", "a smiling person", "a man", "a woman", "a child", "a young person")
"""Each is new once."""
SEED = 0
STEPS = 100
FFHQ_WIDTH = 32768
"""Channels times resolution of the published FFHQ models, up to 512 channels (Karras 2020, configuration F)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EditTimes:
    """Seconds on this machine; all but the optimisation are the median of some rounds."""

    model: str
    size: int
    generate_s: float
    """One picture of a seed."""
    new_prompt_s: float
    """A global direction of a sentence not heard before: text, relevance, edit and picture."""
    known_prompt_s: float
    """Another strength of it."""
    optimise_s: float
    """An optimisation."""
    steps: int
    """How many steps that took."""
    machine: dict[str, Any]
    rates: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"format": FORMAT, "bench": "edit", **asdict(self)}


def random_editor(size: int, *, device: str = "auto") -> Editor:
    """The networks of the published FFHQ models with OpenAI's ViT-B/32, untrained: as fast as trained ones, and here.

    Raises: ConfigError for a size that is no power of two from 8 to 1024.
    """
    published = LatentConfig(kind="stylegan2", latent=512, depth=8, norm="none")
    network = published.replace(size=size, filters=max(1, FFHQ_WIDTH // size))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        generator = build_latent_generator(network)
    clip = build_clip(PUBLISHED["openai/ViT-B-32"].config).eval().requires_grad_(False)
    config = ModelConfig(name="random", kind="gan", generator=network)
    return Editor(generator, config, f"untrained-{size}", clip=clip, device=device)


def bench_edit(editor: Editor, *, rounds: int = 5, steps: int = STEPS) -> EditTimes:
    """Time `editor`, in float32 as edits are done.

    Raises: ConfigError for one without a CLIP.
    """
    editor.need_clip()
    _ = editor.statistics  # counted once a model, in a second or two, and kept on disk
    state = editor.start(SEED)

    def seconds(run: Callable[[], object], times: int) -> float:
        return race({"": Contender("", run)}, times, editor.device)[""].median / 1000

    def edit(prompt: str, **how: Any) -> None:
        editor.edit(state, prompt, measure=False, **how)

    fresh = itertools.cycle(PROMPTS)
    made = seconds(lambda: editor.picture(editor.start(SEED)), 4 * rounds)
    new = seconds(lambda: edit(next(fresh)), min(rounds, len(PROMPTS) - 1))
    known = seconds(lambda: edit(PROMPTS[0], strength=0.5), 4 * rounds)
    began = time.perf_counter()
    edit(PROMPTS[0], method="optimise", optimisation=OptimisationConfig(steps=steps, preview_every=0))
    optimised = time.perf_counter() - began
    return EditTimes(
        model=editor.name,
        size=editor.network.resolution,
        generate_s=made,
        new_prompt_s=new,
        known_prompt_s=known,
        optimise_s=optimised,
        steps=steps,
        machine=describe(torch.device(editor.device)),
        rates=rates(torch.device(editor.device)),
    )
