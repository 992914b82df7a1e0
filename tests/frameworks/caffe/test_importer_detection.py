"""The SSD fork's layers against their algorithms, written out in plain numpy, and against OpenCV."""

from __future__ import annotations

import itertools
import math

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from helpers.caffe.one_layer import blobs, evaluate, model, normal, run
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.caffe import codegen, graph, importer, reader, writer
from mmdnn.frameworks.caffe.exporter import from_ir
from mmdnn.frameworks.caffe.writer import prototxt
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source
from mmdnn.verify.reference import caffe as reference


def _layer(kind: str, bottoms: str, parameters: str = "") -> str:
    names = " ".join(f'bottom: "{name}"' for name in bottoms.split())
    return f'layer {{ name: "layer" type: "{kind}" {names} top: "y" {parameters} }}\n'


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([0, 2, 3, 1], (0, 2, 3, 1)),
        ([1], (1, 0, 2, 3)),
        ([3, 1], (3, 1, 0, 2)),
        ([0, 1], (0, 1, 2, 3)),
    ],
)
def test_permute(order, expected):
    x = normal(2, 3, 5, 4)
    text = " ".join(f"order: {axis}" for axis in order)
    y = run(_layer("Permute", "x", f"permute_param {{ {text} }}"), {"x": x})["y"]
    np.testing.assert_array_equal(y, x.transpose(expected))


@pytest.mark.parametrize("order", ["order: 4", "order: 1 order: 1"])
def test_permute_refuses(order):
    with pytest.raises(UnsupportedError, match="does not fit"):
        model(_layer("Permute", "x", f"permute_param {{ {order} }}"), {"x": (2, 3, 5, 4)})


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 3, 5), (2, 3)])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_normalize(shape, across, shared):
    x, eps = normal(*shape), 0.25
    scale = np.float32(1.5) * np.ones(()) if shared else normal(3, seed=1)
    p = f"across_spatial: {str(across).lower()} channel_shared: {str(shared).lower()} eps: {eps}"
    p = f"norm_param {{ {p} }}"
    y = run(_layer("Normalize", "x", f"{p} {blobs(np.asarray(scale, np.float32))}"), {"x": x})["y"]
    axes = tuple(range(1, x.ndim)) if across else (1,)
    norm = np.sqrt((x.astype(np.float64) ** 2).sum(axes, keepdims=True) + eps)
    column = scale if shared else scale.reshape(3, *[1] * (x.ndim - 2))
    np.testing.assert_allclose(y, x / norm * column, rtol=1e-5, atol=1e-6)


def test_normalize_without_weights_scales_by_its_filler():
    x = normal(1, 3, 2, 2)
    p = "norm_param { across_spatial: false channel_shared: false scale_filler { value: 20 } }"
    y = run(_layer("Normalize", "x", p), {"x": x})["y"]
    norm = np.sqrt((x**2).sum(1, keepdims=True))
    np.testing.assert_allclose(y, 20 * x / norm, rtol=1e-5)


def _prior_boxes(cells, image, low, high, ratios, flip, clip, variance, step, offset):
    """PriorBoxLayer::Forward_cpu: box by box."""
    all_ratios = [1.0]
    for ratio in ratios:
        if not any(abs(ratio - other) < 1e-6 for other in all_ratios):
            all_ratios.append(ratio)
            if flip:
                all_ratios.append(1 / ratio)
    step_h, step_w = step or (image[0] / cells[0], image[1] / cells[1])
    boxes = []
    for row, column in itertools.product(range(cells[0]), range(cells[1])):
        x, y = (column + offset) * step_w, (row + offset) * step_h
        for index, size in enumerate(low):
            size = int(size)
            sizes = [(size, size)]
            if high:
                sizes.append((math.sqrt(size * int(high[index])),) * 2)
            sizes += [(size * math.sqrt(r), size / math.sqrt(r)) for r in all_ratios[1:]]
            for width, height in sizes:
                boxes += [(x - width / 2) / image[1], (y - height / 2) / image[0]]
                boxes += [(x + width / 2) / image[1], (y + height / 2) / image[0]]
    boxes = np.asarray(boxes)
    if clip:
        boxes = np.clip(boxes, 0, 1)
    variance = variance if len(variance) == 4 else (variance or [0.1]) * 4
    return np.stack([boxes, np.tile(variance, len(boxes) // 4)])[None]


PRIORS = [
    {"low": [4]},
    {"low": [4.9], "high": [8.2]},
    {"low": [4, 7], "high": [8, 9], "ratios": [2, 3], "variance": [0.1, 0.1, 0.2, 0.2]},
    {"low": [4], "ratios": [2, 0.5, 1, 3], "variance": [0.3]},
    {"low": [4], "ratios": [2, 0.5, 3], "flip": False, "clip": True, "offset": 0.25},
    {"low": [4], "step": (5, 3), "image": (40, 30), "clip": True},
]


@pytest.mark.parametrize("case", PRIORS, ids=range(len(PRIORS)))
def test_prior_box(case):
    full = {
        "cells": (3, 5), "image": None, "low": [], "high": [], "ratios": [], "flip": True,
        "clip": False, "variance": [], "step": None, "offset": 0.5,
    } | case  # fmt: skip
    text = [f"min_size: {v}" for v in full["low"]] + [f"max_size: {v}" for v in full["high"]]
    text += [f"aspect_ratio: {v}" for v in full["ratios"]]
    text += [f"variance: {v}" for v in full["variance"]]
    text += [f"flip: {str(full['flip']).lower()} clip: {str(full['clip']).lower()}"]
    text += [f"offset: {full['offset']}"]
    if full["step"]:
        text.append(f"step_h: {full['step'][0]} step_w: {full['step'][1]}")
    if full["image"]:
        text.append(f"img_h: {full['image'][0]} img_w: {full['image'][1]}")
    full["image"] = full["image"] or (18, 32)
    feeds = {"x": normal(2, 6, 3, 5), "image": normal(2, 3, 18, 32)}
    y = run(_layer("PriorBox", "x image", f"prior_box_param {{ {' '.join(text)} }}"), feeds)["y"]
    np.testing.assert_allclose(y, _prior_boxes(**full), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "min_size: 3 min_size: 4 max_size: 5",
        "min_size: 3 variance: 0.1 variance: 0.2",
        "min_size: 3 variance: -1",
        "min_size: 3 step: 3 step_h: 3 step_w: 3",
        "min_size: 3 img_h: 3",
        "min_size: nan",
        "min_size: 3 max_size: 3",
        "min_size: 3 max_size: inf",
        "min_size: 3 aspect_ratio: -2",
        "min_size: 3 offset: inf",
        "min_size: 3 offset_h: 0.5",
        "min_size: 3 offset_h: 0.5 offset_w: inf",
        "min_size: 3 offset_h: 0.5 offset_h: 0.1 offset_w: 0.1",
        "min_size: 3 offset: 0.5 offset_h: 0.5 offset_w: 0.1",
        "min_size: 3 step: inf",
    ],
)
def test_prior_box_refuses(text):
    with pytest.raises(UnsupportedError):
        model(
            _layer("PriorBox", "x image", f"prior_box_param {{ {text} }}"),
            {"x": (1, 6, 3, 5), "image": (1, 3, 18, 32)},
        )


def _decode(loc, prior, variance, code, encoded):
    if not encoded:
        loc = loc * variance
    width, height = prior[2] - prior[0], prior[3] - prior[1]
    size = np.asarray([width, height, width, height])
    if code == "CORNER":
        return prior + loc
    if code == "CORNER_SIZE":
        return prior + loc * size
    centre = (prior[:2] + prior[2:]) / 2 + loc[:2] * size[:2]
    half = np.exp(loc[2:]) * size[:2] / 2
    return np.concatenate([centre - half, centre + half])


def _overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0
    area = [max(box[2] - box[0], 0) * max(box[3] - box[1], 0) for box in (a, b)]
    return width * height / (sum(area) - width * height)


def _detections(loc, conf, priors, p):
    """DetectionOutputLayer::Forward_cpu, image by image, class by class, box by box."""
    count, classes = priors.shape[2] // 4, p["num_classes"]
    prior, variance = priors.reshape(2, count, 4).astype(np.float64)
    shared = p.get("share_location", True)
    offsets = loc.reshape(len(loc), count, 1 if shared else classes, 4).astype(np.float64)
    scores = conf.reshape(len(conf), count, classes)
    rows = []
    for image in range(len(loc)):
        found = []
        for label in range(classes):
            if label == p.get("background_label_id", 0):
                continue
            boxes = [
                _decode(
                    offsets[image, i, 0 if shared else label], prior[i], variance[i],
                    p["code_type"], p.get("variance_encoded_in_target", False),
                )
                for i in range(count)
            ]  # fmt: skip
            if p.get("clip"):
                boxes = [np.clip(box, 0, 1) for box in boxes]
            lowest = p.get("confidence_threshold", -np.inf)
            order = [i for i in range(count) if scores[image, i, label] > np.float32(lowest)]
            order.sort(key=lambda i: -scores[image, i, label])
            if p.get("top_k", -1) > -1:
                order = order[: p["top_k"]]
            kept = []
            for i in order:
                if all(_overlap(boxes[i], boxes[j]) <= p["nms_threshold"] for j in kept):
                    kept.append(i)
            found += [(scores[image, i, label], label, boxes[i]) for i in kept]
        keep = p.get("keep_top_k", -1)
        if -1 < keep < len(found):
            found = sorted(found, key=lambda one: -one[0])[:keep]
            found.sort(key=lambda one: one[1])
        rows += [[image, label, score, *box] for score, label, box in found]
    if not rows:
        rows = [[image, *[-1] * 6] for image in range(len(loc))]
    return np.asarray(rows, np.float64)[None, None]


def _numbers(batch, count, classes, shared, seed):
    """Offsets, scores without ties, and prior boxes that overlap."""
    rng = np.random.default_rng(seed)
    loc = rng.normal(0, 1, (batch, count * (1 if shared else classes) * 4))
    conf = np.stack([rng.permutation(count * classes) for _ in range(batch)]) / (count * classes)
    low = rng.uniform(0, 0.6, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.1, 0.4, (count, 2))], axis=1)
    variance = np.broadcast_to([0.1, 0.1, 0.2, 0.2], boxes.shape)
    priors = np.stack([boxes, variance]).reshape(1, 2, -1)
    return {n: a.astype(np.float32) for n, a in (("loc", loc), ("conf", conf), ("priors", priors))}


def _text(p):
    nms = f"nms_threshold: {p['nms_threshold']} " + (f"top_k: {p['top_k']}" if "top_k" in p else "")
    rest = {key: value for key, value in p.items() if key not in {"nms_threshold", "top_k"}}
    fields = " ".join(f"{key}: {str(value).lower() if isinstance(value, bool) else value}"
                      for key, value in rest.items())  # fmt: skip
    return f"detection_output_param {{ {fields} nms_param {{ {nms} }} }}"


BASE = {"num_classes": 4, "code_type": "CENTER_SIZE", "nms_threshold": 0.3}
CASES = {
    "all": {},
    "threshold": {"confidence_threshold": 0.6},
    "few": {"confidence_threshold": 0.985},
    "none": {"confidence_threshold": 1.0},
    "top_k": {"top_k": 7, "confidence_threshold": 0.2},
    "top_k more than there are": {"top_k": 400},
    "keep_top_k": {"keep_top_k": 5, "top_k": 9},
    "keep_top_k more than there are": {"keep_top_k": 500, "top_k": 9},
    "keep_top_k few found": {"keep_top_k": 5, "confidence_threshold": 0.98},
    "as SSD": {"top_k": 20, "keep_top_k": 10, "confidence_threshold": 0.01, "nms_threshold": 0.45},
    "background 2": {"background_label_id": 2, "keep_top_k": 6},
    "no background": {"background_label_id": -1, "keep_top_k": 6},
    "own locations": {"share_location": False, "top_k": 9, "keep_top_k": 8},
    "own locations, no background": {"share_location": False, "background_label_id": -1},
    "encoded": {"variance_encoded_in_target": True, "confidence_threshold": 0.5},
    "clipped": {"clip": True, "confidence_threshold": 0.5, "normalized_bbox": True},
    "corner clipped": {"code_type": "CORNER", "clip": True, "top_k": 20},
    "corner": {"code_type": "CORNER", "confidence_threshold": 0.3},
    "corner encoded inverts boxes": {
        "code_type": "CORNER", "variance_encoded_in_target": True, "confidence_threshold": 0.1,
    },
    "corner size": {"code_type": "CORNER_SIZE", "confidence_threshold": 0.3, "keep_top_k": 9},
    "corner size encoded": {"code_type": "CORNER_SIZE", "variance_encoded_in_target": True},
    "nms off": {"nms_threshold": 1.5, "top_k": 3},
    "nms zero": {"nms_threshold": 0.0},
}  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_detection_output(case, batch):
    p = BASE | CASES[case]
    feeds = _numbers(batch, 30, 4, p.get("share_location", True), seed=len(case))
    expected = _detections(**feeds, p=p)
    found = run(_layer("DetectionOutput", "loc conf priors", _text(p)), feeds)["y"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_cases_suppress_and_find():
    """What the cases above are about does happen in them."""
    feeds = _numbers(2, 30, 4, shared=True, seed=3)
    everything = _detections(**feeds, p=BASE | {"nms_threshold": 2.0}).shape[2]
    assert everything == 2 * 3 * 30
    assert 10 < _detections(**feeds, p=BASE).shape[2] < everything * 2 / 3
    assert _detections(**feeds, p=BASE | CASES["few"]).shape[2] < 5
    assert _detections(**feeds, p=BASE | CASES["none"])[0, 0, :, 1].tolist() == [-1, -1]


def test_one_model_serves_every_batch():
    text = _layer("DetectionOutput", "loc conf priors", _text(BASE | {"keep_top_k": 5}))
    feeds = _numbers(3, 30, 4, shared=True, seed=1)
    network = model(text, {"loc": (2, 120), "conf": (2, 120), "priors": (1, 2, 120)})
    expected = _detections(**feeds, p=BASE | {"keep_top_k": 5})
    np.testing.assert_allclose(evaluate(network, feeds)["y"], expected, rtol=1e-5, atol=1e-6)


def test_equal_scores_are_taken_in_order():
    p = BASE | {"num_classes": 2, "top_k": 3, "nms_threshold": 1.0}
    feeds = _numbers(1, 6, 2, shared=True, seed=1)
    feeds["conf"][:] = 0.5
    found = run(_layer("DetectionOutput", "loc conf priors", _text(p)), feeds)["y"]
    np.testing.assert_allclose(found, _detections(**feeds, p=p), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "num_classes: 4 nms_param { eta: 0.9 }",
        "num_classes: 1",
        "num_classes: 4 keep_top_k: 0",
        "num_classes: 4 nms_param { top_k: 0 }",
        "num_classes: 5",
        "num_classes: 4 share_location: false",
        "num_classes: 4 objectness_score: 0.1",
        "num_classes: 4 normalized_bbox: false",
    ],
)
def test_detection_output_refuses(text):
    with pytest.raises(UnsupportedError) as caught:
        model(
            _layer("DetectionOutput", "loc conf priors", f"detection_output_param {{ {text} }}"),
            {"loc": (1, 120), "conf": (1, 120), "priors": (1, 2, 120)},
        )
    assert caught.value.layer == "layer"


def _round(value):
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _roi_pool(x, rois, size, scale):
    """ROIPoolingLayer::Forward_cpu."""
    out = np.zeros((len(rois), x.shape[1], *size), np.float32)
    for n, (image, *corners) in enumerate(rois):
        left, top, right, bottom = (_round(np.float32(v) * np.float32(scale)) for v in corners)
        high, wide = max(bottom - top + 1, 1), max(right - left + 1, 1)
        for i, j in itertools.product(range(size[0]), range(size[1])):
            rows = [math.floor(i * high / size[0]), math.ceil((i + 1) * high / size[0])]
            columns = [math.floor(j * wide / size[1]), math.ceil((j + 1) * wide / size[1])]
            rows = np.clip([v + top for v in rows], 0, x.shape[2])
            columns = np.clip([v + left for v in columns], 0, x.shape[3])
            window = x[int(image), :, rows[0] : rows[1], columns[0] : columns[1]]
            if window.size:
                out[n, :, i, j] = window.max((1, 2))
    return out


@pytest.mark.parametrize("axes", [2, 4])
def test_roi_pooling(axes):
    x = normal(2, 3, 9, 11) - 2
    rng = np.random.default_rng(4)
    low = rng.integers(-10, 120, (20, 2))
    rois = np.concatenate(
        [rng.integers(0, 2, (20, 1)), low, low + rng.integers(-9, 80, (20, 2))], 1
    )
    rois = rois.astype(np.float32)
    p = "roi_pooling_param { pooled_h: 3 pooled_w: 4 spatial_scale: 0.0625 }"
    fed = rois if axes == 2 else rois.reshape(20, 5, 1, 1)
    y = run(_layer("ROIPooling", "x rois", p), {"x": x, "rois": fed})["y"]
    np.testing.assert_array_equal(y, _roi_pool(x, rois, (3, 4), 0.0625))


def _psroi_pool(x, rois, depth, group, scale):
    """PSROIPoolingForward: bin (i, j) of channel c is the mean of channel (c group + i) group + j."""
    single = np.float32
    out = np.zeros((len(rois), depth, group, group), np.float32)
    for n, (image, *corners) in enumerate(rois):
        left, top = (single(_round(v)) * single(scale) for v in corners[:2])
        right, bottom = (single(_round(v) + 1) * single(scale) for v in corners[2:])
        high = max(bottom - top, single(0.1)) / single(group)
        wide = max(right - left, single(0.1)) / single(group)
        for c, i, j in itertools.product(range(depth), range(group), range(group)):
            rows = [math.floor(single(i) * high + top), math.ceil(single(i + 1) * high + top)]
            columns = [math.floor(single(j) * wide + left), math.ceil(single(j + 1) * wide + left)]
            rows, columns = np.clip(rows, 0, x.shape[2]), np.clip(columns, 0, x.shape[3])
            own = x[int(image), (c * group + i) * group + j]
            window = own[rows[0] : rows[1], columns[0] : columns[1]]
            out[n, c, i, j] = window.mean() if window.size else 0
    return out


@pytest.mark.parametrize("axes", [2, 4])
def test_psroi_pooling(axes, tmp_path):
    x = normal(2, 18, 9, 11)
    rng = np.random.default_rng(4)
    low = rng.integers(-10, 120, (20, 2)) + rng.random((20, 2))
    rois = [rng.integers(0, 2, (20, 1)), low, low + rng.integers(-9, 80, (20, 2))]
    rois = np.concatenate(rois, 1).astype(np.float32)
    p = "psroi_pooling_param { spatial_scale: 0.0625 output_dim: 2 group_size: 3 }"
    feeds = {"x": x, "rois": rois if axes == 2 else rois.reshape(20, 5, 1, 1)}
    text = _layer("PSROIPooling", "x rois", p)
    wanted = _psroi_pool(x, rois, 2, 3, 0.0625)
    np.testing.assert_allclose(run(text, feeds)["y"], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(_reference(tmp_path, text, feeds), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ROIPooling", "roi_pooling_param { pooled_h: 3 pooled_w: 4 spatial_scale: 0.25 }"),
        ("PSROIPooling", "psroi_pooling_param { spatial_scale: 0.25 output_dim: 2 group_size: 3 }"),
    ],
)
def test_regions_go_back_as_they_came(kind, said):
    read = model(_layer(kind, "x rois", said), {"x": (2, 18, 9, 11), "rois": (4, 5)})
    network = from_ir(read)
    assert [layer.type for layer in network.layers] == ["Input", "Input", kind]
    assert said in " ".join(prototxt.text(network).split())
    assert said.partition(" ")[0] in codegen.source(network)
    read.metadata_props.clear()
    with pytest.raises(UnsupportedError, match=f"no {kind} layer; R-FCN's fork has it"):
        from_ir(read)
    assert from_ir(read, fork="rfcn").layers[-1].type == kind


def test_max_roi_pool_is_roi_pooling(tmp_path):
    """As onnxruntime has it, which runs no MaxRoiPool of the newest opset."""
    x, builder = normal(2, 3, 9, 11), Builder("test")
    rng = np.random.default_rng(4)
    low = rng.integers(-10, 120, (20, 2)) + rng.random((20, 2))
    rois = [rng.integers(0, 2, (20, 1)), low, low + rng.integers(-9, 80, (20, 2))]
    feeds = {"x": x, "rois": np.concatenate(rois, 1).astype(np.float32)}
    inputs = [builder.input(name, array.shape) for name, array in feeds.items()]
    y = builder.op.MaxRoiPool(*inputs, pooled_shape=[3, 4], spatial_scale=0.0625)
    y.name, y.shape = "y", ir.Shape([20, 3, 3, 4])
    builder.graph.outputs.append(y)
    paths = writer.write(from_ir(builder.model(), fork="rfcn"), tmp_path / "net.prototxt")
    found = reference.run(Source(*paths), feeds)["y"]
    model = ir.to_proto(builder.model())
    model.opset_import[0].version = 21
    session = onnxruntime.InferenceSession(model.SerializeToString())
    np.testing.assert_array_equal(found, session.run(None, feeds)[0])


def _reference(folder, text, feeds):
    path = folder / "net.prototxt"
    inputs = (f'layer {{ name: "{name}" type: "Input" top: "{name}" }}' for name in feeds)
    path.write_text("\n".join([*inputs, text]))
    return reference.run(Source(network=path), feeds)["y"]


@pytest.mark.parametrize(
    "text", ["output_dim: 2 group_size: 2", "spatial_scale: 1 output_dim: 3 group_size: 2", ""]
)
def test_psroi_pooling_refuses(text):
    with pytest.raises(UnsupportedError):
        model(
            _layer("PSROIPooling", "x rois", f"psroi_pooling_param {{ {text} }}"),
            {"x": (1, 8, 9, 9), "rois": (4, 5)},
        )


@pytest.mark.parametrize("offsets", [([0.25], [0.75]), ([0.25, 0.75], [0.5, 0.1])])
def test_prior_boxes_at_several_places_of_a_cell(offsets, tmp_path):
    """Each size at each offset, in turn: the boxes of one offset are every n-th."""
    said = [f"offset_{side}: {v}" for side, each in zip("hw", offsets, strict=True) for v in each]
    p = f"min_size: 4 max_size: 9 aspect_ratio: 2 {' '.join(said)}"
    text = _layer("PriorBox", "x image", f"prior_box_param {{ {p} }}")
    feeds = {"x": normal(1, 6, 3, 5), "image": normal(1, 3, 18, 32)}
    wanted = []
    for down, across in zip(*offsets, strict=True):
        same = {"cells": (3, 5), "image": (18, 32), "low": [4], "high": [9], "ratios": [2]}
        same |= {"flip": True, "clip": False, "variance": [], "step": None}
        tall, wide = (_prior_boxes(**same, offset=v).reshape(2, -1, 4) for v in (down, across))
        wanted.append(np.stack([wide[..., 0], tall[..., 1], wide[..., 2], tall[..., 3]], -1))
    wanted = np.stack(wanted, 2).reshape(1, 2, -1)
    np.testing.assert_allclose(run(text, feeds)["y"], wanted, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(_reference(tmp_path, text, feeds), wanted, rtol=1e-5, atol=1e-6)


def test_roi_pooling_refuses():
    p = "roi_pooling_param { pooled_h: 3 pooled_w: 4 pad_ratio: 0.1 }"
    with pytest.raises(UnsupportedError, match="pad_ratio"):
        model(_layer("ROIPooling", "x rois", p), {"x": (1, 3, 9, 9), "rois": (4, 5)})


def test_wechat_qr_detect_agrees_with_opencv(shared):
    cv2 = pytest.importorskip("cv2")
    folder = shared / "models" / "caffe" / "wechat_qr_detect"
    files = [folder / "detect.prototxt", folder / "detect.caffemodel"]
    network = importer.to_ir(reader.read(Source(*files)))
    opencv = cv2.dnn.readNet(*map(str, files))
    rng = np.random.default_rng(0)
    found = 0
    for text, place in (("mmdnn", 40), ("another one, longer, turned", 150)):
        picture = rng.uniform(100, 160, (384, 384)).astype(np.uint8)
        code = cv2.copyMakeBorder(cv2.QRCodeEncoder.create().encode(text), *[2] * 4, 0, value=255)
        code = cv2.resize(code, (180, 180), interpolation=cv2.INTER_NEAREST)
        picture[place : place + 180, place : place + 180] = code
        x = (picture.astype(np.float32) / 255)[None, None]
        ours = evaluate(network, {"data": x})["detection_output"][0, 0]
        opencv.setInput(x)
        theirs = opencv.forward()[0, 0]
        theirs = theirs[theirs[:, 2] > 0]  # it pads to keep_top_k rows
        found += len(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert found >= 2


def _made_up(layer, index, shape, confidence):
    """Weights that keep activations in bounds, and scores apart."""
    rng = np.random.default_rng([index, *layer.name.encode()])
    if layer.type == "BatchNorm":
        return [rng.normal(0, 0.1, shape), rng.uniform(0.5, 1.5, shape), np.ones(shape)][index]
    if layer.type == "Scale":
        return rng.uniform(0.8, 1.2, shape) if index == 0 else rng.normal(0, 0.05, shape)
    scale = confidence if "conf" in layer.name else 0.2 if "mbox_loc" in layer.name else 1
    spread = math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.05
    return rng.normal(0, scale * spread, shape)


@pytest.mark.parametrize(
    ("name", "confidence"), [("deploy.prototxt", 0.4), ("voc__MobileNetSSD_deploy.prototxt", 2)]
)
def test_mobilenet_ssd_agrees_with_opencv(shared, tmp_path, monkeypatch, name, confidence):
    cv2 = pytest.importorskip("cv2")
    file = shared / "models" / "caffe_prototxt" / "mobilenet_ssd" / name
    made: dict[tuple[str, int], np.ndarray] = {}

    def blob(layer, index, shape):
        array = made.setdefault((layer.name, index), _made_up(layer, index, shape, confidence))
        return ir.tensor(array.astype(np.float32).reshape(shape), name=f"{layer.name}.{index}")

    monkeypatch.setattr(graph.Layer, "blob", blob)
    network = reader.read(Source(file))
    for layer in network.layers:
        layer.blobs = [graph.Filler(), graph.Filler(), graph.Filler()]
    ours = importer.to_ir(network)
    message = graph.message("NetParameter")
    for layer in network.layers:
        saved = message.layer.add(name=layer.name, type=layer.type)
        for index in range(3):
            if (layer.name, index) in made:
                array = made[layer.name, index]
                saved.blobs.add(data=array.ravel()).shape.dim.extend(array.shape)
    weights = tmp_path / "net.caffemodel"
    weights.write_bytes(message.SerializeToString())
    opencv = cv2.dnn.readNet(str(file), str(weights))
    picture = cv2.imread(str(shared / "models" / "images" / "mtcnn_faces" / "test1.jpg"))
    x = cv2.dnn.blobFromImage(cv2.resize(picture, (300, 300)), 1 / 127.5, mean=(127.5,) * 3)
    found = evaluate(ours, {"data": x})["detection_out"][0, 0]
    opencv.setInput(x)
    theirs = opencv.forward()[0, 0]
    theirs = theirs[theirs[:, 2] > 0]  # it pads with zeros, and orders classes together
    theirs = theirs[np.lexsort((-theirs[:, 2], theirs[:, 1]))]
    assert len(theirs) > 0
    np.testing.assert_allclose(found, theirs, rtol=1e-4, atol=1e-5)
