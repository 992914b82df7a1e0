"""Dense layers, products, and Einstein sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.activation import activated
from mmdnn.frameworks.keras.importer.elementwise import together
from mmdnn.frameworks.keras.importer.normalization import unit
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, known, rank

CORE = f"{LAYERS}/core_layers"


@importer("Dense", "TimeDistributedDense", doc=f"{CORE}/dense", unused="units")
def dense(node: ImportedNode, op: Op, x: Value, *, activation: Any, use_bias: bool) -> Value:
    """Over the last axis."""
    if node.has("kernel_scale"):
        quantized, scale = by_steps(op, x, [rank(x) - 1])
        y = op.MatMul(quantized, whole(node, op))
        y = op.Div(y, op.Mul(node.weight("kernel_scale"), scale))
        y = op.Add(y, node.weight("bias")) if use_bias else y
        return activated(node, op, y, activation)
    kernel = node.weight("kernel")
    bias = node.weight("bias") if use_bias else None
    if rank(x) == 2:
        y = op.Gemm(x, kernel, bias)
    else:
        y = op.MatMul(x, kernel)
        y = op.Add(y, bias) if bias is not None else y
    return activated(node, op, y, activation)


def whole(node: ImportedNode, op: Op) -> Value:
    """A quantised kernel's whole numbers, as floats."""
    one = np.ones((), node.dtype.numpy())
    return op.DequantizeLinear(node.weight("kernel"), one)


def by_steps(op: Op, x: Value, axes: list[int]) -> tuple[Value, Value]:
    """Numbers in steps of a 127th of the largest over some axes, and steps a unit."""
    kind = (x.dtype or ir.DataType.FLOAT).numpy()
    most = op.ReduceMax(op.Abs(x), axes, keepdims=1)
    scale = op.Div(kind.type(127), op.Add(most, kind.type(1e-7)))
    low, high = kind.type(-127), kind.type(127)
    return op.Clip(op.Round(op.Mul(x, scale)), low, high), scale


@importer("EinsumDense", doc=f"{CORE}/einsum_dense", unused="output_shape")
def einsum_dense(
    node: ImportedNode, op: Op, x: Value, *, equation: str, activation: Any, bias_axes: Any
) -> Value:
    spelled = _spelled(equation, rank(x))
    if node.has("kernel_scale"):
        letters, kernel, _ = spelled.replace("->", ",").split(",")
        summed = [place for place, letter in enumerate(letters) if letter in kernel]
        if summed != [rank(x) - 1]:
            node.refuse(f"its kernel is quantised, and its equation {equation}")
        quantized, scale = by_steps(op, x, summed)
        y = op.Einsum(quantized, whole(node, op), equation=spelled)
        y = op.Div(y, op.Mul(node.weight("kernel_scale"), scale))
    else:
        y = op.Einsum(x, node.weight("kernel"), equation=spelled)
    y = op.Add(y, node.weight("bias")) if bias_axes else y
    return activated(node, op, y, activation)


def _spelled(equation: str, count: int) -> str:
    """An equation with letters for the three points."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    first, kernel = inputs.split(",")
    if "..." not in first:
        return equation
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
    letters = "".join(free[: count - len(first.replace("...", ""))])
    return ",".join((first.replace("...", letters), kernel)) + "->" + output.replace("...", letters)


@importer("Dot", doc=f"{LAYERS}/merging_layers/dot")
def dot(node: ImportedNode, op: Op, x: Value, y: Value, *, axes: Any, normalize: bool) -> Value:
    """A product over one axis of each; the axes count the batch, which both share."""
    both = [axes, axes] if isinstance(axes, int) else [int(axis) for axis in axes]
    first, second = node.axis(both[0], x), node.axis(both[1], y)
    if normalize:
        x, y = unit(op, x, [first]), unit(op, y, [second])
    letters = "abcdefghijkl"
    left = letters[: rank(x)]
    right = "a" + letters[rank(x) : rank(x) + rank(y) - 1]
    right = right[:second] + left[first] + right[second + 1 :]
    output = left.replace(left[first], "") + right.replace(left[first], "").removeprefix("a")
    found = op.Einsum(x, y, equation=f"{left},{right}->{output}")
    return op.Unsqueeze(found, [1]) if len(output) == 1 else found


@importer("Cosine", doc=f"{LAYERS}/merging_layers/dot", unused="normalize")
def cosine(node: ImportedNode, op: Op, x: Value, y: Value, *, axes: Any) -> Value:
    """Keras 1's Merge by cos: products of each with itself below the root, whatever axes they have."""
    xy, xx, yy = (
        dot(node, op, one, other, axes=axes, normalize=False)
        for one, other in ((x, y), (x, x), (y, y))
    )
    zero = np.zeros((), node.dtype.numpy())
    length = op.Max(op.Sqrt(op.Max(op.Mul(xx, yy), zero)), np.asarray(1e-7, node.dtype.numpy()))
    return op.Unsqueeze(op.Div(xy, length), [1])


@importer("ops.Matmul", doc=f"{OPS}/numpy")
def matmul(
    node: ImportedNode, op: Op, x1: Any, x2: Any, *,
    transpose_a: bool | None = None, transpose_b: bool | None = None,
) -> Value:  # fmt: skip
    """TensorFlow's may exchange the last two axes of each before."""
    x, y = together(node, op, x1, x2)
    x, y = (
        op.Transpose(z, perm=[*range(rank(z) - 2), rank(z) - 1, rank(z) - 2]) if turned else z
        for z, turned in ((x, transpose_a), (y, transpose_b))
    )
    return op.MatMul(x, y)


@importer("ops.Dot", doc=f"{OPS}/numpy")
def dot_operation(node: ImportedNode, op: Op, x1: Any, x2: Any) -> Value:
    """Over the last axis of the first and the second to last of the second, all others kept."""
    x, y = together(node, op, x1, x2)
    if rank(x) == 0 or rank(y) == 0:
        return op.Mul(x, y)
    return _tensordot(op, x, y, [rank(x) - 1], [max(rank(y) - 2, 0)])


@importer("ops.Tensordot", doc=f"{OPS}/numpy")
def tensordot(node: ImportedNode, op: Op, x1: Any, x2: Any, *, axes: Any) -> Value:
    x, y = together(node, op, x1, x2)
    if isinstance(axes, int):
        axes = [list(range(rank(x) - axes, rank(x))), list(range(axes))]
    both = [axis if isinstance(axis, list) else [axis] for axis in axes]
    return _tensordot(
        op, x, y, [node.axis(i, x) for i in both[0]], [node.axis(i, y) for i in both[1]]
    )


def _tensordot(op: Op, x: Value, y: Value, first: list[int], second: list[int]) -> Value:
    letters = "abcdefghijklmnopqrstuvwxyz"
    left = list(letters[: rank(x)])
    right = list(letters[rank(x) : rank(x) + rank(y)])
    for one, other in zip(first, second, strict=True):
        right[other] = left[one]
    kept = [c for i, c in enumerate(left) if i not in first]
    kept += [c for i, c in enumerate(right) if i not in second]
    return op.Einsum(x, y, equation=f"{''.join(left)},{''.join(right)}->{''.join(kept)}")


@importer("ops.Einsum", doc=f"{OPS}/numpy")
def einsum(node: ImportedNode, op: Op, *operands: Value, subscripts: str) -> Value:
    return op.Einsum(*operands, equation=subscripts)


@importer("ops.Inner", "ops.Vdot", doc=f"{OPS}/numpy")
def inner(node: ImportedNode, op: Op, x1: Any, x2: Any) -> Value:
    """Over the last axis of both; Vdot's are vectors."""
    x, y = together(node, op, x1, x2)
    if node.layer.type == "ops.Vdot":
        x, y = op.Reshape(x, [-1]), op.Reshape(y, [-1])
    return _tensordot(op, x, y, [rank(x) - 1], [rank(y) - 1])


@importer("ops.Det", doc=f"{OPS}/linalg")
def det(node: ImportedNode, op: Op, x: Value) -> Value:
    return op.Det(x)


@importer("ops.Outer", doc=f"{OPS}/numpy")
def outer(node: ImportedNode, op: Op, x1: Any, x2: Any) -> Value:
    x, y = together(node, op, x1, x2)
    return op.Mul(op.Reshape(x, [-1, 1]), op.Reshape(y, [1, -1]))


@importer("Highway", doc=CORE)
def highway(node: ImportedNode, op: Op, x: Value, *, activation: Any, use_bias: bool) -> Value:
    """Y = act(x W + b) t + (1 - t) x, where t = sigmoid(x W_carry + b_carry)."""
    gate, y = (
        op.Gemm(x, node.weight(f"{part}kernel"), node.weight(f"{part}bias") if use_bias else None)
        for part in ("carry_", "")
    )
    gate = op.Sigmoid(gate)
    y = activated(node, op, y, activation)
    one = np.ones((), node.dtype.numpy())
    return op.Add(op.Mul(y, gate), op.Mul(op.Sub(one, gate), x))


@importer("MaxoutDense", doc=CORE, unused="units nb_feature")
def maxout(node: ImportedNode, op: Op, x: Value, *, use_bias: bool) -> Value:
    """The maximum of several dense layers; the kernel is (features, in, out)."""
    kernel = node.weight("kernel")
    y = op.Einsum(x, kernel, equation="ni,fio->nfo")
    y = op.Add(y, node.weight("bias")) if use_bias else y
    return op.ReduceMax(y, [1], keepdims=0) if known(kernel, 0) else y
