"""The CycleGAN trainer: who learns from what, exact resuming with its pools, one model a direction."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

import translate
from tests.trainers.resuming import different, whole_and_halves
from translate import checkpoints
from translate.config import TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.objectives.cyclegan import Cycle
from translate.trainers import run
from translate.trainers.cyclegan import CycleGAN
from translate.trainers.logs import read_log
from translate.trainers.update import Losses, Update


def batch(a: int = 3, b: int = 3) -> Pair:
    torch.manual_seed(0)
    return Pair(torch.rand(2, a, 16, 16) * 2 - 1, torch.rand(2, b, 16, 16) * 2 - 1)


class Recorder:
    """An update that notes, instead of learning, which parameters a player's losses reach."""

    step, generator_learns = 0, True

    def __init__(self, trainer: CycleGAN) -> None:
        self.trainer, self.reached = trainer, dict[str, set[str]]()

    def everywhere(self, whole: Callable[[torch.Tensor], torch.Tensor], share: torch.Tensor) -> torch.Tensor:
        return whole(share)

    def __call__(self, player: str, losses: Losses) -> None:
        torch.stack(list(losses.values())).sum().backward()
        reached = set()
        for name, other in self.trainer.players.items():
            for key, parameter in other.module.named_parameters():
                if parameter.grad is not None and bool(parameter.grad.abs().sum() > 0):
                    reached.add(f"{name}.{key.split('.')[0]}")
                parameter.grad = None
        self.reached[player] = reached


def test_each_player_learns_from_its_own_losses_alone(tiny_cycle: TrainConfig):
    trainer = CycleGAN(tiny_cycle, torch.device("cpu"))
    recorder = Recorder(trainer)
    trainer.step(batch(), recorder)  # type: ignore[arg-type]
    assert recorder.reached == {
        "generator": {"generator.AtoB", "generator.BtoA"},
        "discriminator": {"discriminator.a", "discriminator.b"},
    }


def test_disc_b_judges_domain_b(tiny_cycle: TrainConfig, monkeypatch: pytest.MonkeyPatch):
    """Zhu 2017, Eq. 1: D_Y tells y from G(x)."""
    config = tiny_cycle.replace(**{"objective.lambda_identity": 0.0, "generator.out_channels": 1})
    trainer = CycleGAN(config, torch.device("cpu"))
    seen: dict[str, list[int]] = {"a": [], "b": []}
    for name, disc in (("a", trainer.disc_a), ("b", trainer.disc_b)):
        disc.network.register_forward_pre_hook(lambda _, inputs, name=name: seen[name].append(inputs[0].shape[1]))
    trainer.step(batch(3, 1), Recorder(trainer))  # type: ignore[arg-type]
    assert set(seen["a"]) == {3}
    assert set(seen["b"]) == {1}


def test_the_cycles_are_what_the_paper_calls_them(tiny_cycle: TrainConfig, monkeypatch: pytest.MonkeyPatch):
    trainer = CycleGAN(tiny_cycle, torch.device("cpu"))
    for net in trainer.generators.values():
        net.eval()
    found: list[Cycle] = []
    plain = type(trainer.objective).generators

    def spy(self: object, disc_a: object, disc_b: object, from_a: Cycle, from_b: Cycle) -> Losses:
        found.extend([from_a, from_b])
        return plain(self, disc_a, disc_b, from_a, from_b)  # type: ignore[arg-type]

    monkeypatch.setattr(type(trainer.objective), "generators", spy)
    real_a, real_b = pair = batch()
    trainer.step(pair, Recorder(trainer))  # type: ignore[arg-type]
    with torch.no_grad():
        fake_b, fake_a = trainer.gen_ab(real_a), trainer.gen_ba(real_b)
        expected = [
            Cycle(real_a, fake_b, trainer.gen_ba(fake_b), trainer.gen_ba(real_a)),
            Cycle(real_b, fake_a, trainer.gen_ab(fake_a), trainer.gen_ab(real_b)),
        ]
    for ours, theirs in zip(found, expected, strict=True):
        for one, two in zip(ours, theirs, strict=True):
            assert one is not None
            assert torch.allclose(one, two, atol=1e-6)


def test_the_resumed_run_equals_the_uninterrupted_one_pools_included(
    tiny_cycle: TrainConfig, domains: Path, tmp_path: Path
):
    one, two = whole_and_halves(tiny_cycle, run.Source(root=domains), tmp_path)
    assert {"pool_a", "pool_b", "ema_AtoB", "ema_BtoA"} < {key.split("/")[0] for key in one}
    assert one["pool_a/count"] == 4
    assert different(one, two) == []


def test_each_direction_is_a_model_with_its_own_best_step(tiny_cycle: TrainConfig, domains: Path, tmp_path: Path):
    config = tiny_cycle.replace(**{"objective.lambda_identity": 0.0, "generator.in_channels": 1})
    plan = run.plan(config, run.Source(root=domains), tmp_path / "run")
    standing = run.train(plan, device="cpu")
    for name, channels in (("AtoB", (1, 3)), ("BtoA", (3, 1))):
        assert plan.models()[name] == tmp_path / "run" / name
        generator, model = checkpoints.load_model(tmp_path / "run" / name)
        assert (model.kind, model.step) == ("cyclegan", standing.best_step[name])
        assert model.data.direction == name
        assert (model.generator.in_channels, model.generator.out_channels) == channels
        assert model.metrics["kernel"] == pytest.approx(standing.best[name])
        assert set(model.metrics) == {"kernel", "frechet", "copied", "cycle"}
        assert generator(torch.zeros(1, channels[0], 16, 16)).shape == (1, channels[1], 16, 16)
    picture = translate.load(tmp_path / "run" / "AtoB").run(next((domains / "a").iterdir())).image
    assert picture.size == (16, 16)
    validation = [record for record in read_log(tmp_path / "run") if record["kind"] == "validation"]
    assert {"AtoB/kernel", "BtoA/cycle"} < set(validation[-1])
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_training_starts_from_both_directions_of_another_run(tiny_cycle: TrainConfig, domains: Path, tmp_path: Path):
    source = run.Source(root=domains)
    first = tiny_cycle.replace(steps=2, ema=0.0, validate_every=100)
    run.train(run.plan(first, source, tmp_path / "first"), device="cpu")
    still = first.replace(steps=1, **{"optim.lr": 1e-30, "optim.disc_lr": 1e-30})
    run.train(run.plan(still, source, tmp_path / "second"), device="cpu", init=tmp_path / "first" / "BtoA")
    for name in ("AtoB", "BtoA"):
        one = load_file(tmp_path / "first" / name / "last" / "model.safetensors")
        two = load_file(tmp_path / "second" / name / "last" / "model.safetensors")
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_it_learns_to_brighten_what_is_dark(tiny_cycle: TrainConfig):
    """Domain A is dark, domain B bright: after a few hundred steps fake_b is as bright as B, and comes back dark."""
    torch.manual_seed(0)
    config = tiny_cycle.replace(
        objective={"method": "cyclegan", "lambda_identity": 0.0, "lambda_cycle_a": 1.0, "lambda_cycle_b": 1.0},
        **{"generator.dropout": 0.0, "generator.norm": "none", "discriminator.norm": "none", "optim.lr": 3e-3},
    )
    trainer = CycleGAN(config, torch.device("cpu"))
    update = Update(trainer.players, Accelerator(cpu=True))
    for _ in range(250):
        pair = Pair(torch.rand(4, 3, 16, 16) * 0.5 - 0.9, torch.rand(4, 3, 16, 16) * 0.5 + 0.4)
        trainer.step(pair, update)
    with torch.no_grad():
        dark = torch.rand(4, 3, 16, 16) * 0.5 - 0.9
        fake_b = trainer.gen_ab(dark)
        rec_a = trainer.gen_ba(fake_b)
    # B is 0.4 to 0.9, A is -0.9 to -0.4.
    assert fake_b.mean() > 0.4
    assert rec_a.mean() < -0.4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"generator.in_channels": 1}, "lambda_identity is 0.5, but the domains have 1 and 3 channels"),
        ({"discriminator.layers": 4}, "this discriminator needs 48"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(tiny_cycle: TrainConfig, changes: dict[str, int], said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        CycleGAN(tiny_cycle.replace(**changes), torch.device("cpu"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data.direction": "BtoA"}, "both directions at once"),
        ({"data.batch_augment": True}, "is for pairs"),
        ({"generator.head": "labels"}, "label maps are learnt from pairs"),
    ],
)
def test_settings_of_pairs_are_refused(
    tiny_cycle: TrainConfig, domains: Path, tmp_path: Path, changes: dict[str, object], said: str
):
    with pytest.raises(ConfigError, match=said):
        run.plan(tiny_cycle.replace(**changes), run.Source(root=domains), tmp_path / "run")
