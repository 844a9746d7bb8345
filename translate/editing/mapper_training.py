"""Trains a latent mapper for one prompt (Patashnik 2021, Sec. 5), on latents of the generator itself or on given ones.

The published recipe takes Ranger, whose slow start suits its 50,000 steps. Adam is taken here: on 64 pixels its loss
fell from 0.38 to 0.14 in a hundred steps, in which Ranger's did not move.
"""

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from translate import checkpoints
from translate.config import Config, Count, NonNegative, Positive, parse
from translate.devices import pick_device, pictures_at_once
from translate.editing.mapper import CONFIG_FILE, SCALE, MapperConfig, TrainedMapper, build_mapper, save_mapper
from translate.editing.parts import Identity, TextImageEncoder
from translate.editing.styles import PSI
from translate.errors import CheckpointError, ConfigError, TranslateError
from translate.networks import StyleGAN2Generator
from translate.networks.mapper import Level, levels_of
from translate.objectives.styleclip import MapperObjective, detached
from translate.trainers.state import optimizer_state, restore_optimizer

_log = logging.getLogger(__name__)

CHANGEABLE = frozenset({"steps", "log_every", "save_every"})
"""Settings that may differ when a training is resumed."""
HELD_OUT = 32
"""Latents that the figures are measured on, of seeds that training does not draw."""
HELD_OUT_SEED = 2**31


class MapperTraining(Config):
    """The recipe; the weights of the losses are the paper's."""

    prompt: Annotated[str, Field(min_length=1, max_length=1000)]
    levels: tuple[Level, ...] = ()
    """Which layers may change: coarse, medium, fine, or all by one network; empty: coarse, medium and fine, as far as
    the generator has them. Leave out fine for edits that are not of colour."""
    lambda_clip: NonNegative = 1.0
    lambda_l2: NonNegative = 0.8
    lambda_id: NonNegative = 0.1
    """Counts where there is a network of identity."""
    lr: Positive = 1.0
    """Of the raw weights; the layers run at a hundredth of it."""
    betas: tuple[float, float] = (0.9, 0.999)
    batch_size: Count = 4
    steps: Count = 1000
    psi: Annotated[float, Field(ge=0, le=1)] = PSI
    """Truncation of the latents that are drawn."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    log_every: Count = 20
    save_every: Count = 200


class _Record(Config):
    """What a stored state says beside its tensors."""

    step: Count
    config: MapperTraining
    weights: str


def train_mapper(
    network: StyleGAN2Generator,
    clip: TextImageEncoder,
    out: Path,
    config: MapperTraining,
    *,
    model: str,
    weights: str,
    identity: Identity | None = None,
    latents: Tensor | None = None,
    resume: bool = False,
    device: str = "auto",
    cancelled: Callable[[], bool] = bool,
    report: Callable[[int, dict[str, float]], None] | None = None,
) -> TrainedMapper:
    """Train, and store the mapper in `out`; `report` sees (step, losses as weighted).

    A training that is cancelled is stored as far as it got, and resumed bit for bit.

    Shape: latents (N, num_ws, w_dim), instead of drawn ones.
    Raises: CheckpointError when `out` holds a mapper already (without `resume`) or no training (with it); ConfigError
    for words that `clip` does not know, or levels that the generator lacks.
    """
    place = pick_device(device)
    network = network.eval().requires_grad_(False).to(place)
    described = _describe(network, config, model, weights)
    _claim(out, resume)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        mapper = build_mapper(described).to(place)
    optimizer = torch.optim.Adam(mapper.parameters(), lr=config.lr, betas=config.betas)
    begun = _restore(out, mapper, optimizer, config, weights) if resume else 0
    run = _Run(network, clip, mapper, config, identity, latents)
    step = begun
    while step < config.steps and not cancelled():
        losses = run.losses(run.batch(step))
        _move(optimizer, losses, step)
        step += 1
        if report and (step % config.log_every == 0 or step == config.steps):
            report(step, detached(losses))
        if step % config.save_every == 0:
            _save(out, mapper, optimizer, config, step, weights)
    if step > begun:
        _save(out, mapper, optimizer, config, step, weights)
    done = TrainedMapper(mapper.eval(), described.replace(step=step, metrics=run.figures()))
    save_mapper(out, done)
    return done


def resumed(out: Path, changes: dict[str, Any]) -> MapperTraining:
    """The settings of the training in `out`, with `changes` to those that may change.

    Raises: CheckpointError where there is none; ConfigError for a change that would make it another training.
    """
    _, facts = checkpoints.load_state(out / "state")
    if fixed := sorted(set(changes) - CHANGEABLE):
        raise ConfigError(f"{fixed[0]} can't change when a training is resumed; start a new one in another --out")
    return _record(out, facts).config.replace(**changes)


class _Run:
    """What a step needs: the frozen networks, the text and the latents."""

    def __init__(
        self,
        network: StyleGAN2Generator,
        clip: TextImageEncoder,
        mapper: torch.nn.Module,
        config: MapperTraining,
        identity: Identity | None,
        latents: Tensor | None,
    ) -> None:
        self.network, self.clip, self.mapper, self.config = network, clip, mapper, config
        self.identity = identity if config.lambda_id else None
        self.place = network.mapping.w_avg.device
        self.latents = latents
        self.objective = MapperObjective(
            lambda_clip=config.lambda_clip, lambda_l2=config.lambda_l2, lambda_id=config.lambda_id
        )
        with torch.no_grad():
            self.told = clip.encode_text([config.prompt]).to(self.place)  # (1, E)

    def batch(self, step: int) -> Tensor:
        """The latents of a step, whatever steps came before. Shape: (batch_size, num_ws, w_dim)."""
        draw = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        if self.latents is not None:
            chosen = torch.randint(len(self.latents), (self.config.batch_size,), generator=draw)
            return self.latents[chosen].to(self.place)
        return self._drawn(self.config.batch_size, draw)

    def losses(self, w_plus: Tensor) -> dict[str, Tensor]:
        """Shape: (N, num_ws, w_dim)."""
        moved = w_plus + SCALE * self.mapper(w_plus)
        after = self.network.synthesis(moved, "const")
        losses = self.objective(self.clip.encode_image(after), self.told, moved, w_plus)
        if self.identity is not None:
            with torch.no_grad():
                before = self.identity(self.network.synthesis(w_plus, "const"))
            losses |= self.objective.identity(before, self.identity(after))
        return losses

    @torch.no_grad()
    def figures(self) -> dict[str, float]:
        """Mean cosine with the text before and after the edit, on latents that were not trained on."""
        w_plus = self._drawn(HELD_OUT, torch.Generator().manual_seed(HELD_OUT_SEED))
        at_once, found = pictures_at_once(self.network.resolution, 8), {}
        for name, latents in (("clip_before", w_plus), ("clip_after", w_plus + SCALE * self.mapper(w_plus))):
            parts = [self.clip.encode_image(self.network.synthesis(part, "const")) for part in latents.split(at_once)]
            found[name] = round(float((torch.cat(parts) * self.told).sum(dim=1).mean()), 4)
        return found

    @torch.no_grad()
    def _drawn(self, count: int, draw: torch.Generator) -> Tensor:
        z = torch.randn(count, self.network.mapping.z_dim, generator=draw)
        return self.network.map(z.to(self.place), psi=self.config.psi).contiguous()


def _describe(network: StyleGAN2Generator, config: MapperTraining, model: str, weights: str) -> MapperConfig:
    return MapperConfig(
        prompt=config.prompt,
        model=model,
        weights=weights,
        num_ws=network.num_ws,
        w_dim=network.synthesis.w_dim,
        levels=config.levels or levels_of(network.num_ws),
    )


def _claim(out: Path, resume: bool) -> None:
    held = (out / CONFIG_FILE).exists() or (out / "state").exists()
    if held and not resume:
        raise CheckpointError(f"{out}: already holds a mapper; go on with --resume, or choose another --out")
    if not held and resume:
        raise CheckpointError(f"{out}: holds no training to resume; start one without --resume")


def _move(optimizer: torch.optim.Optimizer, losses: dict[str, Tensor], step: int) -> None:
    total = torch.stack(list(losses.values())).sum()
    if not math.isfinite(float(total.detach())):
        raise TranslateError(f"step {step + 1}: the loss is not finite; train again with a smaller lr")
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    optimizer.step()


def _save(
    out: Path,
    mapper: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    config: MapperTraining,
    step: int,
    weights: str,
) -> None:
    tensors = {"mapper": mapper.state_dict(), "optimizer": optimizer_state(optimizer)}
    record = _Record(step=step, config=config, weights=weights)
    checkpoints.save_state(out / "state", tensors, record.model_dump(mode="json"))
    _log.info("%s: stored at step %d", out, step)


def _restore(
    out: Path, mapper: torch.nn.Module, optimizer: torch.optim.Optimizer, config: MapperTraining, weights: str
) -> int:
    tensors, facts = checkpoints.load_state(out / "state", mend=True)
    record = _record(out, facts)
    if record.weights != weights:
        raise CheckpointError(f"{out}: was trained with the generator {record.weights[:8]}, not {weights[:8]}")
    kept = {name: getattr(record.config, name) for name in CHANGEABLE}
    if config.replace(**kept) != record.config:
        raise CheckpointError(f"{out}: was trained with other settings; go on with those, or choose another --out")
    try:
        mapper.load_state_dict(tensors["mapper"])
        restore_optimizer(optimizer, tensors["optimizer"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{out}: its state belongs to another network ({str(error).splitlines()[0]})") from None
    return record.step


def _record(out: Path, facts: dict[str, Any]) -> _Record:
    try:
        return parse(_Record, facts)
    except ConfigError as error:
        raise CheckpointError(f"{out}: no state of a mapper's training ({error})") from None
