"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Relu", doc=f"{API}/cntk.ops#relu")
    def relu(node, cntk, x):
        return cntk.ReLU(x)

A function gets the node, the `cntk` it writes with, an `Operand` for each input (None for one left out),
and the node's attributes by name (see `mmdnn.ir.exporting`). It returns the `Operand` of its output, or
one for each output.

CNTK has floats only: an integer or a truth value is a float here, exact to 2^24.
"""

from __future__ import annotations

from mmdnn.ir.exporting import Exporter

API = "https://docs.microsoft.com/python/api/cntk"

exporter = Exporter("CNTK")
"""Registers a function `(node, cntk, *operands, **attributes) -> operand or operands`."""
