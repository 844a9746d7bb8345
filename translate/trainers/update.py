"""One player's learning step: backward, gradient sync, finite check, clipping, optimizer step."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from translate.config import OptimConfig, Optimizer
from translate.errors import TranslateError

Losses = dict[str, Tensor]
Keep = Callable[[nn.Module], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Player:
    """A network (or several under one module) with the optimizer that moves it; `lr` is the rate at factor 1."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    lr: float
    keep: Keep | None = None
    """Done after each of its steps, as clipping weights."""

    def set_factor(self, factor: float) -> None:
        """Scale the learning rate by the schedule's factor."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * factor


def build_player(
    module: nn.Module,
    config: OptimConfig,
    lr: float,
    *,
    kind: Optimizer,
    keep: Keep | None = None,
) -> Player:
    """A player with an optimizer of that kind, whose fused form runs on the CPU too where there is one."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    # Decay pulls weights towards zero; on norms and biases that is no regularisation, only harm.
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = parameters[0].device.type in {"cpu", "cuda"}
    first, second = config.betas
    optimizer: torch.optim.Optimizer
    if kind == "rmsprop":
        optimizer = torch.optim.RMSprop(groups, lr=lr, alpha=second)
    elif kind == "sgd":
        optimizer = torch.optim.SGD(groups, lr=lr, momentum=first, fused=fused)
    else:
        adam = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
        optimizer = adam(groups, lr=lr, betas=config.betas, fused=fused)
    return Player(module, optimizer, lr, keep)


def build_generator_player(module: nn.Module, config: OptimConfig) -> Player:
    """The player that generates."""
    return build_player(module, config, config.lr, kind=config.optimizer)


def build_discriminator_player(module: nn.Module, config: OptimConfig, keep: Keep | None = None) -> Player:
    """The player that judges; `keep` is done after each of its steps."""
    return build_player(module, config, config.disc_lr, kind=config.disc_optimizer or config.optimizer, keep=keep)


class Update:
    """What the loop hands to a trainer's `step`: `update("generator", losses)` makes that player learn."""

    def __init__(
        self,
        players: Mapping[str, Player],
        accelerator: Accelerator,
        *,
        accumulate: int = 1,
        clip: float = 0.0,
        n_critic: int = 1,
    ) -> None:
        self.players, self.accelerator = players, accelerator
        self.accumulate, self.clip, self.n_critic = accumulate, clip, n_critic
        self.processes: int = accelerator.num_processes
        self.last_micro_batch = True
        self.step = 0
        self.norms: dict[str, Tensor] = {}
        """The length of each player's gradient when it learnt last."""

    @property
    def generator_learns(self) -> bool:
        """Whether it is the generator's turn too: every n_critic-th step."""
        return (self.step + 1) % self.n_critic == 0

    def __call__(self, player: str, losses: Losses) -> None:
        """Add the gradients of the sum of `losses`; on the last micro-batch of the step, move the player."""
        if not losses:
            return
        total = torch.stack(list(losses.values())).sum() / self.accumulate
        with torch.autocast(self.accelerator.device.type, enabled=False):
            total.backward()
        if not self.last_micro_batch:
            return
        module, optimizer, keep = self.players[player].module, self.players[player].optimizer, self.players[player].keep
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        self._sync(gradients)
        norm = nn.utils.get_total_norm(gradients)
        if not bool(norm.isfinite()):
            raise NotFinite(f"the {player}'s gradients are not finite")
        if self.clip:
            nn.utils.clip_grads_with_norm_(module.parameters(), self.clip, norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        self.norms[player] = norm
        if keep:
            keep(module)

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.processes == 1:
            return value
        summed: Tensor = self.accelerator.reduce(value, reduction="sum")
        return summed

    def average(self, value: Tensor) -> Tensor:
        """The mean over all processes."""
        return self.total(value) / self.processes

    def from_main(self, value: T) -> T:
        """What the main process has: decisions must be the same everywhere, or the others wait for ever."""
        if self.processes == 1:
            return value
        return cast(T, broadcast_object_list([value])[0])

    def everywhere(self, whole: Callable[[Tensor], Tensor], share: Tensor) -> Tensor:
        """What `whole` makes of the shares of all processes as one batch, and of that this process's share.

        Shape: share (N, ...), as many in every process; `whole` keeps the first dimension.
        """
        if self.processes == 1:
            return whole(share)
        gathered: Tensor = self.accelerator.gather(share)
        return whole(gathered).chunk(self.processes)[self.accelerator.process_index]

    def _sync(self, gradients: list[Tensor]) -> None:
        # By hand instead of DDP: its hooks expect every parameter in every backward, which two players break.
        if self.processes == 1 or not gradients:
            return
        flat = torch.cat([g.flatten() for g in gradients])
        flat = self.accelerator.reduce(flat, reduction="mean")
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


class NotFinite(TranslateError):
    """A loss or gradient overflowed; going on would write NaN into the weights."""


@contextmanager
def frozen(module: nn.Module | None) -> Iterator[None]:
    """Let gradients pass through `module` without computing its own: half of its backward is saved."""
    parameters = [p for p in module.parameters() if p.requires_grad] if module is not None else []
    for p in parameters:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in parameters:
            p.requires_grad_(True)


def prefixed(player: str, losses: Losses) -> Losses:
    """Name each loss after its player: {"gan": x} -> {"disc/gan": x}."""
    return {f"{player}/{name}": value.detach() for name, value in losses.items()}
