"""The mappers of a model: which are offered, and that a new one is there without a new start."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import translate
from tests import tiny_faces
from tests.ui.tiny_page import TinyEditors, save_faces
from translate import images
from translate.editing import latents, mapper
from translate.errors import CheckpointError
from translate.ui import edit_files, edit_work, editors
from translate.ui.edit_work import Asked


@pytest.fixture
def folder(ui_home: Path) -> Iterator[Path]:
    """One more model of faces."""
    path = ui_home / "models" / "tiny-mapped"
    save_faces(path)
    yield path
    shutil.rmtree(path)


def test_mappers_lie_where_the_library_looks_for_them() -> None:
    assert editors.MAPPERS == mapper.FOLDER
    assert mapper.CONFIG_FILE == "mapper.json"


def test_only_the_mappers_of_these_weights_are_offered(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = TinyEditors("cpu")
    assert known.mappers("tiny-mapped") == []
    tiny_faces.mapper(folder, "a bright face", weights=latents.digest_of(folder))
    tiny_faces.mapper(folder, "a dark face")
    tiny_faces.mapper(folder, "an odd face", weights="0" * 64)
    assert known.mappers("tiny-mapped") == ["a bright face", "a dark face"]
    assert known.mappers("tiny-faces") == []
    with pytest.raises(CheckpointError, match="no model"):
        known.mappers("../tiny-mapped")
    (folder / "mappers" / "a-dark-face" / "mapper.json").write_text("{")
    assert known.mappers("tiny-mapped") == []
    assert "a-dark-face" in caplog.text


def test_a_mapper_that_comes_while_its_model_is_loaded_edits_as_the_library_does(folder: Path) -> None:
    known, asked = TinyEditors("cpu"), Asked(prompt="a bright face", method="mapper", strength=0.5)
    table = edit_work.begin_seed(known, "tiny-mapped", 3)
    tiny_faces.mapper(folder, "a bright face")
    done = edit_work.edit(known, table, asked)
    library = translate.load_editor(folder, device="cpu").edit(3, "a bright face", method="mapper", strength=0.5)
    np.testing.assert_array_equal(np.asarray(edit_files.full(known, done)), np.asarray(library.image))
    assert (images.read_array(done.after) != images.read_array(table.after)).any()
    again = edit_work.edit(known, done, replace(asked, prompt="A bright face "))
    assert [step.method for step in again.state.steps] == ["mapper", "mapper"]
