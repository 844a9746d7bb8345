"""`translate models import` and `pull`: from a .pth file, or from the project's server, to a model that applies."""

import functools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.loopback import Site, serving
from translate import catalog
from translate.download import fetch
from translate.interop import published
from translate.interop.measures import MEASURES

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"
STORED = ("config.json", "model.safetensors", "source.json")
UNET, OLD = FIXTURES / "unet_256_ngf4.pth", FIXTURES / "resnet_9blocks_ngf8_oldstyle.pth"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's folder, no shipped models."""
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "site" / "translate")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_an_imported_model_is_listed_verified_applied_and_deleted(cli, place: Path):
    code, out, err = cli("models", "import", str(OLD), "--name", "horses", "--title", "Horses", "--licence", "mine")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "horses: ResNet, 9 blocks, 8 filters, instance norm, 3 -> 3 channels",
        "  left out 46 statistics that old instance norms tracked and nothing uses",
        "  use it: translate apply horses PHOTO -o OUT",
    ]
    assert files(place / "home") == [
        f"models/horses/{name}" for name in ("config.json", "model.safetensors", "source.json")
    ]
    assert cli("models", "list")[1].splitlines()[1].split()[:3] == ["horses", "installed", "pictures"]
    assert f"source    {OLD}, 20" in cli("models", "show", "horses")[1]
    assert json.loads(cli("models", "show", "horses", "--json")[1])["source"]["bytes"] == OLD.stat().st_size
    assert cli("models", "verify", "horses")[:2] == (0, "horses: sound\n")
    Image.new("RGB", (60, 40), (200, 100, 50)).save("photo.png")
    assert cli("apply", "horses", "photo.png", "-o", "out.png")[0] == 0
    assert Image.open("out.png", formats=["PNG"]).size == (60, 40)
    assert cli("models", "delete", "horses", "--yes")[0] == 0
    assert files(place / "home") == []


def test_verify_finds_an_imported_model_that_was_changed(cli, place: Path):
    cli("models", "import", str(OLD), "--name", "horses")
    path = place / "home/models/horses/config.json"
    path.write_text(path.read_text().replace('"title": ""', '"title": "x"'))
    code, out, _ = cli("models", "verify", "horses")
    assert code == 2
    assert "config.json: its SHA-256 is not the one recorded at import" in out


def test_the_statistics_of_batch_norm_are_a_stated_choice(cli):
    tracked = cli("models", "import", str(UNET), "--name", "one")[1]
    picture = cli("models", "import", str(UNET), "--name", "two", "--statistics", "picture")[1]
    assert "statistics tracked in training, as the reference does with --eval" in tracked
    assert "each picture's own statistics, as the reference does without --eval; no dropout" in picture
    assert "U-Net, 8 halvings, 4 filters, batch norm" in tracked
    assert "U-Net, 8 halvings, 4 filters, batch norm" in picture
    norms = [catalog.get(name).config.generator.norm for name in ("one", "two")]
    assert norms == ["batch", "picture"]
    assert "norm      batch norm goes by each picture's own" in cli("models", "show", "two")[1]
    assert cli("models", "verify")[0] == 0
    code, _, err = cli("models", "import", str(UNET), "--name", "three", "--statistics", "batch")
    assert (code, err) == (2, "error: --statistics batch: known: tracked, picture\n")


def test_a_name_that_is_taken_or_none_is_refused_before_anything_is_read(cli, place: Path):
    cli("models", "import", str(OLD), "--name", "horses")
    for name, message in (("horses", "is the name of a model already"), ("Horses", "already"), ("../x", "no name for")):
        code, out, err = cli("models", "import", "nowhere.pth", "--name", name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert len(catalog.models()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "nowhere.pth: not a readable .pth file (No such file or directory)"),
        (b"<html>404", "a text, perhaps a server's error page"),
        ({"a": torch.ones(1)}, "no network of the pix2pix and CycleGAN project"),
        ({"a": Path("x")}, "not weights that can be read safely"),
        (FIXTURES / "pixel_ndf8.pth", "a discriminator (pixel)"),
    ],
)
def test_a_file_that_can_t_be_imported_is_one_line_and_leaves_nothing(cli, place: Path, content, message: str):
    path = Path("nowhere.pth") if not isinstance(content, Path) else content
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        torch.save(content, path)
    code, out, err = cli("models", "import", str(path), "--name", "x")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert files(place / "home") == []
    assert list((place / "home/models").iterdir()) == []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """The project's server, on this machine, with one model of its own name."""
    with serving(Site(UNET.read_bytes())) as site:
        monkeypatch.setattr(published, "HOST", site.url.rpartition("/set/")[0])
        monkeypatch.setattr(fetch, "fetch", functools.partial(fetch.fetch, loopback=True, pause=0))
        yield site


def test_a_published_model_is_pulled_as_the_project_tests_it(cli, place: Path, server: Site):
    server.cuts.append(100_000)
    code, out, err = cli("models", "pull", "edges2shoes")
    assert code == 0
    assert "pix2pix/models-pytorch/edges2shoes.pth" in err
    assert "UT Zappos50K (academic, non-commercial)" in err
    assert "each picture's own statistics" in out
    assert (
        f"unverified: no SHA-256 is published; this one is recorded and asked for from now on ({server.sha256[:12]})"
        in out
    )
    config = catalog.get("edges2shoes").config
    assert (config.title, config.generator.norm) == ("Edges to shoes", "picture")
    assert "UT Zappos50K" in config.licence
    shown = cli("models", "show", "edges2shoes")[1]
    assert "edges2shoes.pth, 20" in shown
    assert "unverified" in shown
    assert files(place / "home") == [
        *(f"models/edges2shoes/{name}" for name in STORED), "sha256.json",
    ]  # fmt: skip


def test_a_model_that_changed_since_its_first_use_is_refused(cli, place: Path, server: Site):
    cli("models", "pull", "edges2shoes", "--name", "shoes", "--statistics", "tracked")
    assert catalog.get("shoes").config.generator.norm == "batch"
    cli("models", "delete", "shoes", "--yes")
    server.content, server.tag = OLD.read_bytes(), '"v2"'
    code, out, err = cli("models", "pull", "edges2shoes")
    assert (code, out) == (2, "")
    assert "the one recorded on 20" in err
    assert files(place / "home") == ["sha256.json"]


def test_a_name_that_is_taken_is_told_before_anything_is_fetched(cli, server: Site):
    cli("models", "import", str(OLD), "--name", "horse2zebra")
    assert "is the name of a model already" in cli("models", "pull", "horse2zebra")[2]
    assert server.requests == []


def test_a_server_that_gives_a_page_instead_leaves_nothing(cli, place: Path, server: Site):
    server.content = b"<!DOCTYPE html><title>moved</title>"
    code, _, err = cli("models", "pull", "horse2zebra")
    assert code == 2
    assert "a text, perhaps a server's error page" in err
    assert files(place / "home") == []  # and its SHA-256 is not asked for from now on


def test_without_a_name_all_published_models_are_listed_with_their_terms(cli):
    code, out, _ = cli("models", "pull")
    assert code == 0
    assert len(out.splitlines()) == 23 + 3 + 2
    assert "cyclegan-style_vangogh" in out
    assert "Cityscapes (non-commercial)" in out


def test_without_a_network_it_is_one_line(cli, place: Path, monkeypatch: pytest.MonkeyPatch):
    import socket

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    code, out, err = cli("models", "pull", "horse2zebra")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].endswith("is there a network?")
    assert len(err.splitlines()) == 3  # the address, the terms, the error
    assert files(place / "home") == []


def test_the_network_of_a_figure_is_pulled_to_where_it_is_looked_for(cli, place: Path, server: Site, monkeypatch):
    remote = fetch.Remote(f"{server.url}", 10**6, server.sha256)
    measure = replace(MEASURES["lpips-vgg"], remote=remote)
    monkeypatch.setitem(MEASURES, "lpips-vgg", measure)
    code, out, err = cli("models", "pull", "lpips-vgg")
    assert code == 0
    assert "trained on ImageNet (non-commercial research)" in err
    assert "verified: its SHA-256 is the published one" in out
    assert files(place / "home") == ["features/vgg16-397923af.pth"]
    assert (place / "home/features/vgg16-397923af.pth").read_bytes() == server.content
    code, out, err = cli("models", "pull", "lpips-vgg")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is there already" in err
    assert cli("models", "pull", "inception", "--name", "x")[0] == 2
    assert len(server.requests) == 1


def test_the_addresses_of_measures_are_https_and_hashed():
    assert set(MEASURES) == {"inception", "lpips-alex", "lpips-vgg"}
    for measure in MEASURES.values():
        assert measure.remote.url.startswith("https://")
        assert measure.remote.url.endswith(measure.file)
        assert len(measure.remote.sha256 or "") == 64
        # The names of all three files end in the beginning of their hash.
        assert Path(measure.file).stem.rpartition("-")[2] == (measure.remote.sha256 or "")[:8]
