"""Which device and which arithmetic a run uses; trainers, inference and the bench decide here and nowhere else."""

from typing import TYPE_CHECKING, Literal

from translate.errors import ConfigError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "bf16")
AT_ONCE = 1024**2
"""Pixels that are drawn together: one picture of 1024 x 1024, whose activations with their gradients are 3 GB."""


def pick_device(name: str = "auto") -> "torch.device":
    """The device called `name`: auto (the best there is), cpu, cuda, cuda:N or mps.

    Raises: ConfigError for a device this machine lacks and for an unknown name.
    """
    import torch

    if name == "auto":
        has_mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError("device is 'mps', but this machine has no Apple GPU that torch can use; use cpu or auto")
        return torch.device("mps")
    kind, colon, index = name.partition(":")
    if kind == "cuda" and (not colon or (index.isascii() and index.isdigit())):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            raise ConfigError(f"device is {name!r}, but torch sees {count} CUDA devices here; use cpu or auto")
        return torch.device(name)
    raise ConfigError(f"device is {name!r}; known: auto, cpu, cuda, cuda:N, mps")


def pick_precision(name: str, device: "torch.device") -> Literal["fp32", "bf16"]:
    """The arithmetic of convolutions: `auto` takes bf16 only where the hardware multiplies it faster than fp32.

    Raises: ConfigError for an unknown name.
    """
    if name == "fp32":
        return "fp32"
    if name == "bf16":
        return "bf16"
    if name == "auto":
        return "bf16" if _multiplies_bf16(device) else "fp32"
    raise ConfigError(f"precision is {name!r}; known: {', '.join(PRECISIONS)}")


def pictures_at_once(side: int, most: int) -> int:
    """How many pictures of `side` pixels go through a generator together: `most`, or fewer where they are large."""
    return max(1, min(most, AT_ONCE // side**2))


def _multiplies_bf16(device: "torch.device") -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Without these instructions bf16 is emulated and several times slower than fp32. torch has no public question
        # for them yet; should the private ones go, the answer is the safe one.
        checks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("amx_tile", "avx512_bf16"))
        return any(bool(check()) for check in checks if check is not None)
    return False
