"""`translate generate MODEL --prompt TEXT`: a face of a text alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.editing.optimisation import Progress


def write_free(folder: Path, prompt: str, out: Path, steps: int, device: str) -> None:
    """Make one picture, from the mean face.

    Raises: ConfigError for an output that is no picture file.
    """
    from tqdm import tqdm

    from translate import images
    from translate.editing.editor import Editor
    from translate.editing.optimisation import OptimisationConfig

    if out.suffix.lower() not in images.provenance.SUFFIXES or out.is_dir():
        raise ConfigError(f"{out}: --prompt makes one picture; name a file, as face.png")
    editor = Editor.load(folder, device=device)
    with tqdm(total=steps, unit="step", disable=not sys.stderr.isatty(), leave=False) as bar:

        def report(progress: "Progress") -> None:
            bar.update(1)

        done = editor.free(prompt, optimisation=OptimisationConfig(steps=steps, preview_every=0), report=report)
    images.save(done.image, out, provenance=editor.provenance(done.state))
    print(
        f"{out}: cosine with the text {done.figures['clip_before']:.3f} at first, {done.figures['clip_after']:.3f} now"
    )
