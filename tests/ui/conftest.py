"""A page with three tiny models and two examples, served on a free port for the tests of this folder."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.tiny_page import Served, TinyModels, draw, save_tiny
from translate import images


@pytest.fixture(scope="session")
def ui_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a label model, which comes first, a picture model, and one of a kind nobody has heard of."""
    home = tmp_path_factory.mktemp("ui-home")
    save_tiny(
        home / "models" / "tiny-labels", "labels", title="Tiny map", description="Finds <nothing> in particular.",
        metrics={"mean_iou": 0.5, "pixel_accuracy": 0.875},
    )  # fmt: skip
    save_tiny(home / "models" / "tiny-picture", "image", title="Tiny picture", metrics={"psnr": 12.34})
    save_tiny(
        home / "models" / "tiny-whatever", "image", title="Tiny novelty", kind="whatever",
        data={"size": 64, "crop": 64, "load_size": 64, "keep_detail": True},
        metrics={"kernel": 0.0345, "frechet": 62.1, "copied": 0.21, "cycle": 0.04},
    )  # fmt: skip
    return home


@pytest.fixture(autouse=True)
def _own_home(ui_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this folder's tests the home is the one the page was started with."""
    monkeypatch.setenv("TRANSLATE_HOME", str(ui_home))


@pytest.fixture(scope="session")
def served(ui_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page, served from this process with the tiny models alone."""
    from translate.ui import examples
    from translate.ui.app import launch

    folder = tmp_path_factory.mktemp("pictures")
    images.save(draw(90, 120), folder / "a photo.png")
    for number, name in enumerate(("tiny-labels-field.png", "tiny-picture-field.png"), 1):
        images.save(draw(60, 80, number), folder / "examples" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSLATE_HOME", str(ui_home))
        patch.setattr(examples, "_folder", lambda: folder / "examples")
        with socket.create_server(("127.0.0.1", 0)) as free:  # two test processes must not want the same one
            port = free.getsockname()[1]
        page = launch(TinyModels(), port=port, wait=False)
    yield Served(page, page.local_url, ui_home, folder / "a photo.png")
    page.close()
