import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import checkpoints
from translate.errors import CheckpointError, DatasetError, ImageError
from translate.evaluation import evaluate as evaluation
from translate.evaluation.tally import PictureTally
from translate.inference.translator import Translator
from translate.metrics import segmentation

from .conftest import SIZE, VOID

evaluate = partial(evaluation.evaluate, precision="fp32")
"""Answers are compared exactly: bf16, which `auto` takes where the CPU has it, would round some to another class."""


def _oracle(model: Path):
    """What the model answers to a photo of its own size, computed without the code under test."""
    network, config = checkpoints.load_model(model)

    def answer(photo: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(photo.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.inference_mode():
            output = network(x)[0]
        if config.generator.head == "labels":
            return output.argmax(dim=0).byte().numpy()
        return ((output + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()

    return answer


@pytest.mark.parametrize("at", ["auto", "square", "keep", "native", "own"])
def test_a_model_that_is_always_right_scores_one(make_model, make_pairs, at):
    model = make_model()
    report = evaluate(model, make_pairs({"val": 3}, _oracle(model)), at=at, device="cpu")
    assert report.scores == {"pixel_accuracy": 1.0, "class_accuracy": 1.0, "mean_iou": 1.0}
    assert (report.pairs, report.pixels, report.void) == (3, 3 * SIZE * SIZE, 0)
    assert len({score.name for score in report.classes if score.pixels}) > 1


def test_void_is_left_out_and_wrong_pixels_are_counted(make_model, make_pairs):
    """Of 1024 pixels a picture, the first row (32) is void and the second row (32) is wrong."""
    model = make_model()
    oracle = _oracle(model)

    def truth(photo: np.ndarray) -> np.ndarray:
        labels = oracle(photo).copy()
        labels[0] = VOID
        labels[1] = (labels[1] + 1) % 3
        return labels

    report = evaluate(model, make_pairs({"val": 2}, truth), device="cpu")
    assert (report.pixels, report.void) == (2 * 992, 2 * 32)
    assert report.scores["pixel_accuracy"] == pytest.approx(960 / 992)
    assert sum(map(sum, report.confusion)) == report.pixels
    assert [sum(row) for row in report.confusion] == [score.pixels for score in report.classes]


def test_any_batch_size_gives_the_same_report(make_model, make_pairs):
    model, data = make_model(), make_pairs({"val": 5})
    one, four = (evaluate(model, data, batch_size=n, device="cpu") for n in (1, 4))
    assert one.confusion == four.confusion
    assert one.scores["mean_iou"] < 0.9


def test_pictures_of_many_sizes_are_scored_in_one_run(make_model, make_pairs):
    model, data = make_model(), make_pairs({"val": 2})
    other = make_pairs({"val": 2}, size=(20, 45), name="other")
    for kind in ("images", "labels"):
        for path in (other / "val" / kind).iterdir():
            path.rename(data / "val" / kind / f"b{path.name}")
    assert evaluate(model, data, at="native", batch_size=4, device="cpu").pixels == 2 * SIZE * SIZE + 2 * 20 * 45
    assert evaluate(model, data, at="square", batch_size=4, device="cpu").pixels == 4 * SIZE * SIZE


def test_own_scores_what_apply_gives_at_the_labels_own_size(make_model, make_pairs):
    model, data = make_model(), make_pairs({"val": 2}, size=(50, 70))
    report = evaluate(model, data, at="own", device="cpu")
    translator, expected = Translator.load(model, device="cpu", precision="fp32"), torch.zeros(3, 3, dtype=torch.int64)
    for photo in sorted((data / "val" / "images").iterdir()):
        truth = torch.from_numpy(np.asarray(Image.open(data / "val" / "labels" / photo.name)).astype(np.int64))
        guess = torch.from_numpy(translator.run(photo).labels.astype(np.int64))
        expected += segmentation.confusion(guess, truth, 3)
    assert report.confusion == tuple(map(tuple, expected.tolist()))
    assert report.pixels == 2 * 50 * 70
    assert "own size" in report.protocol


@pytest.mark.parametrize("at", ["square", "own"])
def test_a_picture_model_that_is_always_right_is_right_to_a_rounding(make_model, make_pairs, at):
    model = make_model("image")
    report = evaluate(model, make_pairs({"val": 3}, _oracle(model)), at=at, device="cpu")
    assert report.target == "image"
    assert report.scores["l1"] <= 1 / 255
    assert report.scores["psnr"] > 50
    assert report.scores["ssim"] > 0.999
    assert (report.classes, report.confusion, report.pixels) == ((), (), 3 * SIZE * SIZE)


def test_a_report_names_model_data_and_protocol(make_model, make_pairs):
    model, data = make_model(step=700), make_pairs({"val": 1, "train": 2})
    seen = []
    report = evaluate(model, data, device="cpu", progress=lambda *now: seen.append(now))
    assert report.sha256 == checkpoints.sha256(model / "model.safetensors")
    assert (report.model, report.step, report.data, report.split) == ("small", 700, str(data), "val")
    assert "32 x 32" in report.protocol
    assert report.precision in {"fp32", "bf16"}
    assert report.seconds > 0
    assert seen == [(1, 1)]


def test_json_has_null_where_a_class_is_absent(make_model, make_pairs):
    model = make_model()
    data = make_pairs({"val": 1}, lambda photo: np.zeros(photo.shape[:2], np.uint8))
    report = evaluate(model, data, device="cpu")
    stored = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert [c["iou"] is None for c in stored["classes"]] == [False, True, True]
    assert stored["scores"]["mean_iou"] == pytest.approx(report.classes[0].iou)
    assert any("tree, sky" in note for note in stored["notes"])


def test_pictures_smaller_than_the_window_have_no_ssim():
    tally = PictureTally()
    tally.add(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8))
    assert math.isnan(tally.outcome().scores["ssim"])
    assert "2 pairs" in tally.outcome().notes[0]
    tally.add(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16))
    assert tally.outcome().scores["ssim"] == 1.0
    assert tally.outcome().pixels == 2 * 64 + 256


def test_a_damaged_picture_is_named(make_model, make_pairs):
    model, data = make_model(), make_pairs({"val": 2})
    (data / "val" / "images" / "001.png").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match=r"001\.png"):
        evaluate(model, data, device="cpu")


def test_unknown_models_and_folders_are_refused(make_model, make_pairs, tmp_path):
    with pytest.raises(CheckpointError):
        evaluate(tmp_path / "nothing", make_pairs({"val": 1}), device="cpu")
    with pytest.raises(DatasetError, match="does not exist"):
        evaluate(make_model(), tmp_path / "nothing", device="cpu")
