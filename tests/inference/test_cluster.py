"""Files over a local Ray cluster: the same outputs as on one machine, the same account of what was done."""

import sys
from pathlib import Path

import numpy as np
import pytest

from translate import images
from translate.errors import ConfigError
from translate.inference import folder
from translate.inference.cluster import Worker, apply_on_cluster
from translate.inference.files import Options, plan
from translate.inference.translator import Translator

OPTIONS = Options(scale="native")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty pictures, one of them none."""
    random = np.random.default_rng(0)
    for number in range(20):
        images.save(random.integers(0, 256, (24, 32, 3), dtype=np.uint8), tmp_path / "in" / f"{number:02}.png")
    (tmp_path / "in" / "07.png").write_text("no picture")
    return tmp_path / "in"


def test_a_worker_tells_what_became_of_every_file(stored: Path, photos: Path, tmp_path: Path):
    jobs = plan([photos], tmp_path / "out")
    rows = {"source": [str(job.source) for job in jobs], "target": [str(job.target) for job in jobs]}
    worker = Worker(str(stored), "cpu", "fp32", OPTIONS)
    told = worker(rows)
    assert sorted(told["source"]) == sorted(rows["source"])
    assert [told["status"].count(status) for status in ("written", "failed", "skipped")] == [19, 1, 0]
    assert worker(rows)["status"].count("skipped") == 19


def test_without_ray_one_line_says_what_to_install(stored: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'translate-images\[cluster\]'"):
        apply_on_cluster(stored, [], OPTIONS)


@pytest.mark.slow
def test_a_local_cluster_gives_what_one_machine_gives(stored: Path, photos: Path, tmp_path: Path, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    here = folder.apply(
        Translator.load(stored, device="cpu", precision="fp32"), plan([photos], tmp_path / "a"), OPTIONS
    )
    told: list[int] = []
    jobs = plan([photos], tmp_path / "b")
    try:
        there = apply_on_cluster(stored, jobs, OPTIONS, device="cpu", precision="fp32", workers=2, report=told.append)
        again = apply_on_cluster(stored, jobs, OPTIONS, device="cpu", precision="fp32", workers=1)
        with pytest.raises(ConfigError, match=r"the Ray cluster gave up: .*device is 'abacus'"):
            apply_on_cluster(stored, jobs, OPTIONS, device="abacus", workers=1)
    finally:
        ray.shutdown()
    assert sum(told) == len(jobs) == 20
    assert [done.job.source for done in there.written] == [done.job.source for done in here.written]
    assert [(one.path, one.reason) for one in there.failed] == [(one.path, one.reason) for one in here.failed]
    assert len(again.skipped) == 19
    for done in there.written:
        assert done.job.target.read_bytes() == (tmp_path / "a" / done.job.target.name).read_bytes()
