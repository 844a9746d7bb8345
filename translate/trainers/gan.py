"""Samples from noise (Goodfellow 2014; Radford 2016 for pictures), of a class that is asked for where there are any."""

import torch
from torch import Tensor, nn

from translate.config import GANConfig, TrainConfig
from translate.data.labelled import Labelled
from translate.draws import own_rows
from translate.networks import build_latent_discriminator, build_latent_generator
from translate.objectives.gan import build_objective
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

NAME = "generator"
"""The one network that becomes a model."""


class GAN:
    """Says which player learns from which losses; owns networks and optimizers, knows no files and no schedule."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        terms, network = config.objective, config.latent
        assert isinstance(terms, GANConfig)
        self.stability = Stability(config, device)
        self.objective = build_objective(terms, self.stability.adversarial(terms.adversarial))
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.generator: nn.Module = build_latent_generator(network).to(device)
        disc = build_latent_discriminator(config.discriminator, network, terms.condition).to(device)
        if network.kind != "mlp":
            self.generator.to(memory_format=layout)
            disc.to(memory_format=layout)
        keep = self.stability.constrain(disc)
        self.critic = Critic(disc, self.stability)
        self.latent, self.is_classed, self.device = network.latent, network.classes > 0, device
        self.generators: dict[str, nn.Module] = {NAME: self.generator}
        self.memory = self.stability.memory
        self.players: dict[str, Player] = {
            "generator": build_generator_player(self.generator, config.optim),
            "discriminator": build_discriminator_player(disc, config.optim, keep),
        }
        if config.compile:
            self.generator.compile()
            disc.compile()

    def step(self, batch: Labelled, update: Update) -> Losses:
        """Update the discriminator, then, every n_critic-th step, the generator. Losses stay on the device.

        Shape: batch.real (N, C, H, W) or (N, D); batch.label (N,) int64.
        """
        self.stability.begin(update)
        real, label = batch
        with torch.set_grad_enabled(update.generator_learns):
            fake = self.generator(self._noise(len(real)), label if self.is_classed else None)
        disc = self.objective.discriminator(self.critic, fake, real, label, self.stability.penalties())
        update("discriminator", disc)
        losses = prefixed("disc", disc)
        if update.generator_learns:
            with frozen(self.critic.network):
                gen = self.objective.generator(self.critic, fake, real, label)
                update("generator", gen)
            losses |= prefixed("gen", gen)
        return losses

    def _noise(self, count: int) -> Tensor:
        # Drawn on the CPU, so that a seed means the same on every device.
        return own_rows(lambda n: torch.randn(n, self.latent), count).to(self.device)
