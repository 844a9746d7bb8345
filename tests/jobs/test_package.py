"""A job's models as a zip."""

import zipfile
from pathlib import Path

import pytest

from tests.jobs.conftest import recorded
from translate import jobs
from translate.errors import CheckpointError
from translate.jobs.package import models_of, pack


def test_a_zip_holds_the_models_of_both_directions_and_nothing_else(runs: Path, tmp_path: Path) -> None:
    folder = recorded(runs / "mine", state="finished")
    for direction in ("AtoB", "BtoA"):
        for name in ("config.json", "model.safetensors", "notes.txt"):
            (folder / direction).mkdir(exist_ok=True)
            (folder / direction / name).write_text(f"{direction} {name}")
    (folder / "train.json").write_text("where my data are")
    job = jobs.find("mine")
    assert [path.name for path in models_of(job)] == ["AtoB", "BtoA"]
    with zipfile.ZipFile(pack(job, tmp_path)) as archive:
        assert sorted(archive.namelist()) == [
            f"mine/{direction}/{name}"
            for direction in ("AtoB", "BtoA")
            for name in ("config.json", "model.safetensors")
        ]
        assert archive.read("mine/BtoA/config.json") == b"BtoA config.json"


def test_before_its_first_save_a_job_has_none(runs: Path, tmp_path: Path) -> None:
    recorded(runs / "mine")
    with pytest.raises(CheckpointError, match="has no model yet; the first one comes with its first save"):
        pack(jobs.find("mine"), tmp_path)
    assert not list(tmp_path.glob("*.zip"))
