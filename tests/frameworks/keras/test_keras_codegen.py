"""Source code for Keras: as a person would write it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("h5py")

from helpers.graphs import model as parsed
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.keras import codegen, exporter, writer


def source(text: str) -> str:
    made = codegen.source(exporter.from_ir(parsed(text)))
    ast.parse(made)
    return made


def body(text: str) -> list[str]:
    lines = source(f"g {text}").split('weights not set."""\n')[1].splitlines()
    return [line.strip() for line in lines if line.strip()]


def test_layers_in_a_row() -> None:
    assert body("""(float[batch,3,8,8] x) => (y) {
        a = MaxPool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> (x)
        b = Relu(a)  c = GlobalAveragePool(b)  y = Flatten(c)
    }""") == [
        'x = layers.Input((8, 8, 3), name="x")',
        'h = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=float("-inf"))',
        'h = layers.MaxPooling2D(3, strides=2, name="a")(h)',
        'h = layers.ReLU(name="b")(h)',
        'h = layers.GlobalAveragePooling2D(keepdims=True, name="c")(h)',
        'h = layers.Flatten(name="y")(h)',
        'return keras.Model(x, h, name="g")',
    ]  # fmt: skip


def test_operations_within_expressions() -> None:
    lines = body("""(float[2,3] x) => (y) {
        two = Constant <value_float = 2.0> ()
        a = Mul(x, two)  b = Sin(a)  c = Add(b, x)  y = Softmax(c)
    }""")
    assert 'h = layers.Add(name="c")([ops.sin(x * 2.0), x])' in lines


def test_slices_and_several_outputs() -> None:
    lines = body("""(float[2,6] x) => (a, c) {
        a, b = Split <axis = 1, num_outputs = 2> (x)
        n = Constant <value_ints = [1]> ()  e = Constant <value_ints = [9]> ()
        c = Slice(b, n, e, n)
    }""")
    assert any(line.endswith("= ops.split(x, (3,), axis=1)") for line in lines)
    assert any("[:, 1:9]" in line for line in lines)


def test_arrays_are_numpy_s() -> None:
    text = source("""g (float[2,3] x) => (y) {
        w = Constant <value = float[3] {1.0, 2.0, 0.5}> ()  a = Mul(x, w)  y = Relu(a)
    }""")
    assert "import numpy as np" in text
    assert 'np.array([1.0, 2.0, 0.5], "float32")' in text


def test_what_is_too_large_for_source_is_told() -> None:
    numbers = ", ".join(str(i) for i in range(5000))
    constant = f"w = Constant <value = float[5000] {{{numbers}}}> ()"
    text = f"g (float[2,5000] x) => (y) {{ {constant} y = Mul(x, w) }}"
    with pytest.raises(UnsupportedError, match="source code"):
        source(text)


def test_weights_stand_beside_the_source(tmp_path: Path) -> None:
    native = exporter.from_ir(parsed("g (float[2,3] x) => (y) { y = Relu(x) }"))
    written = writer.write(native, tmp_path / "net.py")
    assert [path.name for path in written] == ["net.py", "net.weights.h5"]
    assert 'def load(weights="net.weights.h5"):' in written[0].read_text()


def test_what_repeats_is_a_function() -> None:
    before = parsed("""g (float[batch,3,4,4] x, float[3,3,1,1] w) => (c_relu) {
        a_conv = Conv(x, w)       a_relu = Relu(a_conv)
        b_conv = Conv(a_relu, w)  b_relu = Relu(b_conv)
        c_conv = Conv(b_relu, w)  c_relu = Relu(c_conv)
    }""")
    value = before.graph.inputs.pop()
    value.const_value = ir.tensor(np.ones((3, 3, 1, 1), np.float32), name=value.name)
    before.graph.register_initializer(value)
    text = codegen.source(exporter.from_ir(before))
    assert "def conv_relu(x, name):" in text
    assert 'h = conv_relu(h, "b_")' in text
    assert 'name=name + "conv"' in text
