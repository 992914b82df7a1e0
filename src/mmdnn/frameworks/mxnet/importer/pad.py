"""Padding (src/operator/pad.cc, NumPy's in src/operator/numpy/np_pad_op.cc)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.dtypes import array
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer
from mmdnn.ir.builder import Op, rank


@importer("Pad", doc=f"{NN}.pad")
def pad(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    p = node.p
    widths = list(p.pad_width)
    if len(widths) != 2 * rank(x):
        node.unfit(f"pad_width {widths} does not fit {rank(x)} axes")
    pads = np.asarray(widths[::2] + widths[1::2], np.int64)
    if p.mode == "constant":
        return op.Pad(x, pads, array(p.constant_value, x))
    return op.Pad(x, pads, mode=p.mode)


@importer("_npi_pad", doc=f"{NN}.pad")
def numpy_pad(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    p = node.p
    modes = {"constant": "constant", "edge": "edge", "reflect": "reflect"}
    if p.mode not in modes or p.reflect_type != "even":
        node.refuse(f"mode {p.mode}")
    widths = [list(pair) for pair in p.pad_width]
    widths = widths * rank(x) if len(widths) == 1 else widths
    pads = np.asarray([w[0] for w in widths] + [w[-1] for w in widths], np.int64)
    if p.mode == "constant":
        return op.Pad(x, pads, array(p.constant_value, x))
    return op.Pad(x, pads, mode=modes[p.mode])
