"""`translate study GRID --data DIR -o OUT`: many settings on the same data for the same time, in one table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.cli.train import setting

if TYPE_CHECKING:
    from translate.evaluation.study_run import Row


def study(
    grid: Annotated[str, typer.Argument(help="Which study: unpaired.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the runs, the table and the pictures.")],
    data: Annotated[Path | None, typer.Option(help="Folder of data, as for `translate train`.")] = None,
    a: Annotated[Path | None, typer.Option("--a", help="Folder of domain A, with --b instead of --data.")] = None,
    b: Annotated[Path | None, typer.Option("--b", help="Folder of domain B.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time of each setting.")] = 10.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting for all: key=value.")] = None,
) -> None:
    """Train several settings for the same time and compare them; interrupted, the same command goes on."""
    from translate.evaluation.study import study as compare
    from translate.evaluation.study import table
    from translate.trainers.run import Source

    def told(row: "Row") -> None:
        print(f"{row.name}: {row.steps} steps, {row.ms_a_step:.0f} ms each", flush=True)

    changes = dict(setting(text) for text in set_ or [])
    source = Source(root=data, a=a, b=b)
    rows = compare(grid, source, out, minutes=minutes, changes=changes, device=device, report=told)
    print(table(rows))
    print(f"{out}: study.md, study.json, and study.png to look at")
