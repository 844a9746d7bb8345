"""Contrastive unpaired translation, CUT and FastCUT (Park 2020): one generator and one discriminator, no way back."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from translate.config import CUTConfig, TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.networks import Discriminator, Generator, build_discriminator, build_generator
from translate.networks.blocks import init_xavier
from translate.networks.patch_heads import PatchHeads, draw_places
from translate.objectives.contrastive import build_objective
from translate.trainers.stability import Critic, Stability
from translate.trainers.update import (
    Losses,
    Player,
    Update,
    build_discriminator_player,
    build_generator_player,
    frozen,
    prefixed,
)


class CUT:
    """Says which player learns from which losses; one optimizer moves generator and heads.

    Raises: ConfigError when the domains have different channels, or the crop is too small for the discriminator.
    """

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        terms = config.objective
        assert isinstance(terms, CUTConfig)
        self.stability = Stability(config, device)
        self.objective = build_objective(terms, self.stability.adversarial(terms.adversarial))
        self.patches, self.flip_equivariance = terms.patches, terms.flip_equivariance
        # Batch statistics over both domains would be those of neither.
        self.is_joint = config.translator.norm != "batch"
        generator, self.heads, disc = _networks(config, terms, device)
        keep = self.stability.constrain(disc)
        self.critic = Critic(disc, self.stability)
        self.encode, self.decode = generator.features, generator.decode
        self.generators: dict[str, nn.Module] = {"AtoB": generator}
        self.memory = self.stability.memory
        learner = nn.ModuleDict({"generator": generator, "heads": self.heads})
        self.players: dict[str, Player] = {
            "generator": build_generator_player(learner, config.optim),
            "discriminator": build_discriminator_player(disc, config.optim, keep),
        }
        if config.compile:
            self.encode, self.decode = torch.compile(generator.features), torch.compile(generator.decode)
            disc.compile()

    def step(self, batch: Pair, update: Update) -> Losses:
        """Update the discriminator, then generator and heads. Losses stay on the device.

        Shape: batch.real_a, batch.real_b (N, C, H, W).
        """
        self.stability.begin(update)
        mirrored = self.flip_equivariance and bool(torch.rand(()) < 0.5)
        sources = [batch.real_a, batch.real_b] if self.objective.identity else [batch.real_a]
        if self.is_joint:
            sources = [torch.cat(sources)]  # (2 N, C, H, W)
        with torch.set_grad_enabled(update.generator_learns):
            translated = [self._translate(real, mirrored) for real in sources]
        fake_b = translated[0][0][: len(batch.real_a)]
        disc = self.objective.discriminator(self.critic, fake_b, batch.real_b, self.stability.penalties())
        update("discriminator", disc)
        losses = prefixed("disc", disc)
        if update.generator_learns:
            with frozen(self.critic.network):
                compared = [self._compare(fake, features, mirrored) for fake, features in translated]
                query, key = (_joined(side) for side in zip(*compared, strict=True))
                gen = self.objective.generator(self.critic, fake_b, query, key, batch.real_b)
                update("generator", gen)
            losses |= prefixed("gen", gen)
        return losses

    def _translate(self, real: Tensor, mirrored: bool) -> tuple[Tensor, list[Tensor]]:
        """The translation of `real`, mirrored or not, and the features of `real` as it is."""
        source = real.flip(-1) if mirrored else real
        features = self.encode(source)
        fake = self.decode(features, source.shape[-2:])
        if mirrored:
            with torch.no_grad():
                features = self.encode(real)
        return fake, [feature.detach() for feature in features]

    def _compare(self, fake: Tensor, features: list[Tensor], mirrored: bool) -> tuple[list[Tensor], list[Tensor]]:
        """Patches of `fake`, mirrored back, and at the same places of what it was translated from."""
        queries = self.encode(fake)
        if mirrored:
            queries = [query.flip(-1) for query in queries]
        places = draw_places(features, self.patches)
        # Queries first: in older versions of torch, autocast remembers what it has cast, without gradients if need be.
        query = self.heads(queries, places)
        with torch.no_grad():
            return query, self.heads(features, places)


def _networks(
    config: TrainConfig, terms: CUTConfig, device: torch.device
) -> tuple[Generator, PatchHeads, Discriminator]:
    """Generator, heads and the discriminator of domain B, initialised as in the paper."""
    a, b = config.translator.in_channels, config.translator.out_channels
    if a != b:
        raise ConfigError(
            f"the domains have {a} and {b} channels, and contrastive translation looks at both through one encoder: "
            "use the same number, or train with the preset cyclegan and objective.lambda_identity=0"
        )
    generator, disc = build_generator(config.translator), build_discriminator(config.discriminator, b)
    if config.data.crop < disc.min_side:
        raise ConfigError(f"data.crop is {config.data.crop}: this discriminator needs {disc.min_side} or more")
    heads = PatchHeads(generator.feature_channels, terms.projection)
    # A deep residual U-Net keeps its own initialisation: this one would starve it of signal.
    for network in (heads, disc) if config.translator.residual else (generator, heads, disc):
        init_xavier(network)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    generator, disc = generator.to(device).to(memory_format=layout), disc.to(device).to(memory_format=layout)
    return generator, heads.to(device), disc


def _joined(passes: Sequence[list[Tensor]]) -> list[Tensor]:
    """Each layer of all passes, one after the other. Shape: (N, P, D) a pass -> (passes * N, P, D)."""
    return [torch.cat(layer) for layer in zip(*passes, strict=True)]
