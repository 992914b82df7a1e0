"""Windows laid out as columns, and added back."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmdnn.frameworks.pytorch.importer import sizes
from mmdnn.frameworks.pytorch.importer.table import TORCH, ImportedCall, Value, importer
from mmdnn.ir import axes
from mmdnn.ir.builder import Op, known, rank


@importer("unfold", doc=f"{TORCH}.Tensor.unfold")
def unfold(node: ImportedCall, op: Op, x: Value, dim: int, size: int, step: int) -> Value:
    if rank(x) == 0:
        return op.Reshape(x, [1])
    axis = node.axis(dim, x)
    starts = np.arange(0, known(x, axis) - size + 1, step)
    y = op.Gather(x, (starts[:, None] + np.arange(size)).astype(np.int64), axis=axis)
    return axes.moved(op, y, axis + 1, rank(y) - 1)


def _windows(size: int, kernel: int, dilation: int, pad: int, stride: int) -> np.ndarray:
    """The padded places that each position of a kernel sees: [kernel, windows]."""
    count = (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    return np.arange(kernel)[:, None] * dilation + np.arange(count) * stride


@importer("im2col", doc=f"{TORCH}.nn.functional.unfold")
def im2col(
    node: ImportedCall,
    op: Op,
    x: Value,
    *,
    kernel_size: Any,
    dilation: Any,
    padding: Any,
    stride: Any,
) -> Value:
    alone = rank(x) == 3
    x = op.Unsqueeze(x, [0]) if alone else x
    said = [sizes.several(each, 2) for each in (kernel_size, dilation, padding, stride)]
    tables = [_windows(known(x, 2 + i), *(each[i] for each in said)) for i in range(2)]
    pads = [0, 0, *said[2], 0, 0, *said[2]]
    x = op.Pad(x, np.asarray(pads, np.int64)) if any(pads) else x
    x = op.Gather(op.Gather(x, tables[0], axis=2), tables[1], axis=4)
    x = op.Transpose(x, perm=[0, 1, 2, 4, 3, 5])
    y = axes.reshape(op, x, [(0,), (1, 2, 3), (4, 5)])
    return op.Squeeze(y, [0]) if alone else y


@importer("col2im", doc=f"{TORCH}.nn.functional.fold")
def col2im(
    node: ImportedCall, op: Op, x: Value, *, output_size: Any,
    kernel_size: Any, dilation: Any, padding: Any, stride: Any,
) -> Value:  # fmt: skip
    alone = rank(x) == 2
    x = op.Unsqueeze(x, [0]) if alone else x
    kernel, dilations, pads, strides = (
        sizes.several(each, 2) for each in (kernel_size, dilation, padding, stride)
    )
    image, block = np.asarray(output_size, np.int64), np.asarray(kernel, np.int64)
    y = op.Col2Im(x, image, block, dilations=dilations, pads=pads * 2, strides=strides)
    return op.Squeeze(y, [0]) if alone else y
