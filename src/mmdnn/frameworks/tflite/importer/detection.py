"""Boxes: those that overlap are left out (tensorflow/lite/kernels/non_max_suppression.cc)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.tflite.importer.table import DOC, ImportedNode, Value, importer, like
from mmdnn.ir.builder import Op, dimensions


@importer("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", doc=DOC)
def non_max_suppression(
    node: ImportedNode, op: Op, boxes: Value, scores: Value, most: Value, *limits: Value
) -> list[Value]:
    """The places of what is left, and with V5 its scores, both with zeros up to the largest number.

    What overlaps by just as much as said is left out, too, which ONNX keeps.
    """
    overlap, threshold, *sigma = limits
    count = node.ints(most, "its largest number of boxes")[0]
    limit = node.numbers(overlap, "its overlap").reshape(-1)[:1]
    soft = float(node.numbers(sigma[0], "its sigma").reshape(())) if sigma else 0.0
    if soft > 0:
        kept = _Soft(limit, node.numbers(threshold, "its threshold").reshape(-1)[:1], soft)
        places, values = kept.run(node, op, boxes, scores, count)
    else:
        if limit <= 0:
            node.refuse("its overlap is 0: all boxes but one are left out")
        found = op.NonMaxSuppression(
            op.Unsqueeze(boxes, [0]), op.Unsqueeze(scores, [0, 1]), [count],
            np.nextafter(limit, np.float32(0)), op.Reshape(threshold, [1]),
        )  # fmt: skip
        places = op.Squeeze(op.Slice(found, [2], [3], [1]), [1])
        values = op.Gather(scores, places)
    results = [_filled(op, op.Cast(places, to=ir.DataType.INT32), count)]
    if node.type.endswith("V5"):
        results.append(_filled(op, values, count))
    return [*results, op.Cast(op.Size(places), to=ir.DataType.INT32)]


def _filled(op: Op, x: Value, count: int) -> Value:
    """With zeros behind, up to so many."""
    y = op.Slice(op.Concat(x, like([0] * count, x), axis=0), [0], [count], [0])
    y.shape = ir.Shape([count])
    return y


@dataclass(frozen=True)
class _Soft:
    """Suppression that lowers the scores of what overlaps: by exp(-overlap^2 / (2 sigma))."""

    limit: np.ndarray
    threshold: np.ndarray
    sigma: float

    def run(
        self, node: ImportedNode, op: Op, boxes: Value, scores: Value, count: int
    ) -> tuple[Value, Value]:
        """The places of what is left and its scores, the best first."""
        first, second = op.Slice(boxes, [0], [2], [1]), op.Slice(boxes, [2], [4], [1])
        corners = op.Concat(op.Min(first, second), op.Max(first, second), axis=1)
        body = node.graph.loop(f"{node.name}/best")
        name = body.unique(f"{node.name}/left")
        body.input(body.unique(f"{node.name}/step"), [], ir.DataType.INT64)
        body.input(body.unique(f"{node.name}/going"), [], ir.DataType.BOOL)
        left = body.input(name, dimensions(scores), scores.dtype or ir.DataType.FLOAT)
        body.graph.outputs.extend(self._step(body.op, corners, left))
        out = op.outputs(3).Loop(np.int64(count), np.asarray(True), scores, body=body.graph)
        places, values = (op.Reshape(value, [-1]) for value in out[1:])
        whole = op.Greater(values, self.threshold)
        return op.Compress(places, whole, axis=0), op.Compress(values, whole, axis=0)

    def _step(self, op: Op, corners: Value, left: Value) -> list[Value]:
        """Whether to go on, the scores that are left, the best one's place, and its score."""
        place = op.ArgMax(left, axis=0, keepdims=1)
        best, box = op.Gather(left, place), op.Gather(corners, place)
        start = op.Max(op.Slice(corners, [0], [2], [1]), op.Slice(box, [0], [2], [1]))
        end = op.Min(op.Slice(corners, [2], [4], [1]), op.Slice(box, [2], [4], [1]))
        both = op.ReduceProd(op.Max(op.Sub(end, start), like(0, left)), [1], keepdims=0)
        area, own = _area(op, corners), _area(op, box)
        union = op.Sub(op.Add(area, own), both)
        some = op.And(op.Greater(area, like(0, left)), op.Greater(own, like(0, left)))
        overlap = op.Where(some, op.Div(both, union), like(0, left))
        square = op.Mul(op.Mul(overlap, overlap), like(-0.5 / self.sigma, left))
        lowered = op.Mul(left, op.Exp(square))
        gone = op.GreaterOrEqual(overlap, self.limit)
        lowest = like(np.finfo(np.float32).min, left)
        after = op.Where(gone, lowest, lowered)
        after = op.ScatterElements(after, place, op.Expand(lowest, [1]), axis=0)
        going = op.Identity(np.asarray(True))
        going.const_value = None
        return [going, after, place, best]


def _area(op: Op, corners: Value) -> Value:
    sides = op.Sub(op.Slice(corners, [2], [4], [1]), op.Slice(corners, [0], [2], [1]))
    return op.ReduceProd(sides, [1], keepdims=0)
