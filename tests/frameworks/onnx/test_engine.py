"""onnxruntime returns every value, of every type it knows."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import Error, MissingExtraError, ShapeError
from mmdnn.frameworks.onnx import engine
from mmdnn.ir.builder import Builder


def model() -> ir.Model:
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("N", 4))
    y = builder.op.MatMul(x, builder.weight("w", ir.tensor(np.eye(4, 400, dtype=np.float32))))
    builder.rename(y, "product")
    short = builder.op.Cast(y, to=int(ir.DataType.BFLOAT16))
    builder.rename(short, "short")
    words = builder.op.SequenceConstruct(y)
    length = builder.op.SequenceLength(words)
    builder.rename(length, "length")
    builder.graph.outputs.append(length)
    return builder.model()


def test_every_value() -> None:
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    found = engine.run(model(), {"x": x, "unknown": x})
    assert found.keys() == {"x", "product", "short", "length"}
    np.testing.assert_array_equal(found["product"][:, :4], x)
    assert found["short"].dtype == ir.DataType.BFLOAT16.numpy()
    np.testing.assert_array_equal(found["short"][:, :4].astype(np.float32), x)
    assert found["length"] == 1


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises((ShapeError, Error), match="onnxruntime"):
        engine.run(model(), {"x": np.zeros((2, 5), np.float32)})
    with pytest.raises(Error, match="onnxruntime"):
        engine.run(model(), {})


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ModuleNotFoundError(name=name)
        return original(name, *args, **kwargs)

    engine.runtime.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"mmdnn\[verify\]"):
        engine.run(model(), {})


def test_onnxruntime_reports_to_nobody(monkeypatch):
    import onnxruntime

    called = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: called.append(1))
    engine.runtime.cache_clear()
    assert engine.runtime() is onnxruntime
    assert called
    engine.runtime.cache_clear()
