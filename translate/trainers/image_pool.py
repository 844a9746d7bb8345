"""A history of translations for the discriminators to see again (Shrivastava 2017; Zhu 2017, Sec. 4)."""

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Remembers up to `size` pictures; its buffers are part of a run's state, so that resuming is exact.

    Randomness comes from torch's own state, which a run saves too.
    """

    pictures: Tensor
    count: Tensor

    def __init__(self, size: int, channels: int, side: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("pictures", torch.zeros(size, channels, side, side))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, fakes: Tensor) -> Tensor:
        """What to judge instead of `fakes`: the first `size` pictures are kept and returned as they are; then, half of
        the time, a remembered picture is returned and the new one takes its place.

        Shape: (N, C, H, W) -> (N, C, H, W), detached, float32.
        """
        fakes = fakes.detach().float()
        if not self.size:
            return fakes
        judged = fakes.clone()
        for number, fake in enumerate(fakes):
            if int(self.count) < self.size:
                self.pictures[int(self.count)] = fake
                self.count += 1
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                judged[number] = self.pictures[place]
                self.pictures[place] = fake
        return judged
