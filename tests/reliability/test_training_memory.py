"""Out of memory: one line that names the largest batch that fits, and a run that goes on with it (row 25)."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.reliability import forked, trainings
from tests.reliability.figures import Record
from tests.trainers.resuming import state_of
from translate.data.paired import Pair
from translate.errors import ConfigError, TranslateError
from translate.trainers import run
from translate.trainers.out_of_memory import largest_batch
from translate.trainers.update import Losses, Update

ERRORS: dict[str, Callable[[], Exception]] = {
    "cuda": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cpu": lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 4096000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "python": MemoryError,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return forked.draw(tmp_path / "data", 12)


def small_machine(holds: int, error: str, from_step: int = 0) -> Callable[[trainings.Step], trainings.Step]:
    """Batches of more than `holds` fail from that step on."""

    def wrapped(step: trainings.Step) -> trainings.Step:
        def fail(batch: Pair, update: Update) -> Losses:
            if len(batch.real_a) > holds and update.step >= from_step:
                raise ERRORS[error]()
            return step(batch, update)

        return fail

    return wrapped


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 8, 64])
def test_the_largest_batch_that_fits_is_found_in_few_tries(batch: int) -> None:
    for limit in range(batch):
        tried: list[int] = []

        def fits(count: int, limit: int = limit, tried: list[int] = tried) -> bool:
            tried.append(count)
            return count <= limit

        assert largest_batch(fits, batch) == limit
        assert all(0 < count < batch for count in tried)
        assert len(tried) <= 2 * batch.bit_length()


@pytest.mark.parametrize(
    ("method", "error"), [("pix2pix", "cuda"), ("pix2pix", "cpu"), ("cyclegan", "python"), ("cut", "cuda")]
)
def test_the_message_names_the_largest_batch_that_fits(
    method: str, error: str, data: Path, tmp_path: Path, record_figure: Record
) -> None:
    plan = trainings.plan(method, data, tmp_path / "run", steps=6, batch_size=8)
    with pytest.raises(TranslateError) as caught:
        trainings.train(plan, small_machine(3, error, from_step=2))
    assert str(caught.value) == (
        "out of memory with batches of 8; the largest batch that fits is 3: go on with --resume --batch-size 2 "
        "--set accumulate=4, which learns from as many pictures a step; the run is saved at step 2, --resume goes on "
        "from there"
    )
    record_figure(25, "cases named right", 1)
    smaller = run.resumed(tmp_path / "run", {"batch_size": 2, "accumulate": 4})
    assert trainings.train(smaller, small_machine(3, error), resume=True).step == 6


def test_smaller_pieces_of_the_same_step_give_the_same_training(data: Path, tmp_path: Path) -> None:
    """Without what is drawn for each picture, 2 x 4 pictures give the gradient of 8."""
    still = {"generator.dropout": 0.0, "stability.augment": (), "stability.adaptive": 0.0, "steps": 4, "ema": 0.0}
    # Adam divides gradients by their size: of one that is all but zero it makes rounding errors as large as any.
    still |= {"optim.optimizer": "sgd", "optim.lr": 1e-3, "optim.disc_lr": 1e-3}
    trainings.train(trainings.plan("pix2pix", data, tmp_path / "whole", batch_size=8, **still))
    machine = small_machine(2, "cuda", from_step=2)
    with pytest.raises(TranslateError, match="--batch-size 2 --set accumulate=4"):
        trainings.train(trainings.plan("pix2pix", data, tmp_path / "cut", batch_size=8, **still), machine)
    trainings.train(run.resumed(tmp_path / "cut", {"batch_size": 2, "accumulate": 4}), resume=True)
    one, two = state_of(tmp_path / "whole"), state_of(tmp_path / "cut")
    weights = [key for key in one if key.startswith(("generator/", "discriminator/"))]
    assert max((one[key] - two[key]).abs().max().item() for key in weights) < 1e-5


def test_another_number_of_pictures_a_step_is_another_run(data: Path, tmp_path: Path) -> None:
    trainings.train(trainings.plan("pix2pix", data, tmp_path / "run", steps=1, batch_size=4))
    with pytest.raises(ConfigError, match="accumulate can't change"):
        run.resumed(tmp_path / "run", {"batch_size": 2, "accumulate": 4})
    with pytest.raises(ConfigError, match="batch_size can't change"):
        run.resumed(tmp_path / "run", {"batch_size": 2})


def test_where_not_even_one_picture_fits_the_message_says_so(data: Path, tmp_path: Path) -> None:
    plan = trainings.plan("pix2pix", data, tmp_path / "run", steps=2, batch_size=4)
    with pytest.raises(TranslateError, match=r"not even one picture fits: train with a smaller data\.crop"):
        trainings.train(plan, small_machine(0, "cuda"))


def test_another_error_is_no_lack_of_memory(data: Path, tmp_path: Path) -> None:
    def broken(_: trainings.Step) -> trainings.Step:
        def fail(batch: Pair, update: Update) -> Losses:
            raise RuntimeError("a bug")

        return fail

    with pytest.raises(RuntimeError, match="a bug"):
        trainings.train(trainings.plan("pix2pix", data, tmp_path / "run", steps=2), broken)
