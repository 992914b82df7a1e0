# ruff: noqa: E501 - a case of ONNX's text is a line
"""What is written for Keras: its layers, and, read back, the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("h5py")
pytest.importorskip("onnxruntime")

from helpers.graphs import model as parsed
from helpers.graphs import outputs
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.keras import arrange, exporter, importer, reader, writer
from mmdnn.frameworks.keras.graph import Model
from mmdnn.ir import layout

RNG = np.random.default_rng(0)


def written(text: str) -> Model:
    return exporter.from_ir(parsed(text))


def types(of: Model) -> list[str]:
    return [layer.type for layer in of.network.layers if layer.type != "InputLayer"]


def feeds(of: ir.Model) -> dict[str, np.ndarray]:
    found = {}
    for value in of.graph.inputs:
        shape = [d if isinstance(d, int) else 2 for d in value.shape or ()]
        kind = (value.dtype or ir.DataType.FLOAT).numpy()
        numbers = RNG.standard_normal(shape) if kind.kind == "f" else RNG.integers(0, 2, shape)
        found[str(value.name)] = numbers.astype(kind)
    return found


def read_back(native: Model, target: Path) -> ir.Model:
    writer.write(native, target)
    source = arrange([target])
    assert source is not None
    return importer.to_ir(reader.read(source))


def by_keras(native: Model, back: ir.Model, given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs of what was read back, for feeds of the model that was written."""
    own = {theirs: ours for ours, theirs in native.values.items()}
    before, behind = native.arrangements, layout.arrangements(back)
    fed = {}
    for name, x in given.items():
        there = before[name].here(x) if name in before else x
        key = own[name]
        fed[key] = behind[key].here(there) if key in behind else there
    found = zip(native.network.outputs, back.graph.outputs, outputs(back, fed), strict=True)
    result = []
    for tensor, value, y in found:
        there = behind[str(value.name)].source(y) if value.name in behind else y
        key = tensor.layer.name if not tensor.output else f"{tensor.layer.name}.{tensor.output}"
        name = native.values[key]
        result.append(before[name].source(there) if name in before else there)
    return result


CASES = {
    "conv": "(float[batch,3,9,9] x, float[4,3,3,3] w) => (y) { y = Conv <pads = [1,1,1,1]> (x, w) }",
    "conv, pads of its own": "(float[2,3,9,9] x, float[4,3,3,3] w) => (y) { y = Conv <pads = [2,0,1,1], strides = [2,2]> (x, w) }",
    "depthwise": "(float[2,4,6,6] x, float[8,1,3,3] w) => (y) { y = Conv <group = 4> (x, w) }",
    "groups": "(float[2,4,6,6] x, float[6,2,3,3] w) => (y) { y = Conv <group = 2> (x, w) }",
    "spread": "(float[2,2,9,9] x, float[3,2,3,3] w) => (y) { y = Conv <strides = [2,2], dilations = [2,2]> (x, w) }",
    "conv1d": "(float[2,3,9] x, float[4,3,3] w) => (y) { y = Conv (x, w) }",
    "transposed": "(float[2,3,5,5] x, float[3,4,3,3] w, float[4] b) => (y) { y = ConvTranspose <strides = [2,2], pads = [1,1,1,1], output_padding = [1,1]> (x, w, b) }",
    "transposed, short": "(float[2,3,5,5] x, float[3,4,2,2] w) => (y) { y = ConvTranspose <strides = [3,3]> (x, w) }",
    "max pool": "(float[2,3,7,7] x) => (y) { y = MaxPool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> (x) }",
    "max pool, ceil": "(float[2,3,8,8] x) => (y) { y = MaxPool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> (x) }",
    "average": "(float[2,3,7,7] x) => (y) { y = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1], strides = [2,2]> (x) }",
    "average, odd": "(float[2,3,8,8] x) => (y) { y = AveragePool <kernel_shape = [3,3], pads = [1,0,1,1], strides = [2,2]> (x) }",
    "average, counted": "(float[2,3,7,7] x) => (y) { y = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1], count_include_pad = 1> (x) }",
    "global": "(float[2,3,7,7] x) => (y) { y = GlobalAveragePool (x) }",
    "lrn": "(float[2,6,3,3] x) => (y) { y = LRN <size = 5, alpha = 0.2> (x) }",
    "flatten and dense": "(float[2,3,4,4] x, float[48,5] w) => (y) { f = Flatten(x) r = Relu(f) y = MatMul(r, w) }",
    "softmax of channels": "(float[2,3,4,4] x) => (y) { p = MaxPool <kernel_shape = [2,2]> (x) y = Softmax <axis = 1> (p) }",
    "resize": "(float[2,3,4,4] x) => (y) { r = Constant <value_floats = [1.0, 1.0, 2.0, 2.0]> () e = Constant <value_floats = [1.0]> () y = Resize <mode = \"linear\"> (x, , r) }",
    "depth to space": "(float[2,8,3,3] x) => (y) { y = DepthToSpace <blocksize = 2, mode = \"CRD\"> (x) }",
    "lstm": "(float[5,2,3] x, float[1,16,3] w, float[1,16,4] r, float[1,32] b) => (y, h, c) { y, h, c = LSTM <hidden_size = 4> (x, w, r, b) }",
    "gru both ways": "(float[5,2,3] x, float[2,12,3] w, float[2,12,4] r, float[2,24] b) => (y, h) { y, h = GRU <hidden_size = 4, direction = \"bidirectional\", linear_before_reset = 1> (x, w, r, b) }",
    "split, slice, gather": "(float[2,6,4] x) => (a, b, s) { a, b = Split <axis = 1, num_outputs = 2> (x) n = Constant <value_ints = [1]> () e = Constant <value_ints = [-1]> () t = Constant <value_ints = [2]> () s = Slice(x, n, e, t) }",
    "top": "(float[2,6,4] x) => (v, i) { k = Constant <value_ints = [2]> () v, i = TopK <axis = 1> (x, k) }",
    "integers": "(int64[2,3] x) => (y) { two = Constant <value_int = 2> () y = Div(x, two) }",
    "where": "(float[2,3] x) => (y) { z = Constant <value_float = 0.0> () m = Less(x, z) n = Neg(x) y = Where(m, n, x) }",
    "reductions": "(float[2,3,4] x) => (a, b, c) { n = Constant <value_ints = [1]> () a = ReduceL2(x, n) b = ReduceLogSumExp(x, n) c = ArgMax <axis = 2, keepdims = 0> (x) }",
    "lengths": "(float[2,3] x) => (y) { n = Constant <value_ints = [1]> () y = CumSum <exclusive = 1, reverse = 1> (x, n) }",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_read_back_it_computes_the_same(name: str, tmp_path: Path) -> None:
    before = parsed(f"g {CASES[name]}")
    given = feeds(before)
    weights = [v for v in before.graph.inputs if v.name in {"w", "r", "b"}]
    for value in weights:
        before.graph.inputs.remove(value)
        value.const_value = ir.tensor(given.pop(str(value.name)), name=value.name)
        before.graph.register_initializer(value)
    native = exporter.from_ir(before)
    back = read_back(native, tmp_path / "net.keras")
    wanted = outputs(before, given)
    for was, now in zip(wanted, by_keras(native, back, given), strict=True):
        np.testing.assert_allclose(now, was, rtol=1e-4, atol=1e-5, strict=True)


def test_a_network_has_no_permutations() -> None:
    native = written("""g (float[batch,3,8,8] x) => (y) {
        a = MaxPool <kernel_shape = [3,3], pads = [1,1,1,1]> (x)
        b = Relu(a)  c = Concat <axis = 1> (a, b)  d = GlobalAveragePool(c)  y = Flatten(d)
    }""")
    assert types(native) == [
        "MaxPooling2D",
        "ReLU",
        "Concatenate",
        "GlobalAveragePooling2D",
        "Flatten",
    ]
    assert native.network.inputs[0].layer.config["batch_shape"] == [None, 8, 8, 3]


def test_inputs_that_are_kept() -> None:
    text = "g (float[1,3,8,8] x) => (y) { y = MaxPool <kernel_shape = [2,2]> (x) }"
    native = exporter.from_ir(parsed(text), keep_layout="yes")
    assert types(native) == ["Permute", "MaxPooling2D", "Permute"]


def test_names_that_keras_does_not_take() -> None:
    before = parsed("g (float[2,3] x) => (y) { a = Relu(x) y = Neg(a) }")
    before.graph[0].outputs[0].name = "a/b"
    native = exporter.from_ir(before)
    assert [layer.name for layer in native.network.layers] == ["x", "a_b", "y"]
    assert native.values == {"x": "x", "a_b": "a/b", "y": "y"}


def test_what_h5_cannot_hold_is_told_at_once(tmp_path: Path) -> None:
    native = written("g (float[2,3] x) => (y) { a = Sin(x) b = Cos(a) y = Relu(b) }")
    with pytest.raises(UnsupportedError, match=r"(?s)Sin.*\.keras"):
        writer.write(native, tmp_path / "net.h5")


def test_an_h5_of_layers(tmp_path: Path) -> None:
    text = "g (float[2,3,6,6] x) => (y) { a = MaxPool <kernel_shape = [2,2]> (x) y = Relu(a) }"
    before, native = parsed(text), written(text)
    back = read_back(native, tmp_path / "net.h5")
    given = feeds(before)
    np.testing.assert_array_equal(by_keras(native, back, given)[0], outputs(before, given)[0])


def test_files_of_one_network_are_equal(tmp_path: Path) -> None:
    text = "g (float[2,3] x) => (y) { y = Relu(x) }"
    for name in ("a", "b"):
        writer.write(written(text), tmp_path / f"{name}.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_what_is_refused_names_its_layer() -> None:
    with pytest.raises(UnsupportedError, match="NonZero"):
        written("g (float[2,3] x) => (y) { y = NonZero(x) }")
