"""CycleGAN (Zhu 2017): two generators and two discriminators on two folders without pairs."""

import torch
from torch import Tensor, nn

from translate.config import CycleGANConfig, TrainConfig
from translate.data.paired import Pair
from translate.errors import ConfigError
from translate.networks import build_discriminator, build_generator
from translate.objectives.cyclegan import Cycle, build_objective
from translate.trainers.image_pool import ImagePool
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

A_TO_B, B_TO_A = "AtoB", "BtoA"


class CycleGAN:
    """Says which player learns from which losses; one optimizer moves both generators, one both discriminators."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        terms = config.objective
        assert isinstance(terms, CycleGANConfig)
        a, b = config.translator.in_channels, config.translator.out_channels
        self.has_identity = terms.lambda_identity > 0
        if self.has_identity and a != b:
            raise ConfigError(
                f"objective.lambda_identity is {terms.lambda_identity}, but the domains have {a} and {b} channels; "
                "the identity term needs the same: set it to 0"
            )
        self.stability = Stability(config, device)
        self.objective = build_objective(terms, self.stability.adversarial(terms.adversarial))
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        back = config.translator.replace(in_channels=b, out_channels=a)
        self.gen_ab = build_generator(config.translator).to(device).to(memory_format=layout)
        self.gen_ba = build_generator(back).to(device).to(memory_format=layout)
        disc_a = build_discriminator(config.discriminator, a).to(device).to(memory_format=layout)
        disc_b = build_discriminator(config.discriminator, b).to(device).to(memory_format=layout)
        if config.data.crop < disc_a.min_side:
            raise ConfigError(f"data.crop is {config.data.crop}: this discriminator needs {disc_a.min_side} or more")
        self.disc_a, self.disc_b = Critic(disc_a, self.stability), Critic(disc_b, self.stability)
        self.generators: dict[str, nn.Module] = {A_TO_B: self.gen_ab, B_TO_A: self.gen_ba}
        both = nn.ModuleDict(self.generators)
        self.discriminators = nn.ModuleDict({"a": disc_a, "b": disc_b})
        keep = self.stability.constrain(self.discriminators)
        self.players: dict[str, Player] = {
            "generator": build_generator_player(both, config.optim),
            "discriminator": build_discriminator_player(self.discriminators, config.optim, keep),
        }
        self.pool_a = ImagePool(terms.pool, a, config.data.crop).to(device)
        self.pool_b = ImagePool(terms.pool, b, config.data.crop).to(device)
        self.memory: dict[str, nn.Module] = {"pool_a": self.pool_a, "pool_b": self.pool_b} | self.stability.memory
        if config.compile:
            for network in (self.gen_ab, self.gen_ba, disc_a, disc_b):
                network.compile()

    def step(self, batch: Pair, update: Update) -> Losses:
        """Update both generators, then both discriminators on remembered translations. Losses stay on the device.

        Shape: batch.real_a (N, C_a, H, W); batch.real_b (N, C_b, H, W).
        """
        self.stability.begin(update)
        losses: Losses = {}
        if update.generator_learns:
            with frozen(self.discriminators):
                from_a = self._cycle(batch.real_a, self.gen_ab, self.gen_ba)
                from_b = self._cycle(batch.real_b, self.gen_ba, self.gen_ab)
                gen = self.objective.generators(self.disc_a, self.disc_b, from_a, from_b)
                update("generator", gen)
            losses = prefixed("gen", gen)
            fake_a, fake_b = from_b.fake, from_a.fake
        else:
            with torch.no_grad():
                fake_a, fake_b = self.gen_ba(batch.real_b), self.gen_ab(batch.real_a)
        penalties = self.stability.penalties()
        # One history for all processes, as one process would have.
        shown_a, shown_b = update.everywhere(self.pool_a, fake_a), update.everywhere(self.pool_b, fake_b)
        on_a = self.objective.discriminator(self.disc_a, batch.real_a, shown_a, penalties)
        on_b = self.objective.discriminator(self.disc_b, batch.real_b, shown_b, penalties)
        disc = {f"{name}_{side}": loss for side, terms in (("a", on_a), ("b", on_b)) for name, loss in terms.items()}
        update("discriminator", disc)
        return losses | prefixed("disc", disc)

    def _cycle(self, real: Tensor, there: nn.Module, back: nn.Module) -> Cycle:
        fake = there(real)
        return Cycle(real, fake, back(fake), back(real) if self.has_identity else None)
