"""Padding (src/operator/pad.cc, NumPy's in src/operator/numpy/np_pad_op.cc)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op, rank


@importer("Pad", doc=f"{NN}.pad")
def pad(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    widths = list(node.p.pad_width)
    if len(widths) != 2 * rank(x):
        node.unfit(f"pad_width {widths} does not fit {rank(x)} axes")
    return _padded(node, op, x, widths[::2] + widths[1::2])


def _padded(node: ImportedNode, op: Op, x: ir.Value, widths: list[int]) -> ir.Value:
    pads = np.asarray(widths, np.int64)
    if node.p.mode == "constant":
        return op.Pad(x, pads, array(node.p.constant_value, x))
    return op.Pad(x, pads, mode=node.p.mode)


@importer("_npi_pad", doc=f"{NN}.pad")
def numpy_pad(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    p = node.p
    if p.mode not in {"constant", "edge", "reflect"} or p.reflect_type != "even":
        node.refuse(f"mode {p.mode}")
    widths = [list(pair) for pair in p.pad_width]
    widths = widths * rank(x) if len(widths) == 1 else widths
    return _padded(node, op, x, [w[0] for w in widths] + [w[-1] for w in widths])
