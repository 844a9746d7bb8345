"""CycleGAN (Zhu 2017): two generators and two discriminators on two folders without pairs."""

import torch
from torch import Tensor, nn

from translate.config import CycleGANConfig, TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.networks import build_discriminator, build_generator
from translate.objectives.cyclegan import Cycle, build_objective
from translate.trainers.image_pool import ImagePool
from translate.trainers.update import Losses, Player, Update, build_player, frozen, prefixed

A_TO_B, B_TO_A = "AtoB", "BtoA"


class CycleGAN:
    """Says which player learns from which losses; one optimizer moves both generators, one both discriminators."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        terms = config.objective
        assert isinstance(terms, CycleGANConfig)
        a, b = config.generator.in_channels, config.generator.out_channels
        self.has_identity = terms.lambda_identity > 0
        if self.has_identity and a != b:
            raise ConfigError(
                f"objective.lambda_identity is {terms.lambda_identity}, but the domains have {a} and {b} channels; "
                "the identity term needs the same: set it to 0"
            )
        self.objective = build_objective(terms)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        back = config.generator.replace(in_channels=b, out_channels=a)
        self.gen_ab = build_generator(config.generator).to(device).to(memory_format=layout)
        self.gen_ba = build_generator(back).to(device).to(memory_format=layout)
        self.disc_a = build_discriminator(config.discriminator, a).to(device).to(memory_format=layout)
        self.disc_b = build_discriminator(config.discriminator, b).to(device).to(memory_format=layout)
        if config.data.crop < self.disc_a.min_side:
            raise ConfigError(
                f"data.crop is {config.data.crop}: this discriminator needs {self.disc_a.min_side} or more"
            )
        self.generators: dict[str, nn.Module] = {A_TO_B: self.gen_ab, B_TO_A: self.gen_ba}
        both = nn.ModuleDict(self.generators)
        self.discriminators = nn.ModuleDict({"a": self.disc_a, "b": self.disc_b})
        self.players: dict[str, Player] = {
            "generator": build_player(both, config.optim, config.optim.lr),
            "discriminator": build_player(self.discriminators, config.optim, config.optim.disc_lr),
        }
        self.pool_a = ImagePool(terms.pool, a, config.data.crop).to(device)
        self.pool_b = ImagePool(terms.pool, b, config.data.crop).to(device)
        self.memory: dict[str, nn.Module] = {"pool_a": self.pool_a, "pool_b": self.pool_b}
        if config.compile:
            for network in (self.gen_ab, self.gen_ba, self.disc_a, self.disc_b):
                network.compile()

    def step(self, batch: Pair, update: Update) -> Losses:
        """Update both generators, then both discriminators on remembered translations. Losses stay on the device.

        Shape: batch.real_a (N, C_a, H, W); batch.real_b (N, C_b, H, W).
        """
        with frozen(self.discriminators):
            from_a = self._cycle(batch.real_a, self.gen_ab, self.gen_ba)
            from_b = self._cycle(batch.real_b, self.gen_ba, self.gen_ab)
            gen = self.objective.generators(self.disc_a, self.disc_b, from_a, from_b)
            update("generator", gen)
        disc = {
            "a": self.objective.discriminator(self.disc_a, batch.real_a, self.pool_a(from_b.fake)),
            "b": self.objective.discriminator(self.disc_b, batch.real_b, self.pool_b(from_a.fake)),
        }
        update("discriminator", disc)
        return prefixed("gen", gen) | prefixed("disc", disc)

    def _cycle(self, real: Tensor, there: nn.Module, back: nn.Module) -> Cycle:
        fake = there(real)
        return Cycle(real, fake, back(fake), back(real) if self.has_identity else None)
