"""Every case of the corpus to Caffe again: the same layers and weights, and what Caffe computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers import SHARED, sampled

pytest.importorskip("onnxruntime")

from helpers.caffe import corpus
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.caffe import importer, reader, writer
from mmdnn.frameworks.caffe.exporter import from_ir
from mmdnn.frameworks.caffe.graph import Network
from mmdnn.registry import Source
from mmdnn.tensors import references

FOLDER = SHARED / "corpus" / "caffe"
CASES = sampled(sorted(path.parent.name for path in FOLDER.glob("*/golden.npz")))

OTHERWISE = {
    "eltwise_inplace_sum": "a sum in place loses its first bottom, so that is nobody's any more",
    "names_duplicate_conv": "two layers of one name get two names",
    "silence_basic": "a Silence has no nodes, and its name is not kept",
}
"""Cases that come back with other layers, and why."""

WITHOUT_LAYERS = {
    "argmax_axis1_topk": "TopK",
    "argmax_maxval": "TopK",
    "argmax_topk": "TopK",
    "ip_axis0": r"a product of \[24\]",
    "loss_contrastive": "Where",
    "loss_multinomial": "GatherElements",
    "loss_softmax_accuracy": "GatherElements",
    "pooling_max_mask": "Mod",
}
"""Cases that are refused where nodes do not say which layer they are of, and why."""


def round_trip(network: Network, folder: Path, feeds: corpus.Arrays) -> Network:
    """The network by way of the IR and of Caffe's files, its inputs sized as before."""
    paths = writer.write(from_ir(importer.to_ir(network)), folder / "net.prototxt")
    return read_back(paths, feeds)


def read_back(paths: list[Path], feeds: corpus.Arrays) -> Network:
    shapes = {name: array.shape for name, array in feeds.items()}
    return reader.read(replace(Source(*paths), input_shapes=shapes))


def layers(network: Network) -> list[tuple[str, str, list[str], list[str]]]:
    return [(layer.name, layer.type, layer.bottoms, layer.tops) for layer in network.layers]


@pytest.mark.parametrize("case", CASES)
def test_comes_back(shared: Path, tmp_path: Path, case: str) -> None:
    folder = shared / "corpus" / "caffe" / case
    feeds, blobs, outputs = corpus.golden(folder)
    network = reader.read(corpus.source(folder))
    back = round_trip(network, tmp_path, feeds)
    model = importer.to_ir(back)
    found = corpus.by_blob(model, corpus.run(model, feeds), feeds)
    if case != "eltwise_inplace_sum":
        assert list(corpus.differences(blobs, found)) == []
    assert [corpus.blob_of(value, blobs) for value in model.graph.outputs] == outputs
    assert (layers(back) == layers(network)) is (case not in OTHERWISE)
    if case not in OTHERWISE:
        assert content(model) == content(importer.to_ir(read_again(network, feeds)))


def read_again(network: Network, feeds: corpus.Arrays) -> Network:
    shapes = {name: array.shape for name, array in feeds.items()}
    return reader.read(replace(network.files, input_shapes=shapes))


def content(model: ir.Model) -> list[object]:
    """Nodes with their attributes, and weights with their bits: what must come back."""
    weights = {
        value.name: np.ascontiguousarray(references.read(value.const_value)).tobytes()
        for value in model.graph.initializers.values()
        if value.const_value is not None
    }
    nodes = [
        (
            node.op_type.rstrip("_0123456789"),
            [value.name if value is not None else None for value in node.inputs],
            [value.name for value in node.outputs],
            {name: str(attribute.value) for name, attribute in node.attributes.items()},
        )
        for node in model.graph
    ]
    return [*nodes, weights]


@pytest.mark.parametrize("case", CASES)
def test_operator_by_operator(shared: Path, tmp_path: Path, case: str) -> None:
    """The same where no node says which layer it is of, as in models of elsewhere."""
    folder = shared / "corpus" / "caffe" / case
    feeds, blobs, _ = corpus.golden(folder)
    model = corpus.convert(corpus.source(folder))
    for node in model.graph:
        node.metadata_props.clear()
    if case in WITHOUT_LAYERS:
        with pytest.raises(UnsupportedError, match=WITHOUT_LAYERS[case]):
            from_ir(model)
        return
    wanted = {name: array for name, array in blobs.items() if is_computed(model, name)}
    again = importer.to_ir(read_back(writer.write(from_ir(model), tmp_path / "n.prototxt"), feeds))
    found = corpus.by_blob(again, corpus.run(again, feeds), feeds)
    missing = {name for name in wanted if name not in found}
    outputs = {value.name for value in model.graph.outputs}
    assert not missing & outputs
    kept = {name: array for name, array in wanted.items() if name in found}
    assert list(corpus.differences(kept, found)) == []


def is_computed(model: ir.Model, blob: str) -> bool:
    """Whether a blob depends on an input: constants are no blobs in every network."""
    for node in model.graph:
        if blob in {value.name for value in node.outputs}:
            return any(value is not None and value.const_value is None for value in node.inputs)
    return False
