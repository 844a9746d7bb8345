"""`translate apply MODEL INPUT... -o OUT`: translate images, folders and globs."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from translate.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from translate.inference.folder import Summary
    from translate.inference.translator import Translator


def apply(
    model: Annotated[str, typer.Argument(help="Name of a model (`translate models list`), or its folder.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Images, folders, or globs in quotes.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder; for one image, a file such as map.png too.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images of one size at a time.")] = None,
    scale: Annotated[str, typer.Option(help="auto: as trained; native: the photo's pixels; or a factor.")] = "auto",
    tile: Annotated[
        int | None, typer.Option(help="Largest side the network is given; more is cut into overlapping tiles.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="png, jpg, webp or tif.  [default: png, tif for other than 1 or 3 channels]")
    ] = None,
    overlay: Annotated[
        float | None, typer.Option(min=0, max=1, help="Lay the result over the photo: 0 the photo, 1 the result.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Redo outputs that are there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Translate images with a model.

    Each output has its photo's name and size. Outputs that are there already are skipped, so an interrupted run goes
    on where it stopped.
    """
    from translate import catalog
    from translate.inference.files import plan

    # The quick questions first: a wrong name must not cost the seconds that torch takes to load.
    factor = parse_scale(scale)
    folder = catalog.find(model)
    jobs = plan(inputs, out, format=format or _format_of(folder, out))

    from translate.inference import folder as files
    from translate.inference.translator import Translator

    translator = Translator.load(folder, device=device, precision=precision)
    how = files.Options(scale=factor, tile=tile, batch_size=batch_size, overwrite=overwrite, overlay=overlay)
    with _bar(len(jobs), as_json) as bar:
        summary = files.apply(translator, jobs, how, report=bar.update, tiles=_counting(bar))
    if as_json:
        print(json.dumps(_record(model, translator, summary), indent=2))
    elif summary.written or summary.skipped:
        print(_line(model, translator, out, summary))
    _raise_failures(summary, len(jobs))


def _format_of(folder: Path, out: Path) -> str | None:
    """The only format that holds what the model makes, where no other is asked for; None for the usual."""
    from translate.checkpoints import load_config
    from translate.images import EXTENSIONS

    network = load_config(folder).translator
    many = network.head == "image" and network.out_channels not in (1, 3)
    return "tif" if many and out.suffix.lower() not in EXTENSIONS else None


def _counting(bar: Any) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        bar.set_postfix_str(f"tile {done} of {total}" if done < total else "")

    return show


def _bar(total: int, as_json: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="image", disable=as_json or not sys.stderr.isatty(), leave=False)


def parse_scale(text: str) -> Literal["auto", "native"] | float:
    """`auto`, `native` or a factor.

    Raises: ConfigError for anything else.
    """
    match text:
        case "auto":
            return "auto"
        case "native":
            return "native"
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise ConfigError(f"--scale {text}: known: auto, native, or a factor above 0 such as 0.5")
    return factor


def _line(model: str, translator: "Translator", out: Path, summary: "Summary") -> str:
    counts = [f"{len(summary.written)} written"]
    if summary.skipped:
        counts.append(f"{len(summary.skipped)} skipped (already there; --overwrite redoes them)")
    if summary.failed:
        counts.append(f"{len(summary.failed)} failed")
    scales = sorted({f"{done.scale:.3g}" for done in summary.written}, key=float)
    shown = f"scale {' to '.join(dict.fromkeys((scales[0], scales[-1])))}, " if scales else ""
    how = f"{shown}{translator.device}, {translator.precision}, {summary.seconds:.1f} s"
    return f"{model}: {', '.join(counts)} -> {out} ({how})"


def _record(model: str, translator: "Translator", summary: "Summary") -> dict[str, Any]:
    return {
        "model": model,
        "device": str(translator.device),
        "precision": translator.precision,
        "seconds": round(summary.seconds, 3),
        "written": [
            {
                "input": str(done.job.source),
                "output": str(done.job.target),
                "width": done.width,
                "height": done.height,
                "scale": done.scale,
                "tile": done.tile,
                "kept_detail": done.kept_detail,
                "model_seconds": round(done.seconds, 4),
                "shares": done.shares,
            }
            for done in summary.written
        ],
        "skipped": [{"input": str(job.source), "output": str(job.target)} for job in summary.skipped],
        "failed": [{"input": str(failure.path), "reason": failure.reason} for failure in summary.failed],
    }


def _raise_failures(summary: "Summary", jobs: int) -> None:
    if not summary.failed:
        return
    if jobs == 1:
        raise ImageError(f"{summary.failed[0].path}: {summary.failed[0].reason}")
    for failure in summary.failed:
        print(f"failed: {failure.path}: {failure.reason}", file=sys.stderr)
    raise ImageError(f"{len(summary.failed)} of {jobs} images could not be translated")
