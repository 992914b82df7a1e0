"""Types: CNTK has floats only, and what is whole or true is a float."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.arithmetic import sign
from mmdnn.frameworks.cntk.exporter.guarded import made_by
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writing import Writing
from mmdnn.frameworks.cntk.graph import Axis


def towards_zero(cntk: Writing, x: Operand) -> Operand:
    """Without what stands after the point."""
    return cntk.ElementTimes(sign(cntk, x), cntk.Floor(cntk.Abs(x)))


WIDE = {ir.DataType.INT32, ir.DataType.INT64, ir.DataType.UINT32, ir.DataType.UINT64}


@exporter("Cast", doc=f"{API}/cntk.ops#cast")
def cast(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    """Numbers become whole or truth values by what CNTK has for that; both are floats."""
    own = _own_cast(node, cntk)
    if own is not None:
        node.ignore("to", "saturate")
        return own
    to = ir.DataType(node.attribute("to"))
    node.ignore("saturate")
    before = node.node.inputs[0].dtype if node.node.inputs[0] is not None else None
    if to == ir.DataType.BOOL and before != ir.DataType.BOOL:
        x = cntk.NotEqual(x, cntk.number(0, x))
    elif to.is_integer() and before is not None and before.is_floating_point():
        x = towards_zero(cntk, x)
    if to.is_integer() and to not in WIDE and before != ir.DataType.BOOL and before != to:
        node.refuse(f"CNTK has no {to.name}, and its numbers would have to wrap around")
    return cntk.cast(x, cntk.scope.kind(to))


def _own_cast(node: Exporting, cntk: Writing) -> Operand | None:
    """CNTK's `OneHot`, and its product of half numbers, which the IR has in several operators."""
    if not cntk.is_own or node.source_type not in {"OneHot", "Times"}:
        return None
    if node.source_type == "Times":
        return _half_product(node, cntk)
    equal = made_by(node.node.inputs[0], "Equal")
    wide = made_by(equal.inputs[0], "Unsqueeze") if equal else None
    whole = made_by(wide.inputs[0], "Cast") if wide else None
    floor = made_by(whole.inputs[0], "Floor") if whole else None
    values = [floor.inputs[0], equal.inputs[1], wide.inputs[1]] if equal and wide and floor else []
    operands = [cntk.operand(value) for value in values if value is not None]
    return _one_hot(node, cntk, *operands) if len(operands) == 3 else None


def _one_hot(
    node: Exporting, cntk: Writing, x: Operand, numbers: Operand, axes: Operand
) -> Operand | None:
    known = numbers.numbers()
    if known is None or not np.array_equal(known.reshape(-1), np.arange(known.size)):
        return None
    position = node.front(node.ints(axes, "axes")[0], x.rank + 1)
    layout = (*x.layout[:position], None, *x.layout[position:])
    place = sum(axis is None for axis in layout[:position])
    return cntk.make(
        "OneHot",
        x,
        shape=(*x.shape[:place], known.size, *x.shape[place:]),
        layout=layout,
        numClass=known.size,
        oneHotOutputSparse=False,
        onehotAxis=Axis(len(x.shape) - place),
    )


def _half_product(node: Exporting, cntk: Writing) -> Operand | None:
    product = made_by(node.node.inputs[0], "MatMul")
    casts = [made_by(one, "Cast") for one in product.inputs] if product else []
    found = [cntk.operand(one.inputs[0]) for one in casts if one is not None and one.inputs[0]]
    if len(found) != 2 or any(one.dtype != ir.DataType.FLOAT16 for one in found):
        return None
    x, y = found
    return cntk.times(x, y) if y.is_static and len(y.shape) == 2 else None


@exporter("IsNaN", doc="https://onnx.ai/onnx/operators/onnx__IsNaN.html")
def is_nan(node: Exporting, cntk: Writing, x: Operand) -> Operand:
    return cntk.NotEqual(x, x)
