"""`translate models pack RUN -o FOLDER`: a trained model as it is shipped, in float16, scored from the stored file."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.config import ModelConfig


def pack(
    run: Annotated[str, typer.Argument(help="Name or folder of a trained model; runs/NAME/last is its newest.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; its name is the model's.")],
    data: Annotated[Path | None, typer.Option(help="Data to score the stored file on.")] = None,
    title: Annotated[str | None, typer.Option(help="What it is, in a few words.")] = None,
    about: Annotated[str | None, typer.Option(help="What it does, in a sentence.")] = None,
    licence: Annotated[str | None, typer.Option(help="Terms of the weights.")] = None,
    alignment: Annotated[
        str | None, typer.Option(help="Of a model of faces: how they lie in its pictures, ffhq or utkface.")
    ] = None,
    clip: Annotated[str | None, typer.Option(help="Of a model of faces: run or folder of the CLIP it is for.")] = None,
) -> None:
    """Store a model in half the space, ready to be shipped, and score what was stored.

    A StyleGAN2's discriminator and encoder go with it, and the CLIP by which it is edited.
    """
    from translate import catalog, checkpoints
    from translate.config import ALIGNMENTS

    folder, name = catalog.find(run), catalog.valid_name(out.name)
    generator, config = checkpoints.load_model(folder)
    told = {"title": title, "description": about, "licence": licence}
    config = config.replace(name=name, **{field: text for field, text in told.items() if text is not None})
    if alignment is not None:
        if alignment not in ALIGNMENTS:
            raise ConfigError(f"--alignment {alignment}: known are {', '.join(ALIGNMENTS)}")
        config = config.model_copy(update={"alignment": ALIGNMENTS[alignment]})
    checkpoints.save_model(out, generator, config.model_copy(update={"metrics": {}}), half=True)
    if data is not None:
        metrics, measured = _scored(out, data, config)
        scored = config.model_copy(update={"metrics": metrics, "measured": measured})
        checkpoints.write_json(out / checkpoints.CONFIG_FILE, scored.model_dump(mode="json"))
        print(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
        print(f"measured: {measured}")
    parts = _pack_parts(folder, out, name, clip) if config.generator.kind == "stylegan2" else []
    size = sum(file.stat().st_size for file in out.rglob(checkpoints.MODEL_FILE)) / 1e6
    beside = f" with its {' and '.join(parts)}" if parts else ""
    print(f"{out}: {size:.1f} MB{beside}, from {folder} at step {config.step}")


def _pack_parts(folder: Path, out: Path, name: str, clip: str | None) -> list[str]:
    """Store what belongs to a StyleGAN2 beside it; which parts those are."""
    from translate import checkpoints
    from translate.checkpoints import DISCRIMINATOR, ENCODER
    from translate.trainers import discriminator

    parts = []
    if found := discriminator.find(folder):
        judge, config = found
        checkpoints.save_model(out / DISCRIMINATOR, judge, config.replace(name=name), half=True)
        parts.append(DISCRIMINATOR)
    if checkpoints.holds_part(folder, ENCODER):
        encoder, made = checkpoints.load_encoder(folder / ENCODER)
        checkpoints.save_model(out / ENCODER, encoder, made.replace(name=name), half=True)
        parts.append(ENCODER)
    if clip is not None:
        from translate.config.clip import ClipConfig
        from translate.features.clip import FOLDER, load_clip

        own = Path(clip) / FOLDER if (Path(clip) / FOLDER).is_dir() else Path(clip)
        described = checkpoints.load_part_config(ClipConfig, own).replace(name=f"{name}-clip")
        checkpoints.save_model(out / FOLDER, load_clip(own), described, half=True)
        parts.append(FOLDER)
    return parts


def _scored(out: Path, data: Path, config: "ModelConfig") -> tuple[dict[str, float], str]:
    """The stored file's figures, and how they came about."""
    from translate.config import LatentConfig

    if isinstance(config.generator, LatentConfig):
        from translate.evaluation.samples import score_samples

        figures, measured = score_samples(out, data)
    else:
        from translate.evaluation.evaluate import evaluate

        report = evaluate(out, data)
        figures = report.scores | {f"iou {score.name}": score.iou for score in report.classes}
        measured = report.protocol
    # Four digits, not four decimals: a kernel distance may be a few thousandths.
    return {name: float(f"{value:.4g}") for name, value in figures.items() if math.isfinite(value)}, measured
