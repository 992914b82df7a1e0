"""Padding (Source/ComputationNetworkLib/ReshapingNodes.h's PaddingNode)."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.importer.elementwise import dtype_of
from mmdnn.frameworks.cntk.importer.operand import Operand, sizes
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op

PADDING = {0: "constant", 1: "reflect"}

_SYMMETRIC = 2


@importer("Pad", doc=f"{API}/cntk.ops#pad")
def pad(f: ImportedFunction, op: Op, x: Operand) -> ir.Value:
    """Column-major lists of what comes before and after each axis."""
    before, after = (list(reversed(f.get(n, list))) for n in ("paddingHead", "paddingFoot"))
    mode, number = f.get("paddingMode", int), f.get("paddingConstantValue", float)
    none = [0] * x.leading
    if mode == _SYMMETRIC:
        return _mirrored(op, x, before, after)
    if mode not in PADDING:
        f.refuse(f"the padding mode {mode} is not known")
    pads = [*none, *before, *none, *after]
    fill = np.asarray(number, dtype_of(x.value).numpy()) if mode == 0 else None
    return op.Pad(x.value, pads, fill, mode=PADDING[mode])


def _mirrored(op: Op, x: Operand, before: list[int], after: list[int]) -> ir.Value:
    """The edge itself is repeated as well."""
    value = x.value
    for axis, size in enumerate(sizes(x)):
        if before[axis] or after[axis]:
            order = np.pad(np.arange(size), (before[axis], after[axis]), "symmetric")
            value = op.Gather(value, order, axis=x.leading + axis)
    return value
