"""Factors and inverses of matrices (src/operator/tensor/la_op.cc), as loops over rows or columns.

Matrices are the last two axes; the loops run over them with all the others at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array, choose
from mmdnn.frameworks.mxnet.importer.shapes import known, rank, transpose
from mmdnn.frameworks.mxnet.importer.table import Importing, importer
from mmdnn.ir.builder import Builder, dimensions

Step = Callable[[Any, ir.Value, ir.Value], ir.Value]
"""`(op, index, state)` -> the state after one more row or column."""


def _looped(op: Any, count: int, start: ir.Value, step: Step) -> ir.Value:
    """A state changed `count` times."""
    body = Builder("mmdnn.mxnet", "rows")
    with body.layer("rows", ""):
        index = body.input("rows/index", [], ir.DataType.INT64)
        going = body.input("rows/going", [], ir.DataType.BOOL)
        state = body.input("rows/state", dimensions(start), start.dtype or ir.DataType.FLOAT)
        after = step(body.op, index, state)
        body.graph.outputs.extend([body.op.Identity(going), after])
    made: ir.Value = op.Loop(np.int64(count), np.asarray(True), start, body=body.graph)
    made.type, made.shape = start.type, start.shape
    return made


def _turned(op: Any, x: ir.Value) -> ir.Value:
    count = rank(x)
    return transpose(op, x, [*range(count - 2), count - 1, count - 2])


def _row(op: Any, x: ir.Value, index: ir.Value) -> ir.Value:
    """One row, [..., 1, n]."""
    place = op.Reshape(index, [1])
    made: ir.Value = op.Gather(x, place, axis=rank(x) - 2)
    return made


def _column(op: Any, x: ir.Value, index: ir.Value) -> ir.Value:
    """One column, [..., n, 1]."""
    made: ir.Value = op.Gather(x, op.Reshape(index, [1]), axis=rank(x) - 1)
    return made


def _unit(op: Any, index: ir.Value, size: int, like: ir.Value, *, column: bool) -> ir.Value:
    """1 at a place, else 0: a column, or a row."""
    places = np.arange(size)[:, None] if column else np.arange(size)[None]
    made: ir.Value = op.Cast(op.Equal(places, index), to=like.dtype)
    return made


def cholesky(node: Importing, x: ir.Value) -> ir.Value:
    """The lower triangle whose product with its transpose this is."""
    size = known(x, rank(x) - 1)

    def body(op: Any, a: ir.Value) -> ir.Value:
        def step(inner: Any, j: ir.Value, lower: ir.Value) -> ir.Value:
            done = inner.MatMul(lower, _turned(inner, _row(inner, lower, j)))
            rest = inner.Sub(_column(inner, a, j), done)
            pivot = inner.Sqrt(_row(inner, rest, j))
            below = inner.GreaterOrEqual(np.arange(size)[:, None], j)
            column = choose(inner, below, inner.Div(rest, pivot), array(0, a))
            place = _unit(inner, j, size, a, column=False)
            made: ir.Value = inner.Add(lower, inner.Mul(column, place))
            return made

        return _looped(op, size, op.Mul(a, array(0, a)), step)

    return node.builder.function("potrf", [x], {}, body)[0]


def substituted(node: Importing, triangle: ir.Value, x: ir.Value) -> ir.Value:
    """What a lower triangle has to be multiplied by to give x."""
    size = known(triangle, rank(triangle) - 1)

    def body(op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
        def step(inner: Any, i: ir.Value, found: ir.Value) -> ir.Value:
            row = _row(inner, a, i)
            rest = inner.Sub(_row(inner, b, i), inner.MatMul(row, found))
            new = inner.Div(rest, _column(inner, row, i))
            made: ir.Value = inner.Add(found, inner.Mul(_unit(inner, i, size, a, column=True), new))
            return made

        return _looped(op, size, op.Mul(b, array(0, b)), step)

    return node.builder.function("trsm", [triangle, x], {}, body)[0]


@importer("_linalg_potrf", "_npi_cholesky", doc=f"{NN}.linalg.potrf")
def potrf(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    lower = node.p.lower if node.type == "_linalg_potrf" else True
    made = cholesky(node, x)
    return made if lower else _turned(op, made)


@importer("_linalg_trsm", doc=f"{NN}.linalg.trsm")
def trsm(node: Importing, op: Any, a: ir.Value, b: ir.Value) -> ir.Value:
    """Solve op(A) X = alpha B, or X op(A) = alpha B; the other half of the triangle is not read."""
    p = node.p
    b = b if p.alpha == 1 else op.Mul(b, array(p.alpha, b))
    triangle = op.Trilu(a, upper=int(not p.lower))
    if p.rightside:
        triangle, b = _turned(op, triangle), _turned(op, b)
    triangle = _turned(op, triangle) if p.transpose else triangle
    lower = p.lower != (p.rightside != p.transpose)
    found = _solved(node, op, triangle, b, lower=lower)
    return _turned(op, found) if p.rightside else found


def _solved(node: Importing, op: Any, a: ir.Value, b: ir.Value, *, lower: bool) -> ir.Value:
    """An upper triangle is a lower one, read backwards."""
    if lower:
        return substituted(node, a, b)
    first, last = rank(a) - 2, rank(a) - 1
    a = _backwards(op, a, [first, last])
    return _backwards(op, substituted(node, a, _backwards(op, b, [rank(b) - 2])), [rank(b) - 2])


def _backwards(op: Any, x: ir.Value, axes: list[int]) -> ir.Value:
    count = len(axes)
    made: ir.Value = op.Slice(x, [-1] * count, [np.iinfo(np.int64).min] * count, axes, [-1] * count)
    return made


@importer("_linalg_potri", doc=f"{NN}.linalg.potri")
def potri(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    """The inverse of what a Cholesky factor is of."""
    lower = op.Trilu(a, upper=0) if node.p.lower else _turned(op, op.Trilu(a, upper=1))
    size = known(a, rank(a) - 1)
    one = op.Add(op.Mul(a, array(0, a)), array(np.eye(size), a))
    half = substituted(node, lower, one)
    return op.MatMul(_turned(op, half), half)


@importer("_linalg_inverse", doc=f"{NN}.linalg.inverse")
def inverse(node: Importing, op: Any, a: ir.Value) -> ir.Value:
    """Gauss and Jordan's elimination, the largest element of a column as its pivot."""
    size = known(a, rank(a) - 1)

    def body(inner: Any, x: ir.Value) -> ir.Value:
        one = inner.Add(inner.Mul(x, array(0, x)), array(np.eye(size), x))
        both = inner.Concat(x, one, axis=-1)

        def step(each: Any, j: ir.Value, state: ir.Value) -> ir.Value:
            column = _column(each, state, j)
            below = each.GreaterOrEqual(np.arange(size)[:, None], j)
            heights = choose(each, below, each.Abs(column), array(-1, x))
            best = each.ArgMax(heights, axis=rank(x) - 2, keepdims=1)
            chosen = each.Cast(each.Equal(np.arange(size)[:, None], best), to=x.dtype)
            own = _unit(each, j, size, x, column=True)
            pivot_row = each.MatMul(_turned(each, chosen), state)
            own_row = _row(each, state, j)
            swapped = each.Add(state, each.Mul(each.Sub(own, chosen), each.Sub(pivot_row, own_row)))
            row = each.Div(pivot_row, _column(each, pivot_row, j))
            factors = each.Sub(_column(each, swapped, j), own)
            made: ir.Value = each.Sub(swapped, each.Mul(factors, row))
            return made

        done = _looped(inner, size, both, step)
        made: ir.Value = inner.Slice(done, [size], [2 * size], [rank(x) - 1])
        return made

    return node.builder.function("inverse", [a], {}, body)[0]
