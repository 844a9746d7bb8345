"""`translate models features DIR... -o OUT`: a feature space of the user's own pictures, to measure distances in."""

import json
from pathlib import Path
from typing import Annotated

import typer

from translate.cli.train import setting


def features(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of pictures, each counts the same.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the extractor to.")],
    steps: Annotated[int | None, typer.Option(help="Optimizer steps.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting: key=value, as size=128.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON lines.")] = False,
) -> None:
    """Train a feature extractor on pictures alone, for Frechet and kernel distances among pictures like them."""
    from tqdm import tqdm

    from translate.features import load_features
    from translate.trainers.features import FeaturesConfig, train_features

    changes = dict(setting(text) for text in set_ or []) | ({} if steps is None else {"steps": steps})
    config = FeaturesConfig().replace(**changes)
    with tqdm(unit="step", total=config.steps, disable=True if as_json else None, dynamic_ncols=True) as bar:

        def report(step: int, loss: float) -> None:
            if as_json:
                print(json.dumps({"kind": "train", "step": step, "loss": loss}), flush=True)
            bar.set_postfix({"loss": f"{loss:.3f}"}, refresh=False)
            bar.update(step - bar.n)

        losses = train_features(folders, out, config, device=device, report=report)
    space = load_features(str(out), "cpu")
    if as_json:
        print(json.dumps({"kind": "done", "folder": str(out), "space": space.name, "loss": losses[-1]}))
        return
    print(f"{out}: feature space {space.name}, loss {losses[0]:.3f} at first, {losses[-1]:.3f} in the end")
