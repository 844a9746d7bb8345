"""`import translate` and `translate --help` stay quick: nothing heavy is loaded before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"accelerate", "albumentations", "cv2", "gradio", "kornia", "numpy", "tensorboard", "torch", "torchvision"}


def loaded_by(code: str, repo: Path) -> set[str]:
    """The top-level packages a fresh interpreter holds after running `code`."""
    script = f"{code}\nimport sys\nsys.stderr.write(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=repo, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_import_translate_loads_neither_torch_nor_gradio(repo: Path) -> None:
    assert not loaded_by("import translate", repo) & HEAVY


def test_building_the_command_line_loads_neither_torch_nor_gradio(repo: Path) -> None:
    assert not loaded_by("import translate.cli.main", repo) & {"torch", "gradio", "albumentations", "kornia"}


def test_the_public_names_are_listed_before_they_are_loaded(repo: Path) -> None:
    code = "import translate\nassert 'load' in dir(translate) and 'Translator' in dir(translate)"
    assert not loaded_by(code, repo) & HEAVY


def test_an_unknown_name_raises_attribute_error() -> None:
    import translate

    with pytest.raises(AttributeError, match="nonsense"):
        translate.nonsense  # noqa: B018
