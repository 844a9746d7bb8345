"""Pictures too large to be translated at once: overlapping tiles, their borders blended, in bounded memory.

Tiles start at multiples of the network's own step, so that every pixel lies on the grid it would lie on in the whole
picture, and their outputs (logits, for labels) are blended by ramps that sum to one.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from translate.config import GeneratorConfig
from translate.errors import ConfigError, ImageError
from translate.inference.norms import has_instance_norms, holding_norms
from translate.inference.onnx_file import OnnxNetwork
from translate.inference.windows import View
from translate.stopping import Cancelled

WHOLE_PIXELS = 2_000_000
"""More than this is cut into tiles unasked: a 64-filter network takes up to 1 KB a pixel."""
TILE = 1024
SMALLEST = 64
MARGIN = 128
"""Least overlap in pixels, where it leaves half of the tile: a network sees the edge of a tile from far away."""
BLEND_BYTES = 400 << 20
"""What the blended rows of the tiles abreast may take; very wide pictures of many classes get smaller tiles."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Span:
    """One side of a tile: where it lies, and how much each of its rows (or columns) counts."""

    start: int
    end: int
    weights: Tensor


class Board(Protocol):
    """What takes the tiles' outputs."""

    def add(self, y: Span, x: Span, output: Tensor) -> None:
        """Blend in one tile. Shape: (1, K, h, w)."""

    def finish(self, until: int) -> None:
        """No later tile reaches the rows above `until`."""


class Attempt:
    """A network on its device that gives None where the memory runs out; `seconds` is the time it took so far.

    `cancelled` is asked before every layer.
    Shape: (N, C, H, W) -> (N, K, H, W) float32 on that device.
    Raises: Cancelled when it was cancelled.
    """

    def __init__(
        self, network: nn.Module, device: torch.device, dtype: torch.dtype, cancelled: Callable[[], bool] | None = None
    ) -> None:
        self.network, self.device, self.dtype, self.seconds = network, device, dtype, 0.0
        self.cancelled, self.has_shrunk = cancelled, False

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Tensor | None:
        began = time.perf_counter()
        try:
            with stopping(self.network, self.cancelled):
                output: Tensor = self.network(batch.to(self.device, self.dtype, memory_format=torch.channels_last))
            output = output.float()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            return output
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        finally:
            self.seconds += time.perf_counter() - began
        # Not in the handler: its traceback still holds the layers that filled the memory.
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None


@contextmanager
def stopping(network: nn.Module, cancelled: Callable[[], bool] | None) -> Iterator[None]:
    """Ask before every layer whether this thread's work was cancelled: a large picture takes a slow CPU minutes.

    Raises: Cancelled when it was.
    """
    if cancelled is None:
        yield
        return
    thread = threading.get_ident()

    def ask(*_: object) -> None:
        # Another thread may be in the same network, for somebody else.
        if threading.get_ident() == thread and cancelled():
            raise Cancelled("stopped")

    ask()
    layers = [module for module in network.modules() if next(module.children(), None) is None]
    handles = [layer.register_forward_pre_hook(ask) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: torch has a type for accelerators, and words for the CPU."""
    words = ("can't allocate memory", "not enough memory", "bad_alloc", "out of memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error) for word in words)


def step_of(config: GeneratorConfig) -> int:
    """The distance in pixels after which a generator's grid repeats: all its halvings together."""
    return 2**config.depth if config.kind == "unet" else 4


def tile_side(height: int, width: int, config: GeneratorConfig, asked: int | None = None) -> int | None:
    """The side of the tiles for a picture as the model sees it; None where it is translated whole.

    `asked` is rounded up to the network's step.
    Raises: ConfigError for a side that is too small.
    """
    step = step_of(config)
    if asked is not None:
        if asked < SMALLEST:
            raise ConfigError(f"tile is {asked}; the smallest has {SMALLEST} pixels a side")
        side = math.ceil(asked / step) * step
        return side if max(height, width) > side else None
    if height * width <= WHOLE_PIXELS:
        return None
    side = max(TILE, step)
    while 4 * config.out_channels * width * side > BLEND_BYTES and side > max(256, step):
        side //= 2
    return side


def halved(side: int, step: int) -> int:
    """Half of a tile's side, on the network's step as long as it can be."""
    return side // 2 if side <= step else max(step, side // 2 // step * step)


def spans(length: int, tile: int, step: int) -> list[Span]:
    """Tiles along one side, each MARGIN or a quarter or more over the next; beyond the ramp in the middle none counts.

    Their starts are multiples of `step` where the tile is at least twice that. The weights at any place sum to 1.
    """
    if length <= tile:
        return [Span(0, length, torch.ones(length))]
    grid = step if tile >= 2 * step else max(1, tile // 2)
    overlap = max(tile // 4, min(MARGIN, tile // 2))
    stride = max(grid, (tile - overlap) // grid * grid)
    last = math.ceil((length - tile) / grid) * grid
    starts = [*range(0, last, stride), last]
    ramp = torch.sin((torch.arange(tile // 8) + 0.5) / (tile // 8) * torch.pi / 2) ** 2
    weights = [torch.ones(min(start + tile, length) - start) for start in starts]
    for i in range(1, len(starts)):
        # From the middle of what both see: the outermost pixels know least of their surroundings.
        begin = (starts[i] + starts[i - 1] + tile - len(ramp)) // 2
        end = begin + len(ramp)
        before, after = weights[i - 1], weights[i]
        before[begin - starts[i - 1] : end - starts[i - 1]] *= 1 - ramp
        before[end - starts[i - 1] :] = 0
        after[: begin - starts[i]] = 0
        after[begin - starts[i] : end - starts[i]] *= ramp
    return [Span(start, start + len(w), w) for start, w in zip(starts, weights, strict=True)]


def cover(
    attempt: Attempt,
    source: View,
    board: Board,
    tile: int,
    step: int,
    progress: Callable[[int, int], object] | None = None,
    *,
    overlay: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> None:
    """Translate a picture tile by tile; one that doesn't fit into the memory is halved, and the others are not.

    The board gets the outputs, or what `overlay` makes of outputs and inputs. `progress` is told (tiles done,
    tiles in all); what it raises ends the work.
    Raises: ImageError when not even the smallest tile fits.
    """
    rows, columns = spans(source.height, tile, step), spans(source.width, tile, step)
    for number, y in enumerate(rows):
        for place, x in enumerate(columns, 1):
            seen = source.window(y.start, y.end, x.start, x.end)[None]  # (1, C, h, w)
            output = _halving(attempt, seen, tile, step)
            board.add(y, x, overlay(output, seen) if overlay else output)
            if progress is not None and len(rows) * len(columns) > 1:
                progress(number * len(columns) + place, len(rows) * len(columns))
        board.finish(rows[number + 1].start if number + 1 < len(rows) else source.height)


def held(attempt: Attempt, source: View, tile: int) -> Attempt:
    """The same network with the instance norms of a picture, if it has such, the same for every tile.

    They are those of the whole picture brought to the area of a tile. Against the picture translated whole (1,600 x
    1,200 in tiles of 512, horse-to-zebra), gradients across borders were 1 to 2 % off, and 2 to 9 % with every tile's
    own; statistics of several windows at full scale were further from the whole picture's, and taking them from the
    tiles and going round again diverged.
    Raises: ImageError when not even the smallest picture fits into the memory, or the norms are in an ONNX file.
    """
    if isinstance(attempt.network, OnnxNetwork) and attempt.network.follows_the_picture:
        raise ImageError(
            f"{source.width} x {source.height} pixels need tiles, and the instance norms in an ONNX file would make of "
            "each a picture of its own; use the model it was exported from, or a smaller scale"
        )
    if not has_instance_norms(attempt.network):
        return attempt
    side, height, width = tile, source.height, source.width
    while side >= SMALLEST:
        factor = min(1.0, side / math.sqrt(source.height * source.width))
        height, width = max(1, round(source.height * factor)), max(1, round(source.width * factor))
        holding = Attempt(holding_norms(attempt.network), attempt.device, attempt.dtype, attempt.cancelled)
        if holding(source.at(height, width).window(0, height, 0, width)[None]) is not None:
            return holding
        side //= 2
    raise ImageError(too_little_memory(height, width, attempt.device))


def too_little_memory(height: int, width: int, device: torch.device) -> str:
    """One line for a machine on which nothing fits."""
    return f"not even {width} x {height} pixels fit into the memory of {device}; free some, or take another device"


def _halving(attempt: Attempt, seen: Tensor, tile: int, step: int) -> Tensor:
    """The output for one tile, put together from smaller ones where it doesn't fit.

    Shape: (1, C, h, w) -> (1, K, h, w).
    """
    output = attempt(seen)
    if output is not None:
        return output.cpu()
    half = halved(tile, step)
    while half >= max(seen.shape[-2:]):
        half = halved(half, step)
    if half < SMALLEST:
        raise ImageError(too_little_memory(seen.shape[2], seen.shape[3], attempt.device))
    if not attempt.has_shrunk:
        _log.warning("a tile of %d pixels a side doesn't fit into the memory of %s; halved", tile, attempt.device)
        attempt.has_shrunk = True  # said once
    total: Tensor | None = None
    for y in spans(seen.shape[2], half, step):
        for x in spans(seen.shape[3], half, step):
            part = _halving(attempt, seen[..., y.start : y.end, x.start : x.end], half, step)
            if total is None:
                total = torch.zeros(1, part.shape[1], *seen.shape[2:])
            total[..., y.start : y.end, x.start : x.end] += part * y.weights[:, None] * x.weights
    assert total is not None
    return total
