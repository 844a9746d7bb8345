"""Damaged weight files: a model, or one line in at most five seconds; no traceback (row 2 of docs/reliability.md)."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.reliability.figures import Record, count
from tests.reliability.mutants import mutant
from translate.checkpoints import load_model
from translate.errors import CheckpointError
from translate.interop import importing
from translate.interop.importing import About

SECONDS = 5.0


class Seen:
    """What became of damaged files, and the longest that one took."""

    def __init__(self) -> None:
        self.models, self.lines, self.slowest = 0, list[str](), 0.0

    def load(self, read: Callable[[], object]) -> None:
        """Read one; anything but a model or a CheckpointError ends the test."""
        start = time.perf_counter()
        try:
            read()
            self.models += 1
        except CheckpointError as error:
            self.lines.append(str(error))
        self.slowest = max(self.slowest, time.perf_counter() - start)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small generator as a .pth file of both formats, and as a model folder of ours."""
    from tests.interop.test_pix2pix import unet

    folder = tmp_path_factory.mktemp("sound")
    state = unet(3)
    paths = {"zip": folder / "zip.pth", "before 1.6": folder / "old.pth", "folder": folder / "model"}
    torch.save(state, paths["zip"])
    torch.save(state, paths["before 1.6"], _use_new_zipfile_serialization=False)
    importing.write(paths["zip"], paths["folder"], About(name="x", source="x"))
    return paths


def test_a_mutated_pth_file_is_a_model_or_one_line(
    sound: dict[str, Path], tmp_path: Path, record_figure: Record
) -> None:
    paths = [sound["zip"], sound["before 1.6"]]
    wholes, path, about = [path.read_bytes() for path in paths], tmp_path / "mutant.pth", About(name="x", source="x")
    seen = Seen()
    for seed in range(total := count(full=8000, sample=240)):
        path.write_bytes(mutant(wholes[seed % 2], seed))
        seen.load(lambda: importing.write(path, tmp_path / "out", about))
    assert seen.models + len(seen.lines) == total
    assert len(seen.lines) > total / 3, "hardly any injury was one"
    assert seen.slowest <= SECONDS
    assert not [line for line in seen.lines if "\n" in line]
    record_figure(2, "mutants of .pth files", total)
    record_figure(2, "slowest, seconds", round(seen.slowest, 3))


def test_a_mutated_model_folder_is_a_model_or_one_line(
    sound: dict[str, Path], tmp_path: Path, record_figure: Record
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(sound["folder"], folder)
    names = ("model.safetensors", "config.json")
    wholes = {name: (folder / name).read_bytes() for name in names}
    seen = Seen()
    for seed in range(total := count(full=2000, sample=80)):
        name = names[seed % 2]
        (folder / name).write_bytes(mutant(wholes[name], seed))
        seen.load(lambda: load_model(folder))
        (folder / name).write_bytes(wholes[name])
    assert seen.models + len(seen.lines) == total
    assert len(seen.lines) > total / 3, "hardly any injury was one"
    assert seen.slowest <= SECONDS
    assert not [line for line in seen.lines if "\n" in line]
    record_figure(2, "mutants of model folders", total)
