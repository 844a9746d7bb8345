"""What being hard to break costs: a training step and an ordinary `apply` with their guards, and without them in turn.

A step without: backward and optimizer, no look at the gradients. What a save takes, hashed, synced and searched for
NaN, is shared out over the steps between two saves, all of it. `apply` without: no limits, no look for many bands or
tiles, no sync of the result.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from translate import catalog, checkpoints, images
from translate.config import TrainConfig
from translate.data import synthetic
from translate.devices import pick_device, pick_precision
from translate.evaluation.bench_apply import SHOWN
from translate.evaluation.bench_step import TRAINERS, benched, made_up
from translate.evaluation.intervals import median_interval
from translate.evaluation.machine import describe, timed
from translate.images import reading, writing
from translate.inference import folder, translator
from translate.inference.files import Job, Options
from translate.trainers.ema import EMA
from translate.trainers.run import make_accelerator
from translate.trainers.state import Parts, not_finite
from translate.trainers.update import Losses, Update

FORMAT = 1
PHOTO = (720, 960)
"""Height and width of the ordinary photo."""
SAVES = 3
GUARDS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (reading, "check_size", lambda *_: None),
    (reading, "_bands", lambda _: None),
    (reading, "_quietly", nullcontext),
    (images, "check_array", lambda _: None),
    (translator, "tile_side", lambda *_: None),
    (writing, "write_bytes", lambda path, data: path.write_bytes(data)),
)
"""What an ordinary `apply` does without when it is timed bare: where it stands, its name, what stands in for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Milliseconds with and without guards, medians; `slower` is the median of their ratio over the rounds, less 1."""

    what: str
    ms_guarded: float
    ms_bare: float
    slower: float
    low: float
    high: float
    """The 95 % interval of that median."""
    allowed: float

    @property
    def is_met(self) -> bool:
        """Whether it costs no more than it may."""
        return self.slower <= self.allowed


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardsReport:
    """Both costs on this machine; the step's holds the saves' share too, named beside it."""

    step: Cost
    ms_a_save: float
    save_share: float
    apply: Cost
    rounds: int
    machine: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"format": FORMAT, "bench": "guards", **asdict(self)}


def bench_guards(
    *,
    preset: str = "pix2pix-fast",
    changes: Mapping[str, Any] | None = None,
    model: str | Path = SHOWN,
    device: str = "auto",
    precision: str = "auto",
    rounds: int = 40,
) -> GuardsReport:
    """Time the step of `preset`, and `model` on a drawn photo, guarded and bare in turn.

    Raises: ConfigError for an unknown preset or setting, and for one that starts from noise; CheckpointError where
    there is no such model.
    """
    config = benched(preset, changes)
    where = pick_device(device)
    applied = _apply(catalog.find(model), device, precision, rounds)
    accelerator = make_accelerator(device, precision)
    trainer = TRAINERS[config.method](config, accelerator.device)
    batch = made_up(config, accelerator.device, config.data.crop)

    def step(update: Update) -> Callable[[], object]:
        def run() -> None:
            with accelerator.autocast():
                trainer.step(batch, update)

        return run

    guarded, bare = (kind(trainer.players, accelerator) for kind in (Update, Bare))
    pairs = alternate(step(guarded), step(bare), rounds, where)
    ms_a_save = _save(trainer, config, accelerator.device)
    share = ms_a_save / config.save_every / (1000 * statistics.median(without for _, without in pairs))
    what = f"{preset}, {config.data.crop} x {config.data.crop}, batch {config.batch_size}"
    chosen = pick_precision(precision, where)
    return GuardsReport(
        step=_cost(f"a step of {what}, {chosen}", pairs, 0.02, share),
        ms_a_save=round(ms_a_save, 2),
        save_share=round(share, 5),
        apply=applied,
        rounds=rounds,
        machine=describe(where),
    )


class Bare(Update):
    """A learning step that looks at nothing."""

    def __call__(self, player: str, losses: Losses) -> None:
        """Let one player learn."""
        if not losses:
            return
        torch.stack(list(losses.values())).sum().backward()
        optimizer = self.players[player].optimizer
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


@contextmanager
def bare() -> Iterator[None]:
    """Translate without what is in GUARDS, inside this block."""
    before = [getattr(place, name) for place, name, _ in GUARDS]
    try:
        for place, name, instead in GUARDS:
            setattr(place, name, instead)
        yield
    finally:
        for (place, name, _), own in zip(GUARDS, before, strict=True):
            setattr(place, name, own)


def alternate(
    guarded: Callable[[], object], bare: Callable[[], object], rounds: int, device: torch.device
) -> list[tuple[float, float]]:
    """Seconds of both, round by round after one to warm up; what came first comes second in the next round."""
    pairs = []
    for number in range(rounds + 1):
        seconds = {}
        for is_guarded in (True, False) if number % 2 else (False, True):
            seconds[is_guarded] = timed(guarded if is_guarded else bare, device)
        pairs.append((seconds[True], seconds[False]))
    return pairs[1:]


def _cost(what: str, pairs: list[tuple[float, float]], allowed: float, share: float = 0.0) -> Cost:
    middle, low, high = median_interval([with_ / without for with_, without in pairs])
    ms = [1000 * statistics.median(side) for side in zip(*pairs, strict=True)]
    return Cost(
        what=what,
        ms_guarded=round(ms[0], 3),
        ms_bare=round(ms[1], 3),
        slower=round(middle - 1 + share, 5),
        low=round(low - 1 + share, 5),
        high=round(high - 1 + share, 5),
        allowed=allowed,
    )


def _save(trainer: Any, config: TrainConfig, device: torch.device) -> float:
    """Milliseconds that a save takes, as the loop does it."""
    averages = {name: EMA(net, config.ema).average for name, net in trainer.generators.items()} if config.ema else {}
    parts = Parts(trainer.players, averages, trainer.memory, device)
    with tempfile.TemporaryDirectory() as place:

        def save() -> None:
            tensors = parts.capture()
            assert not_finite(tensors) is None
            checkpoints.save_state(Path(place) / "state", tensors, {"step": 0})

        return 1000 * statistics.median(timed(save, device) for _ in range(SAVES))


def _apply(model: Path, device: str, precision: str, rounds: int) -> Cost:
    """A photo's file into its translation's."""
    loaded = translator.Translator.load(model, device=device, precision=precision)
    with tempfile.TemporaryDirectory() as place:
        photo, out = Path(place) / "photo.jpg", Path(place) / "out.png"
        pixels, _ = synthetic.scene(0, *PHOTO)
        images.save(images.to_pil(images.to_tensor(pixels)), photo)

        def guarded() -> None:
            folder.apply(loaded, [Job(photo, out)], Options(overwrite=True))

        def unguarded() -> None:
            with bare():
                guarded()

        pairs = alternate(guarded, unguarded, rounds, loaded.device)
    what = f"a photo of {PHOTO[1]} x {PHOTO[0]} through {loaded.config.name}, {loaded.precision}"
    return _cost(what, pairs, 0.05)
