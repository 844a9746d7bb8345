"""How long edits take: a face, a new sentence, the same sentence again, and an optimisation."""

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from translate.editing.editor import Editor
from translate.editing.optimisation import OptimisationConfig
from translate.evaluation.machine import Contender, describe, race, rates

FORMAT = 1
PROMPTS = ("an old person", "a smiling person", "a man", "a woman", "a child", "a young person")
"""Each is new once."""
SEED = 0
STEPS = 100


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


def bench_edit(model: str | Path, *, device: str = "auto", rounds: int = 5, steps: int = STEPS) -> EditTimes:
    """Time `model`, in float32 as edits are done.

    Raises: CheckpointError when there is no such model; ConfigError for one without a CLIP.
    """
    editor = Editor.load(model, device=device)
    editor.need_clip()
    _ = editor.statistics  # counted once a model, in a second or two, and kept on disk
    state = editor.start(SEED)

    def seconds(run: Callable[[], object], times: int) -> float:
        return race({"": Contender("", run)}, times, editor.device)[""].median / 1000

    def edit(prompt: str, **how: Any) -> None:
        editor.edit(state, prompt, measure=False, **how)

    fresh = itertools.cycle(PROMPTS)
    made = seconds(lambda: editor.picture(editor.start(SEED)), 4 * rounds)
    new = seconds(lambda: edit(next(fresh)), len(PROMPTS) - 1)
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
