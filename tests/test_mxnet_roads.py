"""MXNet's corpus, through files, to ONNX, PyTorch and Caffe; Caffe's corpus to MXNet and back.

Each case meets its golden outputs in a real engine: onnxruntime, torch, OpenCV where that is trusted (else
what was written to Caffe is read back). What is refused is refused with a layer's name. (The roads into MXNet
itself: frameworks/mxnet/test_exporter_corpora.py, which runs all models in one MXNet process.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers import SHARED, sampled
from helpers.caffe.opencv import one_process

pytest.importorskip("onnxruntime")

from helpers.caffe import corpus
from helpers.caffe.roads import names_a_layer, run_caffe
from helpers.mxnet import corpus as mxnet_corpus
from helpers.mxnet.batch import difference, mxnet_model
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.caffe import exporter as to_caffe
from mmdnn.frameworks.caffe import writer as caffe_writer
from mmdnn.frameworks.mxnet import exporter as to_mxnet
from mmdnn.frameworks.mxnet import importer as from_mxnet
from mmdnn.frameworks.mxnet import reader as mxnet_reader
from mmdnn.frameworks.mxnet import writer as mxnet_writer
from mmdnn.frameworks.onnx import engine as onnxruntime
from mmdnn.frameworks.onnx import writer as onnx_writer
from mmdnn.registry import Source

ROOT = SHARED / "corpus"
MXNET = sampled(sorted(path.parent.name for path in (ROOT / "mxnet").glob("*/golden.npz")))
CAFFE = sampled(sorted(path.parent.name for path in (ROOT / "caffe").glob("*/golden.npz")))

UNREAD = {
    "bipartite": "_contrib_bipartite_matching",
    "ctc_loss": "CTCLoss",
    "multibox_target": "_contrib_MultiBoxTarget",
}
"""MXNet's cases that are not read, and the operator that the message names."""

NO_MEANS = {
    "other types": "cast_fp16 fp16 fp64 u_shape_array u_size_array",
    "sines, errors, gammas, roundings": (
        "leaky_gelu net_bert net_mlp_gluon u_arccos u_arcsin u_arctan u_cos u_erf u_gamma u_gammaln"
        " u_round u_sin u_trunc b_mod s_mod s_rmod quant_dequant b_power"
    ),
    "lengths that depend on numbers": (
        "boolean_mask one_hot seq_last seq_mask seq_mask_axis1 seq_reverse softmax_length"
    ),
    "places that depend on numbers": "argsort topk_both take_wrap scatter_nd",
    "boxes and regions": (
        "box_iou box_nms_force multibox_detection multibox_detection_opts net_rpn net_yolo"
        " proposal_score psroi roi_align roi_align_auto roi_align_ps roi_pooling roi_pooling_scale"
    ),
    "windows": "col2im deform_conv mod_deform_conv pool_3d_avg_full",
    "numbers that are none": "red_nansum",
}
"""MXNet's cases that no layers of BVLC's give, by what they are about."""

NOT_CAFFE = {case for cases in NO_MEANS.values() for case in cases.split()}

NOT_THERE = {"pooling_max_mask": "MXNet's pooling does not tell"}


@pytest.fixture(scope="module", autouse=True)
def _opencv() -> Iterator[None]:
    with one_process():
        yield


def read(case: str) -> tuple[ir.Model, mxnet_corpus.Golden]:
    """A case of MXNet's corpus as IR, and its golden arrays of the types that the IR says."""
    folder = ROOT / "mxnet" / case
    golden = mxnet_corpus.golden(folder)
    if case in UNREAD:
        with pytest.raises(UnsupportedError, match=UNREAD[case]):
            from_mxnet.to_ir(mxnet_model(folder))
        pytest.skip("it is not read")
    model = from_mxnet.to_ir(mxnet_model(folder))
    types = {str(value.name): value.dtype for value in model.graph.inputs}
    feeds = {
        name: golden.inputs[name].astype((kind or ir.DataType.FLOAT).numpy())
        for name, kind in types.items()
    }
    return model, replace(golden, inputs=feeds)


def check(model: ir.Model, found: Mapping[str, np.ndarray], golden: mxnet_corpus.Golden) -> None:
    arrays = [found[str(value.name)] for value in model.graph.outputs]
    if golden.outputs:  # else they depend on the data, and MXNet's executor gives nothing
        assert difference(arrays, golden.outputs) == ""


def test_few_are_refused() -> None:
    assert len(UNREAD) <= 0.03 * max(len(MXNET), 100)
    assert len(NOT_THERE) <= 0.03 * max(len(CAFFE), 100)


@pytest.mark.parametrize("case", MXNET)
def test_mxnet_to_onnx(case: str, tmp_path: Path) -> None:
    model, golden = read(case)
    (file, *_) = onnx_writer.write(model, tmp_path / "net.onnx")
    check(model, onnxruntime.run(file, golden.inputs), golden)


@pytest.mark.parametrize("case", MXNET)
def test_mxnet_to_pytorch(case: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from mmdnn.frameworks.pytorch import engine, writer
    from mmdnn.frameworks.pytorch.exporter import from_ir

    model, golden = read(case)
    files = writer.write(from_ir(model), tmp_path / "net.py")
    check(model, engine.run(Source(*files), golden.inputs), golden)


@pytest.mark.parametrize("case", MXNET)
def test_mxnet_to_caffe(case: str, tmp_path: Path) -> None:
    model, golden = read(case)
    if case in NOT_CAFFE:
        with pytest.raises(UnsupportedError) as caught:
            to_caffe.from_ir(model)
        assert names_a_layer(caught.value, model)
        return
    paths = caffe_writer.write(to_caffe.from_ir(model), tmp_path / "net.prototxt")
    names = [str(value.name) for value in model.graph.outputs]
    check(model, run_caffe(paths, golden.inputs, names), golden)


@pytest.mark.parametrize("case", CAFFE)
def test_caffe_to_mxnet_and_back(case: str, tmp_path: Path) -> None:
    feeds, blobs, _ = corpus.golden(ROOT / "caffe" / case)
    model = corpus.convert(corpus.source(ROOT / "caffe" / case))
    if case in NOT_THERE:
        with pytest.raises(UnsupportedError, match=NOT_THERE[case]):
            to_mxnet.from_ir(model)
        return
    files = mxnet_writer.write(to_mxnet.from_ir(model), tmp_path / "net")
    between = from_mxnet.to_ir(mxnet_reader.read(Source(*files)))
    paths = caffe_writer.write(to_caffe.from_ir(between), tmp_path / "net.prototxt")
    back = [str(value.name) for value in between.graph.outputs]
    found = run_caffe(paths, feeds, back)
    names = [str(value.name) for value in model.graph.outputs]
    wanted = [blobs[name.rpartition("@")[0] or name] for name in names]
    arrays = [found[name] for name in back]
    same = [a.reshape(b.shape) if b.ndim == 0 else a for a, b in zip(arrays, wanted, strict=True)]
    assert difference(same, wanted) == ""


def test_most_cases_run_in_real_engines() -> None:
    """Whatever the lists above say."""
    assert len(NOT_CAFFE) <= 0.2 * max(len(MXNET), 300)
