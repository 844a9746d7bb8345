"""Feature spaces: named after what they are, the same in every batch, and refused in one line where they can't be."""

import hashlib
import logging
import math
import shutil
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate import catalog, checkpoints, features
from translate.errors import CheckpointError, ConfigError, ImageError
from translate.features import ExtractorConfig, FeatureSpace, load_extractor, load_features, save_extractor
from translate.interop import inception
from translate.metrics.frechet import frechet_distance
from translate.metrics.kernel import kernel_distance
from translate.networks.extractor import FeatureExtractor

TINY = ExtractorConfig(name="tiny", filters=(4, 6), dim=5, size=16)


@pytest.fixture(scope="module")
def shipped() -> FeatureSpace:
    return load_features("shipped", "cpu")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    extractor = FeatureExtractor(filters=TINY.filters, dim=TINY.dim, generator=torch.Generator().manual_seed(0))
    save_extractor(folder, extractor, TINY)
    return folder


def _pictures(count: int = 4, channels: int = 3, size: int = 40, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 6, 6, generator=random) * 2 - 1
    return F.interpolate(coarse, (size, size), mode="bilinear")


def _stripes(count: int, width: float, seed: int) -> Tensor:
    """Gray pictures of slanted stripes of about `width` pixels, each with its own slant and phase."""
    random = torch.Generator().manual_seed(seed)
    slant, phase = torch.rand(2, count, 1, 1, generator=random) * 6
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    wave = torch.sin((x * slant.cos() + y * slant.sin()) * torch.pi / width + phase)
    return wave[:, None].expand(-1, 3, -1, -1)


def test_the_shipped_space_is_named_after_extractor_features_size_and_weights(shipped: FeatureSpace):
    weights = catalog.roots()["shipped"] / features.FOLDER / features.WEIGHTS_FILE
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert shipped.name == f"translate-features-128@96px-{digest[:8]}"
    assert shipped(_pictures()).shape == (4, 128)
    assert weights.stat().st_size <= 2e6


def test_the_shipped_extractor_is_no_translator():
    assert features.FOLDER not in [entry.name for entry in catalog.scan()]


def test_features_are_the_same_every_time_and_in_every_batch(shipped: FeatureSpace):
    pictures = _pictures(5)
    together = shipped(pictures)
    assert together.dtype == torch.float32
    assert torch.equal(load_features("shipped", "cpu")(pictures), together)
    assert torch.allclose(torch.cat([shipped(picture[None]) for picture in pictures]), together, atol=1e-5)


def test_a_set_larger_than_a_batch_is_cut_and_put_together_again(tiny: Path):
    space, pictures = load_features(str(tiny), "cpu"), _pictures(features.BATCH + 3, size=16)
    assert torch.allclose(space(pictures)[-1], space(pictures[-1:])[0], atol=1e-5)
    assert len(space(pictures)) == len(pictures)


def test_gray_is_three_equal_channels(shipped: FeatureSpace):
    gray = _pictures(2, channels=1)
    assert torch.equal(shipped(gray), shipped(gray.repeat(1, 3, 1, 1)))


def test_a_large_picture_is_shrunk_with_antialiasing(shipped: FeatureSpace):
    """Lines of one pixel, shrunk four times, are gray; without antialiasing they would be black or white."""
    lines = torch.ones(1, 3, 384, 384)
    lines[..., ::2] = -1
    away = (shipped(lines) - shipped(torch.zeros(1, 3, 96, 96))).abs().max()
    assert away < 0.1 * shipped(torch.ones(1, 3, 96, 96)).sub(shipped(torch.zeros(1, 3, 96, 96))).abs().max()


def test_autocast_around_it_changes_nothing(shipped: FeatureSpace):
    with torch.autocast("cpu", torch.bfloat16):
        inside = shipped(_pictures())
    assert torch.equal(inside, shipped(_pictures()))


def test_stripes_lie_twice_as_near_to_stripes_as_to_what_replaces_them(shipped: FeatureSpace):
    """Wide ones, faint ones (the nearest: training changed contrasts, which made it a little blind to them), blobs."""
    stripes, same = shipped(_stripes(40, 6, seed=0)), shipped(_stripes(40, 6, seed=1))
    others = [shipped(_stripes(40, 24, seed=2)), shipped(_stripes(40, 6, seed=3) * 0.2), shipped(_pictures(40))]
    for distance in (frechet_distance, kernel_distance):
        assert all(distance(stripes, same) < 0.5 * distance(stripes, other) for other in others)


@pytest.mark.parametrize("shape", [(2, 2, 32, 32), (2, 4, 32, 32), (3, 32, 32), (0, 3, 32, 32), (2, 3, 0, 32)])
def test_other_channels_and_shapes_are_refused(shipped: FeatureSpace, shape: tuple[int, ...]):
    with pytest.raises(ImageError, match=r"takes gray or RGB pictures \(N, 1 or 3, H, W\), got") as caught:
        shipped(torch.zeros(shape))
    assert "\n" not in str(caught.value)


def test_pictures_of_a_diverged_model_are_refused(shipped: FeatureSpace):
    with pytest.raises(ImageError, match="not finite"):
        shipped(torch.full((1, 3, 32, 32), float("nan")))


def test_an_extractor_of_ones_own_is_found_by_its_folder(tiny: Path):
    space = load_features(str(tiny), "cpu")
    assert space.name.startswith("tiny-5@16px-")
    half = {
        name: t for name, t in checkpoints.read_tensors(tiny / features.WEIGHTS_FILE).items() if name.endswith("weight")
    }
    assert {t.dtype for t in half.values()} == {torch.float16}


def test_another_training_is_another_space(tiny: Path, tmp_path: Path):
    before = load_features(str(tiny), "cpu").name
    save_extractor(tiny, FeatureExtractor(filters=TINY.filters, dim=TINY.dim), TINY)
    assert load_features(str(tiny), "cpu").name != before


def test_a_cut_weights_file_is_refused_in_one_line(tiny: Path):
    path = tiny / features.WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"extractor\.safetensors: not a readable") as caught:
        load_features(str(tiny), "cpu")
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_finite_or_of_another_network_are_refused(tiny: Path):
    path = tiny / features.WEIGHTS_FILE
    tensors = checkpoints.read_tensors(path)
    checkpoints.write_tensors(path, tensors | {"mix.weight": torch.full_like(tensors["mix.weight"], torch.nan)})
    with pytest.raises(CheckpointError, match=r"mix\.weight holds values that are not finite"):
        load_extractor(tiny)
    checkpoints.write_json(tiny / features.CONFIG_FILE, TINY.replace(dim=7).model_dump(mode="json"))
    with pytest.raises(CheckpointError, match="the network has"):
        load_extractor(tiny)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a readable JSON file"),
        ('{"name": "x"}', "filters"),
        ('{"format": 2, "name": "x", "filters": [4, 6], "dim": 5, "size": 16}', "newer than this program reads"),
        ('{"name": "x", "filters": [4, 6], "dim": 5, "size": 4}', "size is 4"),
    ],
)
def test_a_config_that_can_not_be_trusted_is_refused(tiny: Path, text: str, said: str):
    (tiny / features.CONFIG_FILE).write_text(text)
    with pytest.raises(CheckpointError, match=said):
        load_features(str(tiny), "cpu")


def test_a_folder_without_an_extractor_and_an_unknown_device_are_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"no feature extractor here \(extractor\.json is missing\)"):
        load_features(str(tmp_path), "cpu")
    with pytest.raises(ConfigError, match="device is 'tpu'"):
        load_features("shipped", "tpu")


class _Inception(nn.Module):
    """What torch-fidelity's class is to us: unpickles what it is given, takes bytes, gives a tuple."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: object) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.load_state_dict(torch.load(feature_extractor_weights_path, weights_only=False))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor]:
        assert x.dtype == torch.uint8
        assert x.shape[1:] == (3, 299, 299)
        return (x.float().mean(dim=(2, 3)) * self.scale,)


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the file of 91 MB, in the user's folder, and for the package that reads it."""
    path = catalog.home() / features.FOLDER / inception.FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"scale": torch.full((1,), 2.0)}, path)
    monkeypatch.setattr(inception, "DIGEST", checkpoints.sha256(path))
    monkeypatch.setattr(inception, "available", lambda: True)
    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = _Inception  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", module)
    yield path
    shutil.rmtree(path.parent)


def test_inception_is_taken_where_its_weights_and_its_package_are(weights: Path):
    space = load_features("auto", "cpu")
    assert space.name == "inception-v3-2048@299px"
    levels = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(2, 3, 20, 20)
    expected = torch.tensor([[0.0, 256.0, 510.0]] * 2)  # bytes 0, 128 (127.5 rounded to even), 255, times 2
    assert torch.allclose(space(levels), expected, atol=0.01)


def test_inceptions_last_layer_without_its_bias_gives_class_probabilities():
    """Logits 0 and log 3 are probabilities 1/4 and 3/4."""
    network = torch.nn.Module()
    network.fc = torch.nn.Linear(2, 2)
    network.fc.weight.data = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    network.fc.bias.data = torch.tensor([5.0, -5.0])
    found = inception.Inception(network).probabilities(torch.tensor([[7.0, math.log(3)]]))
    assert torch.allclose(found, torch.tensor([[0.25, 0.75]]))
    assert not found.requires_grad


def test_only_inception_tells_classes(weights: Path, shipped: FeatureSpace):
    assert load_features("inception", "cpu").classify is not None
    assert shipped.classify is None


def test_without_its_package_one_line_says_so_and_the_shipped_space_is_taken(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, shipped: FeatureSpace
):
    monkeypatch.setattr(inception, "available", lambda: False)
    with caplog.at_level(logging.INFO, "translate.features"):
        assert load_features("auto", "cpu").name == shipped.name
    assert [record.message for record in caplog.records if "torch-fidelity" in record.message] == [
        f"{weights}: InceptionV3 needs torch-fidelity (pip install 'translate-images[metrics]'); "
        "the shipped extractor is used"
    ]
    with pytest.raises(CheckpointError, match="needs torch-fidelity"):
        load_features("inception", "cpu")


def test_another_file_under_its_name_is_refused(weights: Path):
    weights.write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="its SHA-256 begins with"):
        load_features("auto", "cpu")


def test_a_file_that_would_run_code_is_refused(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    torch.save({"scale": Harmful()}, weights)
    monkeypatch.setattr(inception, "DIGEST", checkpoints.sha256(weights))
    with pytest.raises(CheckpointError, match="not the weights of InceptionV3"):
        load_features("inception", "cpu")
    assert not (tmp_path / "ran").exists()


def test_inception_without_its_file_says_which_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inception, "available", lambda: True)
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = _Inception  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", module)
    with pytest.raises(CheckpointError, match="no such file; fetch it with `translate models pull inception`"):
        load_features("inception", "cpu")
