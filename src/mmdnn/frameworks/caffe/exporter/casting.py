"""Types: Caffe has float32 alone. Truth values are 1 and 0 in it, integers are whole numbers."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.comparison import signs
from mmdnn.frameworks.caffe.exporter.drafts import Constant
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Operand, Writing, exporter

PASSING = frozenset({"Cast", "Clip", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators after which it is the same to cut fractions off: limits are whole numbers too."""


@exporter("Cast", doc=f"{TUTORIAL}/embed.html")
def cast(node: Exporting, caffe: Writing, x: Operand) -> Operand:
    """Fractions are cut off by layers that want indices, and by nothing else."""
    kind = ir.DataType(node.attribute("to"))
    node.ignore("saturate", "round_mode")
    value = node.node.inputs[0]
    before = value.dtype if value is not None and value.dtype is not None else ir.DataType.FLOAT
    if isinstance(x, Constant) or kind == before or before == ir.DataType.BOOL:
        return x
    if kind == ir.DataType.BOOL:
        return caffe.layer("AbsVal", signs(caffe, x, "sign"))
    if before.is_integer() and _holds(kind, before):
        return x
    cut = before == ir.DataType.FLOAT and kind.is_integer()
    if cut and (is_whole(value) or are_indices(node.node.outputs[0])):
        return x
    node.refuse(f"from {before.name} to {kind.name}, and Caffe has float32 only")
    return None


def _holds(kind: ir.DataType, before: ir.DataType) -> bool:
    """Whether integers stay what they are; those of 32 bits and more are taken for small ones."""
    wide = kind in {ir.DataType.FLOAT, ir.DataType.INT32, ir.DataType.INT64}
    return wide and kind.bitwidth >= min(before.bitwidth, 32)


def are_indices(value: ir.Value) -> bool:
    """Whether a value does nothing but choose from a table."""
    todo = [value]
    while todo:
        value = todo.pop()
        if value.is_graph_output() or not value.uses():
            return False
        for node, place in value.uses():
            to_float = node.op_type == "Cast" and not _is_whole_type(node.outputs[0].dtype)
            if node.op_type in PASSING and place == 0 and not to_float:
                todo.append(node.outputs[0])
            elif node.op_type not in {"Gather", "GatherElements"} or place != 1:
                return False
    return True


def is_whole(value: ir.Value | None) -> bool:
    """Whether floats are whole numbers: made of integers, truth values and whole constants alone."""
    todo = [value]
    while todo:
        found = todo.pop()
        node = found.producer() if found is not None else None
        if found is None or _is_whole_type(found.dtype):
            continue
        if found.const_value is not None and found.const_value.size <= 1:
            if float(found.const_value.numpy()) % 1:
                return False
        elif node is None or node.op_type not in PASSING | {"Add", "Mul", "Neg", "Sub"}:
            return False
        else:
            todo += node.inputs[:1] if node.op_type in PASSING else node.inputs
    return True


def _is_whole_type(kind: ir.DataType | None) -> bool:
    return kind is not None and (kind.is_integer() or kind == ir.DataType.BOOL)
