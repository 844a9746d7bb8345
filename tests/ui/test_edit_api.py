"""The endpoints `/edit`, `/invert` and `/generate`, asked as a user's script would ask them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests import tiny_faces
from tests.ui.tiny_page import Served
from translate import images
from translate.editing.editor import Editor
from translate.editing.optimisation import OptimisationConfig
from translate.editing.photo import PhotoInverter


@pytest.fixture(scope="module")
def client(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    client = Client(served.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield client
    client.close()


@pytest.fixture(scope="module")
def editor(served: Served) -> Editor:
    return translate.load_editor(served.home / "models" / "tiny-faces", device="cpu")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "me.png"
    images.save(tiny_faces.smooth(60, 80), path)
    return path


def pixels(path: str) -> np.ndarray[Any, Any]:
    return images.read_array(path)


def test_edit_gives_exactly_what_the_library_gives(client: Any, editor: Editor):
    given = {"prompt": "an old man", "strength": 0.5, "neutral": "a man"}
    picture, latent, details = client.predict(seed=3, disentangle="0.2", api_name="/edit", **given)
    done = editor.edit(3, "an old man", strength=0.5, neutral="a man", disentangle=0.2)
    np.testing.assert_array_equal(pixels(picture), np.asarray(done.image))
    assert details["figures"] == pytest.approx(done.figures, abs=1e-4)
    assert details["edits"] == [{"prompt": "an old man", "method": "direction", "strength": 0.5, "beta": 0.2}]
    assert (details["model"], details["changed"], details["square"]) == (editor.name, True, None)
    np.testing.assert_array_equal(np.asarray(editor.image(editor.open(Path(latent)))), np.asarray(done.image))
    with Image.open(picture) as file:
        assert file.text["Comment"].startswith("Synthetic picture: a face made by the model tiny-")  # type: ignore[attr-defined]


def test_a_latent_is_edited_on(client: Any, editor: Editor):
    from gradio_client import handle_file

    first = client.predict(prompt="an old man", seed=3, api_name="/edit")
    second = client.predict(prompt="glasses", latent=handle_file(first[1]), api_name="/edit")
    assert [step["prompt"] for step in second[2]["edits"]] == ["an old man", "glasses"]
    expected = editor.edit(editor.edit(3, "an old man").state, "glasses")
    np.testing.assert_array_equal(pixels(second[0]), np.asarray(expected.image))


def test_a_photo_s_face_is_inverted_and_edited_in_its_square(client: Any, editor: Editor, photo: Path):
    from gradio_client import handle_file

    image = handle_file(photo)
    latent, face, details = client.predict(image=image, crop="20,10,40", steps=3, api_name="/invert")
    assert details["square"] == [[20, 10], [60, 10], [60, 50], [20, 50]]
    assert details["notes"] == ["the square 20,10,40 was given"]
    assert isinstance(editor.inverter, PhotoInverter)
    own = replace(editor.inverter, crop=(20, 10, 40), steps=3)
    w_plus, _, _ = own(Image.fromarray(pixels(str(photo))))
    state = editor.open(Path(latent))
    np.testing.assert_allclose(state.w_plus, w_plus, atol=1e-5)
    np.testing.assert_array_equal(pixels(face), np.asarray(editor.image(state)))
    asked = {"prompt": "an old man", "method": "optimise", "steps": 5}
    picture, _, told = client.predict(image=image, crop="20,10,40", api_name="/edit", **asked)
    assert pixels(picture).shape == (60, 80, 3)
    assert told["edits"][0]["method"] == "optimise"
    outside = np.ones((60, 80), bool)
    outside[10:50, 20:60] = False
    np.testing.assert_array_equal(pixels(picture)[outside], pixels(str(photo))[outside])


def test_generate_makes_the_faces_of_seeds_or_of_words(client: Any, editor: Editor):
    files, details = client.predict(seeds="3,5-6", truncation=0.5, api_name="/generate")
    assert details["names"] == ["seed-3", "seed-5", "seed-6"]
    for path, seed in zip(files, (3, 5, 6), strict=True):
        np.testing.assert_array_equal(pixels(path), np.asarray(editor.generate([seed], truncation=0.5)[0]))
    files, _ = client.predict(prompt="an old man", steps=4, api_name="/generate")
    expected = editor.free("an old man", optimisation=OptimisationConfig(steps=4))
    np.testing.assert_array_equal(pixels(files[0]), np.asarray(expected.image))


@pytest.mark.parametrize(
    ("endpoint", "options", "words"),
    [
        ("/edit", {"prompt": ""}, "write what to see"),
        ("/edit", {"prompt": "a man", "seed": -1}, "give a whole number from 0 on"),
        ("/edit", {"prompt": "a man", "method": "magic"}, "known: direction, optimise, mapper"),
        ("/edit", {"prompt": "a man", "disentangle": "much"}, "take auto or a number"),
        ("/edit", {"prompt": "a man", "disentangle": "2"}, "disentangle is 2"),
        ("/edit", {"prompt": "a man", "model": "tiny-picture"}, "is no StyleGAN2"),
        ("/edit", {"prompt": "a man", "model": "../tiny-faces"}, "no model"),
        ("/edit", {"prompt": "a man", "method": "optimise", "steps": 10**9}, "steps is"),
        ("/generate", {"seeds": "0-64"}, "more than 64 at once"),
        ("/generate", {"seeds": "x"}, "expected numbers and ranges"),
        ("/generate", {"truncation": 9}, "truncation is 9"),
        ("/invert", {"image": None}, "No photo was given"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(client: Any, endpoint: str, options: dict[str, Any], words: str):
    assert words in failure(client, endpoint, **options)


def test_an_upload_that_is_no_latent_or_no_face_is_told_without_folders(client: Any, photo: Path, tmp_path: Path):
    from gradio_client import handle_file

    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    told = failure(client, "/edit", prompt="a man", latent=handle_file(tmp_path / "x.safetensors"))
    assert told.startswith("x.safetensors: not a readable safetensors file")
    told = failure(client, "/edit", prompt="a man", image=handle_file(photo))
    assert told.endswith("s square on the photo")
    assert "/" not in told.split("install")[0]


def failure(client: Any, endpoint: str, **options: Any) -> str:
    """The error a request is answered with."""
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        client.predict(api_name=endpoint, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message
