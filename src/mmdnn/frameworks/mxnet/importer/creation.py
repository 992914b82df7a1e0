"""Constants, and arrays like others (src/operator/tensor/init_op.cc).

A size of 0 in a shape is not known: MXNet infers it from who reads the array. Here the readers are
followed to an operator whose other input has the size; unrolled recurrent cells begin so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.graph import Entry, Node, reachable
from mmdnn.frameworks.mxnet.importer.dtypes import array, named
from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, Ints, importer
from mmdnn.ir.axes import joined, vector
from mmdnn.ir.builder import Op, dimensions, known, rank


def _filled(node: ImportedNode, op: Op, shape: list[int], fill: float) -> ir.Value:
    dtype = named(node.p.dtype) or ir.DataType.FLOAT
    value = np.asarray(fill).astype(dtype.numpy())
    unknown = [axis for axis, n in enumerate(shape) if n == 0] if not node.graph.model.numpy else []
    if not unknown:
        return op.Expand(op.builder.constant(value), np.asarray(shape, np.int64))
    found = {axis: _size(node, axis) for axis in unknown}
    if None in found.values():
        node.unfit(f"nothing says what the 0 in its shape {shape} is")
    parts = [
        found[axis] if axis in found else np.asarray([n], np.int64) for axis, n in enumerate(shape)
    ]
    return op.Expand(op.builder.constant(value), joined(op, parts))


_ALIKE = frozenset(
    {
        *("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "add_n", "where"),
        *("_maximum", "_minimum", "_hypot", "_power", "_equal", "_greater", "_lesser"),
    }
)
"""Operators whose inputs and output have one shape."""

_SAME = frozenset(
    {
        *("Activation", "_copy", "_mul_scalar", "_plus_scalar", "_minus_scalar", "_rminus_scalar"),
        *("relu", "sigmoid", "tanh", "LeakyReLU", "Dropout", "BlockGrad", "_div_scalar", "Cast"),
        *("softsign", "hard_sigmoid", "clip", "exp", "negative", "zeros_like", "ones_like"),
    }
)
"""Operators whose output has the shape of their only input."""


def _size(node: ImportedNode, axis: int) -> Any:
    """The size of an axis of this node's output, [1], as its readers need it."""
    todo: list[tuple[Node, int]] = [(node.node, axis)]
    seen: set[tuple[Node, int]] = set()
    while todo:
        at, axis = todo.pop(0)
        if (at, axis) in seen:
            continue
        seen.add((at, axis))
        for reader, place in node.graph.readers.get(at, ()):
            others = [entry for i, entry in enumerate(reader.inputs) if i != place]
            after = _after(reader, place, axis)
            alike = reader.type in _ALIKE or reader.type.startswith("broadcast_")
            if alike or (reader.type == "Concat" and axis != reader.param("dim")):
                size = _first_known(node, others, axis)
            elif reader.type == "RNN" and place in {2, 3} and axis == 1:
                size = _first_known(node, reader.inputs[:1], 1)
            else:
                size = None
            if size is not None:
                return size
            if after is not None:
                todo.append((reader, after))
    return None


def _after(reader: Node, place: int, axis: int) -> int | None:
    """Which axis of the reader's output is this one of its input."""
    if reader.type in _ALIKE | _SAME:
        return axis
    if reader.type == "FullyConnected" and place == 0 and axis == 0:
        return 0
    if reader.type == "SliceChannel" and axis < reader.param("axis"):
        return axis
    if reader.type == "Concat" and axis != reader.param("dim"):
        return axis
    return None


def _first_known(node: ImportedNode, entries: list[Entry], axis: int) -> Any:
    """The size of an axis of the first of these that does not depend on this node."""
    for entry in entries:
        if node.node not in reachable([entry.node]):
            value = node.graph.early(entry)
            return vector(node.builder.op, value, [(axis,)])
    return None


@importer(
    *("_zeros", "_npi_zeros", "_zeros_without_dtype", "_ones", "_npi_ones"), doc=f"{NN}.zeros"
)
def zeros_or_ones(node: ImportedNode, op: Op, *, shape: Ints) -> ir.Value:
    return _filled(node, op, list(shape or ()), int(node.type.endswith("ones")))


@importer("_full", doc=f"{NN}.full")
def full(node: ImportedNode, op: Op, *, shape: Ints, value: float) -> ir.Value:
    return _filled(node, op, list(shape or ()), value)


@importer("zeros_like", "ones_like", doc=f"{NN}.zeros_like")
def like(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    return _like(op, x, array(node.type == "ones_like", x))


@importer("_npi_full_like", doc=f"{NN}.full_like")
def full_like(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    dtype = named(node.p.dtype)
    value = array(node.p.fill_value, x)
    return _like(op, x, value if dtype is None else value.astype(dtype.numpy()))


def _like(op: Op, x: ir.Value, value: np.ndarray) -> ir.Value:
    y = op.Expand(op.builder.constant(value), op.Shape(x))
    y.shape = x.shape
    return y


def _constant(node: ImportedNode, op: Op, numbers: np.ndarray) -> ir.Value:
    dtype = (named(node.p.dtype) or ir.DataType.FLOAT).numpy()
    return op.Identity(op.builder.constant(numbers.astype(dtype)))


@importer("_arange", "_npi_arange", doc=f"{NN}.arange")
def arange(node: ImportedNode, op: Op) -> ir.Value:
    """Each number `repeat` times."""
    p = node.p
    if p.infer_range:
        node.refuse("a range whose end is inferred")
    start, stop = (0, p.start) if p.stop is None else (p.start, p.stop)
    count = max(int(np.ceil((stop - start) / p.step)), 0)
    return _constant(node, op, np.repeat(start + p.step * np.arange(count), p.repeat))


@importer("_linspace", doc=f"{NN}.linspace")
def linspace(node: ImportedNode, op: Op) -> ir.Value:
    p = node.p
    return _constant(node, op, np.linspace(p.start, p.stop, p.num, endpoint=p.endpoint))


@importer("_eye", "_npi_eye", doc=f"{NN}.eye")
def eye(node: ImportedNode, op: Op) -> ir.Value:
    p = node.p
    columns = int(p.M) if p.M not in {None, "None", ""} else 0
    return _constant(node, op, np.eye(int(p.N), columns or None, int(p.k)))


@importer("_npi_identity", doc=f"{NN}.eye")
def identity_matrix(node: ImportedNode, op: Op) -> ir.Value:
    return _constant(node, op, np.eye(*node.p.shape))


@importer("_contrib_arange_like", doc=f"{NN}.contrib.arange_like")
def arange_like(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """As many numbers as the input, or an axis of it, has elements."""
    p = node.p
    if p.repeat != 1:
        node.refuse(f"repeat {p.repeat}")
    axes = list(range(rank(x))) if p.axis is None else [node.axis(p.axis, x)]
    return _range(op, x, axes, p.start, p.step)


def _range(op: Op, x: ir.Value, axes: list[int], start: float, step: float) -> ir.Value:
    dims = [dimensions(x)[axis] for axis in axes]
    if all(isinstance(dim, int) for dim in dims):
        sizes = [known(x, axis) for axis in axes]
        said = start + step * np.arange(np.prod(sizes)).reshape(sizes)
        return op.Identity(op.builder.constant(array(said, x)))
    target = vector(op, x, [(axis,) for axis in axes])
    count = op.ReduceProd(target, keepdims=0)
    numbers = op.Cast(op.Range(np.int64(0), count, np.int64(1)), to=x.dtype)
    y = op.Add(op.Mul(numbers, array(step, x)), array(start, x))
    y = op.Reshape(y, target)
    y.shape = ir.Shape(dims)
    return y


@importer("_npi_indices", doc=f"{NP}.indices.html")
def indices(node: ImportedNode, op: Op, *, dtype: str, dimensions: Ints) -> ir.Value:
    kind = (named(dtype) or ir.DataType.INT32).numpy()
    return op.Identity(op.builder.constant(np.indices(dimensions).astype(kind)))
