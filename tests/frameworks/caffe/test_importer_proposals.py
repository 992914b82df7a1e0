"""Proposals of regions: the importer's against the independent reference, and in a whole network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmdnn
from helpers.caffe.one_layer import evaluate, model
from mmdnn.errors import Error, UnsupportedError
from mmdnn.frameworks.caffe import importer, reader
from mmdnn.ir import notes
from mmdnn.registry import Source
from mmdnn.verify.reference import caffe as reference

SIZE = (5, 7)
PYTHON = "python_param { module: 'rpn.proposal_layer' layer: 'ProposalLayer' param_str: \"%s\" }"
PVANET = "proposal_param { ratio: 0.5 ratio: 1 scale: 2 scale: 4.5 scale: 6 %s }"


def _layer(kind: str, said: str, *, tops: str = "rois score") -> str:
    ends = [f'bottom: "{name}"' for name in ("scores", "shifts", "info")]
    ends += [f'top: "{name}"' for name in tops.split()]
    return f'layer {{ name: "proposal" type: "{kind}" {" ".join(ends)} {said} }}\n'


def _feeds(anchors: int, *info: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(anchors)
    scores = rng.permutation(2 * anchors * 35).reshape(1, 2 * anchors, *SIZE) / (70 * anchors)
    shifts = rng.standard_normal((1, 4 * anchors, *SIZE)) * 0.3
    feeds = {"scores": scores, "shifts": shifts, "info": np.array([info])}
    return {name: array.astype(np.float32) for name, array in feeds.items()}


def _both(text: str, feeds: dict[str, np.ndarray], folder: Path) -> tuple[Any, Any]:
    path = folder / "net.prototxt"
    inputs = (
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        + " ".join(f"dim: {size}" for size in array.shape)
        + " } } }"
        for name, array in feeds.items()
    )
    path.write_text("\n".join([*inputs, text]))
    found = evaluate(importer.to_ir(reader.read(Source(path))), feeds)
    return found, reference.run(Source(path), feeds)


@pytest.mark.parametrize(
    ("kind", "said", "anchors", "info"),
    [
        ("Python", PYTHON % "'feat_stride': 16", 9, (80, 112, 1.0)),
        ("Python", PYTHON % "feat_stride: 16\\nscales: [1, 2]", 6, (80, 112, 1.5)),
        ("Python", PYTHON % "{'feat_stride': 16, 'scales': (1, 4)}", 6, (60, 90, 2.0)),
        ("Python", PYTHON % "'feat_stride': 16", 9, (80, 112, 40.0)),
        ("Proposal", PVANET % "", 6, (80, 112, 1.0)),
        ("Proposal", PVANET % "base_size: 9 feat_stride: 12 nms_thresh: 0.4", 6, (60, 84, 1.5)),
        ("Proposal", PVANET % "min_size: 30 pre_nms_topn: 50 post_nms_topn: 7", 6, (80, 112, 1.0)),
        ("Proposal", PVANET % "min_size: 9", 6, (80, 112, 3.0, 5.0)),
    ],
)
def test_it_proposes_what_the_reference_does(
    kind: str, said: str, anchors: int, info: tuple[float, ...], tmp_path: Path
) -> None:
    found, wanted = _both(_layer(kind, said), _feeds(anchors, *info), tmp_path)
    real = wanted["score"].ravel() > 0  # of those that are too small the order is open
    assert found["rois"].shape == wanted["rois"].shape
    for name in ("rois", "score"):
        assert found[name].shape == wanted[name].shape
        np.testing.assert_allclose(found[name][real], wanted[name][real], rtol=1e-5, atol=1e-4)


def test_python_s_configuration_is_told(tmp_path: Path) -> None:
    text = _layer("Python", PYTHON % "'feat_stride': 16", tops="rois")
    found = model(text, {"scores": (1, 18, *SIZE), "shifts": (1, 36, *SIZE), "info": (1, 3)})
    assert "py-faster-rcnn's own configuration" in " ".join(notes.of(found))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("Python", PYTHON % "'feat_stride': 16, 'more': 1"),
        ("Python", PYTHON % "'scales': [1, 2, 3]"),
        ("Python", PYTHON % ""),
        ("Python", "python_param { module: 'own' layer: 'Layer' }"),
        ("Proposal", "proposal_param { ratio: 1 scale: 2 }"),
        ("Proposal", "proposal_param { ratio: 'a' scale: 2 }"),
        ("Proposal", PVANET % "nms_thresh: 2"),
        ("Proposal", PVANET % "iou_threshold: 0.5"),
        ("Proposal", ""),
    ],
)
def test_it_refuses(kind: str, said: str) -> None:
    with pytest.raises(Error) as caught:
        model(
            _layer(kind, said),
            {"scores": (1, 18, *SIZE), "shifts": (1, 36, *SIZE), "info": (1, 3)},
        )
    assert "proposal" in str(caught.value)


def test_other_python_layers_are_listed_by_what_they_run() -> None:
    with pytest.raises(UnsupportedError, match=r"Python \(own\.Layer\) x1: proposal"):
        model(
            _layer("Python", "python_param { module: 'own' layer: 'Layer' }"),
            {"scores": (1, 2), "shifts": (1, 2), "info": (1, 3)},
        )


def test_a_network_of_regions_is_proved(tmp_path: Path) -> None:
    """Its picture's size is fed so that there are proposals."""
    feeds = {**_feeds(9, 80, 112, 1), "x": np.zeros((1, 2, *SIZE), np.float32)}
    text = _layer("Python", PYTHON % "'feat_stride': 16", tops="rois")
    pool = "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.0625 }"
    text += f'layer {{ name: "p" type: "ROIPooling" bottom: "x" bottom: "rois" top: "y" {pool} }}'
    _both(text, feeds, tmp_path)
    result = mmdnn.convert(tmp_path / "net.prototxt", tmp_path / "net.onnx")
    assert result.report is not None
    assert result.report.ok
    assert "the reference for Caffe" in result.report.source
    rois = next(layer for layer in result.report.layers if layer.value == "rois")
    assert rois.shape[0] > 1
