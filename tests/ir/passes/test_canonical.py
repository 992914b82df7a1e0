"""The canonical form: what is known is an initializer, and an output keeps its name."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder
from mmdnn.ir.passes.canonical import canonical


def test_a_known_output_stays_known_however_often_it_is_looked_at() -> None:
    """`keep` makes rounds of expansion, each of which folds the whole graph."""
    builder = Builder("test")
    x = builder.input("x", [2, 3])
    length = builder.op.Shape(x)
    builder.rename(length, "length")
    gelu = builder.op.Gelu(x)
    builder.graph.outputs.extend([length, gelu])
    found = canonical(builder.model(), keep={"Identity", "Mul", "Add", "Div", "Erf", "Sqrt"})
    assert found.graph.outputs[0].name == "length"
    known = found.graph.outputs[0].producer()
    assert known is not None
    assert known.op_type == "Identity"
    assert isinstance(known.inputs[0], ir.Value)
    assert known.inputs[0].const_value is not None
    np.testing.assert_array_equal(known.inputs[0].const_value.numpy(), [2, 3])
