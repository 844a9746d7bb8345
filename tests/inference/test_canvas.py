"""Tiles laid down one by one, painted from the top, make the picture they were cut from."""

import pytest
import torch
from torch import Tensor

from translate import images
from translate.inference.canvas import Canvas
from translate.inference.tiling import Span, spans


@pytest.mark.parametrize("size", [(300, 210), (150, 100), (75, 333), (640, 400), (1, 1)])
@pytest.mark.parametrize("tile", [64, 128, 512])
def test_a_picture_cut_into_tiles_comes_out_whole_at_any_size(size, tile):
    picture = torch.randn(2, 300, 210, generator=torch.Generator().manual_seed(0))
    out = torch.full((2, *size), torch.nan)

    def paint(top: int, rows: Tensor) -> None:
        assert out[:, top : top + rows.shape[1]].isnan().all()  # no row twice
        out[:, top : top + rows.shape[1]] = rows

    canvas = Canvas((300, 210), size, 2, tile, paint)
    rows, columns = spans(300, tile, 8), spans(210, tile, 8)
    for number, y in enumerate(rows):
        for x in columns:
            canvas.add(y, x, picture[None, :, y.start : y.end, x.start : x.end])
        canvas.finish(rows[number + 1].start if number + 1 < len(rows) else 300)
    assert (
        out - images.resize(picture[None], *size)[0]
    ).abs().max() < 5e-4  # torch weighs in float32; half a pixel off is 0.5


def test_only_the_rows_that_tiles_still_reach_are_held():
    canvas = Canvas((10_000, 8), (10_000, 8), 3, 64, lambda top, rows: None)
    assert canvas.rows.shape == (3, 70, 8)


def test_rows_are_painted_as_soon_as_no_tile_reaches_them():
    """At its own size a row needs itself and, with weight 0, the next."""
    seen: list[int] = []
    canvas = Canvas((100, 4), (100, 4), 1, 60, lambda top, rows: seen.extend(range(top, top + rows.shape[1])))
    canvas.add(Span(0, 60, torch.ones(60)), Span(0, 4, torch.ones(4)), torch.zeros(1, 1, 60, 4))
    canvas.finish(40)
    assert seen == list(range(39))
