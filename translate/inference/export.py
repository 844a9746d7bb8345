"""Write a translator as an ONNX file that serves any size, proven against the network before it appears."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from translate import catalog, checkpoints, images
from translate.config import GeneratorConfig, ModelConfig
from translate.errors import CheckpointError, ConfigError
from translate.inference.fuse import fold_norms
from translate.inference.onnx_file import CONFIG_KEY, INPUT, MAX_BYTES, OUTPUT, OnnxNetwork, check, require
from translate.networks import min_side

if TYPE_CHECKING:
    from onnx import ModelProto

TOLERANCE = 1e-4
"""The largest difference from PyTorch's output that is taken, in its own units: [-1, 1], or logits."""
LARGEST_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished ONNX file; `differences` by the (height, width) that was compared with PyTorch."""

    path: Path
    config: ModelConfig
    size: int
    opset: int
    differences: dict[tuple[int, int], float]


def export(name_or_path: str | Path, out: Path, *, overwrite: bool = False) -> Exported:
    """Write a model as ONNX with any batch size, height and width; the file appears whole, and only if it is right.

    Raises: ConfigError where `out` is no place for it or the packages are missing; CheckpointError where there is no
    such model, or the file would compute something else.
    """
    _check_out(out, overwrite)
    onnx = require()
    _require_converter()
    network, config = checkpoints.load_model(catalog.find(name_or_path))
    generator = config.translator
    fold_norms(network)
    model = _converted(network, generator)
    _describe(model, config)
    check(model, str(out))
    onnx.checker.check_model(model, full_check=True)
    if model.ByteSize() > MAX_BYTES:
        raise CheckpointError(f"{out}: would have {model.ByteSize():,} bytes; at most {MAX_BYTES:,} are read back")
    data = model.SerializeToString()
    differences = _compare(network, OnnxNetwork(data, generator, str(out)), generator)
    size, worst = max(differences.items(), key=lambda pair: pair[1])
    if not worst <= TOLERANCE:
        raise CheckpointError(f"{out}: differs from PyTorch by {worst:.2g} at {size[1]} x {size[0]}; not written")
    checkpoints.write_bytes(out, data)
    return Exported(out, config, len(data), int(model.opset_import[0].version), differences)


def _check_out(out: Path, overwrite: bool) -> None:
    if out.suffix.lower() != catalog.ONNX:
        raise ConfigError(f"{out}: an ONNX file's name ends in {catalog.ONNX}")
    if out.is_dir() or (out.exists() and not overwrite):
        advice = "name a file in it" if out.is_dir() else "--overwrite replaces it"
        raise ConfigError(f"{out}: is there already; {advice}")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"{out}: its folder does not exist")


def _require_converter() -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ConfigError("an export needs onnxscript: pip install 'translate-images[onnx]'") from None


def _converted(network: nn.Module, config: GeneratorConfig) -> "ModelProto":
    side = max(min_side(config), 64)
    sides = {axis: torch.export.Dim(name, min=side, max=images.MAX_SIDE) for axis, name in ((2, "h"), (3, "w"))}
    shape = ({0: torch.export.Dim("n", min=1, max=LARGEST_BATCH), **sides},)
    # Sizes that tell height from width, and neither the smallest nor 1: those would be taken for fixed.
    sample = torch.zeros(2, config.in_channels, 2 * side, 2 * side + 32)
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            network,
            (sample,),
            dynamo=True,
            dynamic_shapes=shape,
            input_names=[INPUT],
            output_names=[OUTPUT],
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise CheckpointError("torch.onnx.export gave no program")
    return program.model_proto


def _describe(model: "ModelProto", config: ModelConfig) -> None:
    """Put our config in, and what the exporter noted of this machine's files and of the sizes' algebra out."""
    del model.metadata_props[:]
    model.metadata_props.add(key=CONFIG_KEY, value=config.model_dump_json())
    model.producer_name, model.doc_string = "translate", config.title or config.name
    graph = model.graph
    del graph.metadata_props[:], graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for put in (*graph.input, *graph.output):
        dims = put.type.tensor_type.shape.dim
        for axis, name in ((0, "n"), (2, "h"), (3, "w")):
            dims[axis].Clear()
            dims[axis].dim_param = name


def _compare(network: nn.Module, exported: nn.Module, config: GeneratorConfig) -> dict[tuple[int, int], float]:
    """Largest differences: of two pictures of even sides, of an odd one, and of one that has to be extended.

    Not of a single pixel: a picture of one colour has no variance, and instance norms make a value of the rounding.
    """
    random = torch.Generator().manual_seed(0)
    side = max(min_side(config), 64)
    differences = {}
    for count, height, width in ((2, side, side + 32), (1, side + 33, side + 7), (1, 7, 4)):
        x = torch.rand(count, config.in_channels, height, width, generator=random) * 2 - 1
        with torch.inference_mode():
            found = (exported(x) - network(x)).abs().max()
        differences[height, width] = float(found)
    return differences


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells a screenful about its own parts."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
