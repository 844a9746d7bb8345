"""Samples from noise: who learns from what, exact resuming, classes that come out as asked, modes that are covered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor

from tests.trainers.resuming import different, whole_and_halves
from translate import checkpoints, presets
from translate.config import (
    DataConfig,
    DiscriminatorConfig,
    GANConfig,
    LatentConfig,
    OptimConfig,
    StabilityConfig,
    TrainConfig,
)
from translate.data.labelled import Labelled
from translate.data.mixtures import MIXTURES, MixtureDataset
from translate.errors import ConfigError, DatasetError
from translate.trainers import run
from translate.trainers.gan import GAN
from translate.trainers.logs import read_log
from translate.trainers.update import Losses, Update


@pytest.fixture
def tiny_faces(tmp_path: Path) -> Path:
    """Ten 16 x 16 pictures in dark/, nine in light/."""
    rng = np.random.default_rng(0)
    for side, count, low in (("dark", 10, 0), ("light", 9, 128)):
        (tmp_path / "faces" / side).mkdir(parents=True)
        for number in range(count):
            coarse = rng.integers(low, low + 128, (4, 4, 3), dtype=np.uint8)
            picture = np.kron(coarse, np.ones((4, 4, 1), np.uint8))
            Image.fromarray(picture).save(tmp_path / "faces" / side / f"{number}.png")
    return tmp_path / "faces"


@pytest.fixture
def tiny_gan() -> TrainConfig:
    """Everything that has state: a class, a moving average, batch norm, spectral norm, augmentation that adapts."""
    return TrainConfig(
        preset="tiny-gan",
        generator=LatentConfig(latent=8, size=16, filters=4),
        discriminator=DiscriminatorConfig(kind="dcgan", filters=4),
        objective=GANConfig(condition="projection"),
        data=DataConfig(size=16, load_size=16, crop=16, holdout=6),
        optim=OptimConfig(schedule="linear"),
        stability=StabilityConfig(
            constraint="spectral", augment=("colour", "cutout"), adaptive=0.6, n_critic=2, instance_noise=0.1
        ),
        steps=6,
        batch_size=4,
        precision="fp32",
        workers=0,
        ema=0.9,
        log_every=1,
        validate_every=2,
        sample_every=6,
        save_every=2,
        samples=2,
    )


@pytest.fixture
def tiny_ring() -> TrainConfig:
    """The preset `mixture`, small."""
    return presets.preset("mixture").replace(
        **{
            "steps": 6,
            "batch_size": 32,
            "generator.filters": 8,
            "discriminator.filters": 8,
            "log_every": 1,
            "validate_every": 3,
            "sample_every": 3,
            "save_every": 2,
        }
    )


class Recorder:
    """An update that notes, instead of learning, which parameters a player's losses reach."""

    step, generator_learns = 0, True

    def __init__(self, trainer: GAN) -> None:
        self.trainer, self.reached, self.losses = trainer, dict[str, set[str]](), dict[str, set[str]]()

    def __call__(self, player: str, losses: Losses) -> None:
        self.losses[player] = set(losses)
        torch.stack(list(losses.values())).sum().backward()
        self.reached[player] = set()
        for name, other in self.trainer.players.items():
            if any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in other.module.parameters()):
                self.reached[player].add(name)
            other.optimizer.zero_grad()

    def total(self, value: Tensor) -> Tensor:
        return value

    average = total


def batch(config: TrainConfig) -> Labelled:
    torch.manual_seed(0)
    return Labelled(torch.rand(4, 3, 16, 16) * 2 - 1, torch.tensor([0, 1, 1, 0]))


@pytest.mark.parametrize("condition", ["none", "projection", "auxiliary"])
def test_each_player_learns_from_its_own_losses_alone(tiny_gan: TrainConfig, condition: str):
    classes = 0 if condition == "none" else 2
    config = tiny_gan.replace(
        **{"objective.condition": condition, "generator.classes": classes, "stability.r1": 1.0, "stability.n_critic": 1}
    )
    trainer = GAN(config, torch.device("cpu"))
    update = Recorder(trainer)
    trainer.step(batch(config), update)  # type: ignore[arg-type]
    assert update.reached == {"discriminator": {"discriminator"}, "generator": {"generator"}}
    more = {"class"} if condition == "auxiliary" else set()
    assert update.losses == {"discriminator": {"gan", "r1"} | more, "generator": {"gan"} | more}


def test_real_and_generated_samples_are_judged_in_batches_of_their_own(tiny_gan: TrainConfig):
    """Radford 2016: batch norm over both would tell the discriminator which is which by their mean."""
    config = tiny_gan.replace(**{"generator.classes": 2, "stability.n_critic": 1})
    trainer = GAN(config, torch.device("cpu"))
    seen: list[int] = []
    trainer.critic.network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    trainer.step(batch(config), Recorder(trainer))  # type: ignore[arg-type]
    assert seen == [4, 4, 4]  # real, generated, and generated again for the generator


def test_the_generator_learns_every_n_critic_th_step(tiny_gan: TrainConfig):
    config = tiny_gan.replace(**{"generator.classes": 2})
    trainer = GAN(config, torch.device("cpu"))
    update = Update(trainer.players, Accelerator(cpu=True), n_critic=2)
    moved = []
    for step in range(4):
        update.step = step
        before = trainer.generator.state_dict()["first.weight"].clone()
        losses = trainer.step(batch(config), update)
        moved.append(not torch.equal(before, trainer.generator.state_dict()["first.weight"]))
        assert ("gen/gan" in losses) == moved[-1]
    assert moved == [False, True, False, True]


def test_a_resumed_run_on_pictures_equals_the_uninterrupted_one(
    tiny_gan: TrainConfig, tiny_faces: Path, tmp_path: Path
):
    one, two = whole_and_halves(tiny_gan, run.Source(root=tiny_faces), tmp_path)
    assert {"generator", "discriminator", "adaptive", "ema_generator", "rng"} <= {key.split("/")[0] for key in one}
    assert different(one, two) == []


def test_a_resumed_run_on_points_equals_the_uninterrupted_one(tiny_ring: TrainConfig, tmp_path: Path):
    assert different(*whole_and_halves(tiny_ring, run.Source(), tmp_path)) == []
    first, second = (read_log(tmp_path / name) for name in ("whole", "halves"))
    figures = [[{k: v for k, v in line.items() if k != "seconds"} for line in log] for log in (first, second)]
    assert figures[0] == figures[1]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_model_of_pictures_says_what_it_can_be_asked_for(
    tiny_gan: TrainConfig, tiny_faces: Path, tmp_path: Path, precision: str
):
    plan = run.plan(tiny_gan.replace(precision=precision), run.Source(root=tiny_faces), tmp_path / "run")
    assert sum(plan.task.counts["val"].values()) == 6
    standing = run.train(plan, device="cpu")
    generator, model = checkpoints.load_model(tmp_path / "run")
    assert (model.kind, model.labels, model.latent.classes) == ("gan", ("dark", "light"), 2)
    assert set(model.metrics) == {"kernel", "frechet", "precision", "recall"}
    assert model.metrics["kernel"] == pytest.approx(standing.best["generator"])
    assert generator(torch.zeros(1, 8), torch.tensor([1])).shape == (1, 3, 16, 16)
    with Image.open(tmp_path / "run" / "samples" / "0000006.png") as sheet:
        assert sheet.size == (4 + 2 * 20, 4 + 2 * 20)  # two classes by two noises, 16 pixels and gaps of 4


def test_a_model_of_points_is_judged_by_its_modes(tiny_ring: TrainConfig, tmp_path: Path):
    run.train(run.plan(tiny_ring, run.Source(), tmp_path / "run"), device="cpu")
    generator, model = checkpoints.load_model(tmp_path / "run")
    assert set(model.metrics) == {"modes", "good", "misplaced"}
    assert generator(torch.zeros(3, 2)).shape == (3, 2)
    assert (tmp_path / "run" / "samples" / "0000003.png").is_file()


@pytest.mark.parametrize("condition", ["projection", "auxiliary"])
def test_a_class_that_is_asked_for_comes_out(tiny_ring: TrainConfig, condition: str):
    """Each mode of the ring is a class: after some hundred steps nearly every point is nearest to its own."""
    torch.manual_seed(0)
    config = tiny_ring.replace(
        **{
            "objective.condition": condition,
            "generator.classes": 8,
            "generator.filters": 32,
            "discriminator.filters": 32,
            "optim.lr": 2e-3,
            "optim.disc_lr": 2e-3,
        }
    )
    modes = MIXTURES["ring-8"]
    data = MixtureDataset(modes, seed=0, count=4096)
    trainer = GAN(config, torch.device("cpu"))
    update = Update(trainer.players, Accelerator(cpu=True))
    for step in range(250):
        chosen = torch.randint(len(data), (128,))
        trainer.step(Labelled(data.points[chosen], data.labels[chosen]), update)
        update.step = step
    label = torch.arange(800) % 8
    with torch.no_grad():
        points = trainer.generator(torch.randn(800, 2), label)
    nearest = torch.cdist(points, modes.centres).argmin(dim=1)
    assert (nearest == label).float().mean() > 0.9


COVERING: dict[str, dict[str, Any]] = {
    "r1": {},
    "wgan-gp": {"stability.r1": 0.0, "objective.adversarial": "wgan", "stability.gradient_penalty": 1.0},
    "spectral": {"stability.r1": 0.0, "objective.adversarial": "hinge", "stability.constraint": "spectral"},
}


@pytest.mark.slow
@pytest.mark.parametrize("changes", COVERING.values(), ids=COVERING)
def test_all_eight_modes_of_the_ring_are_covered(changes: dict[str, Any], tmp_path: Path):
    config = presets.preset("mixture").replace(**changes, validate_every=2_000, sample_every=2_000)
    run.train(run.plan(config, run.Source(), tmp_path / "run"), device="cpu")
    figures = checkpoints.load_config(tmp_path / "run").metrics
    assert figures["modes"] == 1.0
    assert figures["misplaced"] < 0.6


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"discriminator.kind": "mlp"}, "discriminator.kind mlp does not judge"),
        ({"discriminator.kind": "patch"}, "discriminator.kind patch knows no classes"),
        ({"generator.size": 48}, "size is 48; 4 x 4 pixels are doubled"),
        ({"data.mixture": "ring-8"}, "data.mixture and generator.kind mlp go together"),
        ({"generator": {"kind": "unet"}}, "objective.method gan starts from noise"),
        ({"data.keep_detail": True}, "this generator starts from noise"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(tiny_gan: TrainConfig, changes: dict[str, Any], reason: str):
    with pytest.raises(ConfigError, match=reason):
        tiny_gan.replace(**changes)


@pytest.mark.parametrize(
    ("changes", "sides", "reason"),
    [
        ({}, {"a": Path("x"), "b": Path("y")}, "knows no sides"),
        ({"data.batch_augment": True}, {}, "data.batch_augment is for pairs"),
        ({"generator.size": 32}, {}, "use --size to set all of them"),
        ({"data.fit": "keep"}, {}, "keep fit square"),
        ({"generator.classes": 5}, {}, "generator.classes is 5, and the data have 2"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(
    tiny_gan: TrainConfig, tiny_faces: Path, changes: dict[str, Any], sides: dict[str, Path], reason: str
):
    source = run.Source(root=None if sides else tiny_faces, **sides)
    with pytest.raises(ConfigError, match=reason):
        run.plan(tiny_gan.replace(**changes), source, Path("runs/x"))


def test_a_mixture_takes_no_folder(tiny_ring: TrainConfig, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"draws its own points \(ring-8\): leave out --data"):
        run.plan(tiny_ring, run.Source(root=tmp_path), tmp_path / "run")


def test_pictures_need_a_folder(tiny_gan: TrainConfig, tmp_path: Path):
    with pytest.raises(DatasetError, match="no data folder given"):
        run.plan(tiny_gan, run.Source(), tmp_path / "run")
