"""`translate generate` from the command line: files, sheets, strips, points, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.checkpoints import load_config, save_model
from translate.cli.generate import parse_seeds
from translate.config import DataConfig, GeneratorConfig, LatentConfig, ModelConfig
from translate.errors import ConfigError
from translate.inference.sampler import Sampler
from translate.networks import build_generator, build_latent_generator
from translate.ui.models import Models


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of a DCGAN without classes (`plain`), with two, one with a bad name (`pets`), of points, and a U-Net."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    dcgan = LatentConfig(latent=4, size=8, filters=4)
    points = LatentConfig(kind="mlp", latent=2, out_channels=2, filters=8, norm="none")
    models = [
        ModelConfig(name="plain", generator=dcgan),
        ModelConfig(name="pets", generator=dcgan.replace(classes=2), labels=("../../cat", "dog")),
        ModelConfig(name="ring", generator=points, data=DataConfig(mixture="ring-8")),
    ]
    for config in models:
        save_model(Path("runs") / config.name, build_latent_generator(config.latent), config)
    network = GeneratorConfig(filters=4, depth=2)
    save_model(Path("runs/unet"), build_generator(network), ModelConfig(name="unet", generator=network))
    return tmp_path


def size_of(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_seeds_are_numbers_and_ranges():
    assert parse_seeds("7") == [7]
    assert parse_seeds("3, 8,20-22") == [3, 8, 20, 21, 22]


@pytest.mark.parametrize("text", ["", "a", "3-", "-3", "5-3", "1,,2", "1.5", "0-10000", "99999999999999999999", "٣"])
def test_other_seeds_are_refused(text: str):
    with pytest.raises(ConfigError, match=r"seeds .*: (expected|more than)"):
        parse_seeds(text)


def test_a_seed_is_a_file_in_a_folder_or_the_file_itself(cli):
    assert cli("generate", "plain", "-o", "out", "--seeds", "2-4")[0] == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["0002.png", "0003.png", "0004.png"]
    code, out, _ = cli("generate", "plain", "-o", "deep/one.png", "--seeds", "3")
    assert (code, out) == (0, "deep/one.png: seed 3\n")
    assert Path("deep/one.png").read_bytes() == Path("out/0003.png").read_bytes()


def test_thousands_of_seeds_are_written_as_they_are_drawn(cli, monkeypatch: pytest.MonkeyPatch):
    asked, pictures = [], Sampler.pictures

    def watched(self, seeds, label=None):
        asked.append((len(seeds), len(list(Path("out").iterdir()))))
        return pictures(self, seeds, label)

    monkeypatch.setattr(Sampler, "pictures", watched)
    assert cli("generate", "plain", "-o", "out", "--seeds", "0-129")[0] == 0
    assert asked == [(64, 0), (64, 64), (2, 128)]
    assert len(list(Path("out").iterdir())) == 130


def test_a_picture_says_that_it_is_synthetic_and_by_which_model(cli):
    cli("generate", "plain", "-o", "out", "--seeds", "3")
    cli("generate", "plain", "-o", "sheet.png", "--seeds", "0-2", "--grid")
    cli("generate", "plain", "-o", "strip.jpg", "--interpolate", "3-8")
    for path in ("out/0003.png", "sheet.png", "strip.jpg"):
        with Image.open(path) as picture:
            said = picture.info.get("Comment") or picture.info["comment"].decode()
        assert said == "Synthetic picture: made by the model plain"


def test_a_class_of_any_name_stays_in_the_folder(cli, place: Path):
    assert cli("generate", "pets", "-o", "out", "--seeds", "0")[0] == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["0-_cat-0000.png", "1-dog-0000.png"]
    assert cli("generate", "pets", "-o", "dogs", "--class", "dog", "--seeds", "0-1")[0] == 0
    assert len(list(Path("dogs").iterdir())) == 2
    assert {path.name for path in place.iterdir()} == {"runs", "out", "dogs"}


def test_a_sheet_has_a_class_a_row(cli):
    """Pictures of 8 pixels, gaps of 4: three across, two down."""
    code, out, _ = cli("generate", "pets", "-o", "sheet.png", "--seeds", "0-2", "--grid")
    assert (code, out) == (0, "sheet.png: 6 pictures, 2 rows\n")
    assert size_of("sheet.png") == (4 + 3 * 12, 4 + 2 * 12)
    cli("generate", "plain", "-o", "square.png", "--seeds", "0-8", "--grid")
    assert size_of("square.png") == (4 + 3 * 12, 4 + 3 * 12)


def test_a_strip_leads_from_one_seed_to_another(cli):
    code, out, _ = cli("generate", "plain", "-o", "strip.png", "--interpolate", "3-8", "--frames", "5")
    assert (code, out) == (0, "strip.png: 5 pictures, 1 row\n")
    assert size_of("strip.png") == (4 + 5 * 12, 4 + 12)


def test_points_are_written_as_numbers_or_as_a_cloud(cli):
    code, out, _ = cli("generate", "ring", "-o", "points.csv", "--seeds", "0-9")
    assert (code, out) == (0, "points.csv: 10 points\n")
    lines = Path("points.csv").read_text().splitlines()
    assert lines[0] == "seed,class,x,y"
    assert [line.split(",")[0] for line in lines[1:]] == [str(seed) for seed in range(10)]
    assert cli("generate", "ring", "-o", "points.png", "--seeds", "0-99")[0] == 0
    assert size_of("points.png") == (320, 320)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plain", "-o", "x.png", "--seeds", "0-3"), "4 pictures don't fit into one file"),
        (("plain", "-o", "folder", "--grid"), "a sheet is one picture"),
        (("plain", "-o", "x", "--class", "cat"), "plain: no class 'cat'; it knows no classes"),
        (("pets", "-o", "x", "--class", "cow"), "pets: no class 'cow'; it knows ../../cat, dog"),
        (("plain", "-o", "x.png", "--interpolate", "3"), "expected two seeds, as 3-8"),
        (("ring", "-o", "x.png", "--grid"), "makes points; --grid and --interpolate are for pictures"),
        (("ring", "-o", "folder"), "points go into one file"),
        (("plain", "-o", "x.tif"), "it can't say that the picture is synthetic; name it .png"),
        (("plain", "-o", "x.png", "--prompt", "a face", "--truncation", "0.5"), "--prompt makes one picture"),
        (("plain", "-o", "x.png", "--prompt", "a face", "--precision", "fp32"), "--prompt makes one picture"),
        (("unet", "-o", "x"), "unet: its generator (unet) translates pictures"),
        (("nothing", "-o", "x"), "no model 'nothing'"),
    ],
)
def test_what_can_not_be_made_is_refused_in_one_line(cli, place: Path, arguments: tuple[str, ...], said: str):
    code, _, err = cli("generate", *arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert {path.name for path in place.iterdir()} == {"runs"}


def test_models_from_noise_are_listed_shown_and_verified_but_not_offered_as_translators(cli):
    _, out, _ = cli("models", "list")
    makes = {line.split()[0]: line for line in out.splitlines()}
    assert "pictures from noise" in makes["plain"]
    assert "points from noise" in makes["ring"]
    _, out, _ = cli("models", "show", "pets")
    assert "dcgan, 4 filters, 4 numbers of noise -> 3" in out
    assert "../../cat, dog" in out
    code, out, _ = cli("models", "verify", "plain", "pets", "ring")
    assert (code, out) == (0, "plain: sound\npets: sound\nring: sound\n")
    offered = {name for _, name in Models().choices()}
    assert "unet" in offered
    assert not offered & {"plain", "pets", "ring"}


@pytest.mark.parametrize("verb", [("apply", "plain", "photo.png", "-o", "x.png"), ("evaluate", "plain", "--data", "d")])
def test_what_translates_refuses_a_model_from_noise_in_one_line(cli, verb: tuple[str, ...]):
    Path("d/train").mkdir(parents=True)
    Image.new("RGB", (16, 8)).save("photo.png")
    Image.new("RGB", (16, 8)).save("d/train/0.png")
    code, _, err = cli(*verb)
    assert code == 2
    assert "its generator (dcgan) starts from noise and can't translate" in err
    assert err.count("\n") == 1


def test_a_packed_model_from_noise_is_scored_on_held_out_pictures(cli, place: Path):
    rng = np.random.default_rng(0)
    for number in range(5):
        path = place / "data" / ("val" if number else "train") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    code, _, err = cli("models", "pack", "plain", "-o", "small", "--data", "data")
    assert code == 0, err
    stored = load_config(place / "small")
    assert set(stored.metrics) == {"kernel", "frechet", "precision", "recall"}
    assert stored.measured.startswith("4 samples against 4 held-out pictures, in the space translate-features")
    (place / "data/val/4.png").unlink()
    code, _, err = cli("models", "pack", "plain", "-o", "other", "--data", "data")
    assert (code, "3 pictures are held out; at least 4" in err) == (2, True)


def test_packing_keeps_a_model_from_noise_as_it_is(cli):
    code, _, _ = cli("models", "pack", "pets", "-o", "small")
    assert code == 0
    assert cli("generate", "small", "-o", "a.png", "--class", "dog")[0] == 0
    with Image.open("a.png") as image:
        assert image.size == (8, 8)
