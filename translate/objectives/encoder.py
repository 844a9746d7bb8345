"""What an encoder from faces to styles learns by: pictures and latents (Richardson 2021, 3.2; Tov 2021, 4)."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

Losses = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderObjective:
    """L2 and a perceptual distance of real faces drawn again, the latents of generated ones, and short deltas.

    Latents are measured in `spread`, the standard deviation of w, so that the weights suit every generator.
    """

    perceptual: Callable[[Tensor, Tensor], Tensor]
    spread: float
    lambda_l2: float = 1.0
    lambda_perceptual: float = 1.0
    lambda_latent: float = 0.2
    lambda_delta: float = 0.02

    def __call__(self, drawn: Tensor, real: Tensor, w_real: Tensor, w_fake: Tensor, known: Tensor) -> Losses:
        """The weighted losses; their sum is the loss.

        Shape: `drawn` of the styles w_real, and the real pictures (N, 3, H, W); w_real (N, num_ws, w_dim); w_fake of
        generated pictures and the styles known to be theirs (M, num_ws, w_dim).
        """
        deltas = w_real[:, 1:] - w_real[:, :1]
        return {
            "l2": self.lambda_l2 * F.mse_loss(drawn, real),
            "perceptual": self.lambda_perceptual * self.perceptual(drawn, real).mean(),
            "latent": self.lambda_latent * F.mse_loss(w_fake, known.detach()) / self.spread**2,
            "delta": self.lambda_delta * deltas.square().mean() / self.spread**2,
        }
