"""Scores of unpaired models: the figures of translations made by hand, on the pictures that were asked for."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from translate import checkpoints
from translate.config import (
    CycleGANConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    HoldOut,
    ModelConfig,
    TrainConfig,
)
from translate.errors import DatasetError
from translate.evaluation.evaluate import evaluate
from translate.evaluation.gallery import Gallery
from translate.evaluation.report import Report
from translate.features import load_features
from translate.inference.translator import Translator
from translate.metrics.copied import copied
from translate.metrics.frechet import frechet_distance
from translate.metrics.kernel import kernel_distance
from translate.networks import build_generator
from translate.trainers import run

SIZE = 32
A, B = 6, 5


@pytest.fixture
def make_unpaired(tmp_path: Path) -> Callable[..., Path]:
    """Stores a small random model of a kind that learns without pairs; returns its folder."""

    def make(name: str = "wild", channels: tuple[int, int] = (3, 3), kind: str = "cyclegan", **changes: object) -> Path:
        torch.manual_seed(0)
        generator = GeneratorConfig(
            kind="resnet", filters=4, blocks=1, norm="instance", in_channels=channels[0], out_channels=channels[1]
        )
        data = DataConfig(size=SIZE, crop=SIZE, load_size=SIZE)
        config = ModelConfig(name=name, kind=kind, generator=generator, data=data).replace(**changes)
        network = build_generator(generator)
        # The usual small weights would make every picture gray.
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.2)
        checkpoints.save_model(tmp_path / name, network, config)
        return tmp_path / name

    return make


@pytest.fixture
def make_domains(tmp_path: Path) -> Callable[..., Path]:
    """Writes pictures of two domains, A dark and B bright, into a folder; returns it."""

    def make(
        splits: dict[str, tuple[int, int]] | None = None,
        *,
        size: tuple[int, int] = (SIZE, SIZE),
        channels: tuple[int, int] = (3, 3),
        name: str = "data",
    ) -> Path:
        random = np.random.default_rng(0)
        for split, counts in (splits or {"": (A, B)}).items():
            for side, count, depth, low in zip("ab", counts, channels, (0, 120), strict=True):
                folder = tmp_path / name / split / side
                folder.mkdir(parents=True)
                for number in range(count):
                    coarse = random.integers(low, low + 130, (6, 5, depth), dtype=np.uint8).squeeze()
                    picture = Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)
                    picture.save(folder / f"{number}.png")
        return tmp_path / name

    return make


def _files(folder: Path, *numbers: int) -> list[Path]:
    return [folder / f"{number}.png" for number in numbers] or sorted(folder.iterdir())


def _tensor(picture: Image.Image) -> Tensor:
    array = np.asarray(picture, dtype=np.float32)
    return torch.from_numpy(array.reshape(*array.shape[:2], -1) / 127.5 - 1).permute(2, 0, 1)[None]  # (1, C, H, W)


def _figures(reals: Sequence[Tensor], fakes: Sequence[Tensor], others: Sequence[Tensor]) -> dict[str, float]:
    """The three figures of translations already made."""
    space = load_features("auto", "cpu")
    made, real = (torch.cat([space(picture) for picture in part]) for part in (fakes, others))
    square = [
        torch.cat([torch.nn.functional.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True) for x in part])
        for part in (reals, fakes)
    ]
    return {"kernel": kernel_distance(made, real), "frechet": frechet_distance(made, real), "copied": copied(*square)}


def _by_hand(model: Path, inputs: Sequence[Path], others: Sequence[Path]) -> dict[str, float]:
    """What a model scores on pictures at their own size, computed without the code under test."""
    network, _ = checkpoints.load_model(model)
    reals = [_tensor(Image.open(path)) for path in inputs]
    with torch.inference_mode():
        fakes = [network(real) for real in reals]
    return _figures(reals, fakes, [_tensor(Image.open(path)) for path in others])


def _evaluate(model: Path, data: Path | None, **options: object) -> Report:
    return evaluate(model, data, device="cpu", precision="fp32", **options)  # type: ignore[arg-type]


def _same(report: Report, expected: dict[str, float]) -> bool:
    # A kernel distance is a difference of values around 1; the Frechet one sums over all features.
    return {name: report.scores[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", ["cyclegan", "cut"])
@pytest.mark.parametrize(("direction", "source", "target"), [("AtoB", "a", "b"), ("BtoA", "b", "a")])
def test_scores_are_those_of_translations_made_by_hand(
    make_unpaired, make_domains, kind: str, direction: str, source: str, target: str
):
    model, data = make_unpaired(kind=kind, **{"data.direction": direction}), make_domains()
    report = _evaluate(model, data)
    assert _same(report, _by_hand(model, _files(data / source), _files(data / target)))
    assert report.scores["frechet"] > 0.01
    assert (report.target, report.direction, report.pixels, report.classes) == ("domain", direction, 0, ())
    assert report.pairs == {"a": A, "b": B}[source]


def test_a_model_of_pairs_is_scored_without_pairs_where_that_is_asked_for(make_unpaired, make_domains):
    model, data = make_unpaired(kind="pix2pix"), make_domains()
    report = _evaluate(model, data, paired=False)
    assert _same(report, _by_hand(model, _files(data / "a"), _files(data / "b")))
    assert report.target == "domain"


@pytest.mark.parametrize("channels", [(1, 3), (3, 1)])
def test_domains_may_differ_in_channels(make_unpaired, make_domains, channels: tuple[int, int]):
    model, data = make_unpaired(channels=channels), make_domains(channels=channels)
    report = _evaluate(model, data)
    assert _same(report, _by_hand(model, _files(data / "a"), _files(data / "b")))
    back = make_unpaired("back", channels=channels[::-1], **{"data.direction": "BtoA"})
    assert _same(_evaluate(back, data), _by_hand(back, _files(data / "b"), _files(data / "a")))


def test_any_batch_size_gives_the_same_scores(make_unpaired, make_domains):
    model, data = make_unpaired(), make_domains()
    one, four = (_evaluate(model, data, batch_size=number) for number in (1, 4))
    assert one.scores == pytest.approx(four.scores, rel=1e-4, abs=1e-6)


def test_a_model_that_changes_nothing_has_copied_all(make_unpaired, make_domains):
    """But for black, which a tanh can't reach."""
    identity = GeneratorConfig(filters=4, depth=1, norm="none", dropout=0.0, shortcut=True)
    model = make_unpaired(generator=identity.model_dump())
    network = build_generator(identity)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    checkpoints.save_model(model, network, checkpoints.load_config(model))
    assert _evaluate(model, make_domains()).scores["copied"] > 0.95


def test_the_scale_holds_for_both_domains(make_unpaired, make_domains):
    model, data = make_unpaired(), make_domains(size=(24, 20))
    native = _evaluate(model, data, at="native")
    assert _same(native, _by_hand(model, _files(data / "a"), _files(data / "b")))
    assert "own pixels" in native.protocol
    assert "32 x 32" in _evaluate(model, data).protocol
    kept = make_unpaired("kept", **{"data.fit": "keep"})
    assert "area of 32 x 32" in _evaluate(kept, data).protocol
    # Pictures of SIZE x SIZE are brought nowhere by any of them.
    square = make_domains(name="square")
    scores = [_evaluate(model, square, at=at).scores for at in ("square", "keep", "native")]
    assert all(other == pytest.approx(scores[0]) for other in scores[1:])


def test_own_scores_what_apply_gives_beside_real_pictures_as_they_are(make_unpaired, make_domains):
    model, data = make_unpaired(), make_domains(size=(50, 70))
    report, translator = _evaluate(model, data, at="own"), Translator.load(model, device="cpu", precision="fp32")
    reals = [_tensor(Image.open(path)) for path in _files(data / "a")]
    fakes = [_tensor(translator.run(path).image) for path in _files(data / "a")]
    assert _same(report, _figures(reals, fakes, [_tensor(Image.open(path)) for path in _files(data / "b")]))
    assert "own size" in report.protocol


def test_what_the_training_held_out_is_scored(make_unpaired, make_domains):
    held = HoldOut(seed=0, names=("a/1", "a/4", "b/0", "b/2", "b/3"))
    data = make_domains()
    for direction, source, target in (("AtoB", "a", "b"), ("BtoA", "b", "a")):
        model = make_unpaired(direction, held_out=held, **{"data.direction": direction})
        report, numbers = _evaluate(model, data), {"a": (1, 4), "b": (0, 2, 3)}
        assert _same(
            report, _by_hand(model, _files(data / source, *numbers[source]), _files(data / target, *numbers[target]))
        )
        assert report.split == "val, as the model's training held it out"
        assert not any("may be among them" in note for note in report.notes)
        assert report.pairs == len(numbers[source])
        train = _evaluate(model, data, split="train")
        assert (train.split, train.pairs) == ("train", {"a": A, "b": B}[source] - len(numbers[source]))


@pytest.mark.parametrize(
    ("splits", "asked", "split", "inputs", "note"),
    [
        ({"train": (5, 4), "val": (3, 2), "test": (2, 2)}, "auto", "val", 3, None),
        ({"train": (5, 4), "test": (2, 3)}, "auto", "test", 2, None),
        ({"train": (5, 4), "val": (3, 2), "test": (2, 2)}, "test", "test", 2, None),
        ({"train": (5, 4), "val": (3, 2)}, "train", "train", 5, "the train split was scored"),
        ({"train": (5, 4), "val": (3, 2)}, "all", "all", 8, "all splits were scored"),
        ({"train": (5, 4)}, "auto", "all", 5, "no val or test split and the model records no pictures"),
    ],
)
def test_the_split_is_the_one_that_says_most_or_the_one_asked_for(
    make_unpaired,
    make_domains,
    splits: dict[str, tuple[int, int]],
    asked: str,
    split: str,
    inputs: int,
    note: str | None,
):
    report = _evaluate(make_unpaired(), make_domains(splits), split=asked)
    assert (report.split, report.pairs) == (split, inputs)
    told = [found for found in report.notes if "may be among them" in found]
    assert [note in found for found in told] == ([True] if note else [])


def test_names_of_another_set_are_not_taken_for_the_held_out_ones(make_unpaired, make_domains):
    """The model held out a/1, a/4 and b/77; the folder happens to have the first two."""
    model = make_unpaired(held_out=HoldOut(seed=0, names=("a/1", "a/4", "b/77")))
    report = _evaluate(model, make_domains())
    assert (report.split, report.pairs) == ("all", A)
    assert "held out 3 pictures of which 2 are here" in report.notes[0]
    with pytest.raises(
        DatasetError, match=r"no val split \(found: train\), and the model held out 3 pictures of which 2"
    ):
        _evaluate(model, make_domains(name="again"), split="val")


def test_the_direction_can_be_turned(make_unpaired, make_domains):
    model, data = make_unpaired(), make_domains()
    turned = _evaluate(model, data, direction="BtoA")
    assert _same(turned, _by_hand(model, _files(data / "b"), _files(data / "a")))
    assert turned.direction == "BtoA"
    assert turned.scores == pytest.approx(_evaluate(model, None, a=data / "b", b=data / "a").scores)


@pytest.mark.parametrize("counts", [(1, 3), (3, 1)])
def test_a_single_picture_is_no_set(make_unpaired, make_domains, counts: tuple[int, int]):
    with pytest.raises(
        DatasetError, match=f"has {counts[0]} and {counts[1]} pictures; a distance between sets"
    ) as told:
        _evaluate(make_unpaired(), make_domains({"val": counts}))
    assert "\n" not in str(told.value)


def test_the_report_names_the_feature_space_and_both_counts(make_unpaired, make_domains):
    seen: list[tuple[int, int]] = []
    model = make_unpaired(step=700)
    report = _evaluate(model, make_domains(), progress=lambda *now: seen.append(now))
    stored = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert f"{A} translations against {B} real pictures" in stored["protocol"]
    assert f"in the feature space {load_features('auto', 'cpu').name}" in stored["protocol"]
    assert (stored["model"], stored["step"], stored["pairs"], stored["precision"]) == ("wild", 700, A, "fp32")
    assert stored["sha256"] == checkpoints.sha256(model / "model.safetensors")
    looks, manifolds = {"colour_shift", "colour_spread", "sharpness"}, {"precision", "recall"}
    assert set(stored["scores"]) == {"kernel", "frechet", "copied"} | looks | manifolds
    assert stored["errors"]["kernel"] > 0
    assert (stored["space"], stored["counts"]) == (load_features("auto", "cpu").name, [A, B])
    assert stored["biased"] == ["frechet"]
    assert report.seconds > 0
    assert seen == [(number, A + B) for number in range(1, A + B + 1)]


def test_only_the_same_inputs_have_the_same_mark(make_unpaired, make_domains):
    model, data = make_unpaired(), make_domains({"val": (4, 4), "test": (4, 4)})
    first, again = (_evaluate(model, data).inputs for _ in range(2))
    assert first == again
    others = [_evaluate(model, data, split="test"), _evaluate(model, data, direction="BtoA")]
    assert len({first, *(report.inputs for report in others)}) == 3


def test_the_gallery_gets_inputs_and_translations(make_unpaired, make_domains):
    model, data, gallery = make_unpaired(), make_domains(), Gallery()
    _evaluate(model, data, batch_size=4, gallery=gallery)
    assert gallery.names == [str(number) for number in range(A)]
    sheet = np.asarray(gallery.sheet(["wild"]), dtype=int)
    network, _ = checkpoints.load_model(model)
    with torch.inference_mode():
        made = network(_tensor(Image.open(data / "a" / f"{A - 1}.png")))[0].add(1).mul(127.5)
    for column, side in ((0, _tensor(Image.open(data / "a" / f"{A - 1}.png"))[0].add(1).mul(127.5)), (1, made)):
        shown = sheet[-260:-4, 4 + column * 260 : 260 + column * 260].mean(axis=(0, 1))
        assert np.abs(shown - side.mean(dim=(1, 2)).numpy()).max() < 1.5


def test_inputs_that_are_all_the_same_leave_the_copied_share_open(make_unpaired, make_domains):
    data = make_domains()
    for path in _files(data / "a"):
        Image.new("RGB", (SIZE, SIZE), "gray").save(path)
    assert _evaluate(make_unpaired(), data).as_json()["scores"]["copied"] is None


def test_files_that_were_left_out_are_told(make_unpaired, make_domains):
    data = make_domains()
    Image.new("RGB", (SIZE, SIZE)).save(data / "a" / "0.jpg")
    report = _evaluate(make_unpaired(), data)
    assert any("were left out" in note and "0.jpg" in note for note in report.notes)


def test_pairs_are_no_domains(make_unpaired, tmp_path: Path):
    (tmp_path / "facades").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 32), (number, 0, 0)).save(tmp_path / "facades" / f"{number}.png")
    with pytest.raises(DatasetError, match="no two domains recognised"):
        _evaluate(make_unpaired(), tmp_path / "facades")


def test_a_stored_model_scores_what_its_training_measured(make_domains, tmp_path: Path):
    """Validation and evaluation are two ways to the same figures."""
    config = TrainConfig(
        preset="tiny",
        generator=GeneratorConfig(kind="resnet", filters=4, blocks=1, norm="instance", dropout=0.0),
        discriminator=DiscriminatorConfig(filters=4, layers=1, norm="instance"),
        objective=CycleGANConfig(lambda_identity=0.0),
        data=DataConfig(size=SIZE, load_size=SIZE, crop=SIZE, holdout=3),
        steps=2,
        precision="fp32",
        workers=0,
        validate_every=2,
    )
    data = make_domains(size=(40, 36))
    plan = run.plan(config, run.Source(root=data), tmp_path / "run")
    run.train(plan, device="cpu")
    for folder in plan.models().values():
        measured = dict(checkpoints.load_config(folder).metrics)
        del measured["cycle"]
        report = _evaluate(folder, data)
        assert (report.split, report.pairs) == ("val, as the model's training held it out", 3)
        assert _same(report, measured)
