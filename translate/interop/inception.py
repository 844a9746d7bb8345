"""InceptionV3 as published figures use it (Heusel 2017): torch-fidelity's network with the weights of 2015.

The weights are not shipped: 96 MB that `translate models pull inception` puts into $TRANSLATE_HOME/features. They come
as a pickle, which is read with `weights_only`, so that nothing in it can run.
"""

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.checkpoints import sha256
from translate.errors import CheckpointError

NAME = "inception-v3-2048@299px"
FILE = "weights-inception-2015-12-05-6726825d.pth"
DIGEST = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
SIZE = 299


class Inception(nn.Module):
    """The 2,048 features in front of the last layer; pictures are rounded to bytes first, as all published figures do.

    Shape: (N, 3, 299, 299) in [-1, 1] -> (N, 2048).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.add(1).mul(127.5).clamp(0, 255).round().to(torch.uint8)
        return cast(Tensor, self.network(pixels)[0])

    @torch.inference_mode()
    def probabilities(self, features: Tensor) -> Tensor:
        """What each picture is taken for, by its features: what an Inception Score is made of (Salimans 2016).

        The last layer without its bias, as all published figures have it.

        Shape: (N, 2048) -> (N, 1008) on the CPU, rows sum to 1.
        """
        weight = cast(Tensor, cast(nn.Module, self.network.fc).weight)
        return F.linear(features.to(weight), weight).float().softmax(dim=1).cpu()


def available() -> bool:
    """Whether torch-fidelity is installed."""
    return importlib.util.find_spec("torch_fidelity") is not None


def load(path: Path) -> Inception:
    """The network with the weights in `path`.

    Raises: CheckpointError when the file is missing, is not that one, or holds anything but its tensors, or where
    torch-fidelity can't be imported.
    """
    network = _network()
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; fetch it with `translate models pull inception`")
    if (found := sha256(path)) != DIGEST:
        raise CheckpointError(f"{path}: its SHA-256 begins with {found[:8]}, not {DIGEST[:8]}; fetch it again")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        # Its constructor unpickles whatever it is given, so it is given tensors that we wrote ourselves.
        ours = io.BytesIO()
        torch.save(state, ours)
        ours.seek(0)
        return Inception(network("inception", ["2048"], feature_extractor_weights_path=ours))
    except Exception as error:  # the unpickler raises whatever the bytes make it raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(f"{path}: not the weights of InceptionV3 ({reason})") from None


def _network() -> Callable[..., nn.Module]:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch raises the latter
        reason = str(error).strip().splitlines()[0][:200]
        raise CheckpointError(f"torch-fidelity can't be imported ({reason}); repair it, or uninstall it") from None
    return cast(Callable[..., nn.Module], FeatureExtractorInceptionV3)
