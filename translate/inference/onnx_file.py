"""Models stored as ONNX by `translate export`: read with suspicion, run by onnxruntime in place of a network.

Such a file is a program. Only what our own export writes is taken: plain operators of the ONNX standard, no subgraphs
or functions, and every weight inside the file, for a weight "outside" is any file of this machine that it names.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from translate import checkpoints
from translate.config import GeneratorConfig, ModelConfig, parse
from translate.errors import CheckpointError, ConfigError
from translate.networks import extended

if TYPE_CHECKING:
    from onnx import ModelProto

CONFIG_KEY = "translate.config"
"""The metadata entry that holds the model's config.json."""
MAX_BYTES = 1 << 30
INPUT, OUTPUT = "photo", "result"

_FOREIGN = "no model of ours; `translate export MODEL -o FILE.onnx` writes one"


class OnnxNetwork(nn.Module):
    """A generator that onnxruntime computes, in float32 on the CPU.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H, W), any H and W.
    """

    def __init__(self, data: bytes, config: GeneratorConfig, name: str) -> None:
        super().__init__()
        self.config, self.name = config, name
        self.session = _session(data, name)

    @property
    def follows_the_picture(self) -> bool:
        """Whether what it makes of a part depends on what else is in sight."""
        return self.config.norm in ("instance", "picture")

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        pixels = np.ascontiguousarray(extended(self.config, x.float()).numpy())
        try:
            (result,) = self.session.run([OUTPUT], {INPUT: pixels})
        except Exception as error:  # onnxruntime's errors have no base class of their own
            if "alloc" in str(error):
                raise MemoryError(str(error)) from None
            raise CheckpointError(f"{self.name}: onnxruntime can't run it ({_line(error)})") from None
        if result.shape != (len(x), self.config.out_channels, *pixels.shape[-2:]) or result.dtype != np.float32:
            raise CheckpointError(f"{self.name}: gives {result.dtype} {list(result.shape)} for {list(pixels.shape)}")
        return torch.from_numpy(result)[..., :height, :width]


def load(path: Path, *, device: str = "auto", precision: str = "auto") -> tuple[OnnxNetwork, ModelConfig]:
    """The network and the config in an ONNX file.

    Raises: CheckpointError for a file that `translate export` did not write; ConfigError for another device than the
    CPU, or another precision than fp32.
    """
    if device not in ("auto", "cpu") or precision not in ("auto", "fp32"):
        raise ConfigError(
            f"{path}: an ONNX file runs on the cpu in fp32, not on {device} in {precision}; name the model it was "
            "exported from"
        )
    data, config = _read(path)
    return OnnxNetwork(data, config.translator, str(path)), config


def load_config(path: Path) -> ModelConfig:
    """The config of a model, in its folder or in an ONNX file.

    Raises: CheckpointError for a folder without one, or a file that `translate export` did not write.
    """
    return _read(path)[1] if path.is_file() else checkpoints.load_config(path)


def require() -> Any:
    """The package onnx.

    Raises: ConfigError in one line where the extra isn't installed.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"ONNX needs {error.name}: pip install 'translate-images[onnx]'") from None
    return onnx


def check(model: "ModelProto", name: str) -> None:
    """Make sure that a graph is one that our export writes.

    Raises: CheckpointError for weights outside the file, subgraphs, functions, or operators of another domain.
    """
    onnx = require()
    if any(opset.domain not in ("", "ai.onnx") for opset in model.opset_import) or model.functions:
        raise CheckpointError(f"{name}: uses operators beyond the ONNX standard; {_FOREIGN}")
    tensors = list(model.graph.initializer)
    for node in model.graph.node:
        for given in node.attribute:
            tensors += [given.t, *given.tensors]
            if given.HasField("g") or given.graphs or given.HasField("sparse_tensor") or given.sparse_tensors:
                raise CheckpointError(f"{name}: {node.op_type} holds a graph of its own; {_FOREIGN}")
    if model.graph.sparse_initializer or model.training_info:
        raise CheckpointError(f"{name}: holds sparse weights or a training; {_FOREIGN}")
    if any(tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise CheckpointError(f"{name}: its weights lie in other files, which are not followed; {_FOREIGN}")


def _read(path: Path) -> tuple[bytes, ModelConfig]:
    onnx = require()
    try:
        size = path.stat().st_size
        if size > MAX_BYTES or not path.is_file():
            found = f"{size:,} bytes, more than the {MAX_BYTES:,} that are taken" if path.is_file() else "not a file"
            raise CheckpointError(f"{path}: {found}")
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf's, or the recursion it refuses
        raise CheckpointError(f"{path}: not a readable ONNX file ({_line(error)})") from None
    texts = [entry.value for entry in model.metadata_props if entry.key == CONFIG_KEY]
    if len(texts) != 1:
        raise CheckpointError(f"{path}: an ONNX file without our description ({CONFIG_KEY}); {_FOREIGN}")
    check(model, str(path))
    try:
        onnx.checker.check_model(model)
        values = json.loads(texts[0])
        if not isinstance(values, dict):
            raise ValueError("its description is no object")
        return data, parse(ModelConfig, values)
    except (onnx.checker.ValidationError, ValueError, RecursionError, ConfigError) as error:
        raise CheckpointError(f"{path}: not a sound ONNX file of ours ({_line(error)})") from None


def _session(data: bytes, name: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what goes wrong is raised, and told in one line
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        names = [put.name for put in (*session.get_inputs(), *session.get_outputs())]
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise CheckpointError(f"{name}: onnxruntime can't load it ({_line(error)})") from None
    if names != [INPUT, OUTPUT]:
        raise CheckpointError(f"{name}: goes from and to {', '.join(names)}, ours from {INPUT} to {OUTPUT}")
    return session


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
