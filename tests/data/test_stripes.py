"""Stripes drawn on horses: only there, black and white, and told by their seed alone."""

import numpy as np
import pytest

from translate.data.stripes import draw_stripes, find_body


def meadow(brown: tuple[int, int, int] = (130, 85, 50)) -> tuple[np.ndarray, np.ndarray]:
    """A body with shading on grass below a blue sky, and its true mask."""
    rng = np.random.default_rng(0)
    photo = np.empty((256, 256, 3), np.float64)
    photo[:90], photo[90:] = (120, 160, 220), (80, 140, 60)
    y, x = np.mgrid[:256, :256]
    body = ((x - 128) / 70) ** 2 + ((y - 145) / 40) ** 2 < 1
    light = 1.5 - (y - 105) / 80  # lit from above
    photo[body] = (np.array(brown) * light[..., None])[body]
    return (photo + rng.normal(0, 4, photo.shape)).clip(0, 255).astype(np.uint8), body


def test_a_brown_body_is_found_by_what_a_model_changes() -> None:
    photo, body = meadow()
    change = 60.0 * body + np.random.default_rng(1).uniform(0, 8, body.shape)
    change[:40, :60] = 50  # models paint skies, too
    found = find_body(photo, change)
    assert found is not None
    assert (found & body).sum() / (found | body).sum() > 0.9


@pytest.mark.parametrize("colour", [(235, 235, 235), (25, 25, 25), (120, 120, 120)], ids=["white", "black", "gray"])
def test_a_body_that_is_not_brown_is_left(colour: tuple[int, int, int]) -> None:
    photo, body = meadow(colour)
    assert find_body(photo, 60.0 * body) is None


def test_a_picture_in_which_nothing_changes_has_no_body() -> None:
    photo, body = meadow()
    assert find_body(photo, np.zeros(body.shape)) is None


def test_stripes_lie_on_the_body_alone_and_leave_no_brown_there() -> None:
    photo, body = meadow()
    y, x = np.mgrid[:256, :256]
    far = ((x - 128) / 85) ** 2 + ((y - 145) / 55) ** 2 > 1
    inner = ((x - 128) / 60) ** 2 + ((y - 145) / 32) ** 2 < 1
    tints = []
    for seed in range(12):
        drawn = draw_stripes(photo, body, np.random.default_rng(seed)).astype(np.float64)
        np.testing.assert_array_equal(drawn[far], photo[far])
        gray = drawn[inner].mean(axis=1)
        assert np.percentile(gray, 90) > 2 * np.percentile(gray, 10)  # dark and bright bands
        tints.append((drawn[inner][:, 0] - drawn[inner][:, 2]).mean())
    own = (photo[inner][:, 0].astype(float) - photo[inner][:, 2]).mean()
    assert own > 75
    assert max(tints) < own / 2  # no more than dust and evening light


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    photo, body = meadow()
    first, again, other = (draw_stripes(photo, body, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=2)[body].mean() > 0.9
