"""Reading how far a run has come."""

import json
from pathlib import Path

import pytest

from tests.jobs.conftest import recorded
from translate import jobs


def run(folder: Path, *, step: int, steps: int, lines: list[dict[str, object]], **config: object) -> Path:
    """A run's files as the trainer leaves them, but for tensors."""
    recorded(folder, state="finished")
    (folder / "train.json").write_text(json.dumps({"config": {"steps": steps, **config}}))
    (folder / "state").mkdir()
    facts = {"standing": {"step": step, "waited": 2}}
    (folder / "state" / "state.json").write_text(json.dumps({"format": 1, "files": {}, "facts": facts}))
    (folder / "log.jsonl").write_text("".join(json.dumps({"kind": "train", **line}) + "\n" for line in lines))
    return folder


def test_the_time_left_is_the_recent_speed_times_the_steps_to_come(runs: Path) -> None:
    slow_then_fast = [{"step": 1, "seconds": 100.0}] + [{"step": n, "seconds": 100.0 + n / 2} for n in range(2, 42)]
    now = jobs.progress(run(runs / "one", step=40, steps=101, lines=slow_then_fast))
    assert (now.step, now.steps, now.saved, now.seconds) == (41, 101, 40, 120.5)
    assert now.left == pytest.approx(60 * 0.5)


def test_before_two_lines_are_logged_no_time_is_promised(runs: Path) -> None:
    assert jobs.progress(run(runs / "one", step=0, steps=9, lines=[{"step": 1, "seconds": 2.0}])).left is None
    empty = jobs.progress(recorded(runs / "two"))
    assert (empty.step, empty.steps, empty.left, empty.losses, empty.figures) == (0, 0, None, {}, {})


def test_losses_and_figures_become_curves_without_rates_norms_and_what_is_not_finite(runs: Path) -> None:
    folder = run(
        runs / "one", step=2, steps=2,
        lines=[
            {"step": 1, "gen/l1": 3.0, "norm/generator": 9.0, "lr": 0.1, "seconds": 1.0},
            {"step": 2, "gen/l1": float("nan"), "seconds": 2.0},
            {"step": 3, "gen/l1": 1.0, "seconds": 3.0},
        ],
    )  # fmt: skip
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"kind": "validation", "step": 3, "psnr": 11.5}\n{"kind": "train", "st')
    now = jobs.progress(folder)
    assert now.losses == {"gen/l1": [(1, 3.0), (3, 1.0)]}
    assert now.figures == {"psnr": [(3, 11.5)]}
    assert now.last() == {"gen/l1": 1.0, "psnr": 11.5}


@pytest.mark.parametrize(
    ("step", "patience", "is_complete"), [(9, 0, True), (8, 0, False), (8, 2, True), (8, 3, False), (0, 0, False)]
)
def test_a_run_is_complete_at_its_last_step_or_out_of_patience(
    runs: Path, step: int, patience: int, is_complete: bool
) -> None:
    from translate.jobs.progress import standing

    folder = run(runs / "one", step=step, steps=9, lines=[], patience=patience)
    assert standing(folder).is_complete is is_complete


def test_the_state_before_the_last_counts_while_that_is_being_replaced(runs: Path) -> None:
    folder = run(runs / "one", step=7, steps=9, lines=[])
    (folder / "state").rename(folder / "state.previous")
    assert jobs.progress(folder).saved == 7


def test_sheets_come_in_order_of_steps_and_the_log_s_tail_is_its_last_lines(runs: Path) -> None:
    folder = recorded(runs / "one")
    (folder / "samples").mkdir()
    for name in ("0000100.png", "0000020.png", "notes.png"):
        (folder / "samples" / name).touch()
    assert [step for step, _ in jobs.sheets(folder)] == [20, 100]
    (folder / "job.log").write_bytes(b"x" * 200_000 + "\nzwölf\nelf\n".encode())
    assert jobs.tail(folder, 2) == "zwölf\nelf"
    assert jobs.tail(runs / "none") == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89.0, "89 s"), (90.0, "2 min"), (5399.0, "1 h 30 min"), (7260.0, "2 h 01 min")],
)
def test_a_duration_is_told_as_one_says_it(seconds: float, words: str) -> None:
    assert jobs.duration(seconds) == words
