"""Products of matrices, and dense layers."""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.convolution import named, weight_shape
from mmdnn.frameworks.mxnet.exporter.table import Array, ExportedNode, exporter
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.ir.exporting import layer_of


@exporter("Gemm", doc="Gemm")
def gemm(
    node: ExportedNode,
    mx: Writer,
    a: Array,
    b: Array,
    c: Array | None = None,
    *,
    alpha: float,
    beta: float,
    transA: int,
    transB: int,
) -> Array:
    """FullyConnected where the right side is a weight, else a product."""
    turn_a, turn_b = bool(transA), bool(transB)
    hidden = (b.shape or (None, None))[0 if turn_b else 1]
    fits = alpha == 1 and not turn_a and isinstance(hidden, int)
    if fits and (b.constant is not None or turn_b):
        bias = c if c is not None and beta == 1 and c.shape == (hidden,) else None
        if not turn_b:
            b = _transposed(node, mx, b)
        y = fully_connected(node, mx, a, b, bias, hidden)
        return y if c is None or bias is not None else _plus(mx, y, c, beta)
    y = mx.dot(a, b, transpose_a=turn_a or None, transpose_b=turn_b or None)
    y = mx._mul_scalar(y, scalar=alpha) if alpha != 1 else y
    return y if c is None else _plus(mx, y, c, beta)


def _plus(mx: Writer, y: Array, c: Array, beta: float) -> Array:
    return mx.broadcast_add(y, mx._mul_scalar(c, scalar=beta) if beta != 1 else c)


def fully_connected(
    node: ExportedNode,
    mx: Writer,
    x: Array,
    weight: Array,
    bias: Array | None,
    hidden: Any,
    flatten: bool = True,
) -> Array:
    """X Wᵀ + b; the flattening before it is the layer's own."""
    source = x.producer("Flatten", "Reshape")
    own = flatten and source is not None and layer_of(source) == node.layer
    if own and source is not None and is_flattening(source) and source.inputs[0] is not None:
        x = mx.scope.array(source.inputs[0])
    return mx.FullyConnected(
        x,
        *named(mx, weight, bias),
        num_hidden=hidden,
        no_bias=True if bias is None else None,
        flatten=None if flatten else False,
    )


def _transposed(node: ExportedNode, mx: Writer, weight: Array) -> Array:
    shape = weight_shape(node, weight)
    return mx.changed(weight, "weight", lambda w: w.T.copy(), shape[::-1], "transposed")


def is_flattening(node: ir.Node) -> bool:
    """Whether it makes a matrix of an array, its first axis left as it is."""
    if node.op_type == "Flatten":
        return node.attributes["axis"].as_int() == 1
    x, target = node.inputs[0], node.inputs[1]
    if x is None or x.shape is None or len(x.shape) < 2 or target is None:
        return False
    shape = None if target.const_value is None else target.const_value.numpy().tolist()
    if shape is None or len(shape) != 2 or node.attributes["allowzero"].as_int():
        return False
    rest = [dim for dim in x.shape[1:] if isinstance(dim, int)]
    known = len(rest) == len(x.shape) - 1
    if shape[0] in {0, x.shape[0]}:
        return True
    return known and shape[0] == -1 and shape[1] == math.prod(rest)


@exporter("MatMul", doc="MatMul")
def matmul(node: ExportedNode, mx: Writer, a: Array, b: Array) -> Array:
    ranks = node.rank(a), node.rank(b)
    if ranks[0] == 1 and ranks[1] == 2:
        return mx.Reshape(mx.dot(mx.Reshape(a, shape=(1, -1)), b), shape=(-1,))
    if ranks[1] == 2 and b.constant is not None and ranks[0] > 1:
        hidden = weight_shape(node, b)[1]
        turned = _transposed(node, mx, b)
        return fully_connected(node, mx, a, turned, None, hidden, flatten=ranks[0] == 2)
    if ranks == (2, 2):
        return mx.dot(a, b)
    same = (a.shape or ())[:-2] == (b.shape or ())[:-2] and None not in (a.shape or ())[:-2]
    if ranks[0] == ranks[1] > 2 and same:
        return mx.batch_dot(a, b)
    if ranks[1] == 1 or (ranks[1] == 2 and ranks[0] > 1):
        return mx.dot(a, b)
    if ranks[0] == 2:
        last = {"dim1": ranks[1] - 2, "dim2": ranks[1] - 1}
        return mx.SwapAxis(mx.dot(mx.SwapAxis(b, **last), mx.transpose(a)), **last)
    shape = node.output_shape() or ()
    if min(ranks) > 1 and shape and None not in shape[:-2]:
        return mx.batch_dot(_repeated(node, mx, a, b, shape), _repeated(node, mx, b, a, shape))
    return node.refuse(f"a product of arrays with {ranks[0]} and {ranks[1]} axes")


def _repeated(
    node: ExportedNode, mx: Writer, x: Array, other: Array, shape: tuple[int | str | None, ...]
) -> Array:
    """With the batch axes of a product, the open ones taken from the other side."""
    missing = len(shape) - node.rank(x)
    own = (*(1,) * missing, *(x.shape or ()))
    theirs = (*(1,) * (len(shape) - node.rank(other)), *(other.shape or ()))
    if own[:-2] == shape[:-2]:
        return x
    for _ in range(missing):
        x = mx.expand_dims(x, axis=0)
    wider = [axis for axis, dim in enumerate(shape[:-2]) if dim != own[axis]]
    fixed = [
        shape[axis] if isinstance(shape[axis], int) and axis in wider else 0
        for axis in range(len(shape))
    ]
    open_ = tuple(axis for axis in wider if not isinstance(shape[axis], int))
    if any(theirs[axis] != shape[axis] for axis in open_) or len(other.shape or ()) != len(shape):
        node.refuse("batches of a size that is not known")
    if any(fixed):
        x = mx.broadcast_to(x, shape=tuple(fixed))
    return mx.broadcast_like(x, other, lhs_axes=open_, rhs_axes=open_) if open_ else x
