"""An ONNX file computes what the network does, at any size; a file that is not ours is refused in one line."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import translate
from translate import checkpoints
from translate.config import ClassSpec, DataConfig, GeneratorConfig, ModelConfig
from translate.errors import CheckpointError, ConfigError, ImageError
from translate.inference import export as exporting
from translate.inference.export import TOLERANCE, export
from translate.inference.translator import Translator
from translate.networks import build_generator

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"
NETWORKS = {
    "labels": GeneratorConfig(filters=8, depth=2, out_channels=2, head="labels", residual=1, dropout=0.0),
    "instance": GeneratorConfig(kind="resnet", filters=8, blocks=1, norm="instance", shortcut=True),
}
SIZES = [(64, 96), (97, 131), (17, 300), (2, 3), (7, 1)]


def stored(folder: Path, network: GeneratorConfig) -> Path:
    torch.manual_seed(0)
    classes = (ClassSpec(name="road", color=(9, 9, 9)), ClassSpec(name="sky", color=(0, 0, 200)))
    config = ModelConfig(
        name=folder.name,
        generator=network,
        data=DataConfig(size=64, load_size=64, crop=64),
        classes=classes if network.head == "labels" else (),
    )
    generator = build_generator(network)
    for part in generator.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # as after a training, so that folding them means something
            torch.nn.init.uniform_(part.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
    checkpoints.save_model(folder, generator, config)
    return folder


@pytest.fixture(scope="module", params=["labels", pytest.param("instance", marks=pytest.mark.slow)])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a model and its ONNX file."""
    root = tmp_path_factory.mktemp("onnx")
    folder = stored(root / request.param, NETWORKS[request.param])
    export(folder, root / "m.onnx")
    return folder, root / "m.onnx"


def test_it_gives_the_network_s_values_at_every_size(pair: tuple[Path, Path]):
    network = checkpoints.load_model(pair[0])[0]
    exported = Translator.load(pair[1])
    for number, (height, width) in enumerate(SIZES, 1):
        x = torch.rand(number % 3 + 1, 3, height, width) * 2 - 1
        with torch.inference_mode():
            expected = network(x)
        assert exported.forward(x).shape == expected.shape
        assert float((exported.forward(x) - expected).abs().max()) <= TOLERANCE


def test_translate_load_makes_the_same_pictures(pair: tuple[Path, Path]):
    photo = np.random.default_rng(0).integers(0, 256, (75, 110, 3), dtype=np.uint8)
    for options in ({}, {"scale": "native"}):
        mine = translate.load(pair[0], device="cpu", precision="fp32")(photo, **options)
        theirs = translate.load(pair[1])(photo, **options)
        assert np.abs(mine.astype(int) - theirs).max() <= 1  # one step of rounding
        assert (mine != theirs).mean() < 0.002


def test_the_file_says_nothing_of_this_machine_and_all_of_the_model(pair: tuple[Path, Path]):
    data = pair[1].read_bytes()
    assert not [word for word in (b"site-packages", b".py", str(Path.home()).encode()) if word in data]
    model = onnx.ModelProto.FromString(data)
    assert [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim] == [
        "n",
        3,
        "h",
        "w",
    ]
    assert Translator.load(pair[1]).config == checkpoints.load_config(pair[0])
    assert list(pair[1].parent.glob(".*")) == []


def test_a_large_picture_is_tiled_where_norms_allow_it(pair: tuple[Path, Path]):
    photo = np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    if pair[0].name == "labels":
        mine = translate.load(pair[0], device="cpu", precision="fp32")(photo, scale="native", tile=64)
        assert (mine != translate.load(pair[1])(photo, scale="native", tile=64)).mean() < 0.002
    else:
        with pytest.raises(ImageError, match="instance norms in an ONNX file"):
            translate.load(pair[1])(photo, scale="native", tile=64)


def changed(path: Path, target: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    model = onnx.ModelProto.FromString(path.read_bytes())
    change(model)
    target.write_bytes(model.SerializeToString())
    return target


def outside(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def hidden_outside(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="Constant", output=["hidden"])
    given = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    given.t.data_location = onnx.TensorProto.EXTERNAL
    given.t.external_data.add(key="location", value="/etc/passwd")


def branching(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="If", output=["x"])
    node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.name = "then"


def other_channels(model: onnx.ModelProto) -> None:
    text = model.metadata_props[0].value
    model.metadata_props[0].value = text.replace('"in_channels":3', '"in_channels":4')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (outside, "its weights lie in other files, which are not followed"),
        (hidden_outside, "its weights lie in other files, which are not followed"),
        (branching, "If holds a graph of its own"),
        (lambda model: model.opset_import.add(domain="com.evil", version=1), "operators beyond the ONNX standard"),
        (lambda model: model.functions.add(name="f", domain="x"), "operators beyond the ONNX standard"),
        (lambda model: model.metadata_props.pop(), "an ONNX file without our description"),
        (lambda model: setattr(model.metadata_props[0], "value", "{"), "not a sound ONNX file of ours"),
        (lambda model: setattr(model.metadata_props[0], "value", '{"format": 99}'), "not a sound ONNX file of ours"),
        (lambda model: model.graph.node.pop(), "not a sound ONNX file of ours|onnxruntime can't load it"),
        (lambda model: setattr(model.graph.input[0], "name", "other"), "not a sound|can't load|goes from and to other"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_in_one_line(pair: tuple[Path, Path], tmp_path: Path, change, message: str):
    path = changed(pair[1], tmp_path / "bad.onnx", change)
    with pytest.raises(CheckpointError, match=message) as error:
        Translator.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_description_that_is_another_model_s_is_told_when_it_runs(pair: tuple[Path, Path], tmp_path: Path):
    path = changed(pair[1], tmp_path / "bad.onnx", other_channels)
    with pytest.raises((CheckpointError, ImageError)) as error:
        Translator.load(path)(np.zeros((20, 20, 4), np.uint8))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [b"", b"no model", b"\x08" * 100, bytes(range(256)) * 20])
def test_what_is_no_onnx_is_one_line(tmp_path: Path, data: bytes):
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"not a readable ONNX file|without our description"):
        Translator.load(tmp_path / "m.onnx")


def test_a_huge_file_is_not_read(tmp_path: Path):
    with (tmp_path / "m.onnx").open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(CheckpointError, match=r"5,368,709,120 bytes, more than the 1,073,741,824 that are taken"):
        Translator.load(tmp_path / "m.onnx")


@pytest.mark.parametrize("options", [{"device": "cuda"}, {"precision": "bf16"}])
def test_an_onnx_file_runs_on_the_cpu_in_float32_only(tmp_path: Path, options: dict[str, str]):
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(ConfigError, match="runs on the cpu in fp32"):
        Translator.load(tmp_path / "m.onnx", **options)


def test_a_wrong_graph_never_becomes_a_file(pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The graph of another model, with other weights, in the place of this one's."""

    def wrong(*_: object) -> onnx.ModelProto:
        model = onnx.ModelProto.FromString(pair[1].read_bytes())
        weights = next(tensor for tensor in model.graph.initializer if len(tensor.raw_data) > 1000)
        weights.raw_data = weights.raw_data[::-1][:-8] + bytes(8)
        return model

    monkeypatch.setattr(exporting, "_converted", wrong)
    with pytest.raises(CheckpointError, match=r"differs from PyTorch by .* at \d+ x \d+; not written"):
        export(pair[0], tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_comparison_sees_a_difference():
    config, other = NETWORKS["labels"], build_generator(NETWORKS["labels"]).eval()
    network = build_generator(config).eval()
    assert max(exporting._compare(network, network, config).values()) == 0
    with torch.no_grad():
        other.load_state_dict(network.state_dict())
        other.output.conv.bias += 0.01
    found = exporting._compare(network, other, config)
    assert len(found) == 3
    assert list(found.values()) == pytest.approx([0.01] * 3, rel=1e-3)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("m.bin", "ends in .onnx"),
        ("there.onnx", "there already; --overwrite"),
        ("none/m.onnx", "folder does not exist"),
    ],
)
def test_a_place_that_can_t_take_it_is_refused_before_the_work(tmp_path: Path, out: str, message: str):
    (tmp_path / "there.onnx").write_bytes(b"kept")
    with pytest.raises(ConfigError, match=message):
        export("street-segmentation", tmp_path / out)
    assert (tmp_path / "there.onnx").read_bytes() == b"kept"


def test_without_the_packages_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"pip install 'translate-images\[onnx\]'"):
        export("street-segmentation", tmp_path / "m.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.parent.name for path in SHIPPED.glob("*/model.safetensors")))
def test_every_shipped_translator_exports(tmp_path: Path, name: str):
    config = checkpoints.load_config(SHIPPED / name)
    if not isinstance(config.generator, GeneratorConfig):
        with pytest.raises(ConfigError, match="starts from noise"):
            export(name, tmp_path / "m.onnx")
        return
    done = export(name, tmp_path / "m.onnx")
    assert max(done.differences.values()) <= TOLERANCE
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    if drawn := config.input_classes:
        photo = np.array([spec.color for spec in drawn], np.uint8)[photo[..., 0] % len(drawn)]
    mine = translate.load(name, device="cpu", precision="fp32")(photo)
    assert (np.abs(mine.astype(int) - translate.load(tmp_path / "m.onnx")(photo)) > 1).mean() < 0.001


def test_a_file_whose_input_is_a_label_map_reads_it_as_the_model_does(pair: tuple[Path, Path], tmp_path: Path):
    folder, file = pair
    network, config = checkpoints.load_model(folder)
    drawn = config.replace(
        input_classes=(ClassSpec(name="wall", color=(9, 80, 200)), ClassSpec(name="door", color=(255, 0, 7)))
    )
    model = onnx.load(file)
    model.metadata_props[0].value = drawn.model_dump_json()
    onnx.save(model, tmp_path / "drawn.onnx")
    theirs = translate.load(tmp_path / "drawn.onnx")
    index = np.random.default_rng(0).integers(0, 2, (90, 110), np.uint8)
    for scale in ("auto", "native"):
        expected = Translator(network, drawn, device="cpu", precision="fp32").run(index, scale=scale)
        np.testing.assert_allclose(theirs.run(index, scale=scale).pixels.astype(int), expected.pixels, atol=1)
    with pytest.raises(ImageError, match="none of the 2 classes"):
        theirs(np.full((8, 8, 3), 9, np.uint8))
