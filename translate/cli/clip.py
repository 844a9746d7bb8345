"""`translate train clip` and `translate evaluate CLIP`: a small CLIP of labelled faces, and what it knows of others."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translate.cli.options import check_kept
from translate.cli.part_progress import watched
from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.trainers.clip_judge import Score


def train_clip(
    init: str | None,
    data: Path | None,
    out: Path | None,
    changes: Mapping[str, Any],
    *,
    resume: bool,
    device: str,
    as_json: bool,
) -> None:
    """Train, and print how held-out faces went."""
    if init is not None:
        raise ConfigError("--init means nothing to the preset clip; see `translate train --help`")
    out = out or Path("runs") / "clip"

    from translate.trainers import clip

    config = clip.ClipTrainConfig()
    if resume:
        record = clip.read_record(out)
        if fixed := sorted(set(changes) - clip.CHANGEABLE):
            raise ConfigError(f"{fixed[0]} can't change when a run is resumed; start a new one in another --out")
        check_kept("--data", data and data.resolve(), Path(record.data).resolve())
        config, data = record.config, Path(record.data)
    config = config.replace(**changes)
    if data is None:
        raise ConfigError("clip learns from labelled faces: --data FOLDER with labels.csv or attr.csv")
    with watched(config.steps, as_json) as (stop, report):
        scores = clip.train_clip(
            data, out, config, resume=resume, device=device, stop=stop,
            report=lambda step, loss: report(step, {"loss": loss}),
        )  # fmt: skip
    if as_json:
        figures = {name: score._asdict() for name, score in scores.items()}
        print(json.dumps({"kind": "done", "folder": str(out), "figures": figures}))
        return
    print("\n".join([f"{out}: held-out faces", *lines(scores)]))


def lines(scores: "Mapping[str, Score]") -> list[str]:
    """A table of zero-shot answers."""
    if not scores:
        return ["  no face was held out"]
    rows = [f"  {'question':<12}{'right':>8}{'balanced':>10}{'faces':>7}"]
    for name, score in scores.items():
        rows.append(f"  {name:<12}{score.accuracy:>8.3f}{score.balanced:>10.3f}{score.faces:>7}")
    return rows


def is_clip(name: str) -> bool:
    """Whether `name` is a published CLIP, or the folder or run of one; looks at its config alone."""
    if name.startswith(("openai/", "laion2b/")):
        return True
    folder = Path(name).expanduser()
    if not (folder / "config.json").is_file():  # a run's own folder
        folder /= "clip"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and config.get("kind") == "clip"


def evaluate(models: Sequence[str], data: Path | None, split: str, device: str, json_out: Path | None) -> None:
    """Zero-shot classification of a folder's labelled faces.

    Raises: ConfigError for models of another kind beside it, or a split that its tables don't have.
    """
    from translate.checkpoints import write_json
    from translate.evaluation.zero_shot import zero_shot

    if others := [name for name in models if not is_clip(name)]:
        raise ConfigError(f"{others[0]} is no CLIP and {models[0]} is scored by other figures; evaluate them apart")
    if data is None:
        raise ConfigError("a CLIP is scored on labelled faces: --data FOLDER with labels.csv or attr.csv")
    split = "val" if split in ("auto", "test") else split
    figures = {name: zero_shot(name, data, split=split, device=device) for name in models}
    for name, scores in figures.items():
        print("\n".join([f"{name}: zero-shot on {data}, {split}", *lines(scores)]))
    if json_out:
        told = {name: {title: s._asdict() for title, s in scores.items()} for name, scores in figures.items()}
        write_json(json_out, told)
