"""A signal to the whole process group, as terminals and job schedulers send it, ends a training with all saved."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from translate import checkpoints

SCRIPT = """
import sys
from translate.cli.main import main
sys.argv = ["translate", "train", "pix2pix", "--data", sys.argv[1], "--out", sys.argv[2], "--device", "cpu",
    "--set", "workers=1", "--set", "log_every=1", "--set", "generator.filters=4", "--set", "generator.depth=2",
    "--set", "discriminator.filters=4", "--set", "discriminator.layers=1", "--set", "data.crop=16",
    "--set", "data.load_size=18", "--set", "data.size=16", "--steps", "1000000", "--json"]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_saves_the_run(pairs: Path, tmp_path: Path, number: signal.Signals):
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(pairs), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"kind": "train"')
        time.sleep(0.5)  # into the steps behind the first
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert "Traceback" not in said
    assert process.returncode == 0
    _, facts = checkpoints.load_state(out / "state")
    assert facts["standing"]["step"] > 1
