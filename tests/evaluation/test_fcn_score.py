"""The FCN-score: a scorer that reads colours, on photos whose labels are known."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from translate import checkpoints
from translate.catalog import RUN_FILE
from translate.config import ClassSpec, DataConfig, GeneratorConfig, ModelConfig
from translate.errors import DatasetError
from translate.evaluation import fcn_score as module
from translate.evaluation.fcn_score import fcn_score, held_out, readable
from translate.networks import build_generator
from translate.presets import preset
from translate.trainers import run

SIDE = 8
CLASSES = (ClassSpec(name="dark", color=(10, 0, 0)), ClassSpec(name="light", color=(0, 200, 0)))


class Reader:
    """Stands for a translator: "light" where the photo is above the middle."""

    def __init__(self) -> None:
        generator = GeneratorConfig(head="labels", out_channels=2)
        data = DataConfig(size=SIDE, load_size=SIDE, crop=SIDE)
        self.config = ModelConfig(name="reader", generator=generator, data=data, classes=CLASSES)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, batch: Tensor) -> Tensor:
        self.seen.append(tuple(batch.shape))
        light = batch.mean(dim=1, keepdim=True)
        return torch.cat([-light, light], dim=1)


class Painter:
    """A translator that paints everything light."""

    def forward(self, batch: Tensor) -> Tensor:
        return torch.ones_like(batch)


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Path]:
    """A run on three pairs of photo and labels: a quarter of each map is light, and so is the photo there."""

    def make(direction: str = "BtoA", void: int = 0) -> Path:
        root = tmp_path / "data"
        for split in ("train", "val"):
            for side in ("images", "labels"):
                (root / split / side).mkdir(parents=True)
            labels = np.zeros((SIDE, SIDE), np.uint8)
            labels[:4, :4] = 1
            photo = np.repeat((labels * 255)[..., None], 3, axis=2)
            labels[4:6, :void] = 7
            for number in range(3):
                Image.fromarray(photo).save(root / split / "images" / f"{number}.png")
                Image.fromarray(labels).save(root / split / "labels" / f"{number}.png")
        named = [{"index": n, "name": spec.name, "color": list(spec.color)} for n, spec in enumerate(CLASSES)]
        (root / "classes.json").write_text(json.dumps({"ignore_index": 7, "classes": named}))
        config = preset("pix2pix").replace(
            **{"data.direction": direction, "data.size": 4, "data.load_size": 4, "data.crop": 4}
        )
        record = run.RunRecord(config=config, source=run.Source(root=root))
        checkpoints.write_json(tmp_path / RUN_FILE, record.model_dump(mode="json"))
        return tmp_path

    return make


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    """In place of the models by those names."""
    found = Reader()

    def load(name: str | Path, *, device: str) -> Reader | Painter:
        return found if name == "reader" else Painter()

    monkeypatch.setattr(module.Translator, "load", load)
    return found


def test_what_is_painted_light_is_right_in_a_quarter(trained: Callable[..., Path], reader: Reader):
    """16 of 64 pixels are light. Dark: accuracy 0, IoU 0; light: accuracy 1, IoU 16 / 64."""
    assert fcn_score(trained(), "reader") == {
        "fcn_pixel_accuracy": 0.25,
        "fcn_class_accuracy": 0.5,
        "fcn_mean_iou": 0.125,
    }


def test_real_photos_say_what_can_be_hoped_for(trained: Callable[..., Path], reader: Reader):
    """Brought to a side of 4 and back to 8, the quarter keeps its edges and loses the pixel in its corner."""
    found = fcn_score(trained(), "reader", real=True)
    assert found["fcn_pixel_accuracy"] == 63 / 64
    assert reader.seen == [(1, 3, SIDE, SIDE)] * 3  # the scorer's scale, not the model's


def test_void_does_not_count(trained: Callable[..., Path], reader: Reader):
    """Of 64 pixels 16 are light and 16 void: light is right in 16 of 48."""
    assert fcn_score(trained(void=8), "reader")["fcn_pixel_accuracy"] == pytest.approx(1 / 3)


def test_photos_as_inputs_have_no_labels_to_compare_with(trained: Callable[..., Path], reader: Reader):
    with pytest.raises(DatasetError, match="the inputs are pictures; swap the direction"):
        fcn_score(trained("AtoB"), "reader")


@pytest.mark.parametrize(
    ("generator", "names", "said"),
    [
        ({"head": "labels"}, ("dark", "sky", "sea"), "has the class light, which the model doesn't know"),
        ({"head": "image"}, (), "as a scorer is needed a model that turns these photos into label maps"),
        ({"head": "labels", "in_channels": 1}, ("dark", "light", "sea"), "as a scorer is needed"),
    ],
)
def test_a_scorer_that_can_not_read_them_is_refused(
    trained: Callable[..., Path], generator: dict[str, object], names: tuple[str, ...], said: str
):
    data, layout = held_out(trained())
    classes = tuple(ClassSpec(name=name, color=(number, 9, 9)) for number, name in enumerate(names))
    scorer = ModelConfig(name="scorer", generator=GeneratorConfig(**generator), classes=classes)
    with pytest.raises(DatasetError, match=said):
        readable(layout, data, scorer)


def test_a_stored_model_is_scored_as_it_is_applied(trained: Callable[..., Path], tmp_path: Path):
    """The whole way with real files: a network of random weights, twice the same."""
    torch.manual_seed(0)
    folder = trained()
    for name, head, classes in (("last", "image", ()), ("scorer", "labels", CLASSES)):
        generator = GeneratorConfig(filters=2, depth=2, head=head, out_channels=len(classes) or 3)
        network = build_generator(generator)
        for parameter in network.parameters():
            nn.init.normal_(parameter, 0.0, 0.5)
        data = DataConfig(size=SIDE, load_size=SIDE, crop=SIDE)
        config = ModelConfig(name=name, generator=generator, data=data, classes=classes)
        checkpoints.save_model(folder / name, network, config)
    first = fcn_score(folder, str(folder / "scorer"), device="cpu")
    assert set(first) == {"fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_mean_iou"}
    assert 0 <= first["fcn_mean_iou"] <= first["fcn_class_accuracy"] <= 1
    assert fcn_score(folder, str(folder / "scorer"), device="cpu") == first
