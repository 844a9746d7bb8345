"""`translate evaluate MODEL --edits --data FACES --also ATTRIBUTES`: do edits do what the sentence says?"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from translate.errors import ConfigError

METHODS: tuple[Literal["direction", "optimise"], ...] = ("direction", "optimise")


def evaluate_edits(
    models: Sequence[str], data: Path | None, also: Sequence[Path], *,
    judge: Path | None, wanted: Sequence[str], mappers: Sequence[Path], faces: int, device: str,
    json_out: Path | None, report: Path | None,
) -> None:  # fmt: skip
    """Print the judge's accuracy and what it says of each edit, and write it where asked."""
    from translate import catalog, checkpoints
    from translate.evaluation import page

    if len(models) != 1:
        raise ConfigError(f"--edits is about one model, a StyleGAN2 with encoder and CLIP; {len(models)} are named")
    if data is None:
        raise ConfigError("--edits needs labelled faces: --data FOLDER with labels.csv, --also FOLDER with attr.csv")
    if unknown := [method for method in wanted if method not in METHODS]:
        raise ConfigError(f"--method {unknown[0]}: known: {', '.join(METHODS)}; mappers are named by --mapper")
    if report:
        page.check(report)
    if judge and (judge.is_dir() or not judge.absolute().parent.is_dir()):
        raise ConfigError(f"--judge {judge}: name a file, as judge.safetensors, in a folder that exists")
    catalog.find(models[0])

    from tqdm import tqdm

    from translate.evaluation import edit_report
    from translate.evaluation.edits import evaluate_edits as judged

    methods = [method for method in METHODS if method in wanted or not wanted]
    with tqdm(disable=not sys.stderr.isatty(), leave=False, dynamic_ncols=True) as bar:

        def progress(what: str, done: int, total: int) -> None:
            bar.set_description(what, refresh=False)
            bar.total, bar.n = total, done
            bar.refresh()

        found = judged(
            models[0], [data, *also], judge=judge, wanted=methods, mappers=mappers, faces=faces, device=device,
            progress=progress,
        )  # fmt: skip
    print("\n".join(edit_report.lines(found)))
    if json_out:
        checkpoints.write_json(json_out, found.as_json())
    if report:
        edit_report.write(report, found)
        print(f"\n{report}: {page.PAGE}, {page.RECORD}, and {page.SHEET} to look at")
