"""CLIPs by name and folder: stored and read back, pulled from a server on this machine, and every lack in one line."""

import json
from pathlib import Path

import pytest
import torch

from tests.clip_models import script, tiny_config
from tests.loopback import Site, serving
from translate.checkpoints import save_model
from translate.download.fetch import Remote
from translate.errors import CheckpointError, ConfigError, TranslateError
from translate.features.clip import is_clip, load_clip, pull_clip, pulled
from translate.interop import clip as interop
from translate.interop.clip import Published
from translate.networks.clip import build_clip

NAME = "openai/ViT-B-32"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path / "home"))


def served(site: Site, tmp_path: Path) -> Published:
    """A tiny program as if it were OpenAI's."""
    tensors = {name.removeprefix("model."): t for name, t in build_clip(tiny_config(NAME), 5).state_dict().items()}
    site.content = script(tensors, tmp_path / "served.pt").read_bytes()
    return Published("clip-openai-vit-b-32", Remote(site.url, 10**6, site.sha256), True, tiny_config(NAME))


def test_what_is_saved_is_loaded_frozen_with_weights_of_half_precision(tmp_path: Path):
    clip = build_clip(tiny_config("mine"), 2)
    save_model(tmp_path / "a", clip, tiny_config("mine").replace(figures={"sex": 0.9}), half=True)
    loaded = load_clip(tmp_path / "a")
    assert loaded.name == "mine"
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    clip.load_state_dict({name: tensor.half() for name, tensor in clip.state_dict().items()})
    expected = clip.eval()
    picture = torch.rand(1, 3, 40, 40) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(loaded.encode_image(picture), expected.encode_image(picture))
        torch.testing.assert_close(loaded.encode_text(["an old man"]), expected.encode_text(["an old man"]))


def test_a_faces_model_s_clip_is_found_in_its_folder(tmp_path: Path):
    save_model(tmp_path / "faces" / "clip", build_clip(tiny_config("inside")), tiny_config("inside"), half=True)
    (tmp_path / "faces" / "config.json").write_text("{}")
    (tmp_path / "faces" / "model.safetensors").write_bytes(b"")
    assert load_clip(tmp_path / "faces").name == "inside"
    assert not is_clip(tmp_path / "faces")
    assert is_clip(tmp_path / "faces" / "clip")


def test_a_published_one_that_is_not_here_says_how_to_fetch_it():
    with pytest.raises(CheckpointError, match=r"not here .*`translate models pull clip-openai-vit-b-32` \(338 MiB\)"):
        load_clip(NAME)


def test_a_folder_without_one_and_a_config_of_another_kind_are_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"no CLIP here; name one of openai/ViT-B-32, laion2b/ViT-B-32"):
        load_clip(tmp_path)
    save_model(tmp_path / "a", build_clip(tiny_config()), tiny_config(), half=True)
    told = json.loads((tmp_path / "a" / "config.json").read_text())
    (tmp_path / "a" / "config.json").write_text(json.dumps(told | {"format": 99}))
    with pytest.raises(CheckpointError, match=r"config\.json: format is 99"):
        load_clip(tmp_path / "a")


def test_a_pulled_program_is_stored_as_ours_and_loaded_by_its_name(tmp_path: Path):
    with serving(Site(b"")) as site:
        fetched = pull_clip(NAME, served(site, tmp_path), loopback=True)
    assert fetched.trust == "verified: its SHA-256 is the published one"
    expected = build_clip(tiny_config(NAME), 5).eval()
    with torch.no_grad():
        torch.testing.assert_close(load_clip(NAME).encode_text(["old man"]), expected.encode_text(["old man"]))
    assert sorted(path.name for path in pulled(NAME).iterdir()) == ["config.json", "model.safetensors"]
    assert not list((tmp_path / "home" / "downloads").iterdir())
    with pytest.raises(ConfigError, match="is there already"):
        pull_clip(NAME, loopback=True)


def test_a_transfer_that_is_cut_goes_on_where_it_stopped(tmp_path: Path):
    with serving(Site(b"", cuts=[1000])) as site:
        pull_clip(NAME, served(site, tmp_path), loopback=True)
        assert site.requests[1]["range"] == "bytes=1000-"
    assert load_clip(NAME).name == NAME


def test_another_file_than_the_published_one_leaves_nothing(tmp_path: Path):
    with serving(Site(b"")) as site:
        published = served(site, tmp_path)
        site.content = b"x" * 500
        with pytest.raises(TranslateError, match="its SHA-256 begins with"):
            pull_clip(NAME, published, loopback=True)
    assert not pulled(NAME).exists()


def test_a_file_over_its_limit_is_not_fetched(tmp_path: Path):
    with serving(Site(b"")) as site:
        published = served(site, tmp_path)
        small = published._replace(remote=Remote(published.remote.url, 100, published.remote.sha256))
        with pytest.raises(TranslateError, match="at most 100 are expected"):
            pull_clip(NAME, small, loopback=True)


def test_no_network_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch):
    import socket

    def unreachable(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(TranslateError, match=r"can't be reached \(.*\); is there a network\?$"):
        pull_clip(NAME, interop.PUBLISHED[NAME])
