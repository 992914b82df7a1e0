"""Reductions (Source/ComputationNetworkLib/LinearAlgebraNodes.h's ReduceElements)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.cntk._operators import REDUCTIONS
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.matmul import along
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.ir.exporting import ExportedNode

KINDS = {onnx: cntk for cntk, onnx in REDUCTIONS.items()}
KINDS |= dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare"), "Sum")
FRACTIONS = {"ReduceMean", "ReduceLogSumExp", "ReduceL2"}
"""Those that give fractions of whole numbers."""


@exporter(*KINDS, doc=f"{API}/cntk.ops#reduce_sum")
def reduce(
    node: ExportedNode,
    cntk: CNTK,
    x: Operand,
    axes: Operand | None = None,
    *,
    keepdims: int,
    noop_with_empty_axes: int,
) -> Operand:
    kind = node.output.dtype
    if node.type in FRACTIONS and kind is not None and not kind.is_floating_point():
        node.refuse("its whole numbers are rounded, which CNTK's floats are not")
    given = node.ints(axes, "axes") if axes is not None else []
    every = [] if noop_with_empty_axes else list(range(x.rank))
    positions = sorted({node.front(axis, x.rank) for axis in given}) or every
    x = cntk.unbatched(x) if any(x.layout[position] for position in positions) else x
    if node.type == "ReduceL1":
        x = cntk.Abs(x)
    elif node.type in {"ReduceL2", "ReduceSumSquare"}:
        x = cntk.ElementTimes(x, x)
    made = reduced(cntk, KINDS[node.type], x, positions, bool(keepdims)) if positions else x
    if node.type == "ReduceL2":
        return cntk.Sqrt(made)
    return made


def reduced(cntk: CNTK, how: str, x: Operand, positions: Sequence[int], keep: bool) -> Operand:
    """Static axes reduced, as CNTK's `reduce_sum` and its like do."""
    axes = [x.axis(position) for position in reversed(positions)]
    said: dict[str, Any] = {"axisVec": axes, "reductionKeepDimensions": keep}
    with cntk.block("ReduceElements", reductionOpName=how, **said):
        with cntk.block("MultiAxisReduce"):
            made = cntk.reduce(how, x, positions)
        return made if keep else cntk.squeezed(made, positions)


@exporter("ArgMax", "ArgMin", doc=f"{API}/cntk.ops#argmax")
def arg(
    node: ExportedNode, cntk: CNTK, x: Operand, *, axis: int, keepdims: int, select_last_index: int
) -> Operand:
    """The place of the first of equals; of the last, counted from the other end."""
    (x, position), last = cntk.static(x, axis), select_last_index
    size = cntk.size(x, position) if last else 0
    x = cntk.cut(x, position, 0, size, -1) if last else x
    made = cntk.reduce("Argmax" if node.type == "ArgMax" else "Argmin", x, [position])
    made = cntk.Minus(cntk.number(size - 1, made), made) if last else made
    return made if keepdims else cntk.squeezed(made, [position])


@exporter("CumSum", doc="https://onnx.ai/onnx/operators/onnx__CumSum.html")
def cumsum(
    node: ExportedNode, cntk: CNTK, x: Operand, axis: Operand, *, reverse: int, exclusive: int
) -> Operand:
    """A product with a triangle of ones."""
    x, position = cntk.static(x, node.ints(axis, "axis")[0])
    size = cntk.size(x, position)
    ones = np.tri(size, k=-1 if exclusive else 0)
    return along(cntk, x, position, ones if reverse else ones.T)
