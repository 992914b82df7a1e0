"""Arrays of one number whose sizes are those of other arrays.

MXNet can leave sizes of `_zeros` open, and finds them out by what reads it; but not through a loop's body,
nor where what reads it wants them known at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.sizes import Size
from mmdnn.frameworks.mxnet.exporter.table import Array, Writing


def full_of_sizes(mx: Writing, found: Sequence[Size], number: float, kind: ir.DataType) -> Array:
    """An array of a number: for each open size a vector of zeros as long as that axis, repeated.

    Args:
        mx: What is written with.
        found: The sizes, one of them open at least.
        number: What it is full of.
        kind: The type of its elements.
    """
    total = None
    for axis, size in enumerate(found):
        if not isinstance(size, int):
            count = mx.make("_contrib_arange_like", mx.scope.array(size[0]), axis=size[1])
            count.dtype = ir.DataType.FLOAT
            shape = tuple(-1 if place == axis else 1 for place in range(len(found)))
            zeros = mx.Reshape(mx.zeros_like(mx.cast(count, kind)), shape=shape)
            total = zeros if total is None else mx.broadcast_add(total, zeros)
    fixed = {axis: size for axis, size in enumerate(found) if isinstance(size, int) and size != 1}
    assert total is not None
    if fixed:
        total = mx.broadcast_axis(total, axis=tuple(fixed), size=tuple(fixed.values()))
    return mx._plus_scalar(total, scalar=number) if number else total
