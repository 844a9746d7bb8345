"""A whole training on a tiny set: it learns, it resumes exactly, it refuses what would lose work."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.trainers.resuming import different, state_of, whole_and_halves
from translate import checkpoints
from translate.config import TrainConfig
from translate.errors import CheckpointError, ConfigError, DatasetError, TranslateError
from translate.locking import held
from translate.trainers import run
from translate.trainers.logs import read_log


def plan_of(config: TrainConfig, pairs: Path, out: Path) -> run.Plan:
    return run.plan(config, run.Source(root=pairs), out)


def test_the_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    one, two = whole_and_halves(tiny, run.Source(root=pairs), tmp_path)
    assert {key.split("/")[0] for key in one} == {
        "generator",
        "generator_optimizer",
        "discriminator",
        "discriminator_optimizer",
        "ema_AtoB",
        "rng",
    }
    assert different(one, two) == []
    losses = [[r for r in read_log(tmp_path / name) if r["kind"] == "train"] for name in ("whole", "halves")]
    for left, right in zip(*losses, strict=True):
        assert {k: v for k, v in left.items() if k != "seconds"} == {k: v for k, v in right.items() if k != "seconds"}


def test_resuming_is_exact_with_augmentation_on_the_device_too(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    config = tiny.replace(steps=4, accumulate=2, **{"data.batch_augment": True})
    assert different(*whole_and_halves(config, run.Source(root=pairs), tmp_path, at=1)) == []


def test_worker_processes_change_nothing(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    run.train(plan_of(tiny.replace(steps=3), pairs, tmp_path / "none"), device="cpu")
    run.train(plan_of(tiny.replace(steps=3, workers=2), pairs, tmp_path / "two"), device="cpu")
    assert different(state_of(tmp_path / "none"), state_of(tmp_path / "two")) == []


def test_a_generator_learns_to_invert_colours(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    config = tiny.replace(
        steps=150,
        validate_every=150,
        save_every=150,
        **{"generator.dropout": 0.0, "objective.lambda_gan": 0.0, "optim.lr": 0.01, "data.load_size": 16, "ema": 0.0},
    )
    run.train(plan_of(config, pairs, tmp_path / "run"), device="cpu")
    records = read_log(tmp_path / "run")
    first, last = (r for r in records if r["kind"] == "train" and r["step"] in (1, 150))
    assert last["gen/l1"] < 0.3 * first["gen/l1"]
    assert records[-1]["kind"] == "validation"


def test_the_run_folder_is_a_model_and_keeps_best_and_last(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    standing = run.train(plan_of(tiny, pairs, tmp_path / "run"), device="cpu")
    best, config = checkpoints.load_model(tmp_path / "run")
    _, last = checkpoints.load_model(tmp_path / "run" / "last")
    assert config.step == standing.best_step["AtoB"]
    assert config.metrics["l1"] == pytest.approx(standing.best["AtoB"])
    assert last.step == 6
    assert config.held_out is not None
    assert len(config.held_out.names) == 2
    assert best(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)
    sheet = Image.open(tmp_path / "run" / "samples" / "0000006.png")
    assert sheet.size == (3 * 16 + 4 * 4, 2 * 16 + 3 * 4)


def test_a_model_never_carries_the_figures_of_another_step(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    stop = threading.Event()
    plan = plan_of(tiny, pairs, tmp_path / "run")
    run.train(plan, device="cpu", stop=stop, report=lambda p: stop.set() if p.step == 3 else None)
    validated, last = (checkpoints.load_config(tmp_path / "run" / name) for name in ("", "last"))
    assert (validated.step, last.step) == (2, 3)
    assert validated.metrics["l1"] > 0
    assert last.metrics == {}


def test_patience_ends_a_run_that_no_longer_improves(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    # Without learning, no validation after the first can be better.
    config = tiny.replace(
        steps=50, validate_every=1, patience=3, ema=0.0, **{"optim.lr": 1e-30, "optim.disc_lr": 1e-30}
    )
    standing = run.train(plan_of(config, pairs, tmp_path / "run"), device="cpu")
    assert standing.best_step == {"AtoB": 1}
    assert standing.step == 4


def test_trainings_of_one_process_may_differ_in_precision(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    for precision in ("fp32", "bf16", "fp32"):
        config = tiny.replace(steps=1, precision=precision)
        assert run.make_accelerator("cpu", precision).mixed_precision == ("no" if precision == "fp32" else "bf16")
        run.train(plan_of(config, pairs, tmp_path / f"run-{len(list(tmp_path.iterdir()))}"), device="cpu")


@pytest.mark.parametrize(("name", "made_current"), [("cuda:1", ["cuda:1"]), ("cuda", []), ("cpu", [])])
def test_the_numbered_accelerator_of_several_is_the_one_that_is_trained_on(
    name: str, made_current: list[str], monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    monkeypatch.setattr(run, "pick_device", torch.device)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: asked.append(str(device)))
    # accelerate asks for the current device when it is made.
    monkeypatch.setattr(run, "Accelerator", lambda **_: list(asked))
    assert run.make_accelerator(name, "fp32") == made_current


def test_an_existing_run_is_never_overwritten(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    plan = plan_of(tiny.replace(steps=1), pairs, tmp_path / "run")
    run.train(plan, device="cpu")
    with pytest.raises(CheckpointError, match="already holds a training"):
        run.train(plan, device="cpu")
    with pytest.raises(CheckpointError, match="no training to resume"):
        run.resumed(tmp_path / "other", {})


def test_two_trainings_do_not_write_into_one_folder(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    plan = plan_of(tiny.replace(steps=1), pairs, tmp_path / "run")
    with (
        held(tmp_path / "run" / ".lock", "busy"),
        pytest.raises(TranslateError, match="run: another process is training here"),
    ):
        run.train(plan, device="cpu")
    assert run.train(plan, device="cpu").step == 1


def test_resuming_can_lengthen_a_run_but_not_turn_it_into_another(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    run.train(plan_of(tiny.replace(steps=2), pairs, tmp_path / "run"), device="cpu")
    longer = run.resumed(tmp_path / "run", {"steps": 3})
    assert longer.config.steps == 3
    assert run.train(longer, device="cpu", resume=True).step == 3
    assert run.resumed(tmp_path / "run", {}).config.steps == 3
    with pytest.raises(ConfigError, match="batch_size can't change"):
        run.resumed(tmp_path / "run", {"batch_size": 4})


def test_a_resumed_run_can_be_given_an_end_at_which_the_rate_falls(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    """Linear from half of 6 steps on: the steps 4 to 6, numbers 3 to 5, have 1 - 0 / 3, 1 - 1 / 3 and 1 - 2 / 3."""
    constant = tiny.replace(**{"steps": 3, "optim.schedule": "constant"})
    run.train(plan_of(constant, pairs, tmp_path / "run"), device="cpu")
    ending = run.resumed(tmp_path / "run", {"steps": 6, "optim.schedule": "linear", "optim.decay_from": 0.5})
    run.train(ending, device="cpu", resume=True)
    rates = [line["lr"] for line in read_log(tmp_path / "run") if line["kind"] == "train"]
    lr = tiny.optim.lr
    assert rates == pytest.approx([lr] * 4 + [lr * 2 / 3, lr / 3])


def test_a_damaged_state_falls_back_to_the_one_before(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    run.train(plan_of(tiny, pairs, tmp_path / "run"), device="cpu")
    victim = tmp_path / "run" / "state" / "generator.safetensors"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(bytes(data))
    _, facts = checkpoints.load_state(tmp_path / "run" / "state")
    assert facts["standing"]["step"] == 4
    standing = run.train(run.resumed(tmp_path / "run", {}), device="cpu", resume=True)
    assert standing.step == 6


def test_bad_files_are_all_named_before_the_first_step(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    (pairs / "a" / "1.png").write_bytes(b"not a picture")
    (pairs / "b" / "2.png").unlink()
    with pytest.raises(DatasetError) as caught:
        plan_of(tiny, pairs, tmp_path / "run")
    assert "1.png" in str(caught.value)
    assert "2.png" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_training_starts_from_another_models_weights(tiny: TrainConfig, pairs: Path, tmp_path: Path):
    run.train(plan_of(tiny.replace(steps=2, ema=0.0), pairs, tmp_path / "first"), device="cpu")
    still = tiny.replace(steps=1, ema=0.0, **{"optim.lr": 1e-30, "optim.disc_lr": 1e-30})
    run.train(plan_of(still, pairs, tmp_path / "second"), device="cpu", init=tmp_path / "first" / "last")
    one, two = (load_file(tmp_path / name / "last" / "model.safetensors") for name in ("first", "second"))
    assert all(torch.equal(one[key], two[key]) for key in one)
    wider = plan_of(tiny.replace(**{"generator.filters": 5}), pairs, tmp_path / "third")
    with pytest.raises(CheckpointError, match="network"):
        run.train(wider, device="cpu", init=tmp_path / "first")


def test_label_targets_choose_the_head_and_the_number_of_classes(tiny: TrainConfig, tmp_path: Path):
    for side in ("images", "labels"):
        (tmp_path / "data" / side).mkdir(parents=True)
    for number in range(4):
        index = np.zeros((16, 16), np.uint8)
        index[:, number * 4 :] = 1
        index[0] = 7
        Image.fromarray(index * 30).convert("RGB").save(tmp_path / "data" / "images" / f"{number}.png")
        Image.fromarray(index).save(tmp_path / "data" / "labels" / f"{number}.png")
    classes = [{"index": i, "name": name, "color": [i, 0, 0]} for i, name in enumerate(["left", "right"])]
    (tmp_path / "data" / "classes.json").write_text(json.dumps({"ignore_index": 7, "classes": classes}))
    config = tiny.replace(**{"objective.lambda_dice": 1.0, "objective.class_balance": 0.5})
    standing = run.train(plan_of(config, tmp_path / "data", tmp_path / "run"), device="cpu")
    model = checkpoints.load_config(tmp_path / "run")
    assert model.generator.head == "labels"
    assert [spec.name for spec in model.classes] == ["left", "right"]
    assert standing.best["AtoB"] > 0
    assert set(model.metrics) >= {"pixel_accuracy", "class_accuracy", "mean_iou"}
