"""A model that starts from a label map is fed its classes' pure colours, however and at whatever size it comes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.inference.conftest import Spy
from translate import images
from translate.config import ClassSpec, DataConfig, GeneratorConfig, ModelConfig
from translate.data.layouts import recognise
from translate.data.paired import PairedDataset
from translate.errors import ConfigError, ImageError
from translate.inference import folder, translator
from translate.inference.files import Options, plan
from translate.inference.translator import Translator

CLASSES = tuple(
    ClassSpec(name=name, color=color)
    for name, color in (("wall", (0, 48, 255)), ("window", (250, 128, 0)), ("door", (20, 200, 60)))
)
COLOURS = [spec.color for spec in CLASSES]


class Witness(Spy):
    """Gives every input back and keeps it."""

    def __init__(self) -> None:
        super().__init__(lambda x: x)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.clone())
        return super().forward(x)


def config(size: int = 16, **data: object) -> ModelConfig:
    return ModelConfig(
        name="tiny",
        generator=GeneratorConfig(filters=4, depth=2),
        data=DataConfig(size=size, load_size=size, crop=size, **data),
        input_classes=CLASSES,
    )


@pytest.fixture
def model() -> Translator:
    """Shows what it was given; trained at 16 x 16."""
    return Translator(Witness(), config(), device="cpu", precision="fp32")


def a_map(height: int = 16, width: int = 16, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 3, (7, 5), np.uint8)
    return images.nearest(coarse, height, width)


def rgb(index: np.ndarray) -> np.ndarray:
    return images.colourise(index, COLOURS)


def colours_seen(model: Translator) -> set[tuple[int, ...]]:
    found: set[tuple[int, ...]] = set()
    for batch in model.generator.seen:
        pixels = (batch + 1) * 127.5
        assert torch.allclose(pixels, pixels.round(), atol=1e-4)
        colours = pixels.round().byte().permute(0, 2, 3, 1).reshape(-1, 3).unique(dim=0)
        found |= {tuple(colour) for colour in colours.tolist()}
    return found


def test_class_numbers_and_their_colours_are_the_same_map_however_they_come(model: Translator, tmp_path: Path) -> None:
    index = a_map()
    expected = rgb(index)
    palette = images.labels_to_pil(index, COLOURS)
    images.save(palette, tmp_path / "palette.png")
    Image.fromarray(index).save(tmp_path / "gray.png")
    Image.fromarray(index.astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(expected).save(tmp_path / "colours.png")
    ways = [
        *(tmp_path / f"{name}.png" for name in ("palette", "gray", "deep", "colours")),
        palette, Image.fromarray(index), Image.fromarray(expected), Image.fromarray(expected).convert("RGBA"),
        index, index.astype(np.int64), index[..., None], expected, (expected / 255).astype(np.float32),
    ]  # fmt: skip
    for way in ways:
        np.testing.assert_array_equal(model.read(way), expected)
        np.testing.assert_array_equal(np.asarray(model.run(way).image), expected)


def test_what_the_network_is_fed_is_what_training_stored_for_the_map(model: Translator, tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for seed in range(4):
        images.save(images.labels_to_pil(a_map(40, 40, seed), COLOURS), tmp_path / "labels" / f"{seed}.png")
        images.save(Image.new("RGB", (40, 40)), tmp_path / "images" / f"{seed}.png")
    named = [{"index": i, "name": spec.name, "color": spec.color} for i, spec in enumerate(CLASSES)]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": named}))
    data = DataConfig(size=16, load_size=16, crop=16, direction="BtoA", holdout=2)
    layout = recognise(tmp_path, config=data)
    stored = PairedDataset(layout.splits["val"], layout, data, train=False, seed=0)
    assert stored.input_classes == CLASSES
    for number, pair in enumerate(stored.pairs):
        model.run(pair.b)
        assert torch.equal(model.generator.seen[-1][0], stored[number].real_a)
    assert len(stored) == 2


@pytest.mark.parametrize(("height", "width"), [(16, 16), (7, 90), (33, 21), (200, 130), (3, 2)])
@pytest.mark.parametrize("scale", ["auto", "native", 0.37, 3.3])
def test_the_network_sees_pure_colours_at_any_size(
    model: Translator, height: int, width: int, scale: str | float
) -> None:
    model.run(a_map(height, width), scale=scale)
    assert colours_seen(model) <= set(COLOURS)


@pytest.mark.parametrize("scale", ["native", 0.6, 1.7])
def test_tiles_are_windows_of_the_same_pure_map(model: Translator, scale: str | float) -> None:
    index = a_map(300, 170)
    whole = model.run(index, scale=scale)
    tiled = model.run(index, scale=scale, tile=64)
    assert len(model.generator.seen) > 2
    assert colours_seen(model) <= set(COLOURS)
    assert tiled.tile == 64
    np.testing.assert_allclose(tiled.pixels, whole.pixels, atol=1)


def test_a_large_map_is_brought_to_scale_as_a_small_one(model: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    index = a_map(90, 70)
    expected = model.run(index).pixels
    monkeypatch.setattr(translator, "LARGE_PIXELS", 1000)
    np.testing.assert_allclose(model.run(index).pixels, expected, atol=1)
    assert torch.equal(*model.generator.seen)


def test_the_norms_of_a_picture_in_tiles_are_taken_from_pure_colours_too() -> None:
    class Normed(Witness):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.InstanceNorm2d(3)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(super().forward(x))

    model = Translator(Normed(), config(), device="cpu", precision="fp32")
    seen: list[Tensor] = []
    model.generator.norm.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    model.run(a_map(301, 173), scale="native", tile=64)
    model.generator.seen = seen
    assert colours_seen(model) <= set(COLOURS)


def test_a_palette_in_another_order_goes_by_its_colours(model: Translator, tmp_path: Path) -> None:
    """Some programs save colours as a palette sorted their own way: number 0 is then not class 0."""
    index = a_map()
    turned = images.labels_to_pil(2 - index, COLOURS[::-1])
    images.save(turned, tmp_path / "turned.png")
    for way in (turned, tmp_path / "turned.png"):
        np.testing.assert_array_equal(model.read(way), rgb(index))


@pytest.mark.parametrize("others", [[(1, 1, 1), (2, 2, 2), (3, 3, 3)], [(0, 0, 0), COLOURS[0], (9, 9, 9)]])
def test_a_palette_of_other_colours_goes_by_its_numbers(
    model: Translator, tmp_path: Path, others: list[tuple[int, int, int]]
) -> None:
    index = a_map()
    images.save(images.labels_to_pil(index, others), tmp_path / "map.png")
    np.testing.assert_array_equal(model.read(tmp_path / "map.png"), rgb(index))


def test_void_is_black_as_in_training_and_told(
    model: Translator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = a_map()
    index[:4] = 255
    images.save(images.labels_to_pil(index, COLOURS), tmp_path / "map.png")
    Image.fromarray(rgb(index)).save(tmp_path / "colours.png")
    for name in ("map.png", "colours.png"):
        caplog.clear()
        with caplog.at_level("INFO"):
            found = model.read(tmp_path / name)
        assert (found[:4] == 0).all()
        np.testing.assert_array_equal(found[4:], rgb(index)[4:])
        assert f"{name}: 25.0 % is void, drawn black" in caplog.text


@pytest.mark.parametrize("kind", ["number", "colour", "palette"])
def test_what_is_none_of_the_classes_is_refused_with_how_much_it_is(
    model: Translator, tmp_path: Path, kind: str
) -> None:
    index = a_map()
    path = tmp_path / "map.png"
    if kind == "colour":
        wrong = rgb(index)
        wrong[:4] = (1, 48, 255)  # one off class 0's
        Image.fromarray(wrong).save(path)
    else:
        index[:4] = 7
        (Image.fromarray(index) if kind == "number" else images.labels_to_pil(index, [(9, 9, 9)] * 8)).save(path)
    with pytest.raises(ImageError) as caught:
        model.run(path)
    message = str(caught.value)
    named = "colour (1, 48, 255)" if kind == "colour" else "value 7"
    assert message.startswith(f"{path}: 25.0% of the picture is none of the 3 classes of 'tiny' (as {named}); ")
    assert "class numbers from 0 to 2" in message
    assert "\n" not in message


@pytest.mark.parametrize("quality", [95, 60])
def test_a_lossy_map_is_brought_back_to_its_classes(model: Translator, tmp_path: Path, quality: int) -> None:
    index = a_map(320, 320)
    Image.fromarray(rgb(index)).save(tmp_path / "map.jpg", quality=quality)
    with Image.open(tmp_path / "map.jpg") as opened:
        opened.load()
        for way in (tmp_path / "map.jpg", opened):
            found = model.read(way)
            assert {tuple(c) for c in found.reshape(-1, 3)} == set(COLOURS)
            assert (found != rgb(index)).any(axis=2).mean() < 0.02


def test_what_compression_mixed_goes_to_the_class_beside_it(model: Translator, tmp_path: Path) -> None:
    """Two classes side by side; one column between them has a colour near none."""
    index = np.zeros((8, 20), np.uint8)
    index[:, 10:] = 1
    mixed = rgb(index)
    mixed[:, 9] = (125, 88, 128)
    path = tmp_path / "map.webp"
    Image.fromarray(mixed).save(path, lossless=True)
    np.testing.assert_array_equal(model.read(path), rgb(index))


def test_a_photo_is_no_label_map(model: Translator, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).resize((400, 400)).save(tmp_path / "photo.jpg")
    with pytest.raises(ImageError, match=r"photo\.jpg: \d+\.\d% of the picture is none of the 3 classes"):
        model.run(tmp_path / "photo.jpg")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((4, 4), np.float32), "whole numbers"),
        (np.zeros((4, 4, 2), np.uint8), "whole numbers"),
        (np.full((4, 4), -1), r"span \[-1, -1\]"),
        (np.full((4, 4), 70_000), r"span \[70000, 70000\]"),
        (np.full((4, 4, 3), 2.0), r"scale them to \[0, 1\]"),
        (np.zeros((0, 4), np.uint8), "no label map"),
        (7, "expected a PIL picture"),
    ],
)
def test_an_array_that_is_no_map_is_refused(model: Translator, wrong: object, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        model.read(wrong)  # type: ignore[arg-type]


def test_a_folder_of_maps_is_applied_and_a_photo_among_them_is_named(model: Translator, tmp_path: Path) -> None:
    given, out = tmp_path / "given", tmp_path / "out"
    for seed in range(2):
        images.save(images.labels_to_pil(a_map(seed=seed), COLOURS), given / f"{seed}.png")
    images.save(np.full((16, 16, 3), 77, np.uint8), given / "photo.png")
    summary = folder.apply(model, plan([given], out), Options())
    assert [failure.path.name for failure in summary.failed] == ["photo.png"]
    assert summary.failed[0].reason.startswith("100.0% of the picture is none")
    for seed in range(2):
        np.testing.assert_array_equal(images.read_array(out / f"{seed}.png"), rgb(a_map(seed=seed)))
    done = folder.apply(model, plan([given / "1.png"], tmp_path / "over.png"), Options(overlay=0.5))
    assert not done.failed


def test_a_model_without_input_classes_takes_any_colours() -> None:
    """So do published models of facades: they learnt from pictures of maps."""
    plain = Translator(Witness(), config().replace(input_classes=()), device="cpu", precision="fp32")
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(plain(noise), noise)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"generator": GeneratorConfig(filters=4, depth=2, in_channels=1)}, "takes 3 channels"),
        ({"data": DataConfig(keep_detail=True)}, "keep_detail"),
        ({"input_classes": CLASSES * 90}, "at most 255"),
    ],
)
def test_input_classes_need_colours_and_no_detail(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config().replace(**changes)
