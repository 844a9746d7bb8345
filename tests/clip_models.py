"""Small CLIPs for tests, and a TorchScript file of one, as OpenAI's is."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from translate.config.clip import ClipConfig, TextConfig, VisionConfig

WORDS = ("old", "man", "glasses", "smiling", "a", "photo", "of", "an", "with")


def tiny_config(name: str = "tiny", words: tuple[str, ...] = WORDS) -> ClipConfig:
    """A ViT of one layer at 32 pixels."""
    return ClipConfig(
        name=name,
        dim=8,
        vision=VisionConfig(size=32, layers=1, width=16, head=8, patch=16),
        text=TextConfig(context=12, width=16, heads=2, layers=1),
        words=words,
        quick_gelu=True,
    )


class Bare(nn.Module):
    """Modules and tensors under given dotted names, and a number and a list such as programs have."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            head, _, rest = name.partition(".")
            if rest:
                groups.setdefault(head, {})[rest] = tensor
            else:
                self.register_parameter(head, nn.Parameter(tensor))
        for head, group in groups.items():
            self.add_module(head, Bare(group))
        self.sizes = [1, 2]

    def forward(self, x: Tensor) -> Tensor:
        """Something to trace."""
        return x + self.sizes[0]


def script(tensors: dict[str, Tensor], path: Path) -> Path:
    """A TorchScript program that holds these tensors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(Bare(tensors), torch.zeros(1)), str(path))
    return path
