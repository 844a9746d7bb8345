"""From a picture to the styles that draw it: a projector into W, then W+ (Karras 2020, App. D; Abdal 2019), and pivotal
tuning of a copy of the generator (Roich 2021). Every step can be the last: what is best so far is kept.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from translate.config import Config, NonNegative, Positive, Share
from translate.editing.perceptual import Perceptual
from translate.networks import StyleGAN2Generator
from translate.trainers.update import frozen

DRAWS = 10_000
"""How many w their mean and spread are taken from."""
COARSEST_NOISE = 8
"""Side of the smallest map that the noise regulariser looks at."""
LPIPS_STOP = 0.06
"""Where pivotal tuning stops by LPIPS (Roich 2021)."""
OTHER_STOP = 0.25
"""Where it stops by another distance: at this share of what it begins with."""

Report = Callable[[int, int, dict[str, float]], None]
"""Called with steps done, steps in all, and figures."""


class ProjectorConfig(Config):
    """How a picture is projected; steps in W, then in W+."""

    steps_w: Annotated[int, Field(ge=0)] = 100
    """Where a start is given (an encoder's), none are taken."""
    steps_w_plus: Annotated[int, Field(ge=0)] = 150
    lr: Positive = 0.1
    lr_w_plus: Positive = 0.05
    """Smaller: what W+ adds to a good w is detail."""
    ramp_up: Share = 0.05
    ramp_down: Share = 0.25
    noise: NonNegative = 0.05
    """Of the spread of w: how far w is shaken at first."""
    noise_until: Positive = 0.75
    """Share of the steps over which that dies down."""
    lambda_l2: NonNegative = 1.0
    lambda_perceptual: NonNegative = 1.0
    lambda_spread: NonNegative = 0.02
    """Against styles of one face that drift apart, in which edits mean less (Tov 2021)."""
    optimise_noise: bool = False
    """Let the noise maps of the generator join in; StyleCLIP edits leave them as they are."""
    lambda_noise: NonNegative = 1e5


class TuningConfig(Config):
    """Pivotal tuning (Roich 2021, Sec. 4)."""

    steps: Annotated[int, Field(ge=0)] = 350
    lr: Positive = 3e-4
    lambda_l2: NonNegative = 1.0
    lambda_perceptual: NonNegative = 1.0
    stop: NonNegative | None = None
    """The perceptual distance at which it is done; by default 0.06 of LPIPS, a quarter of the start's of another."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The styles found, and how near they come. Shape: w_plus (1, num_ws, w_dim)."""

    w_plus: Tensor
    noise: tuple[Tensor, ...]
    """The noise maps that go with them, where they were optimised."""
    steps: int
    l2: float
    perceptual: float
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Tuning:
    """A generator tuned for one latent; the one it began as is untouched."""

    generator: StyleGAN2Generator
    steps: int
    l2: float
    perceptual: float
    cancelled: bool


def project(
    generator: StyleGAN2Generator,
    target: Tensor,
    perceptual: Perceptual,
    config: ProjectorConfig | None = None,
    *,
    start: Tensor | None = None,
    seed: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
    report: Report | None = None,
) -> Projection:
    """The styles whose picture is nearest to `target`, from `start` (an encoder's answer) or else from the mean of w.

    Shape: target (1, 3, R, R) in [-1, 1]; start (1, num_ws, w_dim).
    """
    config = config or ProjectorConfig()
    with frozen(generator):
        steps = config.steps_w_plus + (config.steps_w if start is None else 0)
        search = _Search(generator, target, perceptual, config, seed, steps, cancelled, report)
        stopped = False
        if start is None:
            w = search.mean.clone()[:, None]  # (1, 1, w_dim)
            stopped = search.descend(w, config.steps_w, config.lr, shaken=True)
            start = search.best
        if not stopped:
            stopped = search.descend(start.clone(), config.steps_w_plus, config.lr_w_plus, shaken=False)
        return search.found(stopped)


def tune(
    generator: StyleGAN2Generator,
    w_plus: Tensor,
    target: Tensor,
    perceptual: Perceptual,
    config: TuningConfig | None = None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    report: Report | None = None,
) -> Tuning:
    """A copy of the generator whose synthesis draws `target` at `w_plus`.

    Shape: w_plus (1, num_ws, w_dim), target (1, 3, R, R) in [-1, 1].
    """
    config = config or TuningConfig()
    own = copy.deepcopy(generator).eval().requires_grad_(False)
    synthesis = own.synthesis.requires_grad_(True)
    optimizer = torch.optim.Adam(synthesis.parameters(), lr=config.lr)
    stop, step, was_cancelled = config.stop, 0, False
    while True:
        drawn = synthesis(w_plus.detach(), "const")
        l2, distance = F.mse_loss(drawn, target), perceptual(drawn, target).mean()
        figures = {"l2": float(l2.detach()), "perceptual": float(distance.detach())}
        if stop is None:
            stop = LPIPS_STOP if perceptual.name.startswith("lpips") else OTHER_STOP * figures["perceptual"]
        was_cancelled = cancelled()
        if step == config.steps or figures["perceptual"] <= stop or was_cancelled:
            break
        optimizer.zero_grad(set_to_none=True)
        (config.lambda_l2 * l2 + config.lambda_perceptual * distance).backward()
        optimizer.step()
        step += 1
        if report:
            report(step, config.steps, figures)
    own.requires_grad_(False)
    return Tuning(own, step, figures["l2"], figures["perceptual"], was_cancelled)


def changed(tuned: StyleGAN2Generator, generator: StyleGAN2Generator) -> dict[str, Tensor]:
    """The tensors in which a tuned generator differs from the one it began as."""
    before = generator.state_dict()
    return {name: tensor for name, tensor in tuned.state_dict().items() if not torch.equal(tensor, before[name])}


def ramp(step: int, steps: int, up: float = 0.05, down: float = 0.25) -> float:
    """The share of the learning rate at a step: a line up at first, half a cosine down at the end (Karras 2020, D).

    Range: 0 to 1.
    """
    t = step / steps
    falling = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / down)) if down else 1.0
    return falling * (min(1.0, t / up) if up else 1.0)


def noise_regulariser(maps: Sequence[Tensor]) -> Tensor:
    """How much noise maps resemble themselves one pixel on, at every scale down to 8 pixels (Karras 2020, App. D).

    Shape: (..., R, R) each -> (). Range: at least 0; near 0 for noise without structure.
    """
    total = torch.zeros((), device=maps[0].device)
    for noise in maps:
        plane = noise.reshape(1, 1, *noise.shape[-2:])
        while True:
            for axis in (2, 3):
                total = total + (plane * plane.roll(1, axis)).mean().square()
            if plane.shape[-1] <= COARSEST_NOISE:
                break
            plane = F.avg_pool2d(plane, 2)
    return total


class _Search:
    """The state of one projection."""

    def __init__(
        self,
        generator: StyleGAN2Generator,
        target: Tensor,
        perceptual: Perceptual,
        config: ProjectorConfig,
        seed: int,
        steps: int,
        cancelled: Callable[[], bool],
        report: Report | None,
    ) -> None:
        self.generator, self.target, self.perceptual, self.config = generator, target, perceptual, config
        self.cancelled, self.report = cancelled, report
        self.draws = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            z = torch.randn(DRAWS, generator.mapping.z_dim, generator=self.draws)
            w = generator.mapping(z.to(target.device))
            self.mean = w.mean(dim=0, keepdim=True)  # (1, w_dim)
            self.spread = float((w - self.mean).square().sum(dim=1).mean().sqrt())
        maps = generator.synthesis.noise_maps("const", 1)
        noisy = config.optimise_noise and maps[0] is not None
        self.maps = [m.clone().requires_grad_(True) for m in maps if m is not None] if noisy else []
        self.best = self.mean[:, None].expand(-1, generator.num_ws, -1).clone()
        self.best_maps: tuple[Tensor, ...] = ()
        self.figures = self.best_figures = torch.full((2,), math.inf)
        self.done = 0
        self.steps = steps

    def descend(self, w: Tensor, steps: int, lr: float, *, shaken: bool) -> bool:
        """Move `w`, (1, 1 or num_ws, w_dim), for so many steps; whether it was cancelled."""
        config = self.config
        w.requires_grad_(True)
        optimizer = torch.optim.Adam([w, *self.maps], betas=(0.9, 0.999), lr=lr)
        stopped = False
        for step in range(steps):
            if stopped := self.cancelled():
                break
            for group in optimizer.param_groups:
                group["lr"] = lr * ramp(step + 1, steps + 1, config.ramp_up, config.ramp_down)
            width = config.noise * self.spread * max(0.0, 1 - step / steps / config.noise_until) ** 2 if shaken else 0.0
            shake = torch.randn(w.shape, generator=self.draws).to(w) if width else 0.0
            figures, beside = self._losses(w + width * shake)
            self._note(w, figures, is_exact=not width)
            optimizer.zero_grad(set_to_none=True)
            (figures.sum() + beside).backward()
            optimizer.step()
            self._settle_noise()
            self.done += 1
            if self.report:
                self.report(self.done, self.steps, self._named(self.figures))
        with torch.no_grad():
            self._note(w, self._losses(w)[0], is_exact=True)
        return stopped

    def found(self, cancelled: bool) -> Projection:
        """The best of all steps."""
        figures = self._named(self.best_figures)
        return Projection(self.best, self.best_maps, self.done, figures["l2"], figures["perceptual"], cancelled)

    def _losses(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """L2 and perceptual distance, weighted, as (2,), and what else the loss has."""
        config = self.config
        styles = w.expand(-1, self.generator.num_ws, -1)
        drawn = self.generator.synthesis(styles, self.maps or "const")
        l2, distance = F.mse_loss(drawn, self.target), self.perceptual(drawn, self.target).mean()
        beside = torch.zeros((), device=w.device)
        if w.shape[1] > 1:
            apart = (w - w.mean(dim=1, keepdim=True)).square().sum(dim=2).mean()
            beside = beside + config.lambda_spread * apart / self.spread**2
        if self.maps:
            beside = beside + config.lambda_noise * noise_regulariser(self.maps)
        return torch.stack([config.lambda_l2 * l2, config.lambda_perceptual * distance]), beside

    def _note(self, w: Tensor, figures: Tensor, *, is_exact: bool) -> None:
        """Keep `w` where it is the best so far; a shaken one's figures are only shown."""
        self.figures = figures.detach().cpu()
        if is_exact and float(self.figures.sum()) < float(self.best_figures.sum()):
            self.best_figures = self.figures
            self.best = w.detach().expand(-1, self.generator.num_ws, -1).clone()
            self.best_maps = tuple(noise.detach().clone() for noise in self.maps)

    def _named(self, figures: Tensor) -> dict[str, float]:
        weights = (self.config.lambda_l2, self.config.lambda_perceptual)
        values = [
            value / weight if weight else math.nan for value, weight in zip(figures.tolist(), weights, strict=True)
        ]
        return dict(zip(("l2", "perceptual"), values, strict=True))

    @torch.no_grad()
    def _settle_noise(self) -> None:
        for noise in self.maps:
            noise -= noise.mean()
            noise *= noise.square().mean().clamp(min=1e-12).rsqrt()
