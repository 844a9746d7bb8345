"""One process at a time, by real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from translate.errors import TranslateError
from translate.locking import held

pytest.importorskip("fcntl")

HOLD = """
import sys
from pathlib import Path
from translate.locking import held
with held(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_and_a_killed_one_frees_the_lock(tmp_path: Path):
    lock = tmp_path / "run" / ".lock"
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(TranslateError, match=r"^wait for it$"), held(lock, "wait for it"):
            pytest.fail("held by two")
        first.kill()
        first.wait()
        assert lock.exists()
        with held(lock, "busy"):
            pass
    finally:
        first.kill()
        first.communicate()
    assert not lock.exists()


def test_what_goes_wrong_inside_frees_the_lock(tmp_path: Path):
    lock = tmp_path / ".lock"
    with pytest.raises(KeyError), held(lock, "busy"):
        raise KeyError
    with held(lock, "busy"):
        assert lock.exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TranslateError, match=r"file/\.lock: can't be written"), held(tmp_path / "file" / ".lock", ""):
        pass
