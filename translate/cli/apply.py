"""`translate apply MODEL INPUT... -o OUT`: translate images, clips, folders and globs."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from translate.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from translate.inference.files import Job, Options
    from translate.inference.folder import Summary


def apply(
    model: Annotated[
        str, typer.Argument(help="Name of a model (`translate models list`), its folder, or an .onnx file.")
    ],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Images, clips, folders, or globs in quotes.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder; for one input, a file such as map.png too.")],
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
    smooth: Annotated[float, typer.Option(min=0, max=1, help="Clips: steady over time what stands still.")] = 0.0,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only the I-th of N parts of the files, I from 1: for job arrays.")
    ] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="Spread the files over a Ray cluster.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Redo outputs that are there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Translate images and clips with a model.

    Each output has its input's name and size, a clip its sound and times. Outputs that are there already are skipped,
    so an interrupted run goes on where it stopped.
    """
    from translate import catalog
    from translate.inference.files import Options, plan
    from translate.inference.files import shard as part_of

    # The quick questions first: a wrong name must not cost the seconds that torch takes to load.
    factor = parse_scale(scale)
    part = None if shard is None else parse_shard(shard)
    folder = catalog.find(model)
    every = plan(inputs, out, format=format or _format_of(folder, out))
    jobs = every if part is None else part_of(every, *part)
    how = Options(scale=factor, tile=tile, batch_size=batch_size, overwrite=overwrite, overlay=overlay, smooth=smooth)
    with _bar(len(jobs), as_json) as bar:
        if cluster:
            summary, place = _over_the_cluster(folder, device, precision, jobs, how, bar)
        else:
            summary, place = _here(folder, device, precision, jobs, how, bar)
    share = None if part is None else f"{len(jobs)} of {len(every)} files, shard {shard}"
    if as_json:
        print(json.dumps(_record(model, place, summary, share), indent=2))
    elif share or summary.written or summary.skipped:
        print(_line(model, place, out, summary, share))
    _raise_failures(summary, len(jobs))


def _here(
    folder: Path, device: str, precision: str, jobs: list["Job"], how: "Options", bar: Any
) -> tuple["Summary", dict[str, str]]:
    from translate.inference import folder as files
    from translate.inference.translator import Translator

    translator = Translator.load(folder, device=device, precision=precision)
    tiles, frames = _counting(bar, "tile"), _counting(bar, "frame")
    summary = files.apply(translator, jobs, how, report=bar.update, tiles=tiles, frames=frames)
    return summary, {"device": str(translator.device), "precision": translator.precision}


def _over_the_cluster(
    folder: Path, device: str, precision: str, jobs: list["Job"], how: "Options", bar: Any
) -> tuple["Summary", dict[str, str]]:
    from translate.inference.cluster import apply_on_cluster

    summary = apply_on_cluster(folder, jobs, how, device=device, precision=precision, report=bar.update)
    return summary, {"device": f"Ray, {device}", "precision": precision}


def _format_of(folder: Path, out: Path) -> str | None:
    """The only format that holds what the model makes, where no other is asked for; None for the usual."""
    from translate import checkpoints
    from translate.images import EXTENSIONS

    if folder.is_file():
        from translate.inference.onnx_file import load_config as of_onnx

        network = of_onnx(folder).translator
    else:
        network = checkpoints.load_config(folder).translator
    many = network.head == "image" and network.out_channels not in (1, 3)
    return "tif" if many and out.suffix.lower() not in EXTENSIONS else None


def _counting(bar: Any, what: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        bar.set_postfix_str(f"{what} {done} of {total}" if done < total else "")

    return show


def _bar(total: int, as_json: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="file", disable=as_json or not sys.stderr.isatty(), leave=False)


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


def parse_shard(text: str) -> tuple[int, int]:
    """Number and count of `3/8`.

    Raises: ConfigError for anything else.
    """
    number, _, count = text.partition("/")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in (number, count)):
        raise ConfigError(f"--shard {text}: expected I/N, such as 3/8 for the third of eight parts")
    if not 1 <= int(number) <= int(count):
        raise ConfigError(f"--shard {text}: the first part is 1/{int(count)}, the last {int(count)}/{int(count)}")
    return int(number), int(count)


def _line(model: str, place: dict[str, str], out: Path, summary: "Summary", share: str | None) -> str:
    counts = [*([share] if share else []), f"{len(summary.written)} written"]
    frames = sum(done.frames or 0 for done in summary.written)
    if frames:
        counts.append(f"{frames} frames of clips")
    if summary.skipped:
        counts.append(f"{len(summary.skipped)} skipped (already there; --overwrite redoes them)")
    if summary.failed:
        counts.append(f"{len(summary.failed)} failed")
    scales = sorted({f"{done.scale:.3g}" for done in summary.written}, key=float)
    shown = f"scale {' to '.join(dict.fromkeys((scales[0], scales[-1])))}, " if scales else ""
    how = f"{shown}{place['device']}, {place['precision']}, {summary.seconds:.1f} s"
    return f"{model}: {', '.join(counts)} -> {out} ({how})"


def _record(model: str, place: dict[str, str], summary: "Summary", share: str | None) -> dict[str, Any]:
    return {
        "model": model,
        **place,
        "shard": share,
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
                "frames": done.frames,
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
    raise ImageError(f"{len(summary.failed)} of {jobs} files could not be translated")
