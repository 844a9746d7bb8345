"""Contrastive translation: it learns, no player learns from another's losses, mirrored patches meet their own."""

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from translate.config import CUTConfig, DataConfig, DiscriminatorConfig, GeneratorConfig, OptimConfig, TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.networks import PatchGAN
from translate.objectives.contrastive import patch_nce
from translate.trainers.cut import CUT
from translate.trainers.update import Losses, Player, Update

CPU = torch.device("cpu")


def tiny(**changes) -> TrainConfig:
    config = TrainConfig(
        preset="tiny",
        generator=GeneratorConfig(kind="resnet", filters=4, blocks=1, norm="instance", dropout=0.0),
        discriminator=DiscriminatorConfig(filters=4, layers=1, norm="instance"),
        objective=CUTConfig(patches=16, projection=8),
        data=DataConfig(size=16, load_size=16, crop=16),
        optim=OptimConfig(lr=2e-3, disc_lr=2e-3),
        precision="fp32",
    )
    return config.replace(**changes)


def built(seed: int = 0, **changes) -> CUT:
    torch.manual_seed(seed)
    return CUT(tiny(**changes), CPU)


def batch(count: int = 2, side: int = 16) -> Pair:
    """Coarse pictures: noise of 4 x 4 pixels, brighter in B."""
    source = torch.Generator().manual_seed(1)
    a, b = (torch.rand(count, 3, side // 4, side // 4, generator=source) for _ in range(2))
    return Pair(*(nn.functional.interpolate(x, scale_factor=4.0) - offset for x, offset in ((a, 1.0), (b, 0.0))))


def update_of(cut: CUT, **settings) -> Update:
    return Update(cut.players, Accelerator(cpu=True), **settings)


class Spy:
    """Stands in for Update: back-propagates and notes who has gradients, but moves nobody."""

    step, generator_learns = 0, True

    def __init__(self, players: dict[str, Player]) -> None:
        self.players = players
        self.reached: dict[str, set[str]] = {}
        self.losses: Losses = {}

    def __call__(self, player: str, losses: Losses) -> None:
        torch.stack(list(losses.values())).sum().backward()
        modules = {name: each.module for name, each in self.players.items()}
        self.reached[player] = {
            name for name, module in modules.items() if any(p.grad is not None for p in module.parameters())
        }
        self.losses |= {f"{player}/{name}": value.detach() for name, value in losses.items()}
        for module in modules.values():
            module.zero_grad(set_to_none=True)


def seed_next_step(mirrored: bool) -> None:
    """Set torch's random state so that the next step of FastCUT is, or isn't, mirrored."""
    for seed in range(100):
        torch.manual_seed(seed)
        if bool(torch.rand(()) < 0.5) == mirrored:
            torch.manual_seed(seed)
            return


@pytest.mark.parametrize("mirrored", [False, True])
def test_no_player_gets_gradients_from_the_others_losses(mirrored: bool):
    cut = built(**{"objective.flip_equivariance": True, "stability.augment": ("colour", "cutout")})
    seed_next_step(mirrored)
    spy = Spy(cut.players)
    cut.step(batch(), spy)  # type: ignore[arg-type]
    assert spy.reached == {"discriminator": {"discriminator"}, "generator": {"generator"}}


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_generator_and_heads_and_discriminator_all_learn(precision: torch.dtype):
    """Under autocast too, which keeps the weights it has cast for as long as a step lasts."""
    cut = built(**{"objective.identity": False})
    before = {name: p.clone() for player in cut.players.values() for name, p in player.module.named_parameters()}
    with torch.autocast("cpu", dtype=precision, enabled=precision == torch.bfloat16):
        cut.step(batch(), update_of(cut))
    after = {name: p for player in cut.players.values() for name, p in player.module.named_parameters()}
    still = {name for name in after if torch.equal(before[name], after[name]) and not name.endswith("bias")}
    assert still == set()
    assert {name.split(".")[0] for name in after} >= {"generator", "heads"}


def test_patches_become_recognisable():
    cut, pair = built(**{"objective.lambda_gan": 0.1}), batch()
    update = update_of(cut)
    losses = [cut.step(pair, update) for _ in range(60)]
    for name in ("gen/nce", "gen/nce_identity"):
        values = [float(each[name]) for each in losses]
        assert sum(values[-5:]) < 0.5 * sum(values[:5])


def test_the_same_seed_gives_the_same_weights_after_two_steps():
    weights = []
    for seed in (0, 0, 1):
        cut = built(seed, **{"objective.flip_equivariance": True, "stability.augment": ("translation",)})
        for _ in range(2):
            cut.step(batch(), update_of(cut))
        weights.append([p for player in cut.players.values() for p in player.module.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))


@pytest.mark.parametrize("identity", [True, False])
def test_a_mirrored_step_compares_the_same_places(identity: bool):
    """A generator that changes nothing and whose features are its pixels: mirrored or not, each patch is its own."""
    cut = built(**{"objective.flip_equivariance": True, "objective.identity": identity, "objective.patches": 256})
    cut.heads.heads = cut.heads.heads[:1]
    translated: list[Tensor] = []
    cut.encode = lambda x: [x]
    cut.decode = lambda features, size: translated.append(features[0]) or features[0]
    losses = []
    for mirrored in (False, True):
        seed_next_step(mirrored)
        spy = Spy(cut.players)
        cut.step(batch(), spy)  # type: ignore[arg-type]
        losses.append({name: float(value) for name, value in spy.losses.items() if "nce" in name})
    assert torch.equal(translated[1], translated[0].flip(-1))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    # At the places of the mirror image it would be more.
    real, places = batch().real_a, [torch.arange(256)]
    crossed = patch_nce(cut.heads([real.flip(-1)], places)[0], cut.heads([real], places)[0], 0.07)
    assert crossed * (0.5 if identity else 1) > 1.2 * losses[0]["generator/nce"]


def test_half_of_the_steps_are_mirrored_and_none_without_flip_equivariance():
    for flip_equivariance, expected in ((True, 50), (False, 0)):
        cut = built(**{"objective.flip_equivariance": flip_equivariance})
        pair, mirrored = batch(), []
        keep = cut._translate
        cut._translate = lambda real, flip, keep=keep, seen=mirrored: seen.append(flip) or keep(real, flip)
        for _ in range(100 if flip_equivariance else 5):
            cut.step(pair, Spy(cut.players))  # type: ignore[arg-type]
        assert sum(mirrored) == pytest.approx(expected, abs=15)


def passes(cut: CUT) -> list[int]:
    """Filled with the batch size of every pass through the encoder."""
    sizes: list[int] = []
    cut.generators["AtoB"].first.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    return sizes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Both domains in one pass, and their translations in another; the first pass gives the keys too.
        ({}, [4, 4]),
        ({"objective.identity": False}, [2, 2]),
        # Batch statistics are of one domain at a time.
        ({"generator.norm": "batch"}, [2, 2, 2, 2]),
        # Only a mirrored step looks at the picture as it is once more.
        ({"objective.identity": False, "objective.flip_equivariance": True}, [2, 2, 2]),
    ],
)
def test_the_encoder_runs_no_more_than_it_must(changes, expected: list[int]):
    cut = built(**changes)
    sizes = passes(cut)
    seed_next_step(mirrored=True)
    cut.step(batch(), update_of(cut))
    assert sizes == expected


def test_batch_statistics_see_one_domain_at_a_time():
    cut, pair = built(**{"generator.norm": "batch"}), batch()
    seen: list[Tensor] = []
    cut.generators["AtoB"].first.register_forward_hook(lambda _, args, __: seen.append(args[0]))
    cut.step(pair, update_of(cut))
    assert torch.equal(seen[0], pair.real_a)
    assert torch.equal(seen[1], pair.real_b)


def test_the_discriminator_sees_nothing_that_is_not_augmented():
    cut, judged, augmented = built(), [], []
    cut.stability.augment = lambda x, _: augmented.append(x * 0.5) or augmented[-1]
    cut.critic.network.register_forward_hook(lambda _, args, __: judged.append(args[0]))
    cut.step(batch(), update_of(cut))
    assert len(judged) == 3
    assert all(a is b for a, b in zip(judged, augmented, strict=True))


def test_only_the_generator_of_a_to_b_is_shipped_and_nothing_else_is_remembered():
    cut = built()
    assert list(cut.generators) == ["AtoB"]
    assert cut.memory == {}
    assert {name.split(".")[0] for name in cut.players["generator"].module.state_dict()} == {"generator", "heads"}
    assert "first.weight" in cut.generators["AtoB"].state_dict()


def test_every_network_starts_as_in_the_papers_code():
    """Glorot 2010 at gain 0.02: standard deviation 0.02 * sqrt(2 / (fan in + fan out)), biases zero."""
    wide = {"generator.filters": 16, "discriminator.filters": 32, "discriminator.layers": 2, "objective.projection": 64}
    cut = built(**wide)
    assert isinstance(cut.critic.network, PatchGAN)
    conv = cut.generators["AtoB"].blocks[0].conv1.weight
    assert conv.std().item() == pytest.approx(0.02 * (2 / (9 * 64 + 9 * 64)) ** 0.5, rel=0.03)
    judge = cut.critic.network.convs[0].weight
    assert judge.std().item() == pytest.approx(0.02 * (2 / (16 * 32 + 16 * 64)) ** 0.5, rel=0.03)
    head = cut.heads.heads[3][2].weight
    assert head.std().item() == pytest.approx(0.02 * (2 / (64 + 64)) ** 0.5, rel=0.05)
    parameters = [p for player in cut.players.values() for p in player.module.parameters()]
    assert not any(p.any() for p in parameters if p.ndim == 1)


def test_a_unet_can_be_the_generator():
    cut = built(**{"generator.kind": "unet", "generator.depth": 3, "objective.flip_equivariance": True})
    losses = cut.step(batch(), update_of(cut))
    assert set(losses) == {"disc/gan", "gen/gan", "gen/nce", "gen/nce_identity"}
    assert len(cut.heads.heads) == 4


def test_a_generator_that_starts_from_its_input_loses_no_patch_at_first():
    """Park 2020 at the start of a shortcut: each patch is nearly its own translation."""
    plain, shortcut = built(), built(**{"generator.shortcut": True})
    nce = [float(cut.step(batch(), Spy(cut.players))["gen/nce"]) for cut in (plain, shortcut)]  # type: ignore[arg-type]
    assert nce[1] < 0.8 * nce[0]


def test_a_residual_unet_keeps_its_own_initialisation():
    """He 2015: sqrt(2 / fan in)."""
    cut = built(**{"generator.kind": "unet", "generator.filters": 16, "generator.depth": 3, "generator.residual": 1})
    conv = cut.generators["AtoB"].downs[1].conv.weight
    assert conv.std().item() == pytest.approx((2 / (16 * 16)) ** 0.5, rel=0.05)


def test_domains_of_different_channels_are_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"have 3 and 1 channels.*use the same number, or train with the preset cyc"):
        built(**{"generator.out_channels": 1})


def test_a_crop_below_what_the_discriminator_sees_is_refused():
    with pytest.raises(ConfigError, match=r"data.crop is 16: this discriminator needs 24 or more"):
        built(**{"discriminator.layers": 3})
