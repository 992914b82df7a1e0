"""Networks to the other framework and back, through files: the same layers, names and weights, bit for bit.

Every case of both corpora, and real models. What does not come back as it was is named, with the reason.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import SHARED, sampled

pytest.importorskip("onnxruntime")

from helpers.caffe import corpus
from helpers.mxnet.batch import mxnet_model
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks import caffe, mxnet
from mmdnn.frameworks.caffe import exporter as to_caffe
from mmdnn.frameworks.caffe import importer as from_caffe
from mmdnn.frameworks.caffe import reader as caffe_reader
from mmdnn.frameworks.caffe import writer as caffe_writer
from mmdnn.frameworks.caffe.graph import Filler, Network
from mmdnn.frameworks.mxnet import exporter as to_mxnet
from mmdnn.frameworks.mxnet import importer as from_mxnet
from mmdnn.frameworks.mxnet import reader as mxnet_reader
from mmdnn.frameworks.mxnet import writer as mxnet_writer
from mmdnn.frameworks.mxnet.graph import Model
from mmdnn.registry import Source
from mmdnn.tensors import references

CAFFE = sampled(sorted(path.parent.name for path in SHARED.glob("corpus/caffe/*/golden.npz")))
MXNET = sampled(sorted(path.parent.name for path in SHARED.glob("corpus/mxnet/*/golden.npz")))

CAFFE_MODELS = (
    "lenet_mnist",
    "mobilefacenet",
    "mtcnn_det1_PNet",
    "mtcnn_det3_ONet",
    "mxnet2caffe_residual",
    "ultraface_RFB320",
)
MXNET_MODELS = {
    "mobilefacenet_y1": (1, 3, 112, 112),
    "mtcnn_det1_PNet": (1, 3, 12, 12),
    "mtcnn_det3_ONet": (1, 3, 48, 48),
    "residual": (1, 3, 224, 224),
}

OTHER_LAYERS = {
    "crop_axis0": "MXNet crops pictures; the input of which the size alone is used is lost",
    "dummydata_net_input": "numbers that a layer fills in are a parameter in MXNet, and have its name",
    "dummydata_two": "the same",
    "eltwise_inplace_sum": "a sum in place loses its first bottom, so that is nobody's any more",
    "ip_axis0": "MXNet has no product of a vector",
    "names_duplicate_conv": "two layers of one name get two names",
    "pooling_max_mask": "MXNet's pooling does not tell where the maxima are",
    "silence_basic": "a Silence has no nodes, and its name is not kept",
    **dict.fromkeys(
        (
            *("lstm_cont_fraction", "lstm_cont_ones", "lstm_stacked", "lstm_static", "lstm_t1"),
            *("lstm_x4d", "net_lstm_caption", "rnn_basic", "rnn_expose", "rnn_static"),
        ),
        "MXNet has no layer that forgets where a sequence begins: it is spelled out",
    ),
}
"""Caffe's cases that come back with other layers, and why."""

BY_COLUMNS = {"syntax_bools"}
"""MXNet's dense layers store a row for each output."""

OTHER_OPERATORS = {
    "net_arcface_r": "Caffe has no L2Normalization: it is spelled out; an identity is nothing in Caffe",
    "net_crnn": "its loop is spelled out",
    "net_gluon_gru": "its loop is spelled out, and its parameters are no longer joined in the graph",
    "net_gluon_lstm": "the same",
    "net_lstm_lm": "Caffe's LSTM needs what MXNet's RNN joins; indices are held within the table by a layer",
    "net_norms_gluon": "Caffe has no InstanceNorm, LayerNorm and GroupNorm: they are spelled out",
    "net_textcnn": "indices are held within the table by a layer of their own",
    "net_unet": "Caffe has no UpSampling: it is a Deconvolution",
}
"""MXNet's networks that come back with other operators, and why."""

CAST_IN_THE_TABLE = {"red_norm_2axes", "red_norm_none"}
"""MXNet has no sum of squares: it is two operators."""


def layers(network: Network) -> list[tuple[str, str, list[str], list[str]]]:
    return [(layer.name, layer.type, layer.bottoms, layer.tops) for layer in network.layers]


def to_mxnet_and_back(network: Network, folder: Path) -> Network:
    files = mxnet_writer.write(to_mxnet.from_ir(from_caffe.to_ir(network)), folder / "net")
    between = from_mxnet.to_ir(mxnet_reader.read(Source(*files)))
    made = to_caffe.from_ir(between, fork="ssd")
    return caffe_reader.read(Source(*caffe_writer.write(made, folder / "back.prototxt")))


def to_caffe_and_back(model: Model, folder: Path) -> tuple[Model, int]:
    """The model, and the number of nodes that Caffe's layers are."""
    files = caffe_writer.write(to_caffe.from_ir(from_mxnet.to_ir(model)), folder / "net.prototxt")
    between = from_caffe.to_ir(caffe_reader.read(Source(*files)))
    paths = mxnet_writer.write(to_mxnet.from_ir(between), folder / "back")
    return mxnet_reader.read(Source(*paths)), len(list(between.graph))


def same_weights(before: Network, after: Network) -> None:
    """Bit for bit; but statistics that are sums come back divided by their count."""
    for one, other in zip(before.layers, after.layers, strict=True):
        if any(isinstance(blob, Filler) for blob in one.blobs):
            continue  # no file had them
        ours, theirs = (
            [references.read(blob) for blob in layer.blobs if not isinstance(blob, Filler)]
            for layer in (one, other)
        )
        if one.type == "BatchNorm" and one.phase == "TRAIN":
            continue  # statistics that are not used are lost
        if one.type == "BatchNorm":
            ours = statistics(ours)
        for wanted, found in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(found.reshape(wanted.shape), wanted, err_msg=one.name)


def statistics(blobs: list[np.ndarray]) -> list[np.ndarray]:
    if not blobs:
        return blobs
    factor = np.float32(1 / blobs[2][0]) if blobs[2][0] else np.float32(0)
    return [blobs[0] * factor, blobs[1] * factor, np.ones(1, np.float32)]


@pytest.mark.parametrize("case", CAFFE)
def test_caffe_comes_back_from_mxnet(case: str, tmp_path: Path) -> None:
    network = caffe_reader.read(corpus.source(SHARED / "corpus" / "caffe" / case))
    if case == "pooling_max_mask":
        with pytest.raises(UnsupportedError, match="where the maxima are"):
            to_mxnet_and_back(network, tmp_path)
        return
    back = to_mxnet_and_back(network, tmp_path)
    assert (layers(back) == layers(network)) is (case not in OTHER_LAYERS)
    if case not in OTHER_LAYERS and case not in BY_COLUMNS:
        assert back.inputs == network.inputs
        same_weights(network, back)


@pytest.mark.parametrize("name", CAFFE_MODELS)
def test_caffe_models_come_back_from_mxnet(shared: Path, name: str, tmp_path: Path) -> None:
    folder = shared / "models" / "caffe" / name
    files = [
        path for path in sorted(folder.iterdir()) if path.suffix in {".prototxt", ".caffemodel"}
    ]
    source = caffe.arrange(files)
    assert source is not None
    network = caffe_reader.read(source)
    back = to_mxnet_and_back(network, tmp_path)
    assert layers(back) == layers(network)
    same_weights(network, back)


def operators(model: Model) -> list[tuple[str, str]]:
    return sorted((node.type, node.name) for node in model.symbol.operators)


def same_parameters(before: Model, after: Model) -> None:
    """Bit for bit, but for gammas that MXNet has and does not use: they come back as the 1 they stand for."""
    unused = {
        node.inputs[1].node.name
        for node in before.symbol.operators
        if node.type == "BatchNorm" and node.param("fix_gamma")
    }
    read = {node.name for node in before.symbol.variables}
    assert after.params.keys() == before.params.keys() & read
    for name, tensor in after.params.items():
        found, wanted = references.read(tensor), references.read(before.params[name])
        wanted = np.ones_like(wanted) if name in unused else wanted
        np.testing.assert_array_equal(found, wanted, err_msg=name, strict=True)
    assert after.auxiliary == before.auxiliary & read


@pytest.mark.parametrize("case", MXNET)
def test_mxnet_comes_back_from_caffe_no_longer(case: str, tmp_path: Path) -> None:
    """No longer than it was, or than what it was in Caffe."""
    try:
        before = mxnet_model(SHARED / "corpus" / "mxnet" / case)
        after, nodes = to_caffe_and_back(before, tmp_path)
    except UnsupportedError:
        pytest.skip("Caffe has no means for it, or it is not read")
    spelled = nodes + (case in CAST_IN_THE_TABLE)
    assert len(after.symbol.operators) <= max(len(before.symbol.operators), spelled)
    if case.startswith("net_"):
        assert (operators(after) == operators(before)) is (case not in OTHER_OPERATORS)
        if case not in OTHER_OPERATORS:
            same_parameters(before, after)


@pytest.mark.parametrize("name", MXNET_MODELS)
def test_mxnet_models_come_back_from_caffe(shared: Path, name: str, tmp_path: Path) -> None:
    source = mxnet.arrange(sorted((shared / "models" / "mxnet" / name).iterdir()))
    assert source is not None
    shapes = {"data": MXNET_MODELS[name]}
    before = mxnet_reader.read(replace(source, input_shapes=shapes))
    after, _ = to_caffe_and_back(before, tmp_path)
    assert operators(after) == operators(before)
    same_parameters(before, after)
