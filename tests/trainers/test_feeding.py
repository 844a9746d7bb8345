"""What feeds a training: a file that is gone is one line, whoever reads it, and no reader process stays."""

import multiprocessing
from pathlib import Path

import pytest

from translate.config import TrainConfig
from translate.errors import ImageError
from translate.trainers import run


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_breaks_while_it_trains_is_one_line_and_leaves_no_process(
    workers: int, tiny: TrainConfig, pairs: Path, tmp_path: Path
):
    plan = run.plan(tiny.replace(workers=workers, **{"data.cache_mb": 0}), run.Source(root=pairs), tmp_path / "run")
    before = set(multiprocessing.active_children())
    for path in (pairs / "a").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"a/\d\.png: no PNG") as caught:
        run.train(plan, device="cpu")
    assert "Traceback" not in str(caught.value)
    assert set(multiprocessing.active_children()) == before
