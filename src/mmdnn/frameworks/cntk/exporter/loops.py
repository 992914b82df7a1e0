"""Delays of what is made later, by which CNTK's functions form loops."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.sequence import outside
from mmdnn.frameworks.cntk.exporter.writer import Writer
from mmdnn.frameworks.cntk.graph import BATCH


def constant_behind(value: ir.Value | None) -> ir.TensorProtocol | None:
    """The constant that is repeated to be a value."""
    while value is not None and value.const_value is None:
        node = value.producer()
        if node is None or node.op_type not in {"Expand", "Unsqueeze", "Identity"} or node.domain:
            return None
        value = node.inputs[0]
    return None if value is None else value.const_value


def delayed(
    cntk: Writer,
    delay: str,
    like: Operand,
    initial: Operand,
    shape: tuple[int, ...],
    count: int = 1,
) -> Operand:
    """A delay of what is made later, and given to it by `close`."""
    with outside(cntk.scope):
        made = cntk.make(
            delay, like, initial, shape=shape, layout=(BATCH, *[None] * len(shape)), offset=count
        )
    assert made.variable is not None
    made.variable.axes = like.axes
    made.variable.dtype = made.dtype = like.dtype
    return made


def close(delay: Operand, state: Operand) -> None:
    """Say what a delay delays."""
    assert delay.variable is not None
    assert delay.variable.owner is not None
    assert state.variable is not None
    delay.variable.owner.inputs[0] = state.variable
