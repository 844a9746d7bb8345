"""The CLIPs that others publish: where they are, whose terms they bear, and their tensors read without running a thing.

Addresses and the beginnings of the SHA-256s are those in open_clip's table. OpenAI's file is a TorchScript program, of
which the tensors alone are read; LAION's is a state_dict.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from translate.checkpoints import sha256
from translate.config.clip import ClipConfig, TextConfig, VisionConfig
from translate.download.fetch import Remote
from translate.errors import CheckpointError
from translate.interop import torch_file
from translate.interop.measures import GITHUB_FILES

MIB = 1024**2
PREFIX = "model."
"""What stands before a published name in our own network's."""


class Published(NamedTuple):
    """One published CLIP."""

    pull_name: str
    remote: Remote
    is_script: bool
    config: ClipConfig

    @property
    def mib(self) -> int:
        """About the size of the file."""
        return 338 if self.is_script else 577


def _vit_b_32(name: str, *, quick_gelu: bool, licence: str, source: str) -> ClipConfig:
    return ClipConfig(
        name=name,
        dim=512,
        vision=VisionConfig(size=224, layers=12, width=768, patch=32),
        text=TextConfig(context=77, width=512, heads=8, layers=12),
        quick_gelu=quick_gelu,
        licence=licence,
        source=source,
    )


_OPENAI = Remote(
    "https://openaipublic.azureedge.net/clip/models/"
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
    400 * MIB,
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
)
_LAION = Remote(
    "https://github.com/mlfoundations/open_clip/releases/download/v0.2-weights/vit_b_32-laion2b_e16-af8dbd0c.pth",
    700 * MIB,
    "af8dbd0c4bf1654db018a2a70fd839c3a6e79d2fdac33303f06d0d8aae16a65c",
    GITHUB_FILES,
)
PUBLISHED = {
    "openai/ViT-B-32": Published(
        "clip-openai-vit-b-32",
        _OPENAI,
        is_script=True,
        config=_vit_b_32(
            "openai/ViT-B-32",
            quick_gelu=True,  # theirs alone was trained with the approximation
            licence="MIT; trained on pictures from the web that are not published; OpenAI means it for research",
            source=_OPENAI.url,
        ),
    ),
    "laion2b/ViT-B-32": Published(
        "clip-laion2b-vit-b-32",
        _LAION,
        is_script=False,
        config=_vit_b_32(
            "laion2b/ViT-B-32",
            quick_gelu=False,
            licence="MIT; trained on LAION-2B, pictures from the web; meant for research",
            source=_LAION.url,
        ),
    ),
}
"""By the name that `load_clip` takes."""


def by_pull_name(name: str) -> str | None:
    """The CLIP that `translate models pull` calls `name`, or that is called so itself."""
    return next((key for key, found in PUBLISHED.items() if name in (key, found.pull_name)), None)


def read_published(path: Path, published: Published) -> dict[str, Tensor]:
    """A published file's tensors under our own names, of the types that it stores.

    Raises: CheckpointError when its SHA-256 is another, or it is not that network.
    """
    from translate.networks.clip import build_clip  # open_clip takes seconds to import, and the list needs none of it

    if (found := sha256(path)) != published.remote.sha256:
        raise CheckpointError(f"{path}: its SHA-256 begins with {found[:8]}, not {str(published.remote.sha256)[:8]}")
    tensors = torch_file.read_script(path) if published.is_script else _state(torch_file.read(path), path)
    tensors = {f"{PREFIX}{name.removeprefix('module.')}": tensor for name, tensor in tensors.items()}
    with torch.device("meta"):
        expected = build_clip(published.config).state_dict()
    for name, own in expected.items():
        if name not in tensors:
            raise CheckpointError(f"{path}: lacks {name.removeprefix(PREFIX)}; it is not {published.config.name}")
        if tensors[name].shape != own.shape:
            found_shape, own_shape = list(tensors[name].shape), list(own.shape)
            raise CheckpointError(f"{path}: {name.removeprefix(PREFIX)} is {found_shape}, expected {own_shape}")
    # Beside them a program may hold what is no weight: the size of its pictures, of its table, a mask.
    return {name: tensors[name] for name in expected}


def _state(found: Any, path: Path) -> Mapping[str, Tensor]:
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise CheckpointError(f"{path}: holds something other than tensors by name")
    return {str(name): tensor for name, tensor in found.items()}
