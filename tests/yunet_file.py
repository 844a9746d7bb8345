"""A network with YuNet's inputs and outputs that takes each red square of eight pixels for a face."""

from pathlib import Path

import numpy as np

BOX = (0.5, 0.5, np.log(4.0), np.log(5.0))
"""Centre in cells, and the logarithm of the sides in cells of 8 pixels: 32 x 40 pixels round the cell's middle."""
POINTS = (-0.5, 0.0, 1.5, 0.0, 0.5, 1.0, -0.25, 2.0, 1.25, 2.0)
"""In cells from the cell's corner."""


def write(path: Path) -> Path:
    """Write it as ONNX; cells of 16 and 32 pixels never see a face."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes, weights, outputs = [], [], []

    def constant(name: str, values: object, kind: type = np.float32) -> str:
        weights.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    for stride in (8, 16, 32):
        pooled = f"pooled_{stride}"
        sides = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["input"], [pooled], **sides))
        for kind, bias in (("cls", (0.0,)), ("obj", (0.0,)), ("bbox", BOX), ("kps", POINTS)):
            # Red, OpenCV's third channel, less green.
            gain = np.zeros((len(bias), 3, 1, 1))
            if kind in ("cls", "obj") and stride == 8:
                gain[0, 1:, 0, 0] = (-1 / 255, 1 / 255)
            name = f"{kind}_{stride}"
            given = [pooled, constant(f"{name}_w", gain), constant(f"{name}_b", bias)]
            nodes += [
                helper.make_node("Conv", given, [f"{name}_map"]),
                helper.make_node("Transpose", [f"{name}_map"], [f"{name}_last"], perm=[0, 2, 3, 1]),
                helper.make_node(
                    "Reshape", [f"{name}_last", constant(f"{name}_s", [1, -1, len(bias)], np.int64)], [name]
                ),
            ]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, len(bias)]))
    outputs.sort(key=lambda value: ["cls", "obj", "bbox", "kps"].index(value.name.split("_")[0]))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "height", "width"])
    graph = helper.make_graph(nodes, "yunet", [picture], outputs, weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
