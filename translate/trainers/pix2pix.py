"""Pix2Pix (Isola 2017): a generator and a discriminator on aligned pairs."""

import torch
from torch import Tensor, nn

from translate.config import Pix2PixConfig, TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.networks import build_discriminator, build_generator
from translate.objectives.pix2pix import Pix2PixObjective, build_objective
from translate.trainers.update import Losses, Player, Update, build_player, frozen, prefixed


class Pix2Pix:
    """Says which player learns from which losses; owns networks and optimizers, knows no files and no schedule."""

    def __init__(self, config: TrainConfig, device: torch.device, class_weights: Tensor | None = None) -> None:
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        weights = class_weights.to(device) if class_weights is not None else None
        assert isinstance(config.objective, Pix2PixConfig)
        self.objective: Pix2PixObjective = build_objective(config.objective, weights)
        self.generator = build_generator(config.generator).to(device).to(memory_format=layout)
        self.generators: dict[str, nn.Module] = {"AtoB": self.generator}
        self.memory: dict[str, nn.Module] = {}
        self.players: dict[str, Player] = {
            "generator": build_player(self.generator, config.optim, config.optim.lr),
        }
        self.discriminator: nn.Module | None = None
        if self.objective.is_adversarial:
            seen = config.generator.out_channels + config.objective.conditional * config.generator.in_channels
            disc = build_discriminator(config.discriminator, seen)
            if config.data.crop < disc.min_side:
                raise ConfigError(f"data.crop is {config.data.crop}: this discriminator needs {disc.min_side} or more")
            disc = disc.to(device).to(memory_format=layout)
            self.discriminator = disc
            self.players["discriminator"] = build_player(disc, config.optim, config.optim.disc_lr)
        if config.compile:
            for player in self.players.values():
                player.module.compile()

    def step(self, batch: Pair, update: Update) -> Losses:
        """Update the discriminator, then the generator. Losses stay on the device.

        Shape: batch.real_a (N, C_a, H, W); batch.real_b (N, C_b, H, W), or (N, H, W) int64 for label maps.
        """
        losses: Losses = {}
        fake_b = self.generator(batch.real_a)
        if self.discriminator is not None:
            disc = self.objective.discriminator(self.discriminator, batch.real_a, fake_b, batch.real_b)
            update("discriminator", disc)
            losses |= prefixed("disc", disc)
        with frozen(self.discriminator):
            gen = self.objective.generator(self.discriminator, batch.real_a, fake_b, batch.real_b)
            update("generator", gen)
        return losses | prefixed("gen", gen)
