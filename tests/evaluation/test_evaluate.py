import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import checkpoints, images
from translate.config import ClassSpec
from translate.errors import CheckpointError, DatasetError, ImageError
from translate.evaluation import evaluate as evaluation
from translate.evaluation.gallery import Gallery
from translate.evaluation.tally import PictureTally
from translate.features import load_features
from translate.inference.translator import Translator
from translate.metrics import paired, segmentation
from translate.metrics.appearance import colour_difference

from .conftest import CLASSES, SIZE, VOID

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
    assert tally.outcome().notes == (
        "SSIM is of 0 of 2 pairs: it needs 11 pixels a side",
        "MS-SSIM is of 0 of 2 pairs: it needs 161 pixels a side",
    )
    tally.add(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16))
    assert tally.outcome().scores["ssim"] == 1.0
    assert tally.outcome().pixels == 2 * 64 + 256


def test_every_figure_of_pairs_is_the_mean_of_its_values():
    """One pair is the same, the other 0.5 darker: L1 0 and 0.5, and MS-SSIM and Lab as their functions say."""
    tally, bright = PictureTally(), torch.full((1, 3, 161, 170), 0.5)
    pattern = torch.rand(1, 3, 161, 170, generator=torch.Generator().manual_seed(0)) - 0.5
    tally.add(pattern, pattern)
    tally.add(bright - 0.5, bright)
    scores = tally.outcome().scores
    assert scores["l1"] == pytest.approx(0.25)
    assert scores["ms_ssim"] == pytest.approx((1 + float(paired.ms_ssim(bright - 0.5, bright))) / 2)
    assert scores["colour_difference"] == pytest.approx(float(colour_difference(bright - 0.5, bright)) / 2, abs=1e-4)
    assert tally.outcome().notes == ()


def test_pictures_of_two_channels_have_no_colour_difference_but_an_l1():
    tally = PictureTally()
    tally.add(torch.zeros(1, 2, 170, 170), torch.zeros(1, 2, 170, 170))
    assert tally.outcome().scores["l1"] == 0
    assert math.isnan(tally.outcome().scores["colour_difference"])
    assert tally.outcome().notes == ("colour difference is of 0 of 1 pairs: it needs 1 pixels a side of gray or RGB",)


def test_translations_of_pairs_are_compared_with_the_truths_as_sets_too(make_model, make_pairs):
    """A model that is always right makes the set of truths itself, to a rounding."""
    model = make_model("image")
    report = evaluate(model, make_pairs({"val": 7}, _oracle(model)), device="cpu", features="shipped")
    assert (report.counts, report.space) == ((7, 7), load_features("shipped", "cpu").name)
    assert report.scores["frechet"] == pytest.approx(0, abs=0.05)
    assert (report.scores["precision"], report.scores["recall"], report.scores["coverage"]) == (1, 1, 1)
    assert report.scores["colour_shift"] < 0.1
    assert report.scores["sharpness"] == pytest.approx(1, abs=0.05)
    assert report.biased == ("frechet",)
    assert f"7 translations against 7 real pictures, in the feature space {report.space}" in report.protocol


def test_pairs_are_scored_without_a_feature_space_unless_one_was_named(make_model, make_pairs, monkeypatch, tmp_path):
    model, data = make_model("image"), make_pairs({"val": 2})
    monkeypatch.setattr("translate.catalog.roots", lambda: {"shipped": tmp_path / "nothing"})
    report = evaluate(model, data, device="cpu")
    assert "l1" in report.scores
    assert "kernel" not in report.scores
    assert any("no figures of the sets" in note and "no feature extractor here" in note for note in report.notes)
    with pytest.raises(CheckpointError, match="no feature extractor here"):
        evaluate(model, data, device="cpu", features="shipped")


def test_a_pair_alone_has_no_distances(make_model, make_pairs):
    model = make_model("image")
    report = evaluate(model, make_pairs({"val": 1}, _oracle(model)), device="cpu")
    assert not {"kernel", "frechet", "precision"} & report.scores.keys()
    assert report.space == ""
    assert "feature space" not in report.protocol
    assert any("no distances" in note for note in report.notes)


@pytest.mark.parametrize("head", ["labels", "image"])
@pytest.mark.parametrize("at", ["square", "own"])
def test_the_gallery_gets_inputs_outputs_and_truths(make_model, make_pairs, head: str, at: str):
    """Outputs that are always right look like their truths."""
    model = make_model(head)
    gallery = Gallery()
    evaluate(model, make_pairs({"val": 4}, _oracle(model)), at=at, batch_size=3, device="cpu", gallery=gallery)
    assert gallery.names == ["000", "001", "002", "003"]
    sheet = np.asarray(gallery.sheet(["small"]), dtype=int)
    made, truth = (sheet[28:1060, 4 + place * 260 : 260 + place * 260] for place in (1, 2))
    assert np.abs(made - truth).max() <= (0 if head == "labels" else 3)
    assert made.std() > 10
    assert np.abs(sheet[28:1060, 4:260] - truth).max() > 50


def test_the_gallery_shows_a_truth_in_the_models_classes_and_void_in_black(make_model, make_pairs):
    """The data's labels 0, 1, 2 are sky, road, tree; the upper half of the truth is sky, the lower is void."""

    def truth(photo: np.ndarray) -> np.ndarray:
        labels = np.zeros(photo.shape[:2], np.uint8)
        labels[len(labels) // 2 :] = VOID
        return labels

    data = make_pairs({"val": 1}, truth, classes=(CLASSES[2], CLASSES[0], CLASSES[1]))
    gallery = Gallery()
    evaluate(make_model(), data, device="cpu", gallery=gallery)
    sheet = np.asarray(gallery.sheet(["small"]))
    assert [sheet[y, 2 * 260 + 130].tolist() for y in (90, 220)] == [list(CLASSES[2].color), [0, 0, 0]]


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


DRAWN = (ClassSpec(name="Sky", color=(1, 2, 3)), *(c.replace(color=(9, 9, 200 + i)) for i, c in enumerate(CLASSES[:2])))


@pytest.mark.parametrize("at", ["square", "own"])
@pytest.mark.parametrize("stored", ["index", "colour"])
def test_label_maps_as_inputs_are_drawn_as_the_model_draws_them(
    make_model, make_pairs, monkeypatch, at: str, stored: str
):
    """The data's sky is its class 2 and blue; the model's is its class 0 and almost black."""
    model = make_model("image", input_classes=DRAWN)
    data = make_pairs({"val": 2}, size=(50, 70))
    maps = sorted((data / "val" / "labels").iterdir())
    indices = [np.asarray(Image.open(path)) for path in maps]
    if stored == "colour":
        for path, index in zip(maps, indices, strict=True):
            Image.fromarray(images.colourise(index, [spec.color for spec in CLASSES])).save(path)
    seen: list[torch.Tensor] = []
    forward = Translator.forward
    monkeypatch.setattr(Translator, "forward", lambda self, batch: seen.extend(batch) or forward(self, batch))
    together = Translator._together
    monkeypatch.setattr(
        Translator,
        "_together",
        lambda self, group, *rest: seen.extend(g.batch[0] for g in group) or together(self, group, *rest),
    )
    evaluate(model, data, at=at, direction="BtoA", device="cpu", batch_size=2)
    colours = [(9, 9, 200), (9, 9, 201), (1, 2, 3)]
    height, width = (SIZE, SIZE) if at == "square" else (round(50 * SIZE / 3500**0.5), round(70 * SIZE / 3500**0.5))
    expected = [images.to_tensor(images.colourise(images.nearest(i, height, width), colours)) for i in indices]
    for found, wanted in zip(seen[:2], expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_a_model_that_starts_from_label_maps_is_not_scored_on_photos(make_model, make_pairs):
    model = make_model("image", input_classes=DRAWN)
    with pytest.raises(DatasetError, match="starts from label maps, and the inputs here are pictures"):
        evaluate(model, make_pairs({"val": 2}), direction="AtoB", device="cpu")
