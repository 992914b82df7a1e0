"""Channels in Caffe's order, blue first, and in that of MXNet's own data pipeline, red first.

MXNet's caffe_converter turned them round in the first convolution and in the mean image, so that its
models take red first.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.ir.passes.defaults import integer
from mmdnn.tensors import references

COLOURS = (3, 4)
"""Numbers of channels that pictures in colour have; the fourth is alpha and stays where it is."""


def turned(tensor: ir.TensorProtocol, axis: int) -> ir.LazyTensor:
    """A tensor with its first and third channel exchanged.

    Args:
        tensor: Any tensor with 3 or 4 channels.
        axis: Where its channels are.
    """
    order = [2, 1, 0, 3][: int(tensor.shape.numpy()[axis])]
    return references.lazy(tensor, lambda array: np.take(array, order, axis))


def turn_input(model: ir.Model) -> None:
    """Let a network take its pictures in the other order: its first convolutions' weights are turned.

    Args:
        model: An IR; changed.

    Raises:
        UnsupportedError: It has several inputs, or none in colour, or something else than a convolution
            reads it.
    """
    graph = model.graph
    values = [value for value in graph.inputs if value.name not in graph.initializers]
    if len(values) != 1:
        raise UnsupportedError(f"--rgb: the network has {len(values)} inputs, and needs one")
    for node in values[0].consumers():
        weight = node.inputs[1] if node.op_type == "Conv" and not node.domain else None
        tensor = weight.const_value if weight is not None else None
        if (
            weight is None
            or tensor is None
            or len(weight.uses()) != 1
            or integer(node, "group") != 1
            or tensor.shape.numpy()[1] not in COLOURS
        ):
            raise UnsupportedError(
                "--rgb: it reads the input, and is no convolution of 3 or 4 channels in one group",
                layer=node.metadata_props.get("mmdnn.layer") or node.name,
                operator=node.metadata_props.get("mmdnn.type") or node.op_type,
            )
        weight.const_value = turned(tensor, 1)
