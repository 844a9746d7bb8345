"""What keeps the players in balance: each measure by hand, in every trainer, and through a resumed run."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import parametrize

from tests.trainers.resuming import different, whole_and_halves
from translate.config import CUTConfig, OptimConfig, TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.objectives.adversarial import vanilla
from translate.trainers import run
from translate.trainers.cut import CUT
from translate.trainers.cyclegan import CycleGAN
from translate.trainers.loop import Trainer
from translate.trainers.pix2pix import Pix2Pix
from translate.trainers.stability import Adaptive, Stability
from translate.trainers.update import Update, build_discriminator_player, build_generator_player

CPU = torch.device("cpu")
METHODS: dict[str, Callable[[TrainConfig, torch.device], Trainer]] = {
    "pix2pix": Pix2Pix,
    "cyclegan": CycleGAN,
    "cut": CUT,
}


def trainer_of(method: str, tiny: TrainConfig, tiny_cycle: TrainConfig, **changes: object) -> Trainer:
    torch.manual_seed(0)
    config = tiny_cycle if method == "cyclegan" else tiny
    if method == "cut":
        config = tiny.replace(objective=CUTConfig(projection=8, patches=16).model_dump())
    return METHODS[method](config.replace(**{"generator.dropout": 0.0, "stability.augment": (), **changes}), CPU)


def update_of(trainer: Trainer, **settings: int) -> Update:
    return Update(trainer.players, Accelerator(cpu=True), **settings)


def batch() -> Pair:
    source = torch.Generator().manual_seed(1)
    return Pair(*(torch.rand(2, 3, 16, 16, generator=source) * 2 - 1 for _ in range(2)))


def weights(trainer: Trainer, player: str) -> list[torch.Tensor]:
    return [p.detach().clone() for p in trainer.players[player].module.parameters()]


def still(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def stability_of(tiny: TrainConfig, **changes: object) -> Stability:
    return Stability(tiny.replace(steps=100, **{f"stability.{name}": value for name, value in changes.items()}), CPU)


def test_instance_noise_falls_straight_to_zero(tiny: TrainConfig):
    stability = stability_of(tiny, instance_noise=0.4, noise_until=0.5)
    x = torch.zeros(4, 3, 64, 64)
    for step, expected in ((0, 0.4), (25, 0.2), (40, 0.08)):
        stability.step = step
        assert stability.shown(x).std().item() == pytest.approx(expected, rel=0.02)
    for step in (50, 99):
        stability.step = step
        assert stability.shown(x) is x


def test_a_lazy_penalty_counts_as_often_as_it_is_left_out(tiny: TrainConfig):
    """D(x) = 3 x over 4 pixels, mean 3 x / 4 each: |grad|^2 is 4 (3/4)^2 = 9/4, and gamma / 2 of it 9/4 for gamma 2."""
    stability = stability_of(tiny, r1=2.0, lazy=4)
    x = torch.rand(2, 1, 2, 2)
    for step in range(9):
        stability.step = step
        found = stability.penalties()(lambda b: 3 * b, x, x)
        assert {name: value.item() for name, value in found.items()} == (
            {"r1": pytest.approx(4 * 9 / 4)} if step % 4 == 0 else {}
        )


def test_the_probability_of_augmentation_follows_how_surely_real_pictures_are_told():
    adaptive = Adaptive(0.6, pictures=100)
    loss = adaptive.watched(vanilla())
    loss.discriminator(torch.full((10, 1), 5.0), torch.full((10, 1), 4.0))  # all real ones above the middle: r = 1
    adaptive.adapt()
    assert adaptive.p.item() == pytest.approx(0.1)
    mixed = torch.tensor([[2.0], [2.0], [2.0], [-9.0]])  # the mean of both is -0.75: three above, one below, r = 0.5
    loss.discriminator(mixed, mixed)
    adaptive.adapt()
    assert adaptive.p.item() == pytest.approx(0.1 - 0.04)
    adaptive.adapt()  # nothing new was seen
    assert adaptive.p.item() == pytest.approx(0.06)
    for _ in range(20):
        loss.discriminator(mixed, mixed)
        adaptive.adapt()
    assert adaptive.p.item() == 0


def test_two_processes_lead_one_probability(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("translate.trainers.stability.total", lambda share: 2 * share)  # the other one sees the same
    monkeypatch.setattr("translate.trainers.stability.processes", lambda: 2)
    adaptive = Adaptive(0.6, pictures=100)
    adaptive.watched(vanilla()).discriminator(torch.full((10, 1), 5.0), torch.zeros(10, 1))
    assert (adaptive.signs.item(), adaptive.seen.item()) == (20, 20)
    adaptive.adapt()
    assert adaptive.p.item() == pytest.approx(0.2)


def test_pictures_are_augmented_with_that_probability(tiny: TrainConfig):
    stability = stability_of(tiny, augment=("cutout",), adaptive=0.6)
    x = torch.ones(400, 1, 8, 8)
    for probability in (0.0, 0.3, 1.0):
        torch.manual_seed(0)
        stability.adaptive.p.fill_(probability)
        changed = (stability.shown(x) != x).flatten(1).any(dim=1)
        assert changed.float().mean().item() == pytest.approx(probability, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_the_generator_learns_every_n_critic_th_step(method: str, tiny: TrainConfig, tiny_cycle: TrainConfig):
    trainer = trainer_of(method, tiny, tiny_cycle)
    update = update_of(trainer, n_critic=3)
    for step in range(6):
        update.step = step
        generator, discriminator = weights(trainer, "generator"), weights(trainer, "discriminator")
        losses = trainer.step(batch(), update)
        learns = step in (2, 5)
        assert still(generator, weights(trainer, "generator")) is not learns
        assert not still(discriminator, weights(trainer, "discriminator"))
        assert {name.split("/")[0] for name in losses} == ({"gen", "disc"} if learns else {"disc"})


def test_the_moving_average_moves_when_the_generator_does(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    config = tiny.replace(steps=3, **{"stability.n_critic": 2, "generator.dropout": 0.0})
    run.train(run.plan(config, run.Source(root=pairs), tmp_path / "run"), device="cpu")
    ema, net = (load_file(tmp_path / "run" / "state" / f"{name}.safetensors") for name in ("ema_AtoB", "generator"))
    torch.manual_seed(config.seed)
    began = Pix2Pix(config, CPU).generator.state_dict()
    # Only step number 1 counted: decay min(0.9, 2 / 11).
    for name in ema:
        assert torch.allclose(ema[name], 2 / 11 * began[name] + 9 / 11 * net[name], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_clipped_weights_stay_within_their_bound(method: str, tiny: TrainConfig, tiny_cycle: TrainConfig):
    changes = {"stability.constraint": "clip", "stability.clip": 0.003, "objective.adversarial": "wgan"}
    trainer = trainer_of(method, tiny, tiny_cycle, **changes)
    trainer.step(batch(), update_of(trainer))
    largest = [p.abs().max().item() for p in weights(trainer, "discriminator")]
    assert max(largest) == pytest.approx(0.003)
    assert max(p.abs().max().item() for p in weights(trainer, "generator")) > 0.003


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("constraint", "tolerance"), [("spectral", 0.05), ("orthonormal", 1e-3)])
def test_constrained_weights_stay_so_while_they_learn(
    method: str, constraint: str, tolerance: float, tiny: TrainConfig, tiny_cycle: TrainConfig
):
    trainer = trainer_of(method, tiny, tiny_cycle, **{"stability.constraint": constraint, "optim.disc_lr": 1e-3})
    update, before = update_of(trainer), weights(trainer, "discriminator")
    for _ in range(5):
        trainer.step(batch(), update)
    assert not still(before, weights(trainer, "discriminator"))
    layers = [m for m in trainer.players["discriminator"].module.modules() if parametrize.is_parametrized(m, "weight")]
    assert layers
    for layer in layers:
        gain = layer.parametrizations.weight[0].gain if constraint == "orthonormal" else 1.0
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(gain, rel=tolerance)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("penalty", ["gradient_penalty", "r1"])
def test_a_penalty_reaches_the_discriminator_alone(
    method: str, penalty: str, precision: torch.dtype, tiny: TrainConfig, tiny_cycle: TrainConfig
):
    trainer, reached = trainer_of(method, tiny, tiny_cycle, **{f"stability.{penalty}": 10.0}), dict[str, set[str]]()

    class Spy:
        """Back-propagates and notes whom a player's losses reach; moves nobody."""

        step, generator_learns = 0, True

        def everywhere(self, whole: Callable[[torch.Tensor], torch.Tensor], share: torch.Tensor) -> torch.Tensor:
            return whole(share)

        def __call__(self, player: str, losses: dict[str, torch.Tensor]) -> None:
            torch.stack(list(losses.values())).sum().backward()
            modules = {name: each.module for name, each in trainer.players.items()}
            reached[player] = {n for n, m in modules.items() if any(p.grad is not None for p in m.parameters())}
            for module in modules.values():
                module.zero_grad(set_to_none=True)

    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        losses = trainer.step(batch(), Spy())
    names = {f"disc/{penalty}"} if method != "cyclegan" else {f"disc/{penalty}_a", f"disc/{penalty}_b"}
    assert names <= losses.keys()
    assert all(losses[name] > 0 for name in names)
    assert reached == {"discriminator": {"discriminator"}, "generator": {"generator"}}


def test_each_player_has_its_own_optimizer_and_rate():
    """The first step of RMSprop is lr g / sqrt((1 - alpha) g^2), that of SGD lr g, that of Adam lr sign(g)."""
    config = OptimConfig(optimizer="adam", disc_optimizer="rmsprop", lr=0.1, disc_lr=0.01, betas=(0.5, 0.99))
    nets = [nn.Linear(1, 1, bias=False) for _ in range(3)]
    players = {
        "generator": build_generator_player(nets[0], config),
        "discriminator": build_discriminator_player(nets[1], config),
        "other": build_discriminator_player(nets[2], config.replace(disc_optimizer="sgd")),
    }
    update = Update(players, Accelerator(cpu=True))
    began = [net.weight.item() for net in nets]
    for (name, _), net in zip(players.items(), nets, strict=True):
        update(name, {"loss": 3 * net.weight.sum()})
    moved = [before - net.weight.item() for before, net in zip(began, nets, strict=True)]
    assert moved == pytest.approx([0.1, 0.01 / 0.01**0.5, 0.01 * 3], rel=1e-4)
    assert {name: norm.item() for name, norm in update.norms.items()} == pytest.approx(dict.fromkeys(players, 3.0))


@pytest.mark.parametrize("method", ["pix2pix", "cyclegan"])
def test_with_everything_on_the_resumed_run_equals_the_uninterrupted_one(
    method: str, tiny: TrainConfig, tiny_cycle: TrainConfig, pairs: Path, domains: Path, tmp_path: Path
):
    config, root = (tiny, pairs) if method == "pix2pix" else (tiny_cycle, domains)
    config = config.replace(
        **{
            "optim.disc_optimizer": "rmsprop",
            "stability.constraint": "spectral",
            "stability.r1": 1.0,
            "stability.lazy": 2,
            "stability.n_critic": 2,
            "stability.label_smoothing": 0.1,
            "stability.label_noise": 0.1,
            "stability.instance_noise": 0.1,
            "stability.augment": ("translation", "cutout"),
            "stability.adaptive": 0.1,
            "stability.adaptive_pictures": 30,
        }
    )
    one, two = whole_and_halves(config, run.Source(root=root), tmp_path)
    assert one["adaptive/p"] > 0
    assert different(one, two) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stability.gradient_penalty": 10.0, "discriminator.norm": "batch"}, "set discriminator.norm to instance"),
        ({"stability.augment": ("colour",)}, "use translation and cutout"),
        ({"stability.adaptive": 0.6}, "name what to do in stability.augment"),
        ({"stability.label_smoothing": 0.5}, "label_smoothing is 0.5"),
    ],
)
def test_measures_that_cannot_be_are_refused_in_one_line(tiny: TrainConfig, changes: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        tiny.replace(**changes)
    assert "\n" not in str(caught.value)
