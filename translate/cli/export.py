"""`translate export MODEL -o FILE.onnx`: a model for programs that have no torch."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[str, typer.Argument(help="Name of a model (`translate models list`), or its folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, such as m.onnx.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Write a model as ONNX.

    It takes any number of pictures of any height and width, and is compared with the model at three sizes before the
    file appears. `translate apply FILE.onnx` and `translate.load("FILE.onnx")` run it with onnxruntime,
    in float32 on the CPU; `translate evaluate FILE.onnx` scores it.
    """
    from translate import catalog

    catalog.find(model)  # a wrong name must not cost the seconds that torch takes to load
    if sys.stderr.isatty():
        print(f"{model}: converting, which takes up to a minute ...", file=sys.stderr)

    from translate.inference.export import export as write

    done = write(model, out, overwrite=overwrite)
    worst = max(done.differences.values())
    if as_json:
        sizes = [{"height": h, "width": w, "difference": value} for (h, w), value in done.differences.items()]
        record = {"model": model, "output": str(out), "bytes": done.size, "opset": done.opset, "compared": sizes}
        print(json.dumps(record, indent=2))
        return
    compared = ", ".join(f"{w} x {h}" for h, w in done.differences)
    print(
        f"{model}: written -> {out} ({done.size / 1e6:.1f} MB, opset {done.opset}; at most {worst:.1g} from PyTorch at "
        f"{compared})"
    )
