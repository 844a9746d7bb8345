"""Several models on one photo, without the page."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.tiny_page import draw
from translate import images
from translate.errors import ConfigError
from translate.ui.models import Models
from translate.ui.side_by_side import side_by_side


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    images.save(draw(30, 40), tmp_path / "field.png")
    return tmp_path / "field.png"


def test_each_model_s_own_picture_is_in_the_zip_and_all_are_on_the_sheet(photo: Path, ui_home: Path) -> None:
    told: list[int] = []
    names = ["tiny-picture", "tiny-labels"]
    result = side_by_side(Models(), names, photo, "auto", told.append, bool)
    assert [one.name for one in result.made] == names
    assert [one.title for one in result.made] == ["Tiny picture", "Tiny map"]
    assert told == [1, 2]
    assert result.archive is not None
    assert result.sheet is not None
    with zipfile.ZipFile(result.archive) as archive:
        assert archive.namelist() == ["field-tiny-picture.png", "field-tiny-labels.png"]
        for name in names:
            with archive.open(f"field-{name}.png") as file, Image.open(file, formats=["PNG"]) as image:
                np.testing.assert_array_equal(
                    np.asarray(image), np.asarray(translate.load(ui_home / "models" / name)(photo))
                )
    # Photo and two results of 40 x 30 in a row, 4 apart, titles of 12 above.
    assert images.header(result.sheet).width == 4 + 3 * 44
    assert images.header(result.sheet).height == 4 + 18 + 34


def test_a_model_that_can_t_is_named_and_the_other_goes_on(photo: Path) -> None:
    result = side_by_side(Models(), ["tiny-labels", "tiny-nothing"], photo, "auto", bool, bool)
    assert [one.name for one in result.made] == ["tiny-labels"]
    assert result.failed[0][0] == "tiny-nothing"
    assert "no model" in result.failed[0][1]


def test_a_broken_photo_leaves_no_sheet(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    result = side_by_side(Models(), ["tiny-labels", "tiny-picture"], tmp_path / "broken.png", "auto", bool, bool)
    assert (result.made, result.sheet, result.archive) == ([], None, None)
    assert [reason[:12] for _, reason in result.failed] == ["no PNG, JPEG"] * 2


@pytest.mark.parametrize("names", [[], ["tiny-labels"], ["tiny-labels", "tiny-labels"], list("abcde")])
def test_two_to_four_models_are_compared(photo: Path, names: list[object]) -> None:
    with pytest.raises(ConfigError, match="choose 2 to 4"):
        side_by_side(Models(), names, photo, "auto", bool, bool)


def test_who_stops_gets_the_models_that_are_done(photo: Path) -> None:
    told: list[int] = []
    result = side_by_side(Models(), ["tiny-labels", "tiny-picture"], photo, "auto", told.append, lambda: bool(told))
    assert result.stopped
    assert [one.name for one in result.made] == ["tiny-labels"]
    assert result.sheet is not None
