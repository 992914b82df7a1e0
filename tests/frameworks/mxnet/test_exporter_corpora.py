"""Whole networks as MXNet: those of Caffe, and MXNet's own there and back.

Files and generated source run in MXNet 1.9.1, and meet what Caffe, or MXNet, computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.caffe import corpus
from helpers.mxnet.batch import Batch, difference, mxnet_model
from helpers.mxnet.corpus import golden
from mmdnn.errors import Error, UnsupportedError
from mmdnn.frameworks.mxnet import exporter, importer
from mmdnn.frameworks.mxnet.graph import Model
from mmdnn.tensors import references

CAFFE_REFUSED = {"pooling_max_mask"}
"""MXNet's pooling does not tell where the maxima are."""

MXNET_REFUSED = {"broadcast_like_axes"}
NOT_BOUND = {"boolean_mask"}
"""The shape of its output depends on its input's numbers, which a bound symbol cannot have."""

SHORTER = {"net_gluon_gru", "net_gluon_lstm"}
"""Their parameters were joined in the graph: that is done once, and not again and again."""

LONGER = {
    "net_bert": "an embedding's positions are added in their own shape",
    "net_norms_gluon": "its group normalisation is spelled out",
}


def folders(root: Path) -> Iterator[Path]:
    return (folder for folder in sorted(root.iterdir()) if (folder / "golden.npz").exists())


def test_caffe_networks_in_mxnet(shared: Path, tmp_path: Path) -> None:
    batch, wanted, refused = Batch(tmp_path), {}, set()
    for folder in folders(shared / "corpus" / "caffe"):
        files = corpus.source(folder)
        try:
            model = corpus.convert(files)
        except Error:
            continue
        feeds, blobs, _ = corpus.golden(folder)
        try:
            batch.add(folder.name, model, feeds)
        except UnsupportedError:
            refused.add(folder.name)
            continue
        names = [str(value.name) for value in model.graph.outputs]
        wanted[folder.name] = [blobs[name.rpartition("@")[0] or name] for name in names]
    found = batch.run(train=True)
    wrong = {name: difference(found[name], wanted[name]) for name in wanted}
    assert {name: why for name, why in wrong.items() if why} == {}
    assert refused == CAFFE_REFUSED
    assert len(wanted) > 200


def test_mxnet_networks_there_and_back(shared: Path, tmp_path: Path) -> None:
    batch, wanted, refused = Batch(tmp_path), {}, set()
    for folder in folders(shared / "corpus" / "mxnet"):
        try:
            model = importer.to_ir(mxnet_model(folder))
        except UnsupportedError:
            continue
        try:
            batch.add(folder.name, model, golden(folder).inputs)
        except UnsupportedError:
            refused.add(folder.name)
            continue
        wanted[folder.name] = golden(folder).outputs
    found = batch.run()
    wrong = {name: difference(found[name], wanted[name]) for name in wanted.keys() - NOT_BOUND}
    assert {name: why for name, why in wrong.items() if why} == {}
    assert refused <= MXNET_REFUSED
    assert len(wanted) > 300


def test_a_network_comes_back_as_it_was(shared: Path) -> None:
    """The same layers, names and weights, bit for bit, and not one more."""
    seen = 0
    for folder in folders(shared / "corpus" / "mxnet"):
        if not folder.name.startswith("net_") or folder.name in SHORTER:
            continue
        before = mxnet_model(folder)
        after = exporter.from_ir(importer.to_ir(before))
        if folder.name not in LONGER:
            assert len(after.symbol.operators) <= len(before.symbol.operators), folder.name
        layers = {node.name for node in before.symbol.operators}
        lost = layers - {node.name for node in after.symbol.operators}
        assert len(lost) <= len(layers) / 4, (folder.name, lost)
        _check_weights(before, after)
        seen += 1
    assert seen > 15


def test_operators_come_back_as_they_were(shared: Path) -> None:
    """With every parameter that the file says, in most of the corpus."""
    same = [folder.name for folder in folders(shared / "corpus" / "mxnet") if _is_same(folder)]
    assert len(same) > 300


def _is_same(folder: Path) -> bool:
    before = mxnet_model(folder)
    try:
        after = exporter.from_ir(importer.to_ir(before))
    except UnsupportedError:
        return False
    mine, theirs = (
        [(node.op, node.name, node.params) for node in model.symbol.operators]
        for model in (before, after)
    )
    return mine == theirs


def _check_weights(before: Model, after: Model) -> None:
    gammas = {
        node.inputs[1].node.name
        for node in before.symbol.operators
        if node.type == "BatchNorm" and node.param("fix_gamma")
    }
    for name, tensor in after.params.items():
        if name in before.params and name not in gammas:
            ours, theirs = references.read(tensor), references.read(before.params[name])
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.parametrize(
    "name", ["net_lenet", "net_inception", "net_squeezenet", "net_resnet_v2", "net_arcface_r"]
)
def test_usual_networks_have_the_same_operators(shared: Path, name: str) -> None:
    before = mxnet_model(shared / "corpus" / "mxnet" / name)
    after = exporter.from_ir(importer.to_ir(before))
    assert Counter((n.type, n.name) for n in after.symbol.operators) == Counter(
        (n.type, n.name) for n in before.symbol.operators
    )
    assert set(after.params) == set(before.params)
    assert after.auxiliary == {name for name in before.auxiliary if name in after.params}
