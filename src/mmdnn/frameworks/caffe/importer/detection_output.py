"""DetectionOutput of the SSD fork: from offsets and scores to the boxes found.

The source is src/caffe/layers/detection_output_layer.cpp and src/caffe/util/bbox_util.cpp of
https://github.com/weiliu89/caffe, branch ssd; `clip` and `normalized_bbox` are OpenCV's
(https://github.com/opencv/opencv/blob/4.x/modules/dnn/src/caffe/opencv-caffe.proto).

N is the batch, P the number of prior boxes, C the number of classes without the background, L the
number of classes whose boxes differ (1 if shared), K how many candidates of a class enter the
suppression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import known
from mmdnn.frameworks.caffe.importer.table import LIMIT, SSD, ImportedLayer, importer
from mmdnn.ir.builder import Op, shape

CORNER, CENTER_SIZE, CORNER_SIZE = 1, 2, 3
_CODES = {CORNER: "CORNER", CENTER_SIZE: "CENTER_SIZE", CORNER_SIZE: "CORNER_SIZE"}
LOWEST = np.float32(np.finfo(np.float32).min)


@dataclass(frozen=True)
class _Output:
    """A layer's parameters, and the number of its prior boxes."""

    p: Any
    priors: int
    clip: bool

    @cached_property
    def labels(self) -> list[int]:
        """The classes, without the background."""
        return [i for i in range(self.p.num_classes) if i != self.p.background_label_id]

    @property
    def locations(self) -> int:
        return 1 if self.p.share_location else int(self.p.num_classes)

    @property
    def candidates(self) -> int:
        """How many of a class enter the suppression: the best `top_k`, or all."""
        nms = self.p.nms_param
        limited = nms.HasField("top_k") and nms.top_k >= 0
        return min(nms.top_k, self.priors) if limited else self.priors

    @property
    def limited(self) -> bool:
        """Whether `keep_top_k` can bind."""
        return bool(0 <= self.p.keep_top_k < len(self.labels) * self.candidates)

    @property
    def attributes(self) -> dict[str, Any]:
        p, nms = self.p, self.p.nms_param
        known = p.HasField("confidence_threshold")
        return {
            "num_classes": p.num_classes,
            "share_location": int(p.share_location),
            "background_label_id": p.background_label_id,
            "code_type": _CODES[p.code_type],
            "variance_encoded_in_target": int(p.variance_encoded_in_target),
            "clip": int(self.clip),
            "nms_threshold": nms.nms_threshold,
            "top_k": nms.top_k if nms.HasField("top_k") else -1,
            "keep_top_k": p.keep_top_k,
            "confidence_threshold": p.confidence_threshold if known else None,
        }


def _check(layer: ImportedLayer, out: _Output, loc: ir.Value, conf: ir.Value) -> None:
    p = out.p
    if p.nms_param.eta != 1:
        layer.refuse(f"an overlap threshold that falls (eta {p.nms_param.eta})")
    if p.num_classes > LIMIT:
        layer.refuse(f"{p.num_classes} classes")
    if not out.labels:
        layer.refuse("there is no class but the background")
    if p.keep_top_k == 0 or out.candidates == 0:
        layer.refuse("it keeps nothing (top_k or keep_top_k is 0)")
    for value, each in ((loc, out.locations * 4), (conf, p.num_classes)):
        if shape(value)[1] not in {None, out.priors * each}:
            layer.refuse(
                f"'{value.name}' has {shape(value)[1]} numbers an image; "
                f"{out.priors} prior boxes take {out.priors * each}"
            )


@importer("DetectionOutput", doc=f"{SSD}/detection_output_layer.cpp")
def detection_output(
    layer: ImportedLayer,
    _op: Op,
    loc: ir.Value,
    conf: ir.Value,
    priors: ir.Value,
    *_image: ir.Value,
    clip: int,
    normalized_bbox: int,
) -> Any:
    """Rows [image, label, score, box], by image, label and falling score: [1, 1, rows, 7].

    Where no image has any detection, each has a row [image, -1, -1, ...].
    """
    if len(shape(priors)) < 3:
        layer.refuse(f"its prior boxes have {len(shape(priors))} axes, not 3")
    if not normalized_bbox:
        layer.refuse("its boxes are in pixels")
    out = _Output(layer.param(), known(priors, 2) // 4, bool(clip))
    _check(layer, out, loc, conf)

    def body(op: Op, loc: ir.Value, conf: ir.Value, priors: ir.Value) -> ir.Value:
        boxes, scores = _candidates(op, out, _boxes(op, out, loc, priors), conf)
        kept = _best(op, out, scores, _suppress(op, out, boxes, scores))
        found = _rows(op, out, boxes, scores, kept)
        return op.Unsqueeze(_or_nothing(op, found, loc), [0, 1])

    return layer.builder.function("DetectionOutput", [loc, conf, priors], out.attributes, body)


def _boxes(op: Op, out: _Output, loc: ir.Value, priors: ir.Value) -> ir.Value:
    """Offsets and prior boxes to boxes, [N, L, P, 4]."""
    prior, variance = op.outputs(2).Split(
        op.Reshape(priors, [2, 1, out.priors, 4]), axis=0, num_outputs=2
    )
    if out.locations == 1:
        offsets = op.Reshape(loc, [-1, 1, out.priors, 4])
    else:
        offsets = op.Reshape(loc, [-1, out.priors, out.locations, 4])
        offsets = op.Transpose(offsets, perm=[0, 2, 1, 3])
    if not out.p.variance_encoded_in_target:
        offsets = op.Mul(offsets, variance)
    boxes: ir.Value = _DECODE[out.p.code_type](op, offsets, prior)
    return op.Clip(boxes, 0.0, 1.0) if out.clip else boxes


def _halves(op: Op, x: ir.Value) -> tuple[ir.Value, ...]:
    return op.outputs(2).Split(x, axis=3, num_outputs=2)


def _from_corners(op: Op, offsets: ir.Value, prior: ir.Value) -> ir.Value:
    return op.Add(prior, offsets)


def _from_centre(op: Op, offsets: ir.Value, prior: ir.Value) -> ir.Value:
    low, high = _halves(op, prior)
    size = op.Sub(high, low)
    shift, scale = _halves(op, offsets)
    centre = op.Add(op.Mul(shift, size), op.Div(op.Add(low, high), 2.0))
    half = op.Div(op.Mul(op.Exp(scale), size), 2.0)
    return op.Concat(op.Sub(centre, half), op.Add(centre, half), axis=3)


def _from_corners_by_size(op: Op, offsets: ir.Value, prior: ir.Value) -> ir.Value:
    low, high = _halves(op, prior)
    size = op.Sub(high, low)
    return op.Add(prior, op.Mul(offsets, op.Concat(size, size, axis=3)))


_DECODE = {
    CORNER: _from_corners,
    CENTER_SIZE: _from_centre,
    CORNER_SIZE: _from_corners_by_size,
}


def _candidates(op: Op, out: _Output, boxes: ir.Value, conf: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The best of each class, best first: boxes [N, C, K, 4] and scores [N, C, K]."""
    labels = np.asarray(out.labels)
    scores = op.Transpose(op.Reshape(conf, [-1, out.priors, out.p.num_classes]), perm=[0, 2, 1])
    if len(labels) < out.p.num_classes:
        scores = op.Gather(scores, labels, axis=1)
    scores, order = op.outputs(2).TopK(scores, [out.candidates], axis=2)
    order = op.Unsqueeze(order, [3])
    if out.locations == 1:
        return op.GatherND(op.Squeeze(boxes, [1]), order, batch_dims=1), scores
    if len(labels) < out.locations:
        boxes = op.Gather(boxes, labels, axis=1)
    return op.GatherND(boxes, order, batch_dims=2), scores


def _suppress(op: Op, out: _Output, boxes: ir.Value, scores: ir.Value) -> ir.Value:
    """Which candidates stay when better ones of their class overlap them, [N, C * K]."""
    if out.p.code_type != CENTER_SIZE:
        boxes = _without_inverted(op, boxes)
    thresholds = [min(out.p.nms_param.nms_threshold, 1.0)]
    if out.p.HasField("confidence_threshold"):
        thresholds.append(out.p.confidence_threshold)
    each = op.Reshape(scores, [-1, 1, out.candidates])
    stay = op.NonMaxSuppression(
        op.Reshape(boxes, [-1, out.candidates, 4]), each, [out.candidates], *thresholds
    )
    kept = op.ScatterND(_filled(op, each, False), stay, _filled(op, stay, True, axes=1))
    return op.Reshape(kept, [-1, len(out.labels) * out.candidates])


def _without_inverted(op: Op, boxes: ir.Value) -> ir.Value:
    """Boxes whose corners are exchanged overlap nothing in Caffe; so do boxes without a size."""
    low, high = _halves(op, boxes)
    inverted = op.ReduceMax(op.Cast(op.Less(high, low), to=ir.DataType.INT32), [3], keepdims=1)
    return op.Where(op.Cast(inverted, to=ir.DataType.BOOL), np.float32(0), boxes)


def _filled(op: Op, like: ir.Value, value: bool, axes: int | None = None) -> ir.Value:
    return op.ConstantOfShape(op.Shape(like, end=axes), value=ir.tensor([value]))


def _best(op: Op, out: _Output, scores: ir.Value, kept: ir.Value) -> ir.Value:
    """At most `keep_top_k` of each image, of all classes together."""
    if not out.limited:
        return kept
    flat = op.Reshape(scores, [-1, len(out.labels) * out.candidates])
    _, best = op.outputs(2).TopK(op.Where(kept, flat, LOWEST), [out.p.keep_top_k], axis=1)
    among = op.ScatterElements(_filled(op, kept, False), best, _filled(op, best, True), axis=1)
    return op.And(kept, among)


def _rows(op: Op, out: _Output, boxes: ir.Value, scores: ir.Value, kept: ir.Value) -> ir.Value:
    """The rows of what is kept: [rows, 7]."""
    count = len(out.labels) * out.candidates
    where = op.Transpose(op.NonZero(kept), perm=[1, 0])
    image, place = op.outputs(2).Split(where, axis=1, num_outputs=2)
    label = op.Gather(np.asarray(out.labels, np.float32), op.Div(place, [out.candidates]))
    score = op.GatherND(op.Reshape(scores, [-1, count, 1]), where)
    box = op.GatherND(op.Reshape(boxes, [-1, count, 4]), where)
    return op.Concat(op.Cast(image, to=ir.DataType.FLOAT), label, score, box, axis=1)


def _or_nothing(op: Op, found: ir.Value, loc: ir.Value) -> ir.Value:
    """A row [image, -1, ...] for each image where nothing at all is found."""
    images = op.Shape(loc, start=0, end=1)
    index = op.Cast(op.Range(np.int64(0), op.Squeeze(images), np.int64(1)), to=ir.DataType.FLOAT)
    nothing = op.Pad(op.Unsqueeze(index, [1]), [0, 0, 0, 6], np.float32(-1))
    none = op.Equal(op.Shape(found, start=0, end=1), [0])
    nothing = op.Slice(nothing, [0], op.Where(none, images, [0]), [0])
    return op.Concat(found, nothing, axis=0)
