"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Elu", doc="Elu")
    def elu(node, keras, x, *, alpha):
        return keras.layer("ELU", x, alpha=alpha)

A function gets the node, the `keras` it writes with, an `Array` for each input (None for one left out), and
the node's attributes by name (see `mmdnn.ir.exporting`). It returns the `Array` of its output, or one for
each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Tensor
from mmdnn.ir import CHANNELS_LAST, exporting
from mmdnn.ir.builder import Dimensions, dimensions
from mmdnn.ir.exporting import Exporter
from mmdnn.ir.values import constant, numbers

exporter = Exporter("Keras")
"""Registers a function `(node, keras, *inputs, **attributes) -> array or arrays` for an ONNX operator."""

NAMES = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.DOUBLE: "float64",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "bfloat16",
    **{
        kind: kind.name.lower() for kind in (ir.DataType.INT8, ir.DataType.INT16, ir.DataType.INT32)
    },
    **{
        kind: kind.name.lower()
        for kind in (ir.DataType.INT64, ir.DataType.UINT8, ir.DataType.UINT16)
    },
    **{kind: kind.name.lower() for kind in (ir.DataType.UINT32, ir.DataType.BOOL)},
}
"""The types of tensors, and their names."""


def image(*types: str) -> tuple[str, ...]:
    """The names of operators, and of those over images whose channels are the last axis."""
    return (*types, *(f"{CHANNELS_LAST}::{type_}" for type_ in types))


@dataclass(eq=False)
class Array:
    """A value in the network.

    Attributes:
        tensor: Which output of which layer; None for a constant.
        value: The IR value it holds; None for an intermediate result.
        dtype: Its element type.
        shape: Its dimensions: sizes, names, or None; None as a whole where not even the rank is known.
    """

    tensor: Tensor | None
    value: ir.Value | None = None
    dtype: ir.DataType | None = None
    shape: Dimensions | None = None

    @classmethod
    def of(cls, value: ir.Value, tensor: Tensor | None = None) -> Array:
        """What holds an IR value."""
        return cls(tensor, value, value.dtype, None if value.shape is None else dimensions(value))

    @property
    def rank(self) -> int | None:
        """The number of its axes, where that is known."""
        return None if self.shape is None else len(self.shape)

    @property
    def constant(self) -> ir.TensorProtocol | None:
        """The tensor, where the value is an initializer."""
        return constant(self.value)

    def numbers(self) -> np.ndarray | None:
        """The numbers of a small constant; None for what is not constant, or not small."""
        return numbers(self.value)


Inputs: TypeAlias = "Array | None"


class ExportedNode(exporting.ExportedNode):
    """A node on its way to Keras."""

    @property
    def operator(self) -> str:
        """Its operator, without the number that tells functions of one name apart."""
        return self.type.partition("_")[0]

    @property
    def policy(self) -> str | None:
        """The type in which a layer computes, where it is not the usual."""
        kind = self.output.dtype
        return None if kind in (None, ir.DataType.FLOAT) or kind not in NAMES else NAMES[kind]

    def tensor(self, x: Array | None, what: str) -> ir.TensorProtocol:
        """A constant input, unread; refused where it is computed while the model runs."""
        if x is None or x.constant is None:
            self.refuse(
                f"its {what} is computed while the model runs, and a layer of Keras keeps it"
            )
        return x.constant
