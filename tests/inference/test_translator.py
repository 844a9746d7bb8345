"""A photo goes in at any size, kind and depth, and its translation comes out at the same size."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.reliability.figures import Record
from translate import images
from translate.errors import CheckpointError, ConfigError, ImageError
from translate.inference.finishing import winners, with_detail
from translate.inference.translator import Translator
from translate.networks import build_generator

from .conftest import CLASSES, Spy, label_config, picture_config


def noise(height: int, width: int, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def test_an_identity_model_gives_every_byte_back(identity):
    photo = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(identity(photo, scale="native"), photo)


def test_a_constant_model_paints_one_colour():
    red = Spy(lambda x: torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1).expand_as(x))
    image = Translator(red, picture_config(), device="cpu")(Image.new("RGB", (9, 7)))
    assert (image.mode, image.size, image.getcolors()) == ("RGB", (9, 7), [(63, (255, 0, 128))])


@pytest.mark.parametrize(
    ("height", "width", "factor", "seen"),
    [
        (32, 32, 0.5, (16, 16)),
        (8, 8, 2.0, (16, 16)),
        (16, 64, 0.5, (8, 32)),  # its shape kept, its area 16 * 16
        (30, 60, 16 / 1800**0.5, (11, 23)),  # 11.3 and 22.6, rounded
        (1, 4096, 0.25, (1, 1024)),  # never less than a pixel
    ],
)
def test_auto_brings_a_photo_to_the_area_the_model_learnt_on(identity, height, width, factor, seen):
    result = identity.run(noise(height, width))
    assert result.scale == pytest.approx(factor)
    assert identity.generator.shapes == [(1, 3, *seen)]
    assert result.image.size == (width, height)


@pytest.mark.parametrize(
    ("scale", "seen"), [("native", (30, 61)), (1.0, (30, 61)), (0.5, (15, 30)), (2, (60, 122)), (0.001, (1, 1))]
)
def test_the_user_may_choose_the_scale(identity, scale, seen):
    result = identity.run(noise(30, 61), scale=scale)
    assert (identity.generator.shapes, result.image.size) == ([(1, 3, *seen)], (61, 30))


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), float("inf"), "big", "0.5"])
def test_a_scale_that_is_none_is_refused(identity, scale):
    with pytest.raises(ConfigError, match="known: auto, native, or a factor above 0"):
        identity.run(noise(4, 4), scale=scale)


def test_a_scale_that_makes_too_many_pixels_is_refused_before_it_is_tried(identity):
    with pytest.raises(ImageError, match=r"40 x 30 pixels at scale 1000 is 40000 x 30000.*smaller scale"):
        identity.run(noise(30, 40), scale=1000)
    assert identity.generator.shapes == []


def test_a_photo_is_made_smaller_with_antialiasing(identity):
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = 200  # without antialiasing, half the size is all 0 or all 200
    assert np.abs(identity(stripes).astype(int)[:, 8:24] - 100).max() <= 2


def test_logits_are_resized_and_not_the_classes():
    """At scale 1/4 the model sees 1 x 2 pixels and says 6 and -2 (road minus sky).

    Between their centres the difference falls by 2 a pixel: 6 6 5 3 1 -1 -2 -2, so five pixels are road. Resizing
    the classes would give four.
    """
    logits = torch.tensor([[3.0, -1.0], [-3.0, 1.0]]).view(1, 2, 1, 2)
    translator = Translator(Spy(lambda x: logits), label_config(), device="cpu")
    result = translator.run(noise(4, 8), scale=0.25)
    assert result.labels is not None
    assert result.labels.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1]] * 4
    assert result.shares == {"road": 5 / 8, "sky": 3 / 8}


def keeps_detail(function, **changes: object) -> Translator:
    """A model trained at 16 x 16 that adds the photo's own detail."""
    config = picture_config(**changes).replace(**{"data.keep_detail": True})
    return Translator(Spy(function), config, device="cpu", precision="fp32")


@pytest.mark.parametrize("size", [(64, 64), (37, 90), (9, 5)])
def test_a_model_that_changes_nothing_gives_a_detailed_photo_back_where_detail_is_kept(identity, size):
    photo = noise(*size)
    kept = keeps_detail(lambda x: x).run(photo)
    assert np.array_equal(np.asarray(kept.image), photo)
    blurred = identity.run(photo)
    seen = identity.generator.shapes[0][-2:]
    there = images.resize(images.to_tensor(photo)[None], *seen)
    assert np.array_equal(np.asarray(blurred.image), images.to_array(images.resize(there, *size)[0]))
    assert np.abs(np.asarray(blurred.image).astype(int) - photo).max() > 20
    assert (kept.kept_detail, blurred.kept_detail, kept.scale) == (True, False, blurred.scale)


def test_what_a_model_changes_is_changed_by_as_much_and_the_detail_stays():
    """20 of 255 levels brighter is 40 / 255 in [-1, 1]; what would leave the range is clamped."""
    photo = noise(48, 80)
    found = np.asarray(keeps_detail(lambda x: x + 40 / 255)(photo)).astype(int)
    assert np.array_equal(found, np.minimum(photo.astype(int) + 20, 255))


def test_detail_of_sixteen_bits_and_of_one_channel_is_kept_too():
    deep = noise(40, 30, 1, np.uint16)
    found = keeps_detail(lambda x: x, channels=1)(deep)
    assert (found.dtype, found.tolist()) == (np.uint16, deep.tolist())


def test_detail_is_only_added_where_scaling_took_it():
    """At its own pixels a model that paints gray leaves nothing of the photo."""
    gray = keeps_detail(torch.zeros_like)
    for photo, scale in ((noise(40, 30), "native"), (noise(40, 30), 1.0), (noise(16, 16), "auto")):
        result = gray.run(photo, scale=scale)
        assert not result.kept_detail
        assert result.image.getcolors() == [(photo.shape[0] * photo.shape[1], (128, 128, 128))]


def test_detail_is_the_finest_level_of_a_laplacian_pyramid():
    """Half as large, a black and white column are one gray pixel: all their difference is detail (Burt 1983)."""
    photo = torch.tensor([-1.0, 1.0]).repeat(4).expand(1, 1, 8, 8)
    seen = torch.nn.functional.avg_pool2d(photo, 2)
    assert torch.equal(seen, torch.zeros(1, 1, 4, 4))
    assert torch.equal(with_detail(torch.zeros(1, 1, 4, 4), seen, photo), photo)
    assert torch.equal(with_detail(torch.full((1, 1, 4, 4), 0.5), seen, photo), (photo + 0.5).clamp(-1, 1))


def test_where_much_is_changed_detail_fades_and_elsewhere_all_of_it_stays():
    """Half as large, the photo's columns are gray: left at that on one side, painted bright by 0.5 on the other."""
    photo = torch.tensor([-0.2, 0.2]).repeat(40).expand(1, 3, 24, 80)
    seen = torch.nn.functional.avg_pool2d(photo, 2)  # all 0
    fake = torch.zeros_like(seen)
    fake[..., 20:] = 0.5
    made = with_detail(fake, seen, photo, fade=True)
    torch.testing.assert_close(made[..., :28], photo[..., :28])
    torch.testing.assert_close(made[..., 52:], torch.full((1, 3, 24, 28), 0.5))
    slight = with_detail(torch.full_like(seen, 0.125), seen, photo, fade=True)  # halfway from 0.05 to 0.2
    torch.testing.assert_close(slight, 0.125 + 0.5 * photo)


@pytest.mark.parametrize(
    "config", [picture_config(channels=1, out_channels=3), picture_config(channels=4, out_channels=3), label_config()]
)
def test_detail_can_not_be_kept_by_a_model_of_other_channels_or_of_labels(config):
    with pytest.raises(ConfigError, match=r"data\.keep_detail .* image head and as many channels out as in"):
        config.replace(**{"data.keep_detail": True})


def test_of_equal_logits_the_first_class_wins():
    assert winners(torch.zeros(1, 3, 2, 2), 2, 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("size", [(5, 7), (3, 4), (9, 2), (1, 1)])
def test_class_by_class_is_the_same_as_all_logits_at_once(size):
    logits = torch.randn(1, 6, 5, 7, generator=torch.Generator().manual_seed(0))
    whole = torch.nn.functional.interpolate(logits, size, mode="bilinear", antialias=True)
    assert torch.equal(winners(logits, *size).long(), whole.argmax(dim=1)[0])


def test_a_label_model_gives_a_palette_picture_of_class_numbers(bright_is_sky):
    photo = Image.new("RGB", (4, 2))
    photo.paste((255, 255, 255), (3, 0, 4, 2))
    result = bright_is_sky.run(photo, scale="native")
    assert result.image.mode == "P"
    assert np.asarray(result.image).tolist() == [[0, 0, 0, 1]] * 2
    assert result.image.convert("RGB").getpixel((3, 0)) == CLASSES[1].color
    assert result.shares == {"road": 0.75, "sky": 0.25}


def test_the_kind_that_goes_in_comes_out(identity, bright_is_sky, tmp_path: Path):
    array = noise(6, 5)
    picture = Image.fromarray(array)
    picture.save(tmp_path / "p.png")
    for given in (picture, tmp_path / "p.png", str(tmp_path / "p.png")):
        assert isinstance(identity(given), Image.Image)
    out = identity(array)
    assert (type(out), out.shape, out.dtype) == (np.ndarray, (6, 5, 3), np.uint8)
    labels = bright_is_sky(array)
    assert (labels.shape, labels.dtype) == ((6, 5), np.uint8)
    many = identity([picture, array, tmp_path / "p.png"])
    assert [type(x) for x in many] == [Image.Image, np.ndarray, Image.Image]
    assert identity((array,))[0].shape == (6, 5, 3)
    assert identity([]) == []


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((2, 2), 7, np.uint8), 7),
        (np.full((2, 2, 1), 7, np.uint8), 7),
        (np.full((2, 2, 3), 65535, np.uint16), 65535),
        (np.full((2, 2), 257 * 9 + 1, np.uint16), 257 * 9 + 1),
        (np.full((2, 2, 3), 0.2), 51),
        (np.full((2, 2), 0.2, np.float32), 51),
        (np.dstack([np.full((2, 2, 3), 7, np.uint8), np.zeros((2, 2), np.uint8)]), 255),  # clear lets white through
    ],
)
def test_gray_deep_float_and_transparent_arrays_are_understood(identity, array, expected):
    assert (identity(array, scale="native") == expected).all()


@pytest.mark.parametrize(("mode", "colour"), [("L", 7), ("RGBA", (7, 7, 7, 255)), ("P", 7), ("1", 1)])
def test_pil_pictures_of_any_mode_are_understood(identity, mode, colour):
    photo = Image.new(mode, (3, 2), colour)
    expected = photo.convert("RGB")
    assert identity(photo, scale="native").tobytes() == expected.tobytes()


def test_a_gray_model_takes_colour_and_gives_gray():
    translator = Translator(Spy(lambda x: x), picture_config(channels=1), device="cpu")
    assert translator(Image.new("RGB", (4, 3), "white")).mode == "L"
    assert translator(noise(3, 4)).shape == (3, 4, 1)
    assert translator(noise(3, 4, 1), scale="native").tolist() == noise(3, 4, 1).tolist()


def test_a_model_of_seven_channels_takes_arrays_of_seven():
    config = picture_config(channels=7, out_channels=3)
    translator = Translator(Spy(lambda x: x[:, :3]), config, device="cpu", precision="fp32")
    deep = noise(3, 4, 7, np.uint16)
    assert np.array_equal(translator(deep, scale="native"), deep[..., :3])
    with pytest.raises(ImageError, match="has 3 channels; 'tiny' takes 7"):
        translator(noise(3, 4))
    with pytest.raises(ImageError, match="has 3 channels; 'tiny' takes 7"):
        translator(Image.new("RGB", (4, 3)))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 2, 5), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 3, 3), np.uint8), np.zeros((2, 2), int)],
)
def test_an_array_that_is_no_picture_is_refused(identity, wrong):
    with pytest.raises(ImageError):
        identity(wrong)


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", {"a": 1}, [3], torch.zeros(1, 3, 4, 4)])
def test_an_object_that_is_no_picture_is_refused(identity, wrong):
    with pytest.raises(ImageError, match="expected a PIL picture, an array"):
        identity(wrong)


def test_a_file_that_is_no_picture_is_refused(identity, tmp_path: Path):
    (tmp_path / "notes.png").write_text("notes")
    with pytest.raises(ImageError, match=r"notes\.png"):
        identity(tmp_path / "notes.png")


def test_pictures_of_one_size_go_through_together_and_come_back_in_order():
    spy = Spy(lambda x: x)
    translator = Translator(spy, picture_config(), device="cpu")
    sizes = [(4, 4), (2, 8), (4, 4), (4, 4), (2, 8)]
    photos = [np.full((h, w, 3), value, np.uint8) for value, (h, w) in enumerate(sizes)]
    results = translator.run_many(photos, scale="native", batch_size=2)
    assert [int(np.asarray(r.image).mean()) for r in results] == [0, 1, 2, 3, 4]
    assert sorted(shape[0] for shape in spy.shapes) == [1, 2, 2]


def tiny(**changes: object) -> nn.Module:
    torch.manual_seed(0)
    return build_generator(picture_config().generator.replace(**changes))


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_a_batch_gives_what_single_pictures_give(norm, record_figure: Record):
    translator = Translator(tiny(norm=norm), picture_config(), device="cpu", precision="fp32")
    batch = torch.rand(3, 3, 20, 28, generator=torch.Generator().manual_seed(1)) * 2 - 1
    together = translator.forward(batch)
    alone = torch.cat([translator.forward(one) for one in batch.split(1)])
    worst = (together - alone).abs().max().item()
    record_figure(27, f"batch against single pictures, {norm} norm", worst)
    assert worst <= 1e-5


def test_the_network_s_own_output_has_the_input_s_size():
    translator = Translator(tiny(), picture_config(), device="cpu")
    for height, width in ((16, 16), (17, 23), (1, 1)):
        assert translator.forward(torch.zeros(2, 3, height, width)).shape == (2, 3, height, width)


def test_dropout_and_batch_statistics_are_off():
    translator = Translator(tiny(depth=6, dropout=0.9).train(), picture_config(), device="cpu")
    photo = noise(64, 64)
    assert np.array_equal(translator(photo), translator(photo))


def test_bf16_is_close_to_fp32():
    photo = noise(32, 32)
    exact = Translator(tiny(), picture_config(size=32), device="cpu", precision="fp32")
    quick = Translator(tiny(), picture_config(size=32), device="cpu", precision="bf16")
    assert quick.precision == "bf16"
    assert quick.forward(torch.zeros(1, 3, 8, 8)).dtype == torch.float32
    assert np.abs(exact(photo).astype(int) - quick(photo).astype(int)).max() <= 6


@pytest.mark.parametrize(
    "changes",
    [
        {"residual": 1, "norm": "instance", "shortcut": True},
        {"kind": "resnet", "blocks": 3, "norm": "instance"},
        {"kind": "resnet", "blocks": 3, "norm": "instance", "shortcut": True},
    ],
)
@torch.inference_mode()
def test_a_network_of_instance_norms_paints_what_it_painted_in_training(changes):
    """In float32 the same picture; in bfloat16 as near to it as under the autocast that it was trained with."""
    network = tiny(dropout=0.0, filters=8, **changes).eval()
    photo = torch.nn.functional.interpolate(images.to_tensor(noise(8, 10))[None], (64, 80), mode="bilinear")
    plain = network(photo)
    with torch.autocast("cpu", torch.bfloat16):
        usual = network(photo).float()
    config = picture_config()
    exact = Translator(copy.deepcopy(network), config, device="cpu", precision="fp32").forward(photo)
    quick = Translator(copy.deepcopy(network), config, device="cpu", precision="bf16").forward(photo)
    assert (exact - plain).abs().max() <= 1e-5
    assert (quick - plain).abs().mean() * 127.5 <= 1  # levels of 255
    assert (quick - plain).abs().mean() <= 1.25 * (usual - plain).abs().mean()


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_memory_that_runs_out_is_told_in_one_line(error):
    def fail(x: torch.Tensor) -> torch.Tensor:
        raise error

    with pytest.raises(ImageError, match="not even 8 x 4 pixels fit into the memory of cpu; free some"):
        Translator(Spy(fail), picture_config(), device="cpu").run(noise(4, 8), scale="native")


def test_another_failure_of_the_network_is_a_bug_and_stays_one():
    def fail(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Translator(Spy(fail), picture_config(), device="cpu").run(noise(4, 8))


def test_a_stored_model_is_loaded_by_folder_or_weights_file(stored: Path):
    photo = noise(16, 16)
    expected = Translator(tiny(), picture_config(), device="cpu")(photo)
    for given in (stored, str(stored), stored / "model.safetensors"):
        assert np.abs(Translator.load(given, device="cpu")(photo).astype(int) - expected.astype(int)).max() <= 1


def test_a_damaged_model_is_refused(stored: Path):
    (stored / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        Translator.load(stored)


def test_an_absent_device_is_refused(stored: Path):
    with pytest.raises(ConfigError, match="known: auto, cpu"):
        Translator.load(stored, device="tpu")
