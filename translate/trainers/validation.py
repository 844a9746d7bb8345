"""Validation of a paired translator: quality figures over held-out pairs, and a sheet of pictures to look at."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn

from translate import images
from translate.config import ClassSpec
from translate.data.paired import PairedDataset, batches
from translate.metrics import paired, segmentation


@dataclass(frozen=True, slots=True)
class Quality:
    """The one figure that decides which checkpoint is best."""

    name: str
    higher_is_better: bool

    def better(self, new: float, best: float | None) -> bool:
        """Whether `new` beats `best`; anything beats nothing, NaN beats nothing at all."""
        if new != new:
            return False
        return best is None or (new > best if self.higher_is_better else new < best)


LABELS = Quality("mean_iou", higher_is_better=True)
PICTURES = Quality("l1", higher_is_better=False)


@torch.inference_mode()
def validate(generator: nn.Module, data: PairedDataset, device: torch.device, batch_size: int) -> dict[str, float]:
    """Mean figures over all pairs of `data`: segmentation scores for label targets, else L1, PSNR and SSIM.

    Pictures smaller than SSIM's window count for L1 and PSNR alone.
    """
    confusion: Tensor | int = 0
    found: dict[str, list[Tensor]] = {}
    with evaluating(generator):
        for real_a, real_b in batches(data, batch_size):
            fake_b = generator(to_device(real_a, device)).float().cpu()
            if not real_b.is_floating_point():
                confusion = confusion + segmentation.confusion(fake_b.argmax(dim=1), real_b, fake_b.shape[1])
                continue
            found.setdefault("l1", []).append(paired.l1(fake_b, real_b))
            found.setdefault("psnr", []).append(paired.psnr(fake_b, real_b))
            if min(real_b.shape[-2:]) >= paired.SSIM_WINDOW:
                found.setdefault("ssim", []).append(paired.ssim(fake_b, real_b))
    if isinstance(confusion, Tensor):
        return segmentation.scores(confusion)
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}


@torch.inference_mode()
def sample_sheet(
    generator: nn.Module, data: PairedDataset, device: torch.device, count: int, classes: Sequence[ClassSpec]
) -> Image.Image:
    """Rows of input, translation and target for `count` pairs spread evenly over `data`."""
    palette = [spec.color for spec in classes]

    def shown(side: Tensor) -> Image.Image:
        return picture(side) if side.is_floating_point() else Image.fromarray(images.colourise(side.numpy(), palette))

    rows = []
    count = min(count, len(data))
    with evaluating(generator):
        for row in range(count):
            real_a, real_b = data[(0, row * len(data) // count)]
            fake_b = generator(to_device(real_a[None], device)).float().cpu()[0]
            if not real_b.is_floating_point():
                fake_b = fake_b.argmax(dim=0)
            rows.append([shown(real_a), shown(fake_b), shown(real_b)])
    return images.grid(rows)


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """The networks in evaluation mode, and back as they were."""
    was = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for network, training in zip(networks, was, strict=True):
            network.train(training)


def picture(tensor: Tensor) -> Image.Image:
    """A picture to look at: of many channels the first three, of two the first. Shape: (C, H, W) in [-1, 1]."""
    return images.to_pil(tensor[:3] if tensor.shape[0] != 2 else tensor[:1])


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """In the layout that networks are quick in. Shape: (N, C, H, W)."""
    return batch.to(device, memory_format=torch.channels_last)
