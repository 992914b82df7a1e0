"""Models with local functions are written and read again."""

from __future__ import annotations

from pathlib import Path

import mmdnn
from mmdnn.ir.builder import Builder


def test_a_model_with_a_local_function_comes_back(tmp_path: Path) -> None:
    builder = Builder("mmdnn.test", "net")
    x = builder.input("x", ("batch", 3))
    with builder.layer("twice", "Twice"):
        (y,) = builder.function("Twice", [x], {"times": 2}, lambda op, value: op.Mul(value, 2.0))
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    mmdnn.save(builder.model(), tmp_path / "net.onnx")
    model = mmdnn.load(tmp_path / "net.onnx")
    assert [node.op_type for node in model.graph] == ["Twice"]
    result = mmdnn.convert(tmp_path / "net.onnx", tmp_path / "again.onnx")
    assert result.report is not None
    assert result.report.ok
    assert "y" in [layer.value for layer in result.report.layers]
