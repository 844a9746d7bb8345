"""`translate generate MODEL -o OUT`: pictures from noise, by seed, class or on the way from one seed to another."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.config.seeds import parse_seeds
from translate.errors import ConfigError

if TYPE_CHECKING:
    from PIL import Image

    from translate.images import Provenance
    from translate.inference.sampler import Sampler


def generate(
    model: Annotated[str, typer.Argument(help="Name of a model that starts from noise, or its folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder; for one picture, a file such as sheet.png.")],
    seeds: Annotated[str, typer.Option(help="Which samples: 7, 0-15 or 3,8,20-25.")] = "0",
    label: Annotated[str | None, typer.Option("--class", help="Of this class; default: of every class.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="All on one sheet, a class a row.")] = False,
    interpolate: Annotated[str | None, typer.Option(help="A strip from one seed to another, as 3-8.")] = None,
    frames: Annotated[int, typer.Option(min=2, max=256, help="Pictures on that strip, both ends included.")] = 8,
    truncation: Annotated[
        float, typer.Option(min=0, max=2, help="StyleGAN2: below 1 pulls styles to their mean; safer, less various.")
    ] = 1.0,
    prompt: Annotated[
        str | None, typer.Option(help="StyleGAN2 with a CLIP: one picture of this text, from the mean face.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=10_000, help="Of the optimisation with --prompt.")] = 100,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
) -> None:
    """Make pictures with a model that starts from noise; a seed gives the same picture every time.

    A model of points writes all of them to one file: .csv with their coordinates, or a picture of the cloud.
    """
    from translate import catalog

    chosen = parse_seeds(seeds)
    sheet = grid or interpolate is not None
    ends = _ends(interpolate) if interpolate is not None else None
    folder = catalog.find(model)
    if prompt is not None:
        if sheet or label is not None or seeds != "0" or truncation != 1 or precision != "auto":
            raise ConfigError("--prompt makes one picture, from the mean face: leave out --seeds, --grid and the like")
        from translate.cli.free import write_free

        write_free(folder, prompt, out, steps, device)
        return

    from translate.inference.sampler import Sampler

    if sheet and (not out.suffix or out.is_dir()):
        raise ConfigError(f"{out}: a sheet is one picture; name a file, as sheet.png")
    sampler = Sampler.load(folder, device=device, precision=precision, truncation=truncation)
    if sampler.makes_points:
        if sheet:
            raise ConfigError(f"{model}: makes points; --grid and --interpolate are for pictures")
        _write_points(sampler, chosen, label, out)
        return
    labels: list[str | None] = [label] if label is not None or not sampler.config.labels else [*sampler.config.labels]
    for word in labels:
        sampler.number(word)  # refused before any folder is made
    if ends:
        _write_sheet(sampler, [sampler.interpolate(*ends, frames, word) for word in labels], out)
    elif grid:
        _write_sheet(sampler, _rows(sampler, chosen, labels), out)
    else:
        _write_files(sampler, chosen, labels, out)


def _ends(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,18})-(\d{1,18})", text, re.ASCII)
    if match is None:
        raise ConfigError(f"--interpolate {text}: expected two seeds, as 3-8")
    return int(match[1]), int(match[2])


def _rows(sampler: "Sampler", seeds: list[int], labels: list[str | None]) -> "list[list[Image.Image]]":
    """A class a row; without classes about as many rows as columns."""
    if len(labels) > 1:
        return [sampler.pictures(seeds, word) for word in labels]
    pictures = sampler.pictures(seeds, labels[0])
    across = round(len(pictures) ** 0.5 + 0.49)
    return [pictures[start : start + across] for start in range(0, len(pictures), across)]


def _write_sheet(sampler: "Sampler", rows: "list[list[Image.Image]]", out: Path) -> None:
    from translate import images

    out.parent.mkdir(parents=True, exist_ok=True)
    images.save(images.grid(rows), out, provenance=_provenance(sampler))
    count = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    print(f"{out}: {sum(len(row) for row in rows)} pictures, {count}")


def _provenance(sampler: "Sampler") -> "Provenance":
    from translate import images

    return images.Provenance(f"Synthetic picture: made by the model {sampler.config.name}")


def _write_files(sampler: "Sampler", seeds: list[int], labels: list[str | None], out: Path) -> None:
    from translate import images
    from translate.inference.sampler import BATCH

    count = len(seeds) * len(labels)
    if out.suffix and not out.is_dir():
        if count > 1:
            raise ConfigError(f"{out}: {count} pictures don't fit into one file; name a folder, or add --grid")
        out.parent.mkdir(parents=True, exist_ok=True)
        images.save(sampler.pictures(seeds, labels[0])[0], out, provenance=_provenance(sampler))
        print(f"{out}: seed {seeds[0]}")
        return
    out.mkdir(parents=True, exist_ok=True)
    provenance = _provenance(sampler)
    for word in labels:
        for start in range(0, len(seeds), BATCH):  # thousands of pictures are never held
            part = seeds[start : start + BATCH]
            for seed, picture in zip(part, sampler.pictures(part, word), strict=True):
                images.save(picture, out / f"{_file_name(sampler, word)}{seed:04d}.png", provenance=provenance)
    print(f"{out}: {count} pictures")


def _file_name(sampler: "Sampler", label: str | None) -> str:
    """What stands before the seed; a class has any name, a file has not."""
    number = sampler.number(label)
    if label is None or number is None:
        return ""
    return f"{number}-{re.sub(r'[^A-Za-z0-9_-]+', '_', label)[:40]}-"


def _write_points(sampler: "Sampler", seeds: list[int], label: str | None, out: Path) -> None:
    import torch

    from translate import images
    from translate.data.mixtures import scatter

    if not out.suffix or out.is_dir():
        raise ConfigError(f"{out}: points go into one file; name one, as points.csv or points.png")
    labels = [label] if label is not None or not sampler.config.labels else [*sampler.config.labels]
    noise = sampler.noise(seeds)
    clouds = [sampler.samples(noise, word) for word in labels]
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".csv":
        lines = ["seed,class,x,y"]
        for word, cloud in zip(labels, clouds, strict=True):
            lines += [f"{s},{word or ''},{x:.6f},{y:.6f}" for s, (x, y) in zip(seeds, cloud.tolist(), strict=True)]
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        images.save(scatter(torch.cat(clouds)), out)
    print(f"{out}: {len(seeds) * len(labels)} points")
