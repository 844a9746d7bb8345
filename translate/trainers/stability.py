"""How a training keeps its two players in balance: what the discriminator is shown, pays, and may weigh."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from translate.config import StabilityConfig, TrainConfig
from translate.draws import own_rows
from translate.networks import AnyDiscriminator, WholeDiscriminator
from translate.networks.class_head import Verdict
from translate.networks.shared import processes, total
from translate.objectives.adversarial import ADVERSARIAL, AdversarialLoss
from translate.objectives.diff_augment import DiffAugment
from translate.objectives.labels import mislabelled, smoothed
from translate.objectives.lipschitz import NO_PENALTIES, Penalties, clip_weights, orthonormalise, spectral_normalise
from translate.trainers.update import Update


class Adaptive(nn.Module):
    """The probability of augmentation, led by how surely real pictures are told apart (Karras 2020b, Sec. 3.1).

    r = E sign(D(x) - m) over real pictures, m half-way between the mean logits of real and generated ones: the paper's
    r_t, whose border is 0, for losses of any offset. Where r is above `target`, p rises, else it falls.
    """

    def __init__(self, target: float, pictures: int) -> None:
        super().__init__()
        self.target, self.pictures = target, pictures
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(()))
        self.register_buffer("seen", torch.zeros(()))
        self.p: Tensor
        self.signs: Tensor
        self.seen: Tensor

    def watched(self, loss: AdversarialLoss) -> AdversarialLoss:
        """The same loss, whose logits are noted as they are judged, those of all processes in each."""

        def to_judge(real: Tensor, fake: Tensor) -> Tensor:
            with torch.no_grad():
                middle = total((real.mean() + fake.mean()) / 2) / processes()
                self.signs += total((real - middle).sign().mean() * len(real))
                self.seen += len(real) * processes()
            return loss.to_judge(real, fake)

        return replace(loss, to_judge=to_judge)

    def adapt(self) -> None:
        """Move p by what was noted since the last time."""
        direction = (self.signs / self.seen.clamp(min=1) - self.target).sign()
        self.p.add_(direction * self.seen / self.pictures).clamp_(0, 1)
        self.signs.zero_()
        self.seen.zero_()


class Stability:
    """All of `config.stability`; one a trainer, whatever number of discriminators it has."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.config: StabilityConfig = config.stability
        self.steps, self.step = config.steps, 0
        self.augment = DiffAugment(self.config.augment)
        self.adaptive: Adaptive | None = None
        if self.config.adaptive:
            self.adaptive = Adaptive(self.config.adaptive, self.config.adaptive_pictures).to(device)

    @property
    def memory(self) -> dict[str, nn.Module]:
        """What a run must keep."""
        return {"adaptive": self.adaptive} if self.adaptive else {}

    def adversarial(self, word: str) -> AdversarialLoss:
        """The loss of that name, with soft and noisy labels.

        Raises: ConfigError where the loss has no labels to soften.
        """
        loss = ADVERSARIAL[word]()
        if self.config.label_smoothing:
            loss = smoothed(loss, self.config.label_smoothing)
        if self.config.label_noise:
            loss = mislabelled(loss, self.config.label_noise)
        # Outermost: it is to see which are real.
        return self.adaptive.watched(loss) if self.adaptive else loss

    def constrain(self, network: nn.Module) -> Callable[[nn.Module], None] | None:
        """Bind the weights of a discriminator; what is returned is to be done after each of its steps."""
        if self.config.constraint == "spectral":
            spectral_normalise(network)
        if self.config.constraint == "orthonormal":
            orthonormalise(network)
        if self.config.constraint == "clip":
            return lambda module: clip_weights(module, self.config.clip)
        return None

    def begin(self, update: Update) -> None:
        """A step begins."""
        self.step = update.step
        if self.adaptive:
            self.adaptive.adapt()

    def penalties(self) -> Penalties:
        """What the discriminator pays in this step beside its loss."""
        lazy = self.config.lazy
        if self.step % lazy or not (self.config.gradient_penalty or self.config.r1):
            return NO_PENALTIES
        return Penalties(gradient_penalty=lazy * self.config.gradient_penalty, r1=lazy * self.config.r1)

    def shown(self, x: Tensor) -> Tensor:
        """What a discriminator sees of `x`: augmented, then with noise. Shape: (N, ...) -> the same."""
        x = self.augment(x, self.adaptive.p if self.adaptive else None)
        left = 1 - self.step / (self.config.noise_until * self.steps)
        if self.config.instance_noise and left > 0:
            noise = own_rows(lambda n: torch.randn(n, *x.shape[1:], device=x.device), len(x))
            x = x + self.config.instance_noise * left * noise
        return x


class Critic:
    """A discriminator as both players meet it: `network` behind what `stability` shows it."""

    def __init__(self, network: AnyDiscriminator, stability: Stability) -> None:
        self.network, self.stability = network, stability

    def __call__(self, x: Tensor, label: Tensor | None = None) -> Tensor | Sequence[Tensor]:
        """Logits. Shape: (N, C, H, W) -> (N, 1, H', W'), or a list of them; (N, 1) of whole samples."""
        return self.judge(x, label).logits

    def judge(self, x: Tensor, label: Tensor | None = None) -> Verdict:
        """Logits, and what is made of the class by a discriminator that knows of any."""
        shown = self.stability.shown(x)
        if isinstance(self.network, WholeDiscriminator):
            verdict: Verdict = self.network(shown, label)
            return verdict
        return Verdict(self.network(shown))

    def features(self, x: Tensor) -> Tensor | Sequence[Tensor]:
        """What lies before the logits, of `x` as it is."""
        return self.network.features(x)
