"""Validation of a paired translator: quality figures over held-out pairs, and a sheet of pictures to look at."""

from collections.abc import Sequence
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
    was_training = generator.training
    generator.eval()
    for real_a, real_b in batches(data, batch_size):
        fake_b = generator(_to(real_a, device)).float().cpu()
        if not real_b.is_floating_point():
            confusion = confusion + segmentation.confusion(fake_b.argmax(dim=1), real_b, fake_b.shape[1])
            continue
        found.setdefault("l1", []).append(paired.l1(fake_b, real_b))
        found.setdefault("psnr", []).append(paired.psnr(fake_b, real_b))
        if min(real_b.shape[-2:]) >= paired.SSIM_WINDOW:
            found.setdefault("ssim", []).append(paired.ssim(fake_b, real_b))
    generator.train(was_training)
    if isinstance(confusion, Tensor):
        return segmentation.scores(confusion)
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}


@torch.inference_mode()
def sample_sheet(
    generator: nn.Module, data: PairedDataset, device: torch.device, count: int, classes: Sequence[ClassSpec]
) -> Image.Image:
    """Rows of input, translation and target for `count` pairs spread evenly over `data`."""
    palette = [spec.color for spec in classes]

    def picture(tensor: Tensor) -> Image.Image:
        if tensor.is_floating_point():
            return images.to_pil(tensor[:3] if tensor.shape[0] != 2 else tensor[:1])
        return Image.fromarray(images.colourise(tensor.numpy(), palette))

    was_training = generator.training
    generator.eval()
    rows = []
    count = min(count, len(data))
    for row in range(count):
        real_a, real_b = data[(0, row * len(data) // count)]
        fake_b = generator(_to(real_a[None], device)).float().cpu()[0]
        if not real_b.is_floating_point():
            fake_b = fake_b.argmax(dim=0)
        rows.append([picture(real_a), picture(fake_b), picture(real_b)])
    generator.train(was_training)
    return images.grid(rows)


def _to(batch: Tensor, device: torch.device) -> Tensor:
    return batch.to(device, memory_format=torch.channels_last)
