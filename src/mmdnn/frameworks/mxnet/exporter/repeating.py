"""Arrays repeated along axes."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.filling import full_of_sizes
from mmdnn.frameworks.mxnet.exporter.selection import with_rank
from mmdnn.frameworks.mxnet.exporter.sizes import dimension, sizes, whole_shape
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, Exporting, Writing, exporter


@exporter("Tile", doc="Tile")
def tile(node: Exporting, mx: Writing, x: Array, repeats: Array) -> Array:
    return mx.tile(x, reps=tuple(node.ints(repeats, "repeats")))


@exporter("Expand", doc="Expand")
def expand(node: Exporting, mx: Writing, x: Array, target: Array) -> Array:
    """To a shape, or to that of another array."""
    own, whole = x.shape or (), whole_shape(target.value)
    if whole is not None and whole.shape is not None and len(whole.shape) >= node.rank(x):
        return mx.broadcast_like(with_rank(mx, x, len(whole.shape)), mx.scope.array(whole))
    found = sizes(target.value)
    shape = node.output_shape() if found is None else tuple(dimension(size) for size in found)
    if shape is None:
        node.refuse("the shape it expands to is computed while the model runs")
    rank = max(len(shape), len(own))
    shape, own = ((1,) * (rank - len(each)) + each for each in (shape, own))
    after = [was if dim == 1 else dim for dim, was in zip(shape, own, strict=True)]
    changed = [dim for dim, was in zip(after, own, strict=True) if dim != was]
    if not all(isinstance(dim, int) for dim in changed):
        if found is None or mx.scope.keeps_names:
            return _filled(node, mx, x, after)
        whole_size = [*(1,) * (rank - len(found)), *found]
        zeros = full_of_sizes(mx, whole_size, 0, x.dtype or ir.DataType.FLOAT)
        return mx.broadcast_add(with_rank(mx, x, rank), zeros)
    x = with_rank(mx, x, rank)
    codes = [0 if dim == was else dim for dim, was in zip(after, own, strict=True)]
    return mx.broadcast_to(x, shape=tuple(codes)) if any(codes) else mx.make("_copy", x)


def _filled(node: Exporting, mx: Writing, x: Array, shape: Sequence[int | str | None]) -> Array:
    """One number everywhere; MXNet finds out the open sizes by what reads it, or refuses."""
    numbers = x.numbers()
    kind = x.dtype
    if numbers is None or numbers.size != 1 or kind not in NAMES:
        node.refuse("the shape it expands to is computed while the model runs")
    codes = tuple(dim if isinstance(dim, int) else 0 for dim in shape)
    number = numbers.reshape(-1)[0].item()
    op, value = {0: ("_zeros", None), 1: ("_ones", None)}.get(number, ("_full", number))
    full = mx.make(
        op, shape=codes, value=value, dtype=NAMES[kind] if kind != ir.DataType.FLOAT else None
    )
    full.dtype = kind
    return full
