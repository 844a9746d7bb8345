"""Where a face's square lies, by hand; what is cut out comes back in its place, and nothing else changes."""

import math

import numpy as np
import pytest
import torch

from tests.tiny_faces import smooth
from translate.config import ALIGNMENTS, Alignment, parse
from translate.editing.alignment import Square, cut, feather, of_crop, of_points, paste
from translate.errors import ConfigError, ImageError

UTKFACE = ALIGNMENTS["utkface"]
FRONT = ((100.0, 100.0), (200.0, 100.0), (150.0, 160.0), (120.0, 220.0), (180.0, 220.0))


def turned(points, turn: complex, shift: complex = 0):
    return tuple(((complex(*p) * turn + shift).real, (complex(*p) * turn + shift).imag) for p in points)


def test_ffhq_s_square_is_the_formula_s():
    """E = (100, 0), M = (0, 120): side 2 max(2 * 100, 1.8 * 120), centre a tenth of M below the eyes."""
    square = of_points(FRONT, ALIGNMENTS["ffhq"])
    assert (square.x, square.y) == pytest.approx((150, 112))
    assert (square.half_x, square.half_y) == pytest.approx((216, 0))
    np.testing.assert_allclose(square.corners, [[-66, -104], [366, -104], [366, 328], [-66, 328]])


def test_ffhq_s_square_leans_with_the_mouth():
    """M = (10, 120): x = E - (-120, 10) = (220, -10), of length 1.8 |M|."""
    points = (*FRONT[:3], (130.0, 220.0), (190.0, 220.0))
    square, length = of_points(points, ALIGNMENTS["ffhq"]), 1.8 * math.hypot(10, 120)
    expected = (220 * length / math.hypot(220, 10), -10 * length / math.hypot(220, 10))
    assert (square.half_x, square.half_y) == pytest.approx(expected)
    assert (square.x, square.y) == pytest.approx((151, 112))


@pytest.mark.parametrize("kind", ["ffhq", "utkface"])
def test_a_face_that_is_turned_shrunk_and_moved_takes_its_square_along(kind: str):
    turn, shift = 0.3 * complex(math.cos(0.7), math.sin(0.7)), 40 + 9j
    plain, moved = (of_points(p, ALIGNMENTS[kind]) for p in (FRONT, turned(FRONT, turn, shift)))
    assert complex(moved.x, moved.y) == pytest.approx(complex(plain.x, plain.y) * turn + shift)
    assert complex(moved.half_x, moved.half_y) == pytest.approx(complex(plain.half_x, plain.half_y) * turn)
    assert moved.side == pytest.approx(0.3 * plain.side)


def test_points_of_the_template_itself_give_the_whole_picture():
    square = of_points([(200 * x, 200 * y) for x, y in UTKFACE.points], UTKFACE)
    assert (square.x, square.y, square.half_x, square.half_y) == pytest.approx((100, 100, 100, 0))


def test_of_five_points_that_fit_no_square_the_nearest_in_least_squares_is_taken():
    rng = np.random.default_rng(0)
    points = [
        (200 * x + a, 200 * y + b) for (x, y), (a, b) in zip(UTKFACE.points, rng.normal(0, 5, (5, 2)), strict=True)
    ]

    def error(square: Square) -> float:
        across, down = (torch.tensor([2 * p[i] - 1 for p in UTKFACE.points]).double() for i in (0, 1))
        x, y = square.places(across, down)
        return float(
            ((x - torch.tensor([p[0] for p in points])) ** 2 + (y - torch.tensor([p[1] for p in points])) ** 2).sum()
        )

    best = of_points(points, UTKFACE)
    for change in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)):
        for sign in (-0.1, 0.1):
            a, b, c, d = (sign * value for value in change)
            assert error(best) < error(Square(best.x + a, best.y + b, best.half_x + c, best.half_y + d))


def test_shares_undo_places():
    square = Square(30, 20, 7, -3)
    u, v = torch.rand(50).double() * 2 - 1, torch.rand(50).double() * 2 - 1
    for found, expected in zip(square.shares(*square.places(u, v)), (u, v), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_upright_square_of_the_model_s_size_is_cut_out_pixel_by_pixel(dtype: type):
    photo = smooth(40, 50, dtype)
    picture = cut(photo, of_crop(11, 7, 16), 16)
    expected = torch.from_numpy(photo[7:23, 11:27].astype(np.float32)).permute(2, 0, 1) / (np.iinfo(dtype).max / 2) - 1
    torch.testing.assert_close(picture[0], expected, atol=1e-5, rtol=0)


def test_a_larger_square_is_averaged():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    means = photo.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    picture = (cut(photo, of_crop(0, 0, 64), 16)[0].permute(1, 2, 0).numpy() + 1) * 127.5
    assert np.abs(picture - means).max() <= 1.01  # bytes once more on the way
    assert cut(np.full((3000, 3000, 3), 77, np.uint8), of_crop(0, 0, 3000), 16).sub(77 / 127.5 - 1).abs().max() < 1e-6


def test_beyond_the_border_the_photo_is_mirrored():
    photo = smooth(20, 20)
    picture = cut(photo, of_crop(-4, 0, 8), 8)
    expected = cut(np.ascontiguousarray(photo[:, 4:0:-1]), of_crop(0, 0, 4), 4)
    torch.testing.assert_close(picture[..., :4, :4], expected[..., :4, :], atol=1e-5, rtol=0)
    assert cut(smooth(1, 1), of_crop(-3, -3, 9), 8).shape == (1, 3, 8, 8)


@pytest.mark.parametrize(("turn", "side"), [(0.0, 128.0), (0.4, 150.0), (2.5, 90.0)])
def test_what_is_cut_out_and_pasted_back_is_the_photo_within_one_step(turn: float, side: float):
    photo = smooth(200, 230)
    square = Square(110, 95, side / 2 * math.cos(turn), side / 2 * math.sin(turn))
    back = paste(photo, square, cut(photo, square, 128))
    assert np.abs(back.astype(int) - photo.astype(int)).max() <= 1
    # By its change alone it is the photo itself.
    same = cut(photo, square, 16)
    assert np.array_equal(paste(photo, square, same, base=same), photo)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_only_pixels_within_the_faded_square_change(dtype: type):
    rng = np.random.default_rng(0)
    photo = rng.integers(0, np.iinfo(dtype).max, (90, 100, 3), dtype=dtype)
    before = photo.copy()
    square = Square(50, 45, 20 * math.cos(0.5), 20 * math.sin(0.5))
    out = paste(photo, square, torch.ones(1, 3, 16, 16))
    assert np.array_equal(photo, before)
    y, x = torch.meshgrid(torch.arange(90) + 0.5, torch.arange(100) + 0.5, indexing="ij")
    u, v = square.shares(x.double(), y.double())
    inside = (u.abs() < 1) & (v.abs() < 1)
    assert np.array_equal(out[~inside.numpy()], photo[~inside.numpy()])
    core = ((u**2 + v**2).sqrt() < 0.6).numpy()
    assert (out[core] == np.iinfo(dtype).max).all()
    assert out.dtype == dtype


def test_a_mask_keeps_what_it_covers_bit_by_bit():
    photo, square = smooth(64, 64), of_crop(8, 8, 48)
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8] = 1  # the left half
    out = paste(photo, square, torch.ones(1, 3, 16, 16), mask=mask)
    assert np.array_equal(out[:, 34:], photo[:, 34:])
    assert (out[30:34, 24:28] == 255).all()


def test_the_seam_fades_smoothly_from_one_to_nothing():
    across = torch.linspace(-1.2, 1.2, 481).double()
    weight = feather(across, torch.zeros_like(across))
    assert weight[240] == 1
    assert (weight[across.abs() >= 1] == 0).all()
    assert (weight[across.abs() <= 0.75] == 1).all()
    assert weight.diff().abs().max() < 0.035
    assert feather(torch.tensor([0.95]), torch.tensor([0.95])) == 0  # a corner


def test_a_square_beside_the_photo_changes_nothing_and_one_across_its_border_only_what_is_there():
    photo = smooth(30, 30)
    assert np.array_equal(paste(photo, of_crop(100, 0, 20), torch.ones(1, 3, 8, 8)), photo)
    out = paste(photo, of_crop(20, 5, 20), torch.ones(1, 3, 8, 8))
    assert out.shape == photo.shape
    assert (out[15, 29] == 255).all()


def test_a_photo_of_ten_thousand_pixels_is_cut_and_pasted():
    photo = np.zeros((1000, 10_000, 3), np.uint8)
    photo[:, 9_000:] = 200
    square = of_crop(8_700, 100, 600)
    picture = cut(photo, square, 16)
    assert picture[0, 0, 8, 2] == pytest.approx(-1)
    assert picture[0, 0, 8, 13] == pytest.approx(200 / 127.5 - 1)
    out = paste(photo, square, torch.ones_like(picture))
    assert np.array_equal(out[:, :8_700], photo[:, :8_700])
    assert (out[400, 9_000] == 255).all()


def test_what_is_no_face_or_no_template_is_refused():
    with pytest.raises(ImageError, match="both eyes"):
        of_points(((1, 1), (1, 1), (2, 2), (3, 3), (4, 4)), UTKFACE)
    with pytest.raises(ImageError, match="4 points of a face; 5 are needed"):
        of_points(FRONT[:4], UTKFACE)
    with pytest.raises(ConfigError, match="0 points; kind points takes 5"):
        parse(Alignment, {"kind": "points"})
    with pytest.raises(ConfigError, match="both eyes lie in one place"):
        parse(Alignment, {"points": ((0.5, 0.5),) * 5})
