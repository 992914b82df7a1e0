"""`import mmdnn` first, and onnx_ir comes without sympy but still calculates with it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import mmdnn
import onnx_ir as ir

def loaded():
    return "sympy.core" in sys.modules

value = ir.val("x", dtype=ir.DataType.FLOAT, shape=ir.Shape(["N", 3]))
ir.serde.deserialize_value_info_proto(ir.serde.serialize_value(value), None)
assert not loaded()
dim = value.shape[0]
assert str(dim * 2 + 1) == "2*N + 1"
assert loaded()
import sympy
assert sympy.Symbol("x") - sympy.Symbol("x") == 0
"""


def test_sympy_waits_until_it_is_needed() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], check=True)
