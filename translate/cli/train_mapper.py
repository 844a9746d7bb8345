"""`translate train mapper --init MODEL --set prompt=TEXT`: a network that edits faces by one sentence in one pass."""

import json
import re
from pathlib import Path
from typing import Any

from translate.cli.part_progress import watched
from translate.errors import ConfigError


def train_mapper(
    model: str | None, data: Path | None, out: Path | None, changes: dict[str, Any], *,
    resume: bool, device: str, as_json: bool,
) -> None:  # fmt: skip
    """Train, and print how much nearer held-out faces come to the text."""
    model = _check(model, data, out, changes, resume=resume)

    from translate.editing import mapper_training
    from translate.editing.editor import Editor

    if resume and out is not None:
        config = mapper_training.resumed(out, changes)
    else:
        config = mapper_training.MapperTraining(prompt="-").replace(**changes)
    editor = Editor.load(model, device=device)
    folder = out or Path("runs") / f"mapper-{slug(config.prompt)}"
    with watched(config.steps, as_json) as (stop, report):
        done = mapper_training.train_mapper(
            editor.network, editor.need_clip(), folder, config, model=editor.config.name, weights=editor.weights,
            identity=editor.identity, resume=resume, device=device, cancelled=stop.is_set, report=report,
        )  # fmt: skip
    stored = done.config
    if as_json:
        print(json.dumps({"kind": "done", "folder": str(folder), "step": stored.step, **stored.metrics}))
        return
    figures = (
        f"cosine with the text {stored.metrics['clip_before']:.3f} before, {stored.metrics['clip_after']:.3f} after"
    )
    print(f"{folder}: step {stored.step}; held-out faces: {figures}")
    print(f"use it: translate edit --model {model} --seed 0 --mapper {folder} -o OUT.png")


def _check(model: str | None, data: Path | None, out: Path | None, changes: dict[str, Any], *, resume: bool) -> str:
    if model is None:
        raise ConfigError("a mapper belongs to a generator: name it with --init MODEL")
    if data is not None:
        raise ConfigError("a mapper learns on faces that the generator draws; leave out --data")
    if resume and out is None:
        raise ConfigError("--resume needs --out: the folder of the mapper to go on with")
    if not resume and not isinstance(changes.get("prompt"), str):
        raise ConfigError('a mapper is for one sentence: name it with --set prompt="a smiling man"')
    return model


def slug(prompt: str) -> str:
    """A prompt as part of a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:40] or "edit"
