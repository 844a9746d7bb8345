"""CLIP (Radford 2021): pictures and sentences in one space, by open_clip's model class and tokenizer.

A model of our own keeps only the rows of the token table that its captions use: of 49,408 rows a few hundred.
"""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from translate.config.clip import MEAN, STD, ClipConfig
from translate.errors import ConfigError

PAD = 0
"""The token behind the end; the text tower reads the output at the end and never looks beyond it."""
SHOWN = 60
"""Words that an error lists."""


class TextImageEncoder(Protocol):
    """What an edit by text needs: pictures and sentences as vectors of length 1 in one space."""

    name: str

    def encode_image(self, image: Tensor) -> Tensor:
        """Shape: (N, 3, H, W) in [-1, 1], any size -> (N, E); differentiable."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Shape: T sentences -> (T, E). Raises: ConfigError for words it does not know."""


class Vocabulary:
    """Sentences to rows of the token table, by OpenAI's byte-pair encoding.

    With `words` the table has rows for their tokens alone, in the order of the full table: the end of a sentence stays
    the largest number, which is how the text tower finds it.
    """

    def __init__(self, words: Sequence[str], context: int, owner: str) -> None:
        self.tokenizer, self.context, self.owner, self.words = _tokenizer(), context, owner, tuple(words)
        encoder = self.tokenizer
        kept = {PAD, encoder.sot_token_id, encoder.eot_token_id}
        for word in words:
            kept.update(encoder.encode(word))
        tokens = sorted(kept) if words else range(encoder.vocab_size)
        self.rows = {token: row for row, token in enumerate(tokens)}
        self.known = frozenset(words)
        self._cached: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Rows of the table, the rest padded. Shape: T sentences -> (T, context) int64.

        Raises: ConfigError for a sentence that is empty, too long, or holds a word outside of the table.
        """
        if isinstance(texts, str):
            raise ConfigError("expected a list of texts, got one text")
        lines = torch.full((len(texts), self.context), PAD, dtype=torch.int64)
        for line, text in zip(lines, texts, strict=True):
            rows = self._line(text)
            line[: len(rows)] = torch.tensor(rows)
        return lines

    def _line(self, text: str) -> list[int]:
        parts = self.split(text)
        if not parts:
            raise ConfigError(f"the text {text!r} is empty; describe what should be seen, as in 'an old man'")
        if self.words and (unknown := [part for part in parts if part not in self.known]):
            raise ConfigError(self._unknown(unknown[0]))
        tokens = [token for part in parts for token in self._tokens(part)]
        if len(tokens) > self.context - 2:
            at_most = f"{self.owner} reads at most {self.context - 2} tokens"
            raise ConfigError(f"the text {text[:60]!r} has {len(tokens)}; {at_most}, shorten it")
        ends = self.tokenizer.sot_token_id, self.tokenizer.eot_token_id
        return [self.rows[token] for token in (ends[0], *tokens, ends[1])]

    def _tokens(self, part: str) -> list[int]:
        if part not in self._cached:
            self._cached[part] = self.tokenizer.encode(part)
        return self._cached[part]

    def split(self, text: str) -> list[str]:
        """The words, single digits and marks that the tokenizer cuts a text into."""
        return [part.lower() for part in self.tokenizer.pat.findall(self.tokenizer.clean_fn(text))]

    def _unknown(self, word: str) -> str:
        listed = [word for word in self.words if re.match(r"[a-z]{2}", word)]
        more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        return f"{self.owner} does not know the word {word[:40]!r}; it knows: {', '.join(listed[:SHOWN])}{more}"


class Clip(nn.Module):
    """An image tower and a text tower whose outputs have length 1; `scale` is what a training multiplies cosines by."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        *,
        dim: int,
        vision: CLIPVisionCfg,
        text: CLIPTextCfg,
        quick_gelu: bool = False,
        scale: float = 1 / 0.07,
        words: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.name, self.size = name, int(vision.image_size)
        self.vocabulary = Vocabulary(words, text.context_length, name)
        text.vocab_size = len(self.vocabulary)
        # open_clip draws its first weights from torch's own generator alone.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = CLIP(dim, vision, text, quick_gelu=quick_gelu, init_logit_scale=math.log(scale))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    @property
    def scale(self) -> Tensor:
        """What cosines are multiplied by before the softmax, at most 100 (Radford 2021, Sec. 2.5). Shape: ()."""
        return self.model.logit_scale.clamp(max=math.log(100)).exp()

    def encode_image(self, image: Tensor) -> Tensor:
        """Brought to the tower's square as CLIP's own preprocessing does: the shorter side resized, the middle taken.

        Shape: (N, 3, H, W) in [-1, 1] -> (N, E), length 1; differentiable.
        Raises: ValueError for another shape.
        """
        if image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(f"{self.name} takes pictures (N, 3, H, W), got {tuple(image.shape)}")
        x = (squared(image, self.size) + 1) / 2  # (N, 3, size, size) in [0, 1]
        features: Tensor = self.model.encode_image((x - self.mean) / self.std)
        return F.normalize(features.float(), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Shape: T sentences -> (T, E), length 1. Raises: ConfigError for words it does not know."""
        features: Tensor = self.model.encode_text(self.vocabulary(texts).to(self.mean.device))
        return F.normalize(features.float(), dim=-1)

    def forward(self, image: Tensor, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Both embeddings: (N, E) and (T, E)."""
        return self.encode_image(image), self.encode_text(texts)


def squared(image: Tensor, size: int) -> Tensor:
    """The middle square at size x size, bicubic and antialiased. Shape: (N, C, H, W) -> (N, C, size, size)."""
    height, width = image.shape[-2:]
    if (height, width) == (size, size):
        return image
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = image[..., top : top + side, left : left + side]
    return F.interpolate(middle, (size, size), mode="bicubic", antialias=True)


def build_clip(config: ClipConfig, seed: int = 0) -> Clip:
    """An untrained CLIP of these sizes."""
    vision, text = config.vision, config.text
    layers: Any = list(vision.layers) if isinstance(vision.layers, tuple) else vision.layers
    return Clip(
        config.name,
        dim=config.dim,
        vision=CLIPVisionCfg(
            layers=layers, width=vision.width, head_width=vision.head, patch_size=vision.patch, image_size=vision.size
        ),
        text=CLIPTextCfg(context_length=text.context, width=text.width, heads=text.heads, layers=text.layers),
        quick_gelu=config.quick_gelu,
        scale=config.scale,
        words=config.words,
        seed=seed,
    )


@lru_cache(maxsize=1)
def _tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()
