"""A plain `pip install .` has all that a checkout has: the package, and the shipped models inside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SHIPPED = {"checkpoints": "translate/_checkpoints", "datasets/examples": "translate/_examples"}


@pytest.fixture(scope="module")
def installed(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked as pip would."""
    builders = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = builders.WheelBuilder(str(repo)).build(directory=str(folder), versions=["standard"])
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            archive.extract(member, site)
    return site


def test_the_wheel_holds_every_module(repo: Path, installed: Path) -> None:
    modules = {path.relative_to(repo).as_posix() for path in (repo / "translate").rglob("*.py")}
    assert modules <= {path.relative_to(installed).as_posix() for path in installed.rglob("*.py")}


@pytest.mark.parametrize("folder", SHIPPED)
def test_the_wheel_holds_every_shipped_file(repo: Path, installed: Path, folder: str) -> None:
    files = {path.relative_to(repo / folder) for path in (repo / folder).rglob("*") if path.is_file()}
    inside = installed / SHIPPED[folder]
    assert files == {path.relative_to(inside) for path in inside.rglob("*") if path.is_file()}


def test_an_installed_package_finds_the_shipped_models(repo: Path, installed: Path, tmp_path: Path) -> None:
    expected = sorted(path.parent.name for path in (repo / "checkpoints").glob("*/config.json"))
    code = (
        "from translate.catalog import models\n"
        "print(*sorted(entry.name for entry in models() if entry.source == 'shipped'))"
    )
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == expected
