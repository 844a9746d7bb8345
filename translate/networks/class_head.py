"""What a discriminator of whole samples ends in: one logit, and what it makes of the class.

Projection: Miyato and Koyama 2018; auxiliary classifier: Odena 2017.
"""

from typing import Literal, NamedTuple

from torch import Tensor, cat, nn

Condition = Literal["none", "projection", "auxiliary"]
EMBEDDING_STD = 0.02
"""Of a class's vector as drawn, like DCGAN's other weights (Radford 2016, Sec. 4)."""


class Verdict(NamedTuple):
    """What a discriminator says of a batch."""

    logits: Tensor | list[Tensor]
    """Real or generated. Shape: (N, 1), or the maps of a discriminator of patches."""
    classes: Tensor | None = None
    """Logits of the classes, where it predicts them. Shape: (N, K)."""


class ClassHead(nn.Module):
    """psi(phi), with a projection psi(phi) + v_y . phi (Miyato and Koyama 2018, Eq. 3), from features phi.

    The vectors v are the rows of one matrix, so that a constraint on layers binds them too.

    Shape: features (N, D), label (N,) int64 -> Verdict.
    Raises: ValueError for a projection without a label, or a condition without classes.
    """

    def __init__(self, features: int, *, condition: Condition = "none", classes: int = 0) -> None:
        super().__init__()
        if condition != "none" and classes < 1:
            raise ValueError(f"condition is {condition} and there are {classes} classes; it needs at least 1")
        self.condition = condition
        self.realness = nn.Linear(features, 1)
        if condition == "projection":
            self.projection = nn.Linear(features, classes, bias=False)
        elif condition == "auxiliary":
            self.classifier = nn.Linear(features, classes)

    def forward(self, features: Tensor, label: Tensor | None = None) -> Verdict:
        logits = self.realness(features)  # (N, 1)
        if self.condition == "auxiliary":
            return Verdict(logits, self.classifier(features))
        if self.condition == "projection":
            if label is None:
                raise ValueError("a projection discriminator judges samples of a class: pass their labels")
            logits = logits + self.projection(features).gather(1, label.unsqueeze(1))  # (N, K) -> (N, 1)
        return Verdict(logits)


class ClassedLatent(nn.Module):
    """Noise beside a learnt vector of the class (Mirza 2014, Sec. 3.1); without classes the noise alone.

    Shape: z (N, latent), label (N,) int64 -> (N, width), width twice the latent with classes.
    Raises: ValueError for noise of another width, or no label where there are classes.
    """

    def __init__(self, latent: int, classes: int = 0) -> None:
        super().__init__()
        self.latent, self.width = latent, 2 * latent if classes else latent
        self.embedding = nn.Embedding(classes, latent) if classes else None
        if self.embedding is not None:
            # As large as the noise, it is all a batch norm lets the generator see at first: one picture a class.
            nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(f"expected noise (N, {self.latent}), got {tuple(z.shape)}")
        if self.embedding is None:
            return z
        if label is None:
            raise ValueError("this generator makes samples of a class: pass their labels")
        return cat([z, self.embedding(label)], dim=1)  # (N, 2 latent)
