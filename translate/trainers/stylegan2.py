"""StyleGAN2 (Karras 2020): samples from noise through styles, with lazy penalties of either player."""

import torch
from torch import Tensor, nn

from translate.config import GANConfig, TrainConfig
from translate.data.labelled import Labelled
from translate.draws import own_rows
from translate.errors import ConfigError
from translate.networks import StyleGAN2Generator, build_latent_discriminator, build_latent_generator
from translate.networks.stylegan2.mapping import mix
from translate.objectives.gan import build_objective
from translate.objectives.path_length import PathLength
from translate.trainers.gan import NAME
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

PATH_SHARE = 2
"""Every second picture of a batch shows the path length (Karras 2020, App. B)."""


class StyleGAN2:
    """Says which player learns from which losses; owns networks and optimizers, knows no files and no schedule.

    Raises: ConfigError for classes, which it does not learn, or `compile`.
    """

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        terms, network = config.objective, config.latent
        assert isinstance(terms, GANConfig)
        if terms.condition != "none":
            raise ConfigError(f"objective.condition is {terms.condition}; StyleGAN2 is trained without classes: none")
        if config.compile:
            raise ConfigError("compile: StyleGAN2's penalties differentiate twice, which a compiled network can't")
        self.stability, self.terms = Stability(config, device), terms
        self.objective = build_objective(terms, self.stability.adversarial(terms.adversarial))
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        generator = build_latent_generator(network).to(device).to(memory_format=layout)
        assert isinstance(generator, StyleGAN2Generator)
        disc = build_latent_discriminator(config.discriminator, network, "none").to(device).to(memory_format=layout)
        keep = self.stability.constrain(disc)
        self.generator, self.critic = generator, Critic(disc, self.stability)
        self.path_length, self.latent, self.device = PathLength().to(device), network.latent, device
        self.generators: dict[str, nn.Module] = {NAME: generator}
        self.memory: dict[str, nn.Module] = {"path_length": self.path_length} | self.stability.memory
        self.players: dict[str, Player] = {
            "generator": build_generator_player(generator, config.optim),
            "discriminator": build_discriminator_player(disc, config.optim, keep),
        }

    def step(self, batch: Labelled, update: Update) -> Losses:
        """Update the discriminator, then the generator. Losses stay on the device.

        Shape: batch.real (N, C, H, W).
        """
        self.stability.begin(update)
        real, label = batch
        with torch.set_grad_enabled(update.generator_learns):
            w_plus = self._styles(len(real))
            fake = self.generator.synthesis(w_plus, "random")
        disc = self.objective.discriminator(self.critic, fake, real, label, self.stability.penalties())
        update("discriminator", disc)
        losses = prefixed("disc", disc)
        if update.generator_learns:
            with frozen(self.critic.network):
                gen = self.objective.generator(self.critic, fake, real, label) | self._path(update, len(real))
                update("generator", gen)
            losses |= prefixed("gen", gen)
            self.generator.mapping.track(update.average(w_plus[:, 0].detach().mean(dim=0, keepdim=True)))
        return losses

    def _styles(self, count: int) -> Tensor:
        """w of every layer, for a share of the pictures another one from some layer on. Shape: (N, num_ws, w_dim)."""
        w_plus = self.generator.map(self._noise(count))
        if not self.terms.mixing:
            return w_plus
        other, layers = self.generator.map(self._noise(count)), self.generator.num_ws
        crossover = int(torch.randint(1, layers, ()))
        mixed = own_rows(lambda n: torch.rand(n, 1, 1), count).to(self.device) < self.terms.mixing
        return torch.where(mixed, mix(w_plus, other, crossover), w_plus)

    def _path(self, update: Update, count: int) -> Losses:
        """The path length every so many of the generator's steps, on pictures of its own."""
        every = self.terms.path_lazy * update.n_critic
        if not self.terms.path_length or (update.step + 1) % every:
            return {}
        w_plus = self._styles(max(1, count // PATH_SHARE))
        lengths = self.path_length(self.generator.synthesis(w_plus, "random"), w_plus, update.average)
        return {"path_length": self.terms.path_lazy * self.terms.path_length * lengths}

    def _noise(self, count: int) -> Tensor:
        # Drawn on the CPU, so that a seed means the same on every device.
        return own_rows(lambda n: torch.randn(n, self.latent), count).to(self.device)
