"""Losses in CLIP's space, the direction that a change of words has there, and the contrast a small CLIP learns by.

Pictures and texts come as embeddings of length 1.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.objectives.templates import TEMPLATES

ARTICLES = ("a ", "an ", "the ")


class TextEncoder(Protocol):
    """The half of a CLIP that reads."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Shape: T sentences -> (T, E), length 1."""


def clip_distance(image: Tensor, text: Tensor) -> Tensor:
    """D_CLIP = 1 - cos (Patashnik 2021, Sec. 4). Shape: (N, E), (N or 1, E) -> (N,). Range: [0, 2]."""
    return 1 - F.cosine_similarity(image, text, dim=-1)


def directional_distance(image: Tensor, source: Tensor, direction: Tensor) -> Tensor:
    """1 - cos of how far a picture has moved from its source and where the words point (Gal 2022, Eq. 3).

    Shape: (N, E), (N, E), (E,) or (N, E) -> (N,). Range: [0, 2]; 1 for a picture that has not moved.
    """
    return 1 - F.cosine_similarity(image - source, torch.atleast_2d(direction), dim=-1)


def text_embedding(clip: TextEncoder, text: str, templates: Sequence[str] = TEMPLATES) -> Tensor:
    """The mean of a text in all templates, each of length 1, brought to length 1 (Patashnik 2021, Sec. 6.1).

    The templates bring an article of their own: "an old man" is put in as "old man". Shape: (E,).
    Raises: ConfigError for words that `clip` does not know.
    """
    bare = text.strip()
    for article in ARTICLES:
        if bare.lower().startswith(article):
            bare = bare[len(article) :]
            break
    each = F.normalize(clip.encode_text([template.format(bare) for template in templates]), dim=-1)  # (T, E)
    return F.normalize(each.mean(dim=0), dim=-1)


def text_direction(clip: TextEncoder, target: str, neutral: str, templates: Sequence[str] = TEMPLATES) -> Tensor:
    """norm(t_target - t_neutral), each a mean over the templates (Patashnik 2021, Sec. 6.1). Shape: (E,), length 1.

    Zero where both texts are the same to the model. Raises: ConfigError for words that `clip` does not know.
    """
    with torch.no_grad():
        difference = text_embedding(clip, target, templates) - text_embedding(clip, neutral, templates)
    return F.normalize(difference, dim=-1)


def caption_contrast(image: Tensor, text: Tensor, fits: Tensor, known: Tensor, scale: Tensor | float) -> Tensor:
    """Symmetric InfoNCE (Radford 2021, Fig. 3) over captions that may fit several pictures; the mean of both sides.

    A picture's target is spread evenly over all the captions that fit it, and the other way round. A pair of which
    nobody knows whether it fits is left out of the softmax. Rows and columns without anything that fits count nothing.

    Shape: (N, E), (T, E), two bool (N, T) -> (). Range: at least the entropy of the targets.
    Raises: ValueError where shapes don't agree, or a pair fits and isn't known.
    """
    if fits.shape != (len(image), len(text)) or known.shape != fits.shape or bool((fits & ~known).any()):
        shapes = f"{tuple(fits.shape)} and {tuple(known.shape)} for {len(image)} pictures and {len(text)} texts"
        raise ValueError(f"fits and known are (N, T), and what fits is known; got {shapes}")
    logits = (scale * image.float() @ text.float().T).masked_fill(~known, -torch.inf)  # (N, T)
    return (_towards(logits, fits) + _towards(logits.T, fits.T)) / 2


def _towards(logits: Tensor, fits: Tensor) -> Tensor:
    """Cross-entropy of each row with even targets over what fits it."""
    counts = fits.sum(dim=1)
    rows = counts > 0
    log_p = torch.log_softmax(logits[rows], dim=1)  # (R, T), -inf where left out
    each = log_p.masked_fill(~fits[rows], 0).sum(dim=1) / counts[rows]
    return -each.sum() / max(int(rows.sum()), 1)
