"""Optimizer state as named tensors, so that it can be stored without pickling and restored bit for bit."""

from collections.abc import Mapping

import torch
from torch import Tensor

from translate.errors import CheckpointError


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
    for key, value in state.items():
        number, _, name = key.partition(".")
        if not number.isdigit() or int(number) >= len(parameters):
            raise CheckpointError(f"optimizer state {key} belongs to no parameter of this network")
        parameter = parameters[int(number)]
        if value.ndim == 0:
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
