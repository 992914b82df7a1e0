"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.importer import dtypes
from mmdnn.frameworks.pytorch.importer.dtypes import cast, like
from mmdnn.frameworks.pytorch.importer.elementwise import arithmetic, scaled
from mmdnn.frameworks.pytorch.importer.shape import transposed
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, rank

_INTEGERS = {ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16}


def product(op: Op, x: Value, y: Value) -> Value:
    """The matrix product in its operands' type."""
    kind = dtypes.of(x)
    if kind in _INTEGERS:
        return cast(op, op.MatMul(dtypes.wide(op, x), dtypes.wide(op, y)), kind)
    return op.MatMul(x, y)


@importer("linear", doc=f"{TORCH}.nn.functional.linear")
def linear(node: ImportedCall, op: Op, x: Value, weight: Value, bias: Value | None) -> Value:
    if rank(x) == 2 and rank(weight) == 2 and bias is not None and rank(bias) == 1:
        return op.Gemm(x, weight, bias, transB=1)
    turned = weight if rank(weight) == 1 else transposed(node, op, weight, [1, 0])
    y = product(op, x, turned)
    return y if bias is None else op.Add(y, bias)


@importer(
    "matmul",
    "mm",
    "bmm",
    "mv",
    "dot",
    "vdot",
    "inner_product",
    "linalg_matmul",
    doc=f"{TORCH}.matmul",
)
def matmul(node: ImportedCall, op: Op, x: Value, y: Value) -> Value:
    return product(op, x, y)


@importer("outer", "ger", doc=f"{TORCH}.outer")
def outer(node: ImportedCall, op: Op, x: Value, y: Value) -> Value:
    return arithmetic(op, "Mul", op.Unsqueeze(x, [1]), op.Unsqueeze(y, [0]))


@importer("addmm", "addmv", "baddbmm", "addbmm", "addr", doc=f"{TORCH}.addmm")
def addmm(
    node: ImportedCall, op: Op, bias: Value, x: Value, y: Value, *, beta: Any, alpha: Any
) -> Value:
    """With beta 0, what is in the bias does not count, not even NaN."""
    floats = dtypes.of(x) in {dtypes.FLOAT, dtypes.DOUBLE, ir.DataType.FLOAT16}
    if node.type == "addmm" and floats:
        said = {
            "alpha": None if alpha == 1 else float(alpha),
            "beta": None if beta == 1 else float(beta),
        }
        return op.Gemm(x, y, bias if beta else None, **(said if beta else {**said, "beta": None}))
    found = outer(node, op, x, y) if node.type == "addr" else product(op, x, y)
    if node.type == "addbmm":
        found = op.ReduceSum(found, [0], keepdims=0)
    found = scaled(op, found, alpha)
    return found if beta == 0 else arithmetic(op, "Add", scaled(op, bias, beta), found)


@importer("einsum", doc=f"{TORCH}.einsum", unused="path")
def einsum(node: ImportedCall, op: Op, equation: str, operands: list[Value]) -> Value:
    """Dots stand for other numbers of axes in each operand, counted from the last."""
    equation = equation.replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    if "..." in equation:
        free = [
            c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation
        ]
        terms = inputs.split(",")
        counts = [rank(x) - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)]
        dots = "".join(free[: max(counts)])
        terms = [
            t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, counts, strict=True)
        ]
        if not arrow:
            letters = sorted(c for c in set(inputs) if c.isalpha() and inputs.count(c) == 1)
            output = "..." + "".join(letters)
        return op.Einsum(*operands, equation=f"{','.join(terms)}->{output.replace('...', dots)}")
    return op.Einsum(*operands, equation=equation)


@importer("linalg_multi_dot", "chain_matmul", doc=f"{TORCH}.linalg.multi_dot")
def multi_dot(node: ImportedCall, op: Op, matrices: list[Value]) -> Value:
    found = matrices[0]
    for each in matrices[1:]:
        found = op.MatMul(found, each)
    return found


@importer("tensordot", doc=f"{TORCH}.tensordot")
def tensordot(
    node: ImportedCall, op: Op, x: Value, y: Value, first: list[int], second: list[int]
) -> Value:
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    left = [next(letters) for _ in range(rank(x))]
    right = [next(letters) for _ in range(rank(y))]
    for a, b in zip(first, second, strict=True):
        right[node.axis(b, y)] = left[node.axis(a, x)]
    rest = [c for c in left if c not in right] + [c for c in right if c not in left]
    return op.Einsum(x, y, equation=f"{''.join(left)},{''.join(right)}->{''.join(rest)}")


@importer("kron", doc=f"{TORCH}.kron")
def kron(node: ImportedCall, op: Op, x: Value, y: Value) -> Value:
    count = max(rank(x), rank(y))
    x, y = axes.at_least(op, x, count), axes.at_least(op, y, count)
    wide = op.Unsqueeze(x, list(range(1, 2 * count, 2)))
    tall = op.Unsqueeze(y, list(range(0, 2 * count, 2)))
    found = arithmetic(op, "Mul", wide, tall)
    return axes.reshape(op, found, [(2 * axis, 2 * axis + 1) for axis in range(count)])


@importer("bilinear", doc=f"{TORCH}.nn.functional.bilinear")
def bilinear(node: ImportedCall, op: Op, x: Value, y: Value, weight: Value, bias: Value) -> Value:
    found = op.Einsum(x, y, weight, equation="...i,...j,oij->...o")
    return found if bias is None else op.Add(found, bias)


@importer("_trilinear", doc=f"{TORCH}.nn.functional.bilinear", unused="unroll_dim")
def trilinear(
    node: ImportedCall, op: Op, x: Value, y: Value, z: Value, *,
    expand1: list[int], expand2: list[int], expand3: list[int], sumdim: list[int],
) -> Value:  # fmt: skip
    wide = [
        op.Unsqueeze(each, sorted(new)) if new else each
        for each, new in ((x, expand1), (y, expand2), (z, expand3))
    ]
    found = op.Mul(op.Mul(wide[0], wide[1]), wide[2])
    return op.ReduceSum(found, list(sumdim), keepdims=0)


@importer("linalg_det", "det", doc=f"{TORCH}.linalg.det")
def det(node: ImportedCall, op: Op, x: Value) -> Value:
    return op.Det(x)


@importer("cosine_similarity", doc=f"{TORCH}.nn.functional.cosine_similarity")
def cosine_similarity(
    node: ImportedCall, op: Op, x: Value, y: Value, *, dim: int, eps: float
) -> Value:
    axis = [dim]
    unit = [
        op.Div(each, op.Max(op.ReduceL2(each, axis, keepdims=1), like(x, eps))) for each in (x, y)
    ]
    return op.ReduceSum(op.Mul(*unit), axis, keepdims=0)


@importer("pairwise_distance", doc=f"{TORCH}.nn.functional.pairwise_distance")
def pairwise_distance(
    node: ImportedCall, op: Op, x: Value, y: Value, *, p: float, eps: float, keepdim: bool
) -> Value:
    gap = op.Abs(op.Add(op.Sub(x, y), like(x, eps)))
    return _distance(op, gap, p, int(keepdim))


def _distance(op: Op, gap: Value, p: float, keepdims: int) -> Value:
    if p == 2:
        return op.ReduceL2(gap, [-1], keepdims=keepdims)
    if p == 1:
        return op.ReduceSum(gap, [-1], keepdims=keepdims)
    if np.isinf(p):
        return op.ReduceMax(gap, [-1], keepdims=keepdims)
    total = op.ReduceSum(op.Pow(gap, like(gap, p)), [-1], keepdims=keepdims)
    return op.Pow(total, like(gap, 1 / p))


@importer("cdist", "_cdist_forward", doc=f"{TORCH}.cdist", unused="compute_mode")
def cdist(node: ImportedCall, op: Op, x: Value, y: Value, *, p: float) -> Value:
    if p == 0:
        node.refuse("it counts differences")
    gap = op.Abs(op.Sub(op.Unsqueeze(x, [rank(x) - 1]), op.Unsqueeze(y, [rank(y) - 2])))
    return _distance(op, gap, p, 0)
