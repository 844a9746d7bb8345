"""What is taken over a batch that two processes share: as one process alone would take it."""

import datetime
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.reliability import forked
from translate.networks.shared import BatchNorm, Dropout, alone, processes, total
from translate.objectives.overlap import cross_entropy, soft_dice

WORLD = 2


def of_batch_norm(x: Tensor) -> tuple[nn.Module, Tensor]:
    norm = BatchNorm(3).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        norm.bias.copy_(torch.tensor([0.1, 0.0, -1.0]))
    return norm, norm(x).pow(3).mean()


def of_dropout(x: Tensor) -> tuple[nn.Module, Tensor]:
    layer = nn.Sequential(nn.Conv2d(3, 3, 1).double(), Dropout(0.5))
    return layer, layer(x).square().mean()


def of_labels(x: Tensor) -> tuple[nn.Module, Tensor]:
    """Void pixels, and classes, are not as many in each half."""
    layer = nn.Conv2d(3, 3, 1).double()
    target = (x[:, 0] > 0).long() + (x[:, 1] > 1)
    target[x[:, 2] > 0.5] = 255
    logits = layer(x)
    return layer, cross_entropy(logits, target, torch.tensor([0.2, 1.0, 3.0]).double()) + soft_dice(logits, target)


def of_penalty(x: Tensor) -> tuple[nn.Module, Tensor]:
    """A gradient of a gradient, through the batch's statistics."""
    norm, x = BatchNorm(3).double(), x.requires_grad_()
    (slope,) = torch.autograd.grad(norm(x).pow(3).sum(), x, create_graph=True)
    return norm, slope.square().mean()


CASES: dict[str, Callable[[Tensor], tuple[nn.Module, Tensor]]] = {
    case.__name__: case for case in (of_batch_norm, of_dropout, of_labels, of_penalty)
}


def batch() -> Tensor:
    return torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def learn(case: str, x: Tensor) -> dict[str, Any]:
    """Loss, gradients averaged as a training does, and the module's state, of this process's share of the batch."""
    torch.manual_seed(1)
    torch.Tensor.float = lambda self, *_, **__: self.double()  # type: ignore[assignment, method-assign]
    module, loss = CASES[case](x)
    loss.backward()
    gradients = [total(p.grad) / processes() for p in module.parameters() if p.grad is not None]
    mean = total(loss.detach()) / processes()
    return {
        "loss": mean.item(),
        "gradients": [g.flatten().tolist() for g in gradients],
        "state": [value.double().flatten().tolist() for value in module.state_dict().values()],
    }


def together() -> dict[str, list[Any]]:
    """What each of the processes found, by case."""
    import json

    import torch.distributed as dist

    with tempfile.TemporaryDirectory() as folder:

        def train(rank: int) -> None:
            os.environ["GLOO_SOCKET_IFNAME"] = "lo"
            store = dist.FileStore(f"{folder}/store", WORLD)
            dist.init_process_group("gloo", store=store, rank=rank, world_size=WORLD, timeout=datetime.timedelta(0, 60))
            found = {case: learn(case, batch().chunk(WORLD)[rank]) for case in CASES}
            with alone():
                found["alone"] = {"processes": processes(), "total": total(torch.ones(())).item()}
            Path(folder, str(rank)).write_text(json.dumps(found))

        children = []
        for rank in range(WORLD):
            if not (child := os.fork()):
                try:
                    train(rank)
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        assert [forked.finish(child) for child in children] == [0] * WORLD
        each = [json.loads(Path(folder, str(rank)).read_text()) for rank in range(WORLD)]
        return {case: [one[case] for one in each] for case in each[0]}


@pytest.fixture(scope="module")
def found() -> dict[str, list[Any]]:
    return dict(forked.call(together))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.parametrize("case", CASES)
def test_two_processes_find_what_one_does_in_the_whole_batch(case: str, found: dict[str, list[Any]]) -> None:
    plain = torch.Tensor.float
    try:
        expected = learn(case, batch())
    finally:
        torch.Tensor.float = plain  # type: ignore[method-assign]
    assert any(abs(value) > 1e-3 for gradient in expected["gradients"] for value in gradient)
    for one in found[case]:
        assert one["loss"] == pytest.approx(expected["loss"], abs=1e-12)
        for key in ("gradients", "state"):
            for mine, whole in zip(one[key], expected[key], strict=True):
                assert mine == pytest.approx(whole, abs=1e-12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_what_one_computes_alone_waits_for_nobody(found: dict[str, list[Any]]) -> None:
    assert found["alone"] == [{"processes": 1, "total": 1.0}] * WORLD


def test_one_process_is_torch_itself() -> None:
    x, ours, torchs = torch.randn(2, 3, 4, 4), BatchNorm(3), nn.BatchNorm2d(3)
    assert torch.equal(ours(x), torchs(x))
    torch.manual_seed(0)
    dropped = Dropout(0.5)(x)
    torch.manual_seed(0)
    assert torch.equal(dropped, nn.Dropout(0.5)(x))
