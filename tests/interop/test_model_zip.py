"""A zip of a model folder becomes a model again, whole and checked; anything else in it stays outside."""

import json
import os
import zipfile
from pathlib import Path

import pytest
import torch

from tests.ui.tiny_page import save_tiny
from translate import checkpoints
from translate.errors import CheckpointError, TranslateError
from translate.interop import importing, model_zip

ABOUT = importing.About(name="ours", source="theirs.zip")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_tiny(tmp_path / "theirs", "labels", title="A map", licence="CC0")
    (tmp_path / "theirs" / "README.md").write_text("# card")
    return tmp_path / "theirs"


def packed(folder: Path, prefix: str = "", **more: str) -> Path:
    path = folder.with_name("packed.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, f"{prefix}{file.relative_to(folder).as_posix()}")
        for name, text in more.items():
            archive.writestr(f"{prefix}{name}", text)
    return path


def imported(path: Path) -> tuple[Path, importing.Imported]:
    folder = path.with_name("ours")
    folder.mkdir()
    return folder, importing.write(path, folder, ABOUT)


@pytest.mark.parametrize("prefix", ["", "theirs/"])
def test_a_packed_model_comes_back_tensor_by_tensor_under_its_new_name(model: Path, prefix: str):
    folder, found = imported(packed(model, prefix, **{"train.json": "{}", "state.txt": "x"}))
    theirs, _ = checkpoints.load_model(model)
    ours, config = checkpoints.load_model(folder)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name
    assert (config.name, config.title, config.licence) == ("ours", "A map", "CC0")
    assert found.notes == ("left out, for no model needs it: state.txt, train.json",)
    assert sorted(os.listdir(folder)) == ["README.md", "config.json", "model.safetensors", "source.json"]
    importing.check(folder)


def test_what_belongs_to_a_model_of_faces_comes_along(model: Path):
    faces = Path(__file__).resolve().parents[2] / "checkpoints" / "faces"
    if not (faces / "config.json").is_file():
        pytest.skip("the faces model is not in this checkout")
    archive = model.with_name("faces.zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in faces.rglob("*"):
            if path.is_file():
                file.write(path, path.relative_to(faces).as_posix())
    folder, _ = imported(archive)
    for part in ("encoder", "discriminator", "clip"):
        assert checkpoints.sha256(folder / part / "model.safetensors") == checkpoints.sha256(
            faces / part / "model.safetensors"
        )


def test_weights_that_do_not_fit_their_config_are_one_line_about_the_zip(model: Path):
    config = json.loads((model / "config.json").read_text())
    config["generator"]["filters"] = 8
    (model / "config.json").write_text(json.dumps(config))
    path = packed(model)
    with pytest.raises(CheckpointError, match=r"packed\.zip: model\.safetensors: .* the network has") as caught:
        imported(path)
    assert ".unpacked" not in str(caught.value)


def test_a_zip_that_leads_out_of_its_folder_is_refused(model: Path):
    with pytest.raises(TranslateError, match="leads out of the folder"):
        imported(packed(model, **{"../evil": "x"}))
    assert not (model.parent / "evil").exists()


def test_only_a_zip_with_both_files_in_one_place_is_a_model(model: Path, tmp_path: Path):
    assert model_zip.is_model_zip(packed(model))
    torch.save({"a": torch.ones(1)}, tmp_path / "weights.pth")
    assert not model_zip.is_model_zip(tmp_path / "weights.pth")
    (tmp_path / "damaged.zip").write_bytes(b"PK\3\4 and nothing")
    assert not model_zip.is_model_zip(tmp_path / "damaged.zip")
    assert not model_zip.is_model_zip(tmp_path / "missing.zip")
    assert not model_zip.is_model_zip(packed(model, "a/b/"))
    with zipfile.ZipFile(tmp_path / "apart.zip", "w") as archive:
        archive.writestr("a/config.json", "{}")
        archive.writestr("b/model.safetensors", "")
    assert not model_zip.is_model_zip(tmp_path / "apart.zip")


def test_an_onnx_file_is_told_to_be_applied_as_it_is(tmp_path: Path):
    (tmp_path / "x.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(CheckpointError, match=r"ONNX files aren't imported.*translate apply x\.onnx"):
        importing.write(tmp_path / "x.onnx", tmp_path, ABOUT)
