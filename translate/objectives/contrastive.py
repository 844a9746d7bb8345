"""The contrastive objective: one adversarial game, and patches that stay recognisable (Park 2020, Eq. 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.config import CUTConfig
from translate.objectives.adversarial import AdversarialLoss, Judge, beside_patches
from translate.objectives.lipschitz import NO_PENALTIES, Penalties

Losses = dict[str, Tensor]


def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """-log softmax(query . key / temperature) at the query's own place, among the places of its own picture (Eq. 3).

    Only queries learn. Computed in float32 whatever the precision around it.

    Shape: query, key (N, P, D), of length 1 -> scalar, the mean over places and pictures; 0 where P is 1.
    """
    with torch.autocast(query.device.type, enabled=False):
        likeness = key.detach().float() @ query.float().transpose(1, 2) / temperature  # (N, P keys, P queries)
    own = torch.arange(query.shape[1], device=query.device).expand(query.shape[:2])  # (N, P)
    return F.cross_entropy(likeness, own)


@dataclass(frozen=True, kw_only=True, slots=True)
class CUTObjective:
    """Owns weights, never networks; with `identity` the contrastive term counts half on A and half on B."""

    adversarial: AdversarialLoss
    lambda_gan: float = 1.0
    lambda_nce: float = 1.0
    identity: bool = True
    temperature: float = 0.07

    def generator(
        self,
        disc: Judge,
        fake_b: Tensor,
        query: Sequence[Tensor],
        key: Sequence[Tensor],
        real_b: Tensor | None = None,
    ) -> Losses:
        """Weighted losses generator and heads learn from.

        `query` holds patches of translations, `key` of what was translated: pictures of A, followed by as many of B
        with `identity`. `real_b` is looked at where the adversarial loss compares with it.

        Shape: fake_b, real_b (N, C, H, W); query, key one (N, P, D) a layer, (2 N, P, D) with `identity`.
        Raises: ValueError where it compares and there is no `real_b`.
        """
        count = len(fake_b)
        logits = disc(fake_b)
        with torch.no_grad():
            compared = disc(beside_patches(real_b)) if self.adversarial.needs_real and real_b is not None else None
        losses: Losses = {"gan": self.lambda_gan * self.adversarial.generator(logits, compared)}
        weight = self.lambda_nce * (0.5 if self.identity else 1.0)
        losses["nce"] = weight * self._nce([q[:count] for q in query], [k[:count] for k in key])
        if self.identity:
            losses["nce_identity"] = weight * self._nce([q[count:] for q in query], [k[count:] for k in key])
        return losses

    def discriminator(self, disc: Judge, fake_b: Tensor, real_b: Tensor, penalties: Penalties = NO_PENALTIES) -> Losses:
        """Half the adversarial loss, and the penalties in full. Shape: fake_b, real_b (N, C, H, W)."""
        fake_b = fake_b.detach()
        gan = 0.5 * self.adversarial.discriminator(disc(real_b), disc(fake_b))
        return {"gan": gan} | penalties(disc, real_b, fake_b)

    def _nce(self, query: Sequence[Tensor], key: Sequence[Tensor]) -> Tensor:
        """Mean over layers, as in the paper's code; Eq. 3 sums."""
        return torch.stack([patch_nce(q, k, self.temperature) for q, k in zip(query, key, strict=True)]).mean()


def build_objective(config: CUTConfig, adversarial: AdversarialLoss) -> CUTObjective:
    """The objective a config describes, with the loss its word stands for."""
    return CUTObjective(
        adversarial=adversarial,
        lambda_gan=config.lambda_gan,
        lambda_nce=config.lambda_nce,
        identity=config.identity,
        temperature=config.temperature,
    )
