"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Relu", doc="Relu")
    def relu(node, mx, x):
        return mx.Activation(x, act_type="relu")

A function gets the node, the `mx` it writes with, an `Array` for each input (None for one left out), and
the node's attributes by name (see `mmdnn.ir.exporting`). It returns the `Array` of its output, or one
for each output.

MXNet has no booleans but in its NumPy operators: a truth value is 1 or 0 in float32 here. It has no
arrays without axes either: a scalar is an array of one element.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.graph import Entry
from mmdnn.frameworks.mxnet.reader import ndarray
from mmdnn.ir import exporting
from mmdnn.ir.builder import Dimensions, dimensions
from mmdnn.ir.exporting import Exporter, Held

LIFTED = "mmdnn.mxnet.lifted"
"""The domain of nodes that are operators of MXNet as they were; see `lifting`."""

exporter = Exporter("MXNet", LIFTED)
"""Registers a function `(node, mx, *inputs, **attributes) -> array or arrays` for an ONNX operator."""

NAMES = {dtype: name for dtype, name in ndarray.NAMES.items() if name != "bfloat16"}
"""The types of arrays that operators on a CPU take, and their names."""


@dataclass(eq=False)
class Array(Held):
    """A value in the symbol.

    Attributes:
        entry: Which output of which node.
        value: The IR value it holds; None for an intermediate result.
        dtype: Its element type in MXNet, where that is known.
    """

    entry: Entry
    value: ir.Value | None = None
    dtype: ir.DataType | None = None


class ExportedNode(exporting.ExportedNode):
    """A node on its way to MXNet."""

    def output_shape(self, index: int = 0) -> Dimensions | None:
        """The dimensions of an output, where they are known."""
        output = self.node.outputs[index]
        return None if output.shape is None else dimensions(output)


def text(value: Any) -> str:
    """A parameter as MXNet's files write it."""
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    return str(value)


def number(value: float) -> str:
    """A float: whole numbers without a fraction, infinities as MXNet reads them."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
