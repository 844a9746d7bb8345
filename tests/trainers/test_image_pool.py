"""The history of translations: what it keeps, what it returns, how often, and that its state can be restored."""

import torch

from translate.trainers.image_pool import ImagePool


def numbered(first: int, count: int) -> torch.Tensor:
    """Pictures whose every pixel is their number."""
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone()


def test_pictures_come_back_as_they_are_until_the_pool_is_full():
    pool = ImagePool(4, 3, 2)
    assert torch.equal(pool(numbered(0, 3)), numbered(0, 3))
    assert torch.equal(pool(numbered(3, 1)), numbered(3, 1))
    assert torch.equal(pool.pictures, numbered(0, 4))


def test_a_full_pool_swaps_half_of_the_time():
    torch.manual_seed(0)
    pool = ImagePool(50, 3, 2)
    pool(numbered(0, 50))
    swapped = sum(not torch.equal(pool(new), new) for new in numbered(50, 2000).split(1))
    # 2,000 tosses of a fair coin: 1,000 with a standard deviation of 22.
    assert 900 < swapped < 1100


def test_every_picture_is_in_the_pool_or_was_returned():
    torch.manual_seed(1)
    pool = ImagePool(5, 3, 2)
    returned = torch.cat([pool(new) for new in numbered(0, 40).split(2)])
    found = torch.cat([returned, pool.pictures])[:, 0, 0, 0].tolist()
    # The first five were returned and kept; of all others there is exactly one copy.
    assert sorted(found) == sorted([*range(40), *range(5)])


def test_a_pool_of_none_returns_what_it_gets_without_its_history():
    new = numbered(0, 2).requires_grad_()
    seen = ImagePool(0, 3, 2)(new)
    assert torch.equal(seen, new)
    assert not seen.requires_grad


def test_a_restored_pool_goes_on_like_the_first():
    torch.manual_seed(2)
    pool = ImagePool(3, 3, 2)
    pool(numbered(0, 10))
    other = ImagePool(3, 3, 2)
    other.load_state_dict(pool.state_dict())
    state = torch.get_rng_state()
    one = pool(numbered(10, 10))
    torch.set_rng_state(state)
    assert torch.equal(one, other(numbered(10, 10)))
