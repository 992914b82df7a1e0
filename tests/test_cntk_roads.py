"""CNTK's corpus, through files, to ONNX, PyTorch, MXNet and Caffe.

Each case meets its golden outputs, sequences up to their ends, in a real engine: onnxruntime, torch, MXNet,
OpenCV where that is trusted (else what was written to Caffe is read back). What is refused is refused with a
layer's name. (The road back to CNTK: frameworks/cntk/test_cntk_round_trip.py.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers import SHARED, sampled
from helpers.caffe.opencv import one_process

pytest.importorskip("onnxruntime")

from helpers.caffe.roads import names_a_layer, run_caffe
from helpers.cntk import corpus as cntk_corpus
from helpers.mxnet.batch import Batch
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.caffe import exporter as to_caffe
from mmdnn.frameworks.caffe import writer as caffe_writer
from mmdnn.frameworks.onnx import engine as onnxruntime
from mmdnn.frameworks.onnx import writer as onnx_writer
from mmdnn.ir import SAID
from mmdnn.registry import Source

ROOT = SHARED
UNREAD = {
    "conv_op_short_attrs": "CNTK itself does not run it",
    "random_uniform_times0": "random numbers",
}
CASES = sampled(f.name for f in cntk_corpus.folders(ROOT) if f.name not in UNREAD)

NOT_MXNET = {
    "class_error": "ClassificationError",
    "conv_sequential_valid": "its number is computed while the model runs",
    "seq_slice": "its number is computed while the model runs",
    "seq_slice_end": "its number is computed while the model runs",
    "seq_slice_neg": "its number is computed while the model runs",
    "train_form": "ClassificationError",
    "u_hardmax": "Hardmax",
    "unpool_layer": "MaxUnpooling",
}
"""What MXNet has no means for, and what the message says."""

NO_MEANS = {
    "other types": (
        "cast_fp16_back conv_sequential_1d f16 f16_dense f16_mixed f64 loss_xent reduce_log_sum_exp"
        " to_sequence"
    ),
    "places that depend on numbers": "class_error gather_axis one_hot one_hot_axis0 topk_axis train_form",
    "frames that depend on lengths": (
        "conv_sequential_valid lstm_last net_crnn net_textclass seq_fold seq_last seq_slice"
        " seq_slice_end seq_slice_neg seq_slice_one two_seq_axes v1_lstm"
    ),
    "guards": (
        "cosine element_divide pow seq_softmax u_divide_edge u_log_edge u_reciprocal v1_slu"
    ),
    "sines and roundings": "u_cos u_round u_sin",
    "regions and windows": "net_frcnn pool_avg_pad_extra pool_max_3d roipool unpool_layer",
    "others": "conv_computed_weight param_relu_full u_hardmax",
}
"""Cases that no layers of BVLC's give, by what they are about."""
NOT_CAFFE = {case for cases in NO_MEANS.values() for case in cases.split()}


@pytest.fixture(scope="module", autouse=True)
def _opencv() -> Iterator[None]:
    with one_process():
        yield


def read(case: str) -> tuple[ir.Model, cntk_corpus.Golden, dict[str, np.ndarray]]:
    """A case as IR, what CNTK computed, and what the IR is fed."""
    folder = ROOT / "corpus" / "cntk" / case
    known = cntk_corpus.golden(folder)
    if not known.outputs:
        pytest.skip("CNTK's own file does not run on a CPU")
    model = cntk_corpus.convert(folder)
    return model, known, cntk_corpus.feeds(model, known)


def wrong(known: cntk_corpus.Golden, found: Mapping[str, np.ndarray]) -> list[str]:
    return list(cntk_corpus.differences(known, dict(found), nodes=False))


@pytest.mark.parametrize("case", CASES)
def test_cntk_to_onnx(case: str, tmp_path: Path) -> None:
    model, known, feeds = read(case)
    (file, *_) = onnx_writer.write(model, tmp_path / "net.onnx")
    assert wrong(known, onnxruntime.run(file, feeds)) == []


@pytest.mark.parametrize("case", CASES)
def test_cntk_to_pytorch(case: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from mmdnn.frameworks.pytorch import engine, writer
    from mmdnn.frameworks.pytorch.exporter import from_ir

    model, known, feeds = read(case)
    files = writer.write(from_ir(model), tmp_path / "net.py")
    assert wrong(known, engine.run(Source(*files), feeds)) == []


def test_cntk_to_mxnet(shared: Path, tmp_path: Path) -> None:
    """All of them in one MXNet."""
    batch, read_, refused = Batch(tmp_path), {}, {}
    for case in CASES:
        folder = shared / "corpus" / "cntk" / case
        known = cntk_corpus.golden(folder)
        if not known.outputs:
            continue
        model = cntk_corpus.convert(folder)
        try:
            batch.add(case, model, cntk_corpus.feeds(model, known))
            read_[case] = known, [str(value.name) for value in model.graph.outputs]
        except UnsupportedError as error:
            refused[case] = error, model
    assert [case for case, why in refused.items() if not names_a_layer(*why)] == []
    found = batch.run()
    failed = {case: found[case] for case in read_ if isinstance(found[case], str)}
    assert failed == {}
    differing = {
        case: wrong(known, dict(zip(names, found[case], strict=True)))
        for case, (known, names) in read_.items()
    }
    assert {case: gaps for case, gaps in differing.items() if gaps} == {}
    assert refused.keys() == NOT_MXNET.keys() & set(CASES)
    assert [case for case in refused if NOT_MXNET[case] not in str(refused[case][0])] == []


@pytest.mark.parametrize("case", CASES)
def test_cntk_to_caffe(case: str, tmp_path: Path) -> None:
    model, known, feeds = read(case)
    said(model, feeds)
    if case in NOT_CAFFE:
        with pytest.raises(UnsupportedError) as caught:
            to_caffe.from_ir(model)
        assert names_a_layer(caught.value, model)
        return
    paths = caffe_writer.write(to_caffe.from_ir(model), tmp_path / "net.prototxt")
    names = [str(value.name) for value in model.graph.outputs]
    assert wrong(known, run_caffe(paths, feeds, names)) == []


def said(model: ir.Model, feeds: Mapping[str, np.ndarray]) -> None:
    """Say the inputs' sizes: Caffe wants all of them."""
    for value in model.graph.inputs:
        shape, dims = feeds[str(value.name)].shape, list(value.shape or ())
        if dims and not isinstance(dims[0], int):
            value.metadata_props[SAID] = str(shape[0])
        value.shape = ir.Shape([*dims[:1], *shape[1:]])


def test_few_are_refused() -> None:
    total = max(len(CASES), 260)
    assert len(UNREAD) + len(NOT_MXNET) <= 0.05 * total
    assert len(NOT_CAFFE) <= 0.2 * total
