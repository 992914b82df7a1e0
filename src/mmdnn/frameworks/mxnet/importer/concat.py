"""Operators that join arrays, and split them (src/operator/tensor/matrix_op.cc)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, importer
from mmdnn.ir.axes import at_least, at_least_three, reshape
from mmdnn.ir.builder import Op, dimensions, known, rank
from mmdnn.tensors import references


@importer("Concat", "_npi_concatenate", "_rnn_param_concat", doc=f"{NN}.concat")
def concat(node: ImportedNode, op: Op, *inputs: ir.Value) -> ir.Value:
    """Parameters alone stay a parameter: the vector of a recurrent layer."""
    p = node.p
    if node.type == "_npi_concatenate" and p.axis is None:
        return op.Concat(*(reshape(op, x, [-1]) for x in inputs), axis=0)
    dim = p.axis if node.type == "_npi_concatenate" else p.dim
    axis = node.axis(dim, inputs[0])
    joined = _joined(node, inputs) if node.type == "_rnn_param_concat" and axis == 0 else None
    return op.Concat(*inputs, axis=axis) if joined is None else joined


def _joined(node: ImportedNode, inputs: Sequence[ir.Value]) -> ir.Value | None:
    tensors = [v.const_value for v in inputs if v.const_value is not None and rank(v) == 1]
    if len(tensors) < len(inputs):
        return None
    length, dtype = sum(known(value, 0) for value in inputs), inputs[0].dtype or ir.DataType.FLOAT

    def compute() -> ir.TensorProtocol:
        return ir.tensor(np.concatenate([references.read(tensor) for tensor in tensors]))

    return node.builder.initializer(
        f"{node.name}_params", ir.LazyTensor(compute, dtype, ir.Shape([length]))
    )


@importer("stack", "_npi_stack", doc=f"{NN}.stack")
def stack(node: ImportedNode, op: Op, *inputs: ir.Value, axis: int) -> ir.Value:
    axis = axis if axis >= 0 else axis + rank(inputs[0]) + 1
    return op.Concat(*(op.Unsqueeze(x, [axis]) for x in inputs), axis=axis)


@importer("_npi_vstack", doc=f"{NN}.vstack")
def vstack(_node: ImportedNode, op: Op, *inputs: ir.Value) -> ir.Value:
    return op.Concat(*(at_least(op, x, 2) for x in inputs), axis=0)


@importer("_npi_hstack", doc=f"{NN}.hstack")
def hstack(_node: ImportedNode, op: Op, *inputs: ir.Value) -> ir.Value:
    inputs = tuple(at_least(op, x, 1) for x in inputs)
    return op.Concat(*inputs, axis=min(rank(inputs[0]) - 1, 1))


@importer("SliceChannel", doc=f"{NN}.split")
def slice_channel(node: ImportedNode, op: Op, x: ir.Value) -> list[ir.Value]:
    p = node.p
    return _parts(node, op, x, node.axis(p.axis, x), p.num_outputs, p.squeeze_axis)


def _parts(
    node: ImportedNode, op: Op, x: ir.Value, axis: int, count: int, squeezed: bool
) -> list[ir.Value]:
    dim = dimensions(x)[axis]
    if isinstance(dim, int) and (dim % count or (squeezed and dim != count)):
        node.unfit(f"an axis of {dim} does not split into {count}")
    made = op.outputs(count).Split(x, axis=axis, num_outputs=count) if count > 1 else x
    parts = [made] if isinstance(made, ir.Value) else list(made)
    return [op.Squeeze(part, [axis]) for part in parts] if squeezed else parts


@importer("_split_v2", doc=f"{NN}.split_v2", unused="indices")
def split(node: ImportedNode, op: Op, x: ir.Value) -> list[ir.Value]:
    """At places, of which the first is 0, or into equal sections."""
    p = node.p
    axis = node.axis(p.axis, x)
    if p.sections > 0:
        return _parts(node, op, x, axis, p.sections, p.squeeze_axis)
    places = list(p.indices)
    ends: list[int] = [*places[1:], np.iinfo(np.int64).max]
    parts = [op.Slice(x, [a], [b], [axis]) for a, b in zip(places, ends, strict=True)]
    return [op.Squeeze(part, [axis]) for part in parts] if p.squeeze_axis else parts


@importer("_npi_hsplit", "_npi_dsplit", doc=f"{NN}.split", unused="indices axis squeeze_axis")
def numpy_split(node: ImportedNode, op: Op, x: ir.Value, *, sections: int) -> list[ir.Value]:
    axis = 2 if node.type == "_npi_dsplit" else min(1, rank(x) - 1)
    if sections <= 0:
        node.refuse("places to split at")
    return _parts(node, op, x, axis, sections, False)


@importer("_npi_column_stack", doc=f"{NP}.column_stack.html")
def column_stack(_node: ImportedNode, op: Op, *inputs: ir.Value) -> ir.Value:
    return op.Concat(*(op.Unsqueeze(x, [1]) if rank(x) == 1 else x for x in inputs), axis=1)


@importer("_npi_dstack", doc=f"{NP}.dstack.html")
def dstack(_node: ImportedNode, op: Op, *inputs: ir.Value) -> ir.Value:
    return op.Concat(*(at_least_three(op, x) for x in inputs), axis=2)
