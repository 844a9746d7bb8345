"""Ten thousand files, five of them corrupt and three without a partner: all eight are named before step 1 (row 24)."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability import forked, trainings
from tests.reliability.figures import Record, count
from translate.errors import DatasetError


def zeros(path: Path) -> None:
    path.write_bytes(bytes(200))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_picture(path: Path) -> None:
    path.write_text("<html>404 Not Found</html>")


def flipped(path: Path) -> None:
    """One bit of the compressed pixels, in the middle of the file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


DAMAGE: tuple[Callable[[Path], None], ...] = (zeros, cut, empty, no_picture, flipped)


def many(root: Path, files: int) -> Path:
    """That many files in a/ and b/, copies of a few; only the names differ."""
    few = forked.draw(root / "few", 4)
    for side in "ab":
        (root / "data" / side).mkdir(parents=True)
        for number in range(files // 2):
            shutil.copyfile(few / side / f"{number % 4}.png", root / "data" / side / f"{number:05d}.png")
    return root / "data"


@pytest.mark.timeout(600)
def test_every_bad_file_among_thousands_is_named_before_the_first_step(tmp_path: Path, record_figure: Record) -> None:
    files = count(10_000, 1_000)
    data = many(tmp_path, files)
    bad = {f"{side}/{number * files // 16:05d}.png" for number, side in enumerate("abaab")}
    for name, damage in zip(sorted(bad), DAMAGE, strict=True):
        damage(data / name)
    lone = {f"a/{files // 2 - 10:05d}.png", f"a/{files // 2 - 20:05d}.png", f"b/{files // 2 - 30:05d}.png"}
    for name in lone:
        side, _, file = name.partition("/")
        (data / ("b" if side == "a" else "a") / file).unlink()
    began = time.perf_counter()
    with pytest.raises(DatasetError) as caught:
        trainings.plan("pix2pix", data, tmp_path / "run")
    seconds = time.perf_counter() - began
    lines = str(caught.value).splitlines()
    named = {name for name in bad | lone if sum(str(Path(name)) in line.split(":")[0] for line in lines[1:]) == 1}
    record_figure(24, f"bad files of 8 named among {files:,}", len(named))
    record_figure(24, "seconds", round(seconds, 1))
    assert lines[0].endswith("8 files can't be used")
    assert named == bad | lone
    assert not (tmp_path / "run").exists()


def test_bad_files_of_two_domains_are_named_before_the_first_step(tmp_path: Path) -> None:
    data = many(tmp_path, 200)
    for number, damage in enumerate(DAMAGE):
        damage(data / "b" / f"{20 * number:05d}.png")
    with pytest.raises(DatasetError) as caught:
        trainings.plan("cyclegan", data, tmp_path / "run")
    assert all(f"{20 * number:05d}.png" in str(caught.value) for number in range(5))
    assert "5 files can't be used" in str(caught.value)
