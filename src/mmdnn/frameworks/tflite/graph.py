"""A TensorFlow Lite model as plain objects: subgraphs of tensors and operators, which go by numbers.

The words are those of the schema (tensorflow/compiler/mlir/lite/schema/schema.fbs). Names of tensors are
made different within a subgraph, as they need not be in a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.registry import Source
from mmdnn.shapes import OpenShape


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (number - zero point), by channel where there are several scales.

    Attributes:
        scale: Float32, one or one a channel.
        zero_point: Int64, as many.
        axis: The axis of the channels.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int

    def same(self, other: Quantization | None) -> bool:
        """Whether numbers mean the same in both."""
        return (
            other is not None
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
            and (len(self.scale) == 1 or self.axis == other.axis)
        )


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a subgraph.

    Attributes:
        name: Its name, which no other tensor of the subgraph has.
        dtype: Its type; None for resources and variants.
        shape: Its shape, None where a size is open.
        has_rank: Whether its shape is known at all.
        data: Its numbers, where they are in the file.
        quantization: What its integers stand for.
        is_variable: Whether it is a state, which is zero at the beginning.
    """

    name: str
    dtype: ir.DataType | None
    shape: OpenShape
    has_rank: bool
    data: ir.TensorProtocol | None = None
    quantization: Quantization | None = None
    is_variable: bool = False


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator.

    Attributes:
        type: The name of a builtin operator, or `CUSTOM:name`.
        inputs: Numbers of tensors, None where an optional one is absent.
        outputs: Numbers of tensors.
        table: The table of its options, or "".
        options: What the file says of it, by the options' names.
        intermediates: Tensors that say how values inside are quantised.
        custom: A custom operator's options, as they stand.
    """

    type: str
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    table: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    intermediates: tuple[int, ...] = ()
    custom: bytes = b""


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A graph: the model's own, or a part of an operator's."""

    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True)
class Signature:
    """A subgraph's inputs and outputs by the names that programs use."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Model:
    """A whole file."""

    files: Source
    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...] = ()
    description: str = ""
    metadata: Mapping[str, bytes] = field(default_factory=dict)
