"""The networks of LPIPS (Zhang 2018, version 0.1): a classifier's convolutions, and what each of their channels counts.

The weights are not shipped. The classifier's are torchvision's, 244 MB (alex) or 553 MB (vgg), which `translate models
pull lpips-alex` puts into $TRANSLATE_HOME/features; the calibration comes inside torchmetrics. Both files are pickles:
they are opened only when their SHA-256 is the published one, and with `weights_only`.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from translate.checkpoints import sha256
from translate.errors import CheckpointError
from translate.metrics.lpips import lpips

CALIBRATION = Path("functional/image/lpips_models")
"""The folder inside torchmetrics."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and deviation of ImageNet's red, green and blue, of [-1, 1]."""


class Trunk(NamedTuple):
    """A classifier's convolutions, the layers of its `features` in torchvision's order."""

    file: str
    digest: str
    calibration_digest: str
    layers: tuple[tuple[int, ...], ...]
    """(channels, kernel, stride, padding) of a convolution with its ReLU, or (kernel,) of a pooling with stride 2."""
    taps: tuple[int, ...]
    """Which of the convolutions' outputs are compared, counted from 0."""
    least: int
    """The smallest side in pixels."""


_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_VGG = tuple(layer for width, depth in _STAGES for layer in ((2,), *((width, 3, 1, 1),) * depth))[1:]

TRUNKS = {
    "alex": Trunk(
        "alexnet-owt-7be5be79.pth",
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        ((64, 11, 4, 2), (3,), (192, 5, 1, 2), (3,), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)),
        (0, 1, 2, 3, 4),
        31,
    ),
    "vgg": Trunk(
        "vgg16-397923af.pth",
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        _VGG,
        (1, 3, 6, 9, 12),
        16,
    ),
}


class Perceptual(nn.Module):
    """LPIPS of pictures, one value a pair; `name` says of which network, as figures of two don't compare.

    Shape: two (N, 3, H, W) in [-1, 1] -> (N,). Range: at least 0, 0 for equal pictures.
    Raises: ValueError when shapes differ or a picture is too small.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, net: str) -> None:
        super().__init__()
        self.trunk = TRUNKS[net]
        self.name = f"lpips-0.1-{net}"
        self.features, self.seen = _convolutions(self.trunk)
        channels = [layer[0] for layer in self.trunk.layers if len(layer) > 1]
        self.weights = nn.ParameterList(torch.ones(channels[tap]) for tap in self.trunk.taps)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        if pred.shape != target.shape or pred.ndim != 4 or pred.shape[1] != 3:
            raise ValueError(f"LPIPS takes two (N, 3, H, W), got {tuple(pred.shape)} and {tuple(target.shape)}")
        if min(pred.shape[-2:]) < self.trunk.least:
            raise ValueError(f"{self.name} needs {self.trunk.least} pixels a side, got {tuple(pred.shape[-2:])}")
        # Autocast around this would make the figure depend on a training's precision.
        with torch.autocast(pred.device.type, enabled=False):
            return lpips(self.outputs(pred), self.outputs(target), list(self.weights))

    def outputs(self, pictures: Tensor) -> list[Tensor]:
        """What is compared of a picture. Shape: (N, 3, H, W) -> for each tap (N, C, H', W')."""
        x, found = (pictures.float() - self.shift) / self.scale, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.seen:
                found.append(x)
        return found


def load(folder: Path, net: str = "alex") -> Perceptual:
    """The measure called `net`, "alex" (the authors' choice for comparing) or "vgg", with the trunk's file in `folder`.

    Raises: CheckpointError when the trunk's file or torchmetrics is missing, or a file is not that one.
    """
    if net not in TRUNKS:
        raise CheckpointError(f"LPIPS of {net!r}: no such network; known: {', '.join(TRUNKS)}")
    trunk, module = TRUNKS[net], Perceptual(net)
    path = folder / trunk.file
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; fetch it with `translate models pull lpips-{net}`")
    calibration = _calibration(net)  # first: it is soon known to be missing, the trunk takes a second to check
    features = {
        name.removeprefix("features."): t for name, t in _read(path, trunk.digest).items() if "features." in name
    }
    linear = _read(calibration, trunk.calibration_digest)
    weights = {str(layer): linear.get(f"lin{layer}.model.1.weight") for layer in range(len(trunk.taps))}
    try:
        module.features.load_state_dict(features)
        module.weights.load_state_dict({name: t.flatten() for name, t in weights.items() if t is not None})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:200]
        raise CheckpointError(f"{path}: not the weights of LPIPS ({reason})") from None
    return module.eval().requires_grad_(False)


def _convolutions(trunk: Trunk) -> tuple[nn.Sequential, tuple[int, ...]]:
    """The layers up to the last that is compared, and at which of them to look: a ReLU behind each tapped one."""
    layers: list[nn.Module] = []
    relus = []
    channels = 3
    for layer in trunk.layers:
        if len(layer) == 1:
            layers.append(nn.MaxPool2d(layer[0], stride=2))
            continue
        width, kernel, stride, padding = layer
        layers += [nn.Conv2d(channels, width, kernel, stride, padding), nn.ReLU()]
        relus.append(len(layers) - 1)
        channels = width
    return nn.Sequential(*layers), tuple(relus[tap] for tap in trunk.taps)


def _calibration(net: str) -> Path:
    found = importlib.util.find_spec("torchmetrics")  # finds the folder without importing it
    path = Path(found.origin).parent / CALIBRATION / f"{net}.pth" if found and found.origin else None
    if path is None or not path.is_file():
        raise CheckpointError("LPIPS needs the calibration in torchmetrics (pip install 'translate-images[metrics]')")
    return path


def _read(path: Path, digest: str) -> Mapping[str, Tensor]:
    if (found := sha256(path)) != digest:
        raise CheckpointError(f"{path}: its SHA-256 begins with {found[:8]}, not {digest[:8]}; fetch it again")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises whatever the bytes make it raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(f"{path}: not weights that can be read safely ({reason})") from None
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise CheckpointError(f"{path}: holds something other than tensors; fetch it again")
    return state
