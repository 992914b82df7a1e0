"""Factors, inverses and parts of matrices (src/operator/tensor/la_op.cc).

Matrices are the last two axes; factors are loops over rows or columns, with all other axes at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array, choose
from mmdnn.frameworks.mxnet.importer.matmul import scaled, turned
from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, importer
from mmdnn.ir.axes import Size, backwards, reshape, transpose
from mmdnn.ir.builder import Builder, Op, dimensions, known, rank

Step = Callable[[Op, ir.Value, ir.Value], ir.Value]
"""`(op, index, state)` -> the state after one more row or column."""


def _looped(op: Op, count: int, start: ir.Value, step: Step) -> ir.Value:
    """A state changed `count` times."""
    body = Builder("mmdnn.mxnet", "rows")
    with body.layer("rows", ""):
        index = body.input("rows/index", [], ir.DataType.INT64)
        going = body.input("rows/going", [], ir.DataType.BOOL)
        state = body.input("rows/state", dimensions(start), start.dtype or ir.DataType.FLOAT)
        after = step(body.op, index, state)
        body.graph.outputs.extend([body.op.Identity(going), after])
    made = op.Loop(np.int64(count), np.asarray(True), start, body=body.graph)
    made.type, made.shape = start.type, start.shape
    return made


def _row(op: Op, x: ir.Value, index: ir.Value) -> ir.Value:
    """One row, [..., 1, n]."""
    place = op.Reshape(index, [1])
    return op.Gather(x, place, axis=rank(x) - 2)


def _column(op: Op, x: ir.Value, index: ir.Value) -> ir.Value:
    """One column, [..., n, 1]."""
    return op.Gather(x, op.Reshape(index, [1]), axis=rank(x) - 1)


def _unit(op: Op, index: ir.Value, size: int, like: ir.Value, *, column: bool) -> ir.Value:
    """1 at a place, else 0: a column, or a row."""
    places = np.arange(size)[:, None] if column else np.arange(size)[None]
    return op.Cast(op.Equal(places, index), to=like.dtype)


def cholesky(node: ImportedNode, x: ir.Value) -> ir.Value:
    """The lower triangle whose product with its transpose this is."""
    size = known(x, rank(x) - 1)

    def body(op: Op, a: ir.Value) -> ir.Value:
        def step(inner: Op, j: ir.Value, lower: ir.Value) -> ir.Value:
            done = inner.MatMul(lower, turned(inner, _row(inner, lower, j)))
            rest = inner.Sub(_column(inner, a, j), done)
            pivot = inner.Sqrt(_row(inner, rest, j))
            below = inner.GreaterOrEqual(np.arange(size)[:, None], j)
            column = choose(inner, below, inner.Div(rest, pivot), array(0, a))
            place = _unit(inner, j, size, a, column=False)
            return inner.Add(lower, inner.Mul(column, place))

        return _looped(op, size, op.Mul(a, array(0, a)), step)

    return node.builder.function("potrf", [x], {}, body)[0]


def substituted(node: ImportedNode, triangle: ir.Value, x: ir.Value) -> ir.Value:
    """What a lower triangle has to be multiplied by to give x."""
    size = known(triangle, rank(triangle) - 1)

    def body(op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
        def step(inner: Op, i: ir.Value, found: ir.Value) -> ir.Value:
            row = _row(inner, a, i)
            rest = inner.Sub(_row(inner, b, i), inner.MatMul(row, found))
            new = inner.Div(rest, _column(inner, row, i))
            return inner.Add(found, inner.Mul(_unit(inner, i, size, a, column=True), new))

        return _looped(op, size, op.Mul(b, array(0, b)), step)

    return node.builder.function("trsm", [triangle, x], {}, body)[0]


@importer("_linalg_potrf", "_npi_cholesky", doc=f"{NN}.linalg.potrf")
def potrf(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    lower = node.p.lower if node.type == "_linalg_potrf" else True
    made = cholesky(node, x)
    return made if lower else turned(op, made)


@importer("_linalg_trsm", doc=f"{NN}.linalg.trsm")
def trsm(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    """Solve op(A) X = alpha B, or X op(A) = alpha B; the other half of the triangle is not read."""
    p = node.p
    b = b if p.alpha == 1 else op.Mul(b, array(p.alpha, b))
    triangle = op.Trilu(a, upper=int(not p.lower))
    if p.rightside:
        triangle, b = turned(op, triangle), turned(op, b)
    triangle = turned(op, triangle) if p.transpose else triangle
    lower = p.lower != (p.rightside != p.transpose)
    found = _solved(node, op, triangle, b, lower=lower)
    return turned(op, found) if p.rightside else found


def _solved(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value, *, lower: bool) -> ir.Value:
    """An upper triangle is a lower one, read backwards."""
    if lower:
        return substituted(node, a, b)
    first, last = rank(a) - 2, rank(a) - 1
    a = backwards(op, a, [first, last])
    return backwards(op, substituted(node, a, backwards(op, b, [rank(b) - 2])), [rank(b) - 2])


@importer("_linalg_potri", doc=f"{NN}.linalg.potri")
def potri(node: ImportedNode, op: Op, a: ir.Value, *, lower: bool) -> ir.Value:
    """The inverse of what a Cholesky factor is of."""
    factor = op.Trilu(a, upper=0) if lower else turned(op, op.Trilu(a, upper=1))
    size = known(a, rank(a) - 1)
    one = op.Add(op.Mul(a, array(0, a)), array(np.eye(size), a))
    half = substituted(node, factor, one)
    return op.MatMul(turned(op, half), half)


@importer("_linalg_inverse", doc=f"{NN}.linalg.inverse")
def inverse(node: ImportedNode, op: Op, a: ir.Value) -> ir.Value:
    """Gauss and Jordan's elimination, the largest element of a column as its pivot."""
    size = known(a, rank(a) - 1)

    def body(inner: Op, x: ir.Value) -> ir.Value:
        one = inner.Add(inner.Mul(x, array(0, x)), array(np.eye(size), x))
        both = inner.Concat(x, one, axis=-1)

        def step(each: Op, j: ir.Value, state: ir.Value) -> ir.Value:
            column = _column(each, state, j)
            below = each.GreaterOrEqual(np.arange(size)[:, None], j)
            heights = choose(each, below, each.Abs(column), array(-1, x))
            best = each.ArgMax(heights, axis=rank(x) - 2, keepdims=1)
            chosen = each.Cast(each.Equal(np.arange(size)[:, None], best), to=x.dtype)
            own = _unit(each, j, size, x, column=True)
            pivot_row = each.MatMul(turned(each, chosen), state)
            own_row = _row(each, state, j)
            swapped = each.Add(state, each.Mul(each.Sub(own, chosen), each.Sub(pivot_row, own_row)))
            row = each.Div(pivot_row, _column(each, pivot_row, j))
            factors = each.Sub(_column(each, swapped, j), own)
            return each.Sub(swapped, each.Mul(factors, row))

        done = _looped(inner, size, both, step)
        return inner.Slice(done, [size], [2 * size], [rank(x) - 1])

    return node.builder.function("inverse", [a], {}, body)[0]


@importer("_linalg_syrk", doc=f"{NN}.linalg.syrk")
def syrk(node: ImportedNode, op: Op, a: ir.Value, *, transpose: bool, alpha: float) -> ir.Value:
    other = turned(op, a, True)
    y = op.MatMul(other, a) if transpose else op.MatMul(a, other)
    return scaled(op, y, alpha)


@importer("_linalg_trmm", doc=f"{NN}.linalg.trmm")
def trmm(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    """A triangle times a matrix; the other half of the triangle is not read."""
    p = node.p
    triangle = turned(op, op.Trilu(a, upper=int(not p.lower)), p.transpose)
    y = op.MatMul(b, triangle) if p.rightside else op.MatMul(triangle, b)
    return scaled(op, y, p.alpha)


@importer("_linalg_sumlogdiag", doc=f"{NN}.linalg.sumlogdiag")
def sumlogdiag(node: ImportedNode, op: Op, a: ir.Value) -> ir.Value:
    diagonal = take_diagonal(node, op, a, 0, (-2, -1))
    y = op.ReduceSum(op.Log(diagonal), [-1], keepdims=0)
    return op.Reshape(y, [1]) if rank(a) == 2 else y


@importer("_linalg_extractdiag", doc=f"{NN}.linalg.extractdiag")
def extractdiag(node: ImportedNode, op: Op, a: ir.Value, *, offset: int) -> ir.Value:
    return take_diagonal(node, op, a, offset, (-2, -1))


@importer("_linalg_makediag", doc=f"{NN}.linalg.makediag")
def makediag(node: ImportedNode, op: Op, a: ir.Value, *, offset: int) -> ir.Value:
    """Each vector as a diagonal: times a selection of places."""
    offset, n = offset, known(a, rank(a) - 1)
    side = n + abs(offset)
    places = np.zeros((n, side, side))
    rows = np.arange(n) + max(-offset, 0)
    places[np.arange(n), rows, rows + offset] = 1
    flat = op.MatMul(a, array(places.reshape(n, -1), a))
    kept: list[Size] = [(i,) for i in range(rank(a) - 1)]
    return reshape(op, flat, [*kept, side, side])


def _triangle(node: ImportedNode, side: int) -> np.ndarray:
    """Places of a triangle's elements in the flattened matrix."""
    rows, columns = np.indices((side, side))
    lower, offset = node.p.lower, node.p.offset
    # an offset of the other sign chooses the other triangle, as MXNet has it
    inside = columns - rows >= offset if offset > 0 else columns - rows <= offset
    if offset == 0:
        inside = columns <= rows if lower else columns >= rows
    return np.flatnonzero(inside)


@importer("_linalg_extracttrian", doc=f"{NN}.linalg.extracttrian")
def extracttrian(node: ImportedNode, op: Op, a: ir.Value) -> ir.Value:
    count = rank(a)
    flat = reshape(op, a, [*((i,) for i in range(count - 2)), (count - 2, count - 1)])
    return op.Gather(flat, _triangle(node, known(a, count - 1)), axis=count - 2)


@importer("_linalg_maketrian", doc=f"{NN}.linalg.maketrian")
def maketrian(node: ImportedNode, op: Op, a: ir.Value, *, offset: int) -> ir.Value:
    count, length = rank(a), known(a, rank(a) - 1)
    offset = abs(offset)
    side = int((math.isqrt(8 * length + 1) - 1) // 2) + offset
    places = _triangle(node, side)
    if len(places) != length:
        node.unfit(f"{length} numbers make no triangle")
    spread = np.zeros((length, side * side))
    spread[np.arange(length), places] = 1
    kept: list[Size] = [(i,) for i in range(count - 1)]
    return reshape(op, op.MatMul(a, array(spread, a)), [*kept, side, side])


@importer("_linalg_slogdet", doc=f"{NN}.linalg.slogdet")
def slogdet(node: ImportedNode, op: Op, a: ir.Value) -> tuple[ir.Value, ir.Value]:
    y = op.Det(a)
    y = op.Reshape(y, [1]) if rank(a) == 2 and not node.numpy else y
    return op.Sign(y), op.Log(op.Abs(y))


@importer("diag", "_np_diag", doc=f"{NN}.diag")
def diagonal(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """A matrix from a diagonal, or the diagonal of two axes, last."""
    k = node.p.k
    legacy = node.type == "diag"
    axes = (node.p.axis1, node.p.axis2) if legacy else (0, 1)
    if rank(x) == 1:
        return _from_diagonal(op, x, k)
    return take_diagonal(node, op, x, k, axes)


def _from_diagonal(op: Op, x: ir.Value, k: int) -> ir.Value:
    n = known(x, 0)
    rows = np.arange(n) + max(-k, 0)
    places = np.stack([rows, rows + k], 1).astype(np.int64)
    side = n + abs(k)
    zeros = op.Expand(array(0, x), np.asarray([side, side], np.int64))
    return op.ScatterND(zeros, places, x)


def take_diagonal(node: ImportedNode, op: Op, x: ir.Value, k: int, axes: Sequence[int]) -> ir.Value:
    """The k-th diagonal of two axes, as the last axis."""
    a, b = (node.axis(axis, x) for axis in axes)
    rows, columns = known(x, a), known(x, b)
    start, stop = max(-k, 0), min(rows, columns - k)
    places = np.arange(start, stop)
    rest = [axis for axis in range(rank(x)) if axis not in {a, b}]
    merged = reshape(op, transpose(op, x, [*rest, a, b]), _merged(len(rest)))
    return op.Gather(merged, (places * columns + places + k).astype(np.int64), axis=len(rest))


def _merged(count: int) -> list[Size]:
    return [*((axis,) for axis in range(count)), (count, count + 1)]


@importer("_np_diagonal", doc=f"{NN}.diagonal")
def numpy_diagonal(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    return take_diagonal(node, op, x, node.p.offset, (node.p.axis1, node.p.axis2))


@importer("_npi_tril", doc=f"{NP}.tril.html")
def tril(node: ImportedNode, op: Op, x: ir.Value, *, k: int) -> ir.Value:
    return op.Trilu(x, np.int64(k), upper=0)


@importer("_np_trace", doc=f"{NP}.trace.html")
def trace(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    return op.ReduceSum(numpy_diagonal(node, op, x), [-1], keepdims=0)
