"""Correlation of windows around each pixel of two pictures (src/operator/correlation.cc)."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op, known


@importer("Correlation", doc=f"{NN}.Correlation")
def correlation(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    """Windows of a picture with shifted windows of another, a channel for each shift."""
    p = node.p
    pad, far, kernel = p.pad_size, p.max_displacement, p.kernel_size
    border = far + (kernel - 1) // 2
    spans = []
    for axis in (2, 3):
        count = -(-(known(a, axis) + 2 * pad - 2 * border) // p.stride1)
        if count < 1:
            node.unfit("the shifts do not fit into the picture")
        spans.append((count - 1) * p.stride1 + kernel)
    attributes = node.attributes(
        *("kernel_size", "max_displacement", "stride1", "stride2", "pad_size", "is_multiply")
    )
    radius = far // p.stride2
    shifts = [i * p.stride2 for i in range(-radius, radius + 1)]

    def body(inner: Op, one: ir.Value, other: ir.Value) -> ir.Value:
        more = [0, 0, pad, pad] * 2
        one, other = (inner.Pad(v, more, array(0, v)) if pad else v for v in (one, other))
        still = _cut(inner, one, far, far, spans)
        maps = [
            _matched(inner, still, _cut(inner, other, far + dy, far + dx, spans), attributes)
            for dy in shifts
            for dx in shifts
        ]
        return inner.Concat(*maps, axis=1) if len(maps) > 1 else maps[0]

    return node.builder.function("Correlation", [a, b], attributes, body)[0]


def _cut(op: Op, x: ir.Value, top: int, left: int, spans: list[int]) -> ir.Value:
    return op.Slice(x, [top, left], [top + spans[0], left + spans[1]], [2, 3])


def _matched(op: Op, a: ir.Value, b: ir.Value, p: dict[str, int]) -> ir.Value:
    """The mean over channels and window of products, or of absolute differences."""
    each = op.Mul(a, b) if p["is_multiply"] else op.Abs(op.Sub(a, b))
    mean = op.ReduceMean(each, [1], keepdims=1)
    kernel, stride = p["kernel_size"], p["stride1"]
    if kernel == stride == 1:
        return mean
    return op.AveragePool(mean, kernel_shape=[kernel] * 2, strides=[stride] * 2)
