"""Which layers may go without stored weights, and weights as forks store them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.caffe.one_layer import blobs, evaluate, normal, run
from mmdnn.errors import FormatError, UnsupportedError, UsageError
from mmdnn.frameworks.caffe import graph, importer, reader
from mmdnn.ir import notes
from mmdnn.registry import Source

DATA = 'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 2 dim: 3 } } }'
W = normal(2, 3)


def _dense(name: str, more: str = "") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "d" top: "{name}"'
        f" inner_product_param {{ num_output: 2 bias_term: false {more} }} }}"
    )


def _files(folder: Path, text: str, weights: dict[str, list[np.ndarray]] | None) -> Source:
    network = folder / "net.prototxt"
    network.write_text(text)
    if weights is None:
        return Source(network)
    saved = graph.message("NetParameter")
    for name, arrays in weights.items():
        layer = saved.layer.add(name=name)
        for array in arrays:
            blob = layer.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(array.ravel())
    path = folder / "net.caffemodel"
    path.write_bytes(saved.SerializeToString())
    return Source(network, path)


@pytest.mark.parametrize("filler", ["", "xavier", "constant"])
def test_a_renamed_layer_is_refused(tmp_path, filler):
    said = f'weight_filler {{ type: "{filler}" value: 2 }}' if filler else ""
    source = _files(tmp_path, DATA + _dense("fc1001", said), {"fc1000": [W]})
    with pytest.raises(UsageError, match=r"weights for layer fc1001 \(it has fc1000\); no") as info:
        importer.to_ir(reader.read(source))
    assert info.value.file == source.weights


@pytest.mark.parametrize("said", ["", 'weight_filler { type: "gaussian" }'])
def test_every_layer_without_weights_is_named(tmp_path, said):
    text = DATA + _dense("a") + _dense("b", said) + _dense("c", said)
    with pytest.raises(UsageError, match="for 2 layers: b, c"):
        importer.to_ir(reader.read(_files(tmp_path, text, {"a": [W]})))
    only = Source(*_files(tmp_path, text, {"a": [W]}).files, outputs=("a",))
    assert importer.to_ir(reader.read(only)).graph.outputs[0].name == "a"


def test_constants_that_the_file_says_are_kept_and_told(tmp_path):
    text = DATA + _dense("a") + _dense("b", 'weight_filler { type: "constant" value: 2 }')
    model = importer.to_ir(reader.read(_files(tmp_path, text, {"a": [W]})))
    assert "no weights for b" in notes.of(model)[0]
    made = evaluate(model, {"d": np.ones((2, 3), np.float32)})
    np.testing.assert_array_equal(made["b"], np.full((2, 2), 6.0))


def test_layers_of_the_file_that_nobody_uses_are_told(tmp_path):
    source = _files(tmp_path, DATA + _dense("a"), {"a": [W], "loss": [W], "none": []})
    assert notes.of(importer.to_ir(reader.read(source))) == (
        "net.caffemodel: no layer uses what it holds for loss.",
    )


def test_without_a_caffemodel_fillers_are_told(tmp_path):
    model = importer.to_ir(reader.read(_files(tmp_path, DATA + _dense("a"), None)))
    assert notes.of(model) == ("The weights of a are fillers: no caffemodel is given.",)


def _raw(folder: Path, kind: int | None, numbers: bytes) -> Source:
    """A caffemodel of NVIDIA Caffe: fields 12 (bytes) and 10 (their type) of BlobProto."""
    blob = b"\x3a\x04\x0a\x02\x02\x03" + (b"" if kind is None else bytes([0x50, kind]))
    blob += b"\x62" + bytes([len(numbers)]) + numbers
    layer = b"\x0a\x01a\x3a" + bytes([len(blob)]) + blob
    source = _files(folder, DATA + _dense("a"), {})
    path = folder / "net.caffemodel"
    path.write_bytes(b"\xa2\x06" + bytes([len(layer)]) + layer)
    return Source(source.network, path)


@pytest.mark.parametrize(("kind", "dtype"), [(0, "<f8"), (1, "<f4"), (2, "<f2"), (None, "<f4")])
def test_raw_data(tmp_path, kind, dtype):
    model = importer.to_ir(reader.read(_raw(tmp_path, kind, W.astype(dtype).tobytes())))
    x = normal(2, 3)
    made = evaluate(model, {"d": x})["a"]
    np.testing.assert_allclose(made, x @ W.astype(dtype).astype(np.float32).T, rtol=1e-5, atol=1e-6)


def test_raw_integers_are_refused(tmp_path):
    with pytest.raises(FormatError, match="type 3"):
        reader.read(_raw(tmp_path, 3, W.astype("<i4").tobytes()))


@pytest.mark.parametrize("first", [0, 3])
def test_batch_norm_with_scale_and_bias(first):
    """NVIDIA Caffe's five blobs, as of 0.16 and as of 0.15."""
    mean, var, scale, bias = normal(3), normal(3) ** 2 + 0.1, normal(3), normal(3)
    stored = [mean, var, np.array([2.0]), scale, bias]
    stored = stored if not first else [scale, bias, mean, var, np.array([2.0])]
    param = 'batch_norm_param { scale_filler { type: "constant" value: 1 } }'
    text = 'layer { name: "b" type: "BatchNorm" bottom: "x" top: "y" param { lr_mult: 1 } '
    x = normal(2, 3, 4, 5)
    y = run(text + param + blobs(*stored) + "}", {"x": x})["y"]
    column = (1, 3, 1, 1)
    norm = (x - mean.reshape(column) / 2) / np.sqrt(var.reshape(column) / 2 + 1e-5)
    wanted = norm * scale.reshape(column) + bias.reshape(column)
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)


def test_batch_norm_that_lacks_its_scale_is_refused():
    stored = blobs(normal(3), normal(3) ** 2, np.array([1.0]))
    text = f'layer {{ name: "b" type: "BatchNorm" bottom: "x" top: "y" {stored} batch_norm_param '
    with pytest.raises(UnsupportedError, match="scale and bias of its own, and 3"):
        run(text + "{ scale_bias: true } }", {"x": normal(2, 3, 4, 5)})


def test_segnets_batch_norm_by_its_fillers():
    param = (
        'bn_param { scale_filler { type: "constant" value: 3 }'
        ' shift_filler { type: "constant" value: 0.5 } bn_mode: INFERENCE }'
    )
    x = normal(2, 3, 4, 5)
    y = run(f'layer {{ name: "b" type: "BN" bottom: "x" top: "y" {param} }}', {"x": x})["y"]
    np.testing.assert_allclose(y, 3 * x + 0.5, rtol=1e-6)


@pytest.mark.parametrize(("mode", "width"), [("ceil_mode: true", 4), ("ceil_mode: false", 3)])
def test_ceil_mode(mode, width):
    pool = f"pooling_param {{ pool: MAX kernel_size: 2 stride: 2 {mode} }}"
    text = f'layer {{ name: "p" type: "Pooling" bottom: "x" top: "y" {pool} }}'
    x = normal(1, 2, 7, 7)
    y = run(text, {"x": x})["y"]
    padded = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=-np.inf)
    wanted = padded.reshape(1, 2, 4, 2, 4, 2).max((3, 5))[..., :width, :width]
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("behind", ["", "c"])
def test_layers_in_place_on_an_input(behind):
    text = (
        'layer { name: "a" type: "ReLU" bottom: "x" top: "x" }'
        'layer { name: "b" type: "Sigmoid" bottom: "x" top: "x" }'
        'layer { name: "c" type: "TanH" bottom: "x" top: "x" }'
    )
    text += 'layer { name: "y" type: "AbsVal" bottom: "x" top: "y" }' if behind else ""
    x = normal(2, 3)
    (y,) = run(text, {"x": x}).values()
    np.testing.assert_allclose(y, np.tanh(1 / (1 + np.exp(-np.maximum(x, 0)))), rtol=1e-5)
