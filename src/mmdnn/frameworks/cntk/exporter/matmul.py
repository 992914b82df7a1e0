"""Products (Source/ComputationNetworkLib/LinearAlgebraNodes.h's Times)."""

from __future__ import annotations

import math

import numpy as np

from mmdnn.frameworks.cntk.exporter.axes import differ
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.graph import BATCH, FREE
from mmdnn.ir import LAYER
from mmdnn.ir.exporting import ExportedNode

MOST_PRODUCTS = 64
"""Matrices that are multiplied one by one, at most."""


def contracted(cntk: CNTK, x: Operand, y: Operand) -> tuple[Operand, Operand]:
    """A product's operands as CNTK's own layer had them: it flattens its input by itself."""
    maker = x.producer("Flatten", "Reshape")
    first = maker.inputs[0] if maker is not None else None
    if (
        not cntk.is_own
        or maker is None
        or maker.metadata_props.get(LAYER) != cntk.node.source_layer
    ):
        return x, y
    before = cntk.scope.operand(first) if first is not None else x
    count = len(x.shape) - 1
    same = before.shape[:count] == x.shape[:count] and FREE not in before.shape[count:]
    lead = before.rank - len(before.shape)
    if y.tensor is None or y.rank != 2 or not same or before.layout[:lead] != x.layout[:lead]:
        return x, y
    return before, cntk.reshape(y, (*before.shape[count:], y.shape[1]))


@exporter("Gemm", doc=f"{API}/cntk.layers.layers#Dense")
def gemm(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    y: Operand,
    z: Operand | None = None,
    *,
    alpha: float,
    beta: float,
    transA: int,
    transB: int,
) -> Operand:
    """CNTK's `Dense` layer: its weight is [inputs, outputs]."""
    if transA:
        x = transposed(cntk, cntk.unbatched(x))
    x = cntk.unbatched(x) if x.layout[-1] is not None else x
    y = cntk.unbatched(y)
    if transB:
        y = transposed(cntk, y)
    kept = x.layout
    x, y = contracted(cntk, x, y)
    with cntk.block("Dense", layer=True):
        made = scaled(cntk, cntk.times(x, y, layout=kept), alpha)
        return made if z is None or not beta else cntk.Plus(made, scaled(cntk, z, beta))


def scaled(cntk: CNTK, x: Operand, factor: float) -> Operand:
    """X times a number."""
    if factor == 1:
        return x
    if x.tensor is not None:
        number = x.dtype.numpy().type(factor)
        return cntk.changed(x, f"times {factor}", lambda array: array * number, x.shape)
    return cntk.ElementTimes(x, cntk.number(factor, x))


def transposed(cntk: CNTK, x: Operand) -> Operand:
    """The last two axes, static ones, in the other order."""
    rank = len(x.shape)
    return cntk.transpose(x, [*range(rank - 2), rank - 1, rank - 2])


@exporter("MatMul", doc=f"{API}/cntk.ops#times")
def matmul(node: ExportedNode, cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """Several matrices are one product where they can be: their axes join rows, or the batch."""
    if y.rank == 1:
        y = cntk.unbatched(y)
        made = matmul(node, cntk, x, cntk.reshape(y, (*y.shape, 1)))
        return cntk.squeezed(made, [made.rank - 1])
    if x.rank == 1:
        x = cntk.unbatched(x)
        made = matmul(node, cntk, cntk.reshape(x, (1, *x.shape)), y)
        return cntk.squeezed(made, [made.rank - 2])
    x = cntk.unbatched(x) if x.layout[-1] is not None else x
    y = cntk.unbatched(y) if any(y.layout[-2:]) else y
    turned = _turned(cntk, x, y)
    if turned is not None:
        return turned
    if y.is_static and len(y.shape) == 2:
        layout = x.layout
        return cntk.times(*contracted(cntk, x, y), layout=layout)
    if x.is_static and x.rank == 2:
        return _left(cntk, x, y)
    x = cntk.unbatched(x) if x.layout[-2] is not None else x
    return _several(cntk, x, y)


def _turned(cntk: CNTK, x: Operand, y: Operand) -> Operand | None:
    """X times the transpose of a matrix, which CNTK has a function for."""
    if len(y.shape) != 2 or len(x.shape) not in (1, 2) or x.tensor is not None:
        return None
    maker = y.producer("Transpose")
    own = cntk.is_own and cntk.node.source_type == "TransposeTimes"
    if maker is not None and maker.inputs[0] is not None:
        before = cntk.scope.operand(maker.inputs[0])
        if before.layout != y.layout or before.shape != y.shape[::-1] or before.tensor is not None:
            return None
    elif own and y.tensor is not None:
        before = transposed(cntk, y)
    else:
        return None
    if before.axes not in ((), x.axes):
        return None
    shape = (*x.shape[:-1], before.shape[0])
    return cntk.make("TransposeTimes", before, x, shape=shape, layout=x.layout, outputRank=1)


def _left(cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """A matrix times several: that of the transposes."""
    if len(y.shape) == 2:
        return cntk.times(x, y, layout=y.layout)
    return transposed(cntk, cntk.times(transposed(cntk, y), transposed(cntk, x)))


def _several(cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """Matrices of x times those of y, one each."""
    if x.is_batched and y.is_batched and x.rank == y.rank:
        if len(x.shape) == 2:
            return cntk.times(x, y)
        if x.shape[:-2] == y.shape[:-2] and FREE not in x.shape:
            return _folded(cntk, x, y)
    if x.is_batched and y.is_static and y.rank < x.rank:
        return _one_by_one(cntk, x, y)
    if y.is_batched and x.is_static and x.rank < y.rank:
        return _one_by_one(cntk, x, y)
    if (x.is_batched or y.is_batched) and not differ([x, y]):
        x, y = (_raised(cntk, one, max(x.rank, y.rank)) for one in (x, y))
        if x.shape[:-2] == y.shape[:-2] and x.is_batched and y.is_batched:
            return _several(cntk, x, y)
    return _one_by_one(cntk, x, y)


def _raised(cntk: CNTK, x: Operand, rank: int) -> Operand:
    """The operand with a batch, or without any axis where it would stand."""
    if x.is_batched or x.rank < rank or x.tensor is not None:
        return x
    return cntk.batched(x) if x.dims[0] != 1 else x


def _folded(cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """The matrices of a sample become samples, and are samples' again behind the product."""
    leading = x.shape[:-2]
    x, y = (
        cntk.batched(cntk.reshape(cntk.unbatched(one), (FREE, *one.shape[-2:]))) for one in (x, y)
    )
    made = cntk.unbatched(cntk.times(x, y))
    back = cntk.reshape(made, (FREE, *leading, *made.shape[-2:]))
    return cntk.batched(back)


def _one_by_one(cntk: CNTK, x: Operand, y: Operand) -> Operand:
    """Each pair of matrices by itself."""
    if not (x.is_batched or x.is_static) or not (y.is_batched or y.is_static):
        x, y = cntk.unbatched(x), cntk.unbatched(y)
    if x.is_batched != y.is_batched and max(x.rank, y.rank) == (x if x.is_static else y).rank:
        one = x if x.is_static else y
        if one.dims[0] == 1:
            one = cntk.squeezed(one, [0])
            x, y = (one, y) if x.is_static else (x, one)
        else:
            x, y = cntk.unbatched(x), cntk.unbatched(y)
    leading = _leading(cntk.node, x, y)
    count = math.prod(leading)
    if count > MOST_PRODUCTS:
        cntk.node.refuse(f"it multiplies {count} matrices")
    layout: Layout = ((BATCH,) if BATCH in (*x.layout, *y.layout) else ()) + (None,) * 2
    pairs = [[_matrix(cntk, one, leading, index) for one in (x, y)] for index in range(count)]
    made = [cntk.times(one, other, layout=layout) for one, other in pairs]
    if len(made) == 1:
        return cntk.reshape(made[0], (*leading, *made[0].shape))
    rows = [cntk.reshape(one, (1, *one.shape)) for one in made]
    whole = cntk.splice(rows, rows[0].rank - 3)
    return cntk.reshape(whole, (*leading, *whole.shape[-2:]))


def _leading(node: ExportedNode, x: Operand, y: Operand) -> tuple[int, ...]:
    rank = max(len(x.shape), len(y.shape)) - 2
    rows = [(1,) * (rank + 2 - len(one.shape)) + one.shape[:-2] for one in (x, y)]
    if any(FREE in row for row in rows):
        node.refuse("how many matrices it multiplies is open")
    return tuple(max(pair) for pair in zip(*rows, strict=True))


def _matrix(cntk: CNTK, x: Operand, leading: tuple[int, ...], index: int) -> Operand:
    """One of the matrices that an operand has, or its only one."""
    own = (1,) * (len(leading) + 2 - len(x.shape)) + x.shape[:-2]
    first = x.rank - len(x.shape)
    for place, (size, wanted) in enumerate(zip(reversed(own), reversed(leading), strict=True)):
        position = x.rank - 3 - place
        here, index = index % wanted, index // wanted
        if position >= first and size > 1:
            x = cntk.cut(x, position, here, here + 1)
    return cntk.reshape(x, x.shape[-2:])


def along(cntk: CNTK, x: Operand, position: int, matrix: np.ndarray) -> Operand:
    """An axis multiplied by a constant matrix [size, new size]."""
    made = cntk.times(cntk.last(x, position), cntk.constant(matrix, x))
    return cntk.last(made, position)
