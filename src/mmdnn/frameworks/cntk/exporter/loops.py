"""Delays of what is made later, by which CNTK's functions form loops."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.graph import BATCH
from mmdnn.tensors import references


def constant_behind(value: ir.Value | None) -> ir.TensorProtocol | None:
    """The constant that is repeated to be a value."""
    while value is not None and value.const_value is None:
        node = value.producer()
        if node is None or node.op_type not in {"Expand", "Unsqueeze", "Identity"} or node.domain:
            return None
        value = node.inputs[0]
    return None if value is None else value.const_value


def initial(
    cntk: CNTK, value: ir.Value | None, rank: int, way: int | None = None
) -> Operand | None:
    """The constant that a state is before the first frame; None where it is computed.

    It is [batch, *static] of so many axes, all rows alike, or what is repeated to be that; with a `way`
    directions come first.
    """
    constant = constant_behind(value)
    if constant is None:
        return None
    array = references.read(constant)
    if way is not None and array.ndim == rank + 1:
        array = array[way]
    if array.ndim == rank and rank:
        if np.any(array != array[:1]):
            cntk.node.refuse("its initial state is another one for each sample of the batch")
        array = array[0]
    return cntk.constant(array.copy())


def delayed(
    cntk: CNTK,
    delay: str,
    like: Operand,
    initial: Operand,
    shape: tuple[int, ...],
    count: int = 1,
) -> Operand:
    """A delay of what is made later, and given to it by `close`."""
    with cntk.scope.within(None):
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
