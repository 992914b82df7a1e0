"""Operators that repeat elements, or put some around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmdnn.frameworks.cntk.exporter.markers import Unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.exporter.sequence import spread
from mmdnn.frameworks.cntk.exporter.table import API, Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writing import Writing
from mmdnn.frameworks.cntk.graph import FREE


@exporter("Expand", doc="https://onnx.ai/onnx/operators/onnx__Expand.html")
def expand(node: Exporting, cntk: Writing, x: Operand, target: Operand) -> Operand:
    """Times ones."""
    found = sizes(node.output.shape)
    if isinstance(target, Unknown):
        return spread(node, cntk, x)
    if found is None:
        node.refuse("the shape it takes is computed while the model runs")
    return repeated(node, cntk, x, found)


def repeated(node: Exporting, cntk: Writing, x: Operand, found: Sequence[int]) -> Operand:
    """The operand broadcast to a shape; what is dynamic in it stays so."""
    lead = len(found) - x.rank
    before = (node.node.inputs[0].shape if node.node.inputs[0] is not None else None) or ()
    if any(
        axis is not None and size == 1 != found[lead + position]
        for position, (axis, size) in enumerate(zip(x.layout, before, strict=False))
    ):
        x = cntk.unbatched(x)
    layout: Layout = (None,) * lead + x.layout
    wanted = [size for size, axis in zip(found, layout, strict=True) if axis is None]
    own = [1] * lead + list(x.shape)
    if len(wanted) == len(own) and all(a in (b, FREE) for a, b in zip(wanted, own, strict=True)):
        return cntk.reshape(x, own, layout)
    if FREE in wanted:
        wanted = [b if a == FREE else a for a, b in zip(wanted, own, strict=True)]
    if FREE in wanted:
        node.refuse("the shape it takes is open")
    ones = cntk.constant(np.ones(wanted, x.dtype.numpy()))
    x = cntk.reshape(x, own, layout)
    return cntk.make("ElementTimes", x, ones, shape=tuple(wanted), layout=layout)


@exporter("Tile", doc=f"{API}/cntk.ops#splice")
def tile(node: Exporting, cntk: Writing, x: Operand, repeats: Operand) -> Operand:
    for position, count in enumerate(node.ints(repeats, "repeats")):
        if count == 1:
            continue
        x = cntk.unbatched(x) if x.layout[position] is not None else x
        if count < 1:
            node.refuse("nothing is left of its input")
        x = cntk.splice([x] * count, position)
    return x


MODES = {"constant": 0, "reflect": 1}

"""CNTK::PaddingMode."""


@exporter("Pad", doc=f"{API}/cntk.ops#pad")
def pad(
    node: Exporting,
    cntk: Writing,
    x: Operand,
    pads: Operand,
    value: Operand | None = None,
    axes: Operand | None = None,
) -> Operand:
    """Negative padding cuts; the edge is repeated by hand."""
    mode = node.attribute("mode", "constant")
    amounts = node.ints(pads, "padding")
    which = node.ints(axes, "axes") if axes is not None else list(range(x.rank))
    number = 0.0 if value is None else float(node.numbers(value, "value").reshape(-1)[0])
    if mode not in {*MODES, "edge", "wrap"}:
        node.refuse(f"its mode is {mode}")
    around: dict[int, tuple[int, int]] = {}
    for place, axis in enumerate(which):
        position = node.front(axis, x.rank)
        begin, end = amounts[place], amounts[place + len(which)]
        if not (begin or end):
            continue
        x = cntk.unbatched(x) if x.layout[position] is not None else x
        if min(begin, end) < 0:
            size = cntk.size(x, position)
            x = cntk.cut(x, position, max(-begin, 0), size + min(end, 0))
        around[position] = (max(begin, 0), max(end, 0))
    if mode in MODES:
        return cntk.padded(x, around, number, MODES[mode])
    for position, (begin, end) in around.items():
        x = _surrounded(cntk, x, position, begin, end, mode)
    return x


def _surrounded(
    cntk: Writing, x: Operand, position: int, begin: int, end: int, mode: str
) -> Operand:
    size = cntk.size(x, position)
    if mode == "edge":
        first, last = cntk.cut(x, position, 0, 1), cntk.cut(x, position, size - 1, size)
        return cntk.splice([*[first] * begin, x, *[last] * end], position)
    if max(begin, end) > size:
        cntk.node.refuse("it wraps around more than once")
    before = [cntk.cut(x, position, size - begin, size)] if begin else []
    behind = [cntk.cut(x, position, 0, end)] if end else []
    return cntk.splice([*before, x, *behind], position)
