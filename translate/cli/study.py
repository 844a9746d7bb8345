"""`translate study GRID --data DIR -o OUT`: many settings on the same data with the same budget, in one report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.cli.train import setting

if TYPE_CHECKING:
    from translate.evaluation.study_run import Row

MINUTES = 10.0


def study(
    grid: Annotated[str, typer.Argument(help="Which study: objectives, pix2pix, stability, unpaired.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the runs, the table and the pictures.")],
    data: Annotated[Path | None, typer.Option(help="Folder of data, as for `translate train`.")] = None,
    a: Annotated[Path | None, typer.Option("--a", help="Folder of domain A, with --b instead of --data.")] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of domain B.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps of each cell; instead of --minutes.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Training time of each cell [default: 10].")] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each cell; several give intervals.")] = 1,
    only: Annotated[str, typer.Option(metavar="NAME,...", help="These cells alone.")] = "",
    scorer: Annotated[
        str | None, typer.Option(help="Label maps to photos: a segmentation model that reads the result back.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write study.md, its pictures and study.json here too.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting for all: key=value.")] = None,
) -> None:
    """Train several settings with the same budget and compare them; interrupted, the same command goes on."""
    from translate.evaluation import study as studies
    from translate.evaluation.study_report import table_of, write_report
    from translate.trainers.run import Source

    def told(row: "Row") -> None:
        outcome = row.failed or f"{row.steps} steps, {row.ms_a_step:.0f} ms each"
        print(f"{row.name}, seed {row.seed}: {outcome}", flush=True)

    asked = studies.asked(
        {
            "grid": grid,
            "steps": steps,
            "minutes": MINUTES if minutes is None and steps is None else minutes,
            "seeds": seeds,
            "only": tuple(name.strip() for name in only.split(",") if name.strip()),
            "changes": dict(setting(text) for text in set_ or []),
            "source": Source(root=data, a=a, b=b).model_dump(),
            "scorer": scorer,
        }
    )
    done, cells = studies.study(asked, out, device=device, report=told)
    names = write_report(done, cells, out, to=report, device=device)
    print(table_of(done, cells))
    print(f"{report or out}: {', '.join(names)}, study.json")
