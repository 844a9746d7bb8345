"""NaN: the run goes back, three times at most, then stops with one line; no NaN is ever written (row 23)."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.reliability import forked, trainings
from tests.reliability.figures import Record
from tests.trainers.resuming import state_of
from translate import checkpoints
from translate.data.paired import Pair
from translate.trainers import run
from translate.trainers.logs import read_log
from translate.trainers.update import Losses, NotFinite, Update

NAN = float("nan")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return forked.draw(tmp_path / "data")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each file of tensors written, whether all of them were finite."""
    found, packed = [], checkpoints._packed

    def watched(tensors: dict[str, torch.Tensor], *facts: Any) -> bytes:
        found.append(all(bool(t.isfinite().all()) for t in tensors.values() if t.is_floating_point()))
        return packed(tensors, *facts)

    monkeypatch.setattr(checkpoints, "_packed", watched)
    return found


def poisoned(*calls: int) -> Callable[[trainings.Step], trainings.Step]:
    """Steps whose picture holds a NaN: the given ones, counted from 1 over the whole process, rollbacks included."""
    count = 0

    def wrapped(step: trainings.Step) -> trainings.Step:
        def poison(batch: Pair, update: Update) -> Losses:
            nonlocal count
            count += 1
            if count in calls:
                batch.real_a[0, 0, 0, 0] = NAN
            return step(batch, update)

        return poison

    return wrapped


@pytest.mark.parametrize("method", forked.METHODS)
def test_a_single_nan_sends_the_run_back_and_it_goes_on_with_other_data(
    method: str, data: Path, tmp_path: Path, written: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    plan = trainings.plan(method, data, tmp_path / "run", steps=6)
    with caplog.at_level(logging.WARNING, logger="translate"):
        standing = trainings.train(plan, poisoned(4))
    # Step 3 (from 0) failed and step 2 was saved: what stands at 2 and 3 in the order is passed over.
    assert (standing.step, standing.rollbacks, standing.skipped) == (6, 1, 2)
    assert all(written)
    [said] = [record.getMessage() for record in caplog.records if record.name == "translate.trainers.loop"]
    assert said.startswith("step 4: ")
    assert said.endswith("not finite; back to step 2 with other data (1 of 3)")
    records = [(r["kind"], r["step"]) for r in read_log(tmp_path / "run") if r["kind"] != "validation"]
    assert records == [("train", 1), ("train", 2), ("rollback", 2), *(("train", step) for step in (3, 4, 5, 6))]


@pytest.mark.parametrize("method", forked.METHODS)
def test_after_three_returns_a_nan_is_a_line_and_the_last_state_is_sound(
    method: str, data: Path, tmp_path: Path, written: list[bool], record_figure: Record
) -> None:
    plan = trainings.plan(method, data, tmp_path / "run", steps=6)
    with pytest.raises(NotFinite) as caught:
        trainings.train(plan, poisoned(*range(4, 100)))
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("step 3: ")
    assert said.endswith("after going back 3 times; the state of step 2 is kept: train anew with a lower optim.lr")
    record_figure(23, "trainers", 1)
    record_figure(23, "files written with NaN", written.count(False))
    assert all(written)
    _, facts = checkpoints.load_state(tmp_path / "run" / "state")
    assert (facts["standing"]["step"], facts["standing"]["rollbacks"]) == (2, 3)
    # They are counted over the run, not over the process: resumed, it has none left.
    with pytest.raises(NotFinite, match="after going back 3 times"):
        trainings.train(run.resumed(tmp_path / "run", {}), poisoned(1), resume=True)


def test_nan_in_the_first_steps_goes_back_to_the_start(data: Path, tmp_path: Path) -> None:
    plan = trainings.plan("pix2pix", data, tmp_path / "run", steps=3, save_every=100)
    standing = trainings.train(plan, poisoned(1, 3))
    assert (standing.step, standing.rollbacks, standing.skipped) == (3, 2, 3)


def test_the_first_return_keeps_the_rate_and_each_further_one_halves_it(data: Path, tmp_path: Path) -> None:
    rates = []
    for number, calls in enumerate([(), (1,), (1, 2), (1, 2, 3)]):
        plan = trainings.plan("pix2pix", data, tmp_path / str(number), steps=1)
        trainings.train(plan, poisoned(*calls))
        [record] = [r for r in read_log(tmp_path / str(number)) if r["kind"] == "train"]
        rates.append(record["lr"])
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 0.5e-4])


def test_a_run_that_went_back_is_repeatable_and_resumes_exactly(data: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        trainings.train(trainings.plan("pix2pix", data, tmp_path / name, steps=8), poisoned(4))
    assert trainings.equal(tmp_path / "one", tmp_path / "two")

    class Killed(BaseException):
        pass

    def die(progress: object) -> None:
        if getattr(progress, "step", 0) == 7:
            raise Killed

    with pytest.raises(Killed):
        trainings.train(trainings.plan("pix2pix", data, tmp_path / "cut", steps=8), poisoned(4), report=die)
    trainings.train(run.resumed(tmp_path / "cut", {}), resume=True)
    assert trainings.equal(tmp_path / "one", tmp_path / "cut")


@pytest.mark.parametrize("player", ["generator", "discriminator"])
@pytest.mark.parametrize("place", ["weight", "moment"])
def test_what_no_gradient_told_of_is_found_before_it_is_saved(
    player: str, place: str, data: Path, tmp_path: Path, written: list[bool]
) -> None:
    """At the last step before a save a weight or a moment of Adam overflows; the next gradient would have shown it."""
    count = 0

    def wrapped(step: trainings.Step) -> trainings.Step:
        def spoil(batch: Pair, update: Update) -> Losses:
            nonlocal count
            count += 1
            losses = step(batch, update)
            if count == 4:
                one = update.players[player]
                weight = next(one.module.parameters())
                (weight.data if place == "weight" else one.optimizer.state[weight]["exp_avg_sq"]).fill_(float("inf"))
            return losses

        return spoil

    plan = trainings.plan("pix2pix", data, tmp_path / "run", steps=6, validate_every=100)
    standing = trainings.train(plan, wrapped)
    assert (standing.step, standing.rollbacks) == (6, 1)
    assert all(written)
    assert all(bool(t.isfinite().all()) for t in state_of(tmp_path / "run").values() if t.is_floating_point())


def test_a_model_that_is_not_finite_never_becomes_the_best(data: Path, tmp_path: Path, written: list[bool]) -> None:
    def wrapped(step: trainings.Step) -> trainings.Step:
        count = 0

        def spoil(batch: Pair, update: Update) -> Losses:
            nonlocal count
            count += 1
            losses = step(batch, update)
            if count == 4:
                next(update.players["generator"].module.parameters()).data.fill_(NAN)
            return losses

        return spoil

    plan = trainings.plan("pix2pix", data, tmp_path / "run", steps=6, validate_every=4, save_every=100, ema=0.0)
    standing = trainings.train(plan, wrapped)
    assert (standing.step, standing.rollbacks) == (6, 1)
    assert all(written)
