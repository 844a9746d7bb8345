"""A run's state as named tensors, so that it can be stored without pickling and restored bit for bit."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from translate.errors import CheckpointError
from translate.trainers.update import Player

Groups = dict[str, dict[str, Tensor]]
"""Tensors by what they belong to and their name there."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything of a run that holds tensors."""

    players: Mapping[str, Player]
    averages: Mapping[str, nn.Module]
    memory: Mapping[str, nn.Module]
    device: torch.device

    def capture(self) -> Groups:
        """Networks, optimizers, moving averages, memory and random state, as they are."""
        tensors: Groups = {}
        for name, player in self.players.items():
            tensors[name] = player.module.state_dict()
            tensors[f"{name}_optimizer"] = optimizer_state(player.optimizer)
        tensors |= {f"ema_{name}": average.state_dict() for name, average in self.averages.items()}
        tensors |= {name: module.state_dict() for name, module in self.memory.items()}
        tensors["rng"] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["rng"]["cuda"] = torch.cuda.get_rng_state(self.device)
        return tensors

    def reinstate(self, tensors: Groups) -> None:
        """Inverse of `capture`; gradients are forgotten.

        Raises: KeyError, RuntimeError, CheckpointError when the tensors belong to other networks.
        """
        for name, player in self.players.items():
            player.module.load_state_dict(tensors[name])
            player.optimizer.zero_grad(set_to_none=True)
            restore_optimizer(player.optimizer, tensors[f"{name}_optimizer"])
        for name, average in self.averages.items():
            average.load_state_dict(tensors[f"ema_{name}"])
        for name, module in self.memory.items():
            module.load_state_dict(tensors[name])
        torch.set_rng_state(tensors["rng"]["cpu"])
        if "cuda" in tensors["rng"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["rng"]["cuda"], self.device)


@torch.no_grad()
def not_finite(tensors: Groups) -> str | None:
    """The first tensor that holds NaN or infinity, in words; None when all are finite."""
    for group, members in tensors.items():
        floats = {name: tensor for name, tensor in members.items() if tensor.is_floating_point()}
        if not floats:
            continue
        # One answer a group: asking for each tensor would wait for the device as often.
        finite = torch.stack([tensor.isfinite().all().cpu() for tensor in floats.values()])
        if not bool(finite.all()):
            name = list(floats)[int(finite.int().argmin())]
            return f"{group}: {name} is not finite"
    return None


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """{"3.exp_avg": tensor, ...}: parameter number in group order, then the state's own name."""
    state = {}
    for number, parameter in enumerate(_parameters(optimizer)):
        for name, value in optimizer.state.get(parameter, {}).items():
            state[f"{number}.{name}"] = value if isinstance(value, Tensor) else torch.tensor(float(value))
    return state


def restore_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Inverse of `optimizer_state`.

    Raises: CheckpointError when the state belongs to other parameters.
    """
    parameters = _parameters(optimizer)
    optimizer.state.clear()
    for key, value in state.items():
        number, _, name = key.partition(".")
        if not number.isdigit() or int(number) >= len(parameters):
            raise CheckpointError(f"optimizer state {key} belongs to no parameter of this network")
        parameter = parameters[int(number)]
        if name == "step":
            # Step counters live on the CPU for the plain optimizers, beside the parameter for the fused ones.
            fused = optimizer.param_groups[0].get("fused", False)
            optimizer.state[parameter][name] = value.to(parameter.device if fused else "cpu")
            continue
        if value.shape != parameter.shape:
            raise CheckpointError(f"optimizer state {key} is {list(value.shape)}, expected {list(parameter.shape)}")
        # The parameter's own memory format: a fused step sums in memory order, and resuming must be exact.
        optimizer.state[parameter][name] = torch.zeros_like(parameter).copy_(value)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]
