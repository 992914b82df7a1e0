"""Inputs of recurrent nodes that say nothing: lengths that are all steps, and peepholes of zeros."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.ir.values import is_zero, numbers

LENGTHS, PEEPHOLES = 4, 7
"""Places among the inputs."""


def drop_idle_inputs(node: ir.Node) -> None:
    """Leave out what an LSTM, GRU or RNN, which is changed, computes the same without."""
    given = [*node.inputs, *[None] * 8][:8]
    if _are_all_steps(node, given[0], given[LENGTHS]):
        node.replace_input_with(LENGTHS, None)
    if is_zero(given[PEEPHOLES]):
        node.replace_input_with(PEEPHOLES, None)


def _are_all_steps(node: ir.Node, x: ir.Value | None, lengths: ir.Value | None) -> bool:
    known = numbers(lengths)
    if known is None or x is None or x.shape is None or len(x.shape) != 3:
        return False
    steps = x.shape[1 if node.attributes.get_int("layout") else 0]
    return isinstance(steps, int) and bool((known == steps).all())
