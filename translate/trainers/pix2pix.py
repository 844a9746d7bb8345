"""Pix2Pix (Isola 2017): a generator and a discriminator on aligned pairs."""

import torch
from torch import Tensor, nn

from translate.config import Pix2PixConfig, TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.networks import build_discriminator, build_generator
from translate.objectives.pix2pix import build_objective
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


class Pix2Pix:
    """Says which player learns from which losses; owns networks and optimizers, knows no files and no schedule."""

    def __init__(self, config: TrainConfig, device: torch.device, class_weights: Tensor | None = None) -> None:
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        weights = class_weights.to(device) if class_weights is not None else None
        terms = config.objective
        assert isinstance(terms, Pix2PixConfig)
        self.stability = Stability(config, device)
        self.objective = build_objective(terms, self.stability.adversarial(terms.adversarial), weights)
        self.generator = build_generator(config.translator).to(device).to(memory_format=layout)
        self.generators: dict[str, nn.Module] = {"AtoB": self.generator}
        self.memory = self.stability.memory
        self.players: dict[str, Player] = {
            "generator": build_generator_player(self.generator, config.optim),
        }
        self.critic: Critic | None = None
        if self.objective.is_adversarial:
            seen = config.translator.out_channels + terms.conditional * config.translator.in_channels
            disc = build_discriminator(config.discriminator, seen)
            if config.data.crop < disc.min_side:
                raise ConfigError(f"data.crop is {config.data.crop}: this discriminator needs {disc.min_side} or more")
            disc = disc.to(device).to(memory_format=layout)
            keep = self.stability.constrain(disc)
            self.critic = Critic(disc, self.stability)
            self.players["discriminator"] = build_discriminator_player(disc, config.optim, keep)
        if config.compile:
            for player in self.players.values():
                player.module.compile()

    def step(self, batch: Pair, update: Update) -> Losses:
        """Update the discriminator, then the generator. Losses stay on the device.

        Shape: batch.real_a (N, C_a, H, W); batch.real_b (N, C_b, H, W), or (N, H, W) int64 for label maps.
        """
        self.stability.begin(update)
        losses: Losses = {}
        with torch.set_grad_enabled(update.generator_learns):
            fake_b = self.generator(batch.real_a)
        if self.critic is not None:
            disc = self.objective.discriminator(
                self.critic, batch.real_a, fake_b, batch.real_b, self.stability.penalties()
            )
            update("discriminator", disc)
            losses |= prefixed("disc", disc)
        if update.generator_learns:
            with frozen(self.critic.network if self.critic else None):
                gen = self.objective.generator(self.critic, batch.real_a, fake_b, batch.real_b)
                update("generator", gen)
            losses |= prefixed("gen", gen)
        return losses
