"""StyleGAN2 in the one loop: who learns when from what, the mean of w, exact resuming, truncation of what comes out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from tests.trainers.resuming import different, whole_and_halves
from translate import presets
from translate.config import TrainConfig
from translate.data.labelled import Labelled
from translate.errors import ConfigError
from translate.inference.sampler import Sampler
from translate.trainers import run
from translate.trainers.stylegan2 import StyleGAN2
from translate.trainers.update import Update

CPU = torch.device("cpu")


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Ten 16 x 16 pictures of coarse noise."""
    rng = np.random.default_rng(0)
    (tmp_path / "faces").mkdir()
    for number in range(10):
        picture = np.kron(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
        Image.fromarray(picture).save(tmp_path / "faces" / f"{number}.png")
    return tmp_path / "faces"


@pytest.fixture
def tiny() -> TrainConfig:
    """The preset at 16 pixels, with penalties that are due within a few steps, and augmentation that adapts."""
    return presets.preset("stylegan2").replace(
        **{
            "generator.latent": 8,
            "generator.size": 16,
            "generator.filters": 4,
            "generator.max_filters": 8,
            "generator.depth": 2,
            "discriminator.filters": 4,
            "objective.path_lazy": 2,
            "data.size": 16,
            "data.load_size": 16,
            "data.crop": 16,
            "data.holdout": 4,
            "stability.lazy": 3,
            "stability.augment": ("translation",),
            "stability.adaptive": 0.6,
            "stability.adaptive_pictures": 100,
            "steps": 6,
            "batch_size": 4,
            "precision": "fp32",
            "workers": 0,
            "log_every": 1,
            "validate_every": 3,
            "sample_every": 6,
            "save_every": 2,
            "samples": 2,
        }
    )


def batch() -> Labelled:
    return Labelled(torch.rand(4, 3, 16, 16) * 2 - 1, torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_penalties_are_due_in_their_own_turns(tiny: TrainConfig, precision: torch.dtype):
    torch.manual_seed(0)
    trainer = StyleGAN2(tiny, CPU)
    update, found = Update(trainer.players, Accelerator(cpu=True)), []
    for step in range(6):
        update.step = step
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            losses = trainer.step(batch(), update)
        assert all(bool(value.isfinite()) for value in losses.values())
        found.append({name for name in losses if name not in ("disc/gan", "gen/gan")})
    r1, path = "disc/r1", "gen/path_length"
    assert found == [{r1}, {path}, set(), {r1, path}, set(), {path}]


def test_every_weight_of_either_player_learns_and_the_mean_of_w_follows(tiny: TrainConfig):
    torch.manual_seed(0)
    trainer = StyleGAN2(tiny, CPU)
    update = Update(trainer.players, Accelerator(cpu=True))
    modules = {name: player.module for name, player in trainer.players.items()}
    before = {
        f"{name}.{key}": p.detach().clone() for name, module in modules.items() for key, p in module.named_parameters()
    }
    update.step = 1
    trainer.step(batch(), update)
    update.step = 2
    trainer.step(batch(), update)
    after = {f"{name}.{key}": p for name, module in modules.items() for key, p in module.named_parameters()}
    assert [key for key in before if torch.equal(before[key], after[key])] == []
    assert trainer.generator.mapping.w_avg.abs().sum() > 0


def test_a_share_of_the_pictures_is_made_of_two_styles(tiny: TrainConfig):
    torch.manual_seed(0)
    for share, expected in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
        trainer = StyleGAN2(tiny.replace(**{"objective.mixing": share}), CPU)
        styles = trainer._styles(400)
        mixed = (styles != styles[:, :1]).any(dim=2).any(dim=1)
        assert mixed.float().mean().item() == pytest.approx(expected, abs=0.06)
        assert torch.equal(styles[:, 0] != styles[:, -1], (styles[:, 0] != styles[:, -1]) & mixed[:, None])


def test_the_resumed_run_equals_the_uninterrupted_one(tiny: TrainConfig, faces: Path, tmp_path: Path):
    one, two = whole_and_halves(tiny, run.Source(root=faces), tmp_path)
    assert one["path_length/mean"] > 0
    assert different(one, two) == []


def test_truncation_to_nothing_leaves_one_picture(tiny: TrainConfig, faces: Path, tmp_path: Path):
    run.train(run.plan(tiny, run.Source(root=faces), tmp_path / "run"), device="cpu")
    mean = Sampler.load(tmp_path / "run", device="cpu", truncation=0.0)
    pictures = mean.samples(mean.noise([0, 1, 2]))
    assert pictures.shape == (3, 3, 16, 16)
    assert torch.allclose(pictures, pictures[:1].expand_as(pictures), atol=1e-6)
    free = Sampler.load(tmp_path / "run", device="cpu")
    half = Sampler.load(tmp_path / "run", device="cpu", truncation=0.5)
    spread = [sampler.samples(sampler.noise([0, 1, 2])).std(dim=0).mean() for sampler in (half, free)]
    assert 0 < spread[0] < spread[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"compile": True}, "compile: StyleGAN2"),
        ({"generator.kind": "dcgan", "discriminator.kind": "dcgan"}, "are of styles, and dcgan has none"),
        ({"objective.condition": "projection"}, "discriminator.kind stylegan2 knows no classes"),
        ({"generator.size": 24}, "size is 24; 4 x 4 pixels are doubled"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tiny: TrainConfig, changes: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        StyleGAN2(tiny.replace(**changes), CPU)
    assert "\n" not in str(caught.value)
