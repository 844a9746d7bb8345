"""A large photo takes little more memory than its pixels, measured from outside in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from translate import images
from translate.checkpoints import save_model
from translate.networks import build_generator

from .conftest import picture_config

pytest.importorskip("resource")  # Windows has none

MEASURE = """
import json, resource, sys
import numpy as np, torch
from pathlib import Path
from translate.evaluation.machine import peak_memory_mib
torch.set_num_threads(1)
from translate.inference import folder
from translate.inference.files import plan
from translate.inference.translator import Translator
model, photo, out, scale, tile = sys.argv[1:]
translator = Translator.load(model, device="cpu", precision="fp32")
translator.run(np.zeros((64, 64, 3), np.uint8))
pages = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
before = pages()
scale = scale if scale in ("auto", "native") else float(scale)
options = folder.Options(scale=scale, tile=int(tile) or None)
summary = folder.apply(translator, plan([photo], out), options)
assert not summary.failed, summary.failed
print(json.dumps({"above": peak_memory_mib() - before, "tile": summary.written[0].tile}))
"""


def measured(
    folder: Path, size: tuple[int, int], scale: str, tile: int, *, keep_detail: bool = False
) -> dict[str, float]:
    """MiB above the loaded model, for a photo of (height, width)."""
    config = picture_config(size=64).replace(**{"data.keep_detail": keep_detail})
    save_model(folder / "model", build_generator(config.generator), config)
    row = np.linspace(0, 255, size[1]).astype(np.uint8)
    images.save(np.broadcast_to(row[None, :, None], (*size, 3)).copy(), folder / "photo.png")
    words = [sys.executable, "-c", MEASURE, folder / "model", folder / "photo.png", folder / "out.png", scale, tile]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to see its own memory")
def test_a_photo_of_27_megapixels_takes_half_a_gigabyte_and_not_its_float_copies(tmp_path: Path):
    """As bytes it takes 81 MB, a copy in float32 324; what is read, painted and packed are four copies of bytes."""
    found = measured(tmp_path, (4500, 6000), "auto", 0, keep_detail=True)
    assert found["above"] < 550


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to see its own memory")
def test_a_photo_of_8000_x_6000_in_tiles_takes_less_than_two_gigabytes(tmp_path: Path):
    found = measured(tmp_path, (6000, 8000), "native", 0)
    assert found["tile"] == 1024
    assert found["above"] < 1300
