"""Boxes of the SSD fork (https://github.com/weiliu89/caffe, branch ssd), regions of Fast R-CNN's and R-FCN's.

Boxes are [xmin, ymin, xmax, ymax] in fractions of the image; regions are [image, xmin, ymin, xmax, ymax]
in pixels of the network's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe._messages import by_axis
from mmdnn.frameworks.caffe.importer.shapes import image_size
from mmdnn.frameworks.caffe.importer.table import LIMIT, SSD, ImportedLayer, importer
from mmdnn.ir import regions
from mmdnn.ir.builder import Op, shape

MOST_BOXES = 1 << 20
"""The largest number of prior boxes of one layer that is believed."""


@dataclass(frozen=True)
class _Grid:
    """What PriorBox needs to know of its bottoms: (height, width) of the map and of the image."""

    cells: tuple[int, int]
    image: tuple[int, int]
    step: tuple[float, float]


def _pair(layer: ImportedLayer, p: Any, name: str) -> tuple[Any, Any] | None:
    """`<name>_h` and `<name>_w`, or `<name>` (`<name>_size`) for both, or nothing."""
    single = name if name == "step" else f"{name}_size"
    apart = by_axis(p, single)
    if apart is None and not p.HasField(single):
        return None
    if apart is not None and p.HasField(single):
        layer.refuse(f"both {single} and {name}_h/{name}_w are given")
    height, width = pair = apart or [getattr(p, single)] * 2
    if not all(0 < value <= LIMIT for value in pair):
        layer.refuse(f"{name} must be positive, and is {height}, {width}")
    return height, width


def _grid(layer: ImportedLayer, p: Any, x: ir.Value, image: ir.Value) -> _Grid:
    cells = image_size(layer, x)
    size = _pair(layer, p, "img") or image_size(layer, image)
    step = _pair(layer, p, "step") or (size[0] / cells[0], size[1] / cells[1])
    return _Grid(cells, size, step)


def _aspect_ratios(p: Any) -> list[float]:
    ratios = [1.0]
    for ratio in p.aspect_ratio:
        if all(abs(ratio - other) >= 1e-6 for other in ratios):
            ratios += [ratio, 1.0 / ratio] if p.flip else [ratio]
    return ratios


def _box_sizes(layer: ImportedLayer, p: Any) -> np.ndarray:
    """Width and height of each box of a cell, in pixels. Caffe cuts min_size and max_size to integers."""
    if not p.min_size or len(p.max_size) not in {0, len(p.min_size)}:
        layer.refuse("it takes a min_size, and a max_size for each min_size or none")
    if not all(0 < size <= LIMIT for size in (*p.min_size, *p.max_size)):
        layer.refuse(f"sizes {list(p.min_size)} to {list(p.max_size)}")
    if any(low >= high for low, high in zip(p.min_size, p.max_size, strict=False)):
        layer.refuse("a max_size is not greater than its min_size")
    if not all(1e-6 < ratio <= LIMIT for ratio in p.aspect_ratio):
        layer.refuse(f"aspect ratios {list(p.aspect_ratio)}")
    sizes: list[tuple[float, float]] = []
    for index, low in enumerate(int(size) for size in p.min_size):
        sizes.append((low, low))
        if p.max_size:
            sizes.append((math.sqrt(low * int(p.max_size[index])),) * 2)
        sizes += [
            (low * math.sqrt(ratio), low / math.sqrt(ratio))
            for ratio in _aspect_ratios(p)
            if abs(ratio - 1) >= 1e-6
        ]
    return np.asarray(sizes, np.float32).astype(np.float64)


def _variances(layer: ImportedLayer, p: Any) -> list[float]:
    if len(p.variance) not in {0, 1, 4} or not all(
        0 < variance < math.inf for variance in p.variance
    ):
        layer.refuse(f"it takes one or four positive variances, not {list(p.variance)}")
    given = list(p.variance) or [0.1]
    return given if len(given) == 4 else given * 4


def _offsets(layer: ImportedLayer, p: Any, down: Any, across: Any) -> np.ndarray:
    """Where the boxes of a cell have their centres, [places, 2]: (y, x) in cells."""
    pair = [value if isinstance(value, list) else [value] for value in (down, across)]
    if down is None and across is None:
        pair = [[p.offset], [p.offset]]
    elif p.HasField("offset") or len(pair[0]) != len(pair[1]):
        layer.refuse("offset_h and offset_w must be as many, and offset not be given")
    numbers = [value for each in pair for value in each]
    if not all(isinstance(v, (int, float)) and abs(v) <= LIMIT for v in numbers):
        layer.refuse(f"its offsets are {numbers}")
    return np.asarray(pair, np.float32).T


def _prior_boxes(
    p: Any, grid: _Grid, offsets: np.ndarray, sizes: np.ndarray, variances: list[float]
) -> np.ndarray:
    """[1, 2, cells * boxes * 4]: the boxes, row by row, of a size at each offset, and their variances."""
    cells = np.moveaxis(np.indices(grid.cells, np.float32), 0, -1)[:, :, None, None]
    centres = (cells + offsets) * np.asarray(grid.step, np.float32)
    centres = centres[..., ::-1].astype(np.float64)
    sizes = sizes[:, None]
    half, image = sizes / 2, np.asarray(grid.image[::-1])
    boxes = np.concatenate([(centres - half) / image, (centres + half) / image], axis=-1)
    boxes = boxes.astype(np.float32)
    boxes = boxes.clip(0, 1) if p.clip else boxes
    spread = np.broadcast_to(np.asarray(variances, np.float32), boxes.shape)
    return np.stack([boxes, spread]).reshape(1, 2, -1)


def _said(offsets: np.ndarray) -> dict[str, Any]:
    if len({*offsets.ravel()}) == len(offsets) == 1:
        return {"offset": float(offsets[0, 0])}
    return dict(zip(("offset_h", "offset_w"), offsets.T.tolist(), strict=True))


@importer("PriorBox", doc=f"{SSD}/prior_box_layer.cpp")
def prior_box(
    layer: ImportedLayer, _op: Op, x: ir.Value, image: ir.Value, *, offset_h: Any, offset_w: Any
) -> Any:
    """Nothing depends on the bottoms but their sizes, so the function's body is a constant."""
    p = layer.param()
    offsets = _offsets(layer, p, offset_h, offset_w)
    grid, sizes, variances = _grid(layer, p, x, image), _box_sizes(layer, p), _variances(layer, p)
    count = len(sizes) * len(offsets)
    if math.prod(grid.cells) * count > MOST_BOXES:
        layer.refuse(f"{count} boxes for each of {grid.cells} cells")
    attributes = {
        "min_size": list(p.min_size),
        "max_size": list(p.max_size) or None,
        "aspect_ratio": list(p.aspect_ratio) or None,
        "flip": int(p.flip),
        "clip": int(p.clip),
        "variance": variances,
        "image": list(grid.image),
        "step": [float(step) for step in grid.step],
        **_said(offsets),
    }

    def body(op: Op, _x: ir.Value, _image: ir.Value) -> ir.Value:
        return op.Constant(value=ir.tensor(_prior_boxes(p, grid, offsets, sizes, variances)))

    return layer.builder.function("PriorBox", [x, image], attributes, body)


FAST_RCNN = "https://github.com/rbgirshick/caffe-fast-rcnn/blob/fast-rcnn/src/caffe/layers"


@importer("ROIPooling", doc=f"{FAST_RCNN}/roi_pooling_layer.cpp")
def roi_pooling(layer: ImportedLayer, _op: Op, x: ir.Value, rois: ir.Value) -> Any:
    """The maximum of each bin of each region, 0 where a bin lies outside the image."""
    p = layer.own()
    bins = p["pooled_h"], p["pooled_w"]
    if min(bins) < 1 or shape(rois)[1:] not in {(5,), (5, 1, 1)}:
        layer.refuse(f"{bins} bins of regions of shape {shape(rois)}")
    size = image_size(layer, x)

    def body(op: Op, x: ir.Value, rois: ir.Value) -> ir.Value:
        image, corners = op.outputs(2).Split(op.Reshape(rois, [-1, 5]), [1, 4], axis=1)
        rounded = regions.rounded(op, op.Mul(corners, p["spatial_scale"]))
        ends = op.outputs(4).Split(rounded, axis=1, num_outputs=4)
        rows = regions.inside(op, ends[1], ends[3], bins[0], size[0])
        columns = regions.inside(op, ends[0], ends[2], bins[1], size[1])
        pooled = regions.maxima(
            op, x, op.Squeeze(op.Cast(image, to=ir.DataType.INT64), [1]), rows, columns
        )
        some = regions.some(op, rows, columns)
        return op.Where(some, pooled, np.float32(0))

    return layer.builder.function("ROIPooling", [x, rois], p, body)


R_FCN = "https://github.com/daijifeng001/caffe-rfcn/blob/r-fcn/src/caffe/layers"


@importer("PSROIPooling", doc=f"{R_FCN}/psroi_pooling_layer.cu")
def psroi_pooling(layer: ImportedLayer, _op: Op, x: ir.Value, rois: ir.Value) -> Any:
    """The mean of each bin of each region, from channels of its own; 0 where a bin is empty."""
    p = layer.own()
    scale, depth, group = p.values()
    if not scale or not depth or not group or min(scale, depth, group) < 0:
        layer.refuse(f"its parameters are {p}")
    if shape(rois)[1:] not in {(5,), (5, 1, 1)} or shape(x)[1:2] != (depth * group**2,):
        layer.refuse(f"regions of shape {shape(rois)} of pictures of shape {shape(x)}")
    image_size(layer, x)

    def body(op: Op, x: ir.Value, rois: ir.Value) -> ir.Value:
        image, corners = op.outputs(2).Split(op.Reshape(rois, [-1, 5]), [1, 4], axis=1)
        image = op.Squeeze(op.Cast(image, to=ir.DataType.INT64), [1])
        return regions.own_means(op, x, image, corners, scale=scale, bins=group, group=group)

    return layer.builder.function("PSROIPooling", [x, rois], p, body)
