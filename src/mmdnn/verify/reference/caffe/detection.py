"""Boxes of priors and regions: PriorBox of SSD, ROIPooling of Fast R-CNN, PSROIPooling of R-FCN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmdnn.verify.reference.caffe.layer import FLOAT_MAX, Array, Step, computes


@computes("PriorBox")
def prior_box(step: Step, x: Array, image: Array) -> Array:
    """Boxes around each place of a plane, and their variances (weiliu89/caffe, prior_box_layer.cpp)."""
    p = step.p
    height, width = x.shape[2:]
    image_h, image_w = p.img_h or p.img_size, p.img_w or p.img_size
    if not (image_h and image_w):
        image_h, image_w = image.shape[2:]
    step_h, step_w = p.step_h or p.step, p.step_w or p.step
    if not (step_h and step_w):
        step_h, step_w = image_h / height, image_w / width
    sizes = np.array(_box_sizes(step, p))
    down, across = _offsets(step, p.offset)
    centers = np.stack(
        np.broadcast_arrays(
            ((np.arange(width)[:, None] + across) * step_w)[None, :, None],
            ((np.arange(height)[:, None] + down) * step_h)[:, None, None],
        ),
        -1,
    )
    sizes = sizes[:, None]
    whole = np.array([image_w, image_h], np.float64)
    boxes = np.concatenate([(centers - sizes / 2) / whole, (centers + sizes / 2) / whole], -1)
    if p.clip:
        boxes = np.clip(boxes, 0, 1)
    variances = list(p.variance) or [0.1]
    if len(variances) not in (1, 4):
        step.wrong(f"{len(variances)} variances")
    spread = np.broadcast_to(np.array(variances), (boxes.size // 4, 4))
    return np.stack([boxes.reshape(-1), spread.reshape(-1)])[None]


def _offsets(step: Step, one: float) -> tuple[Array, Array]:
    """Where a cell's boxes stand, down and across: each size at each (OpenCV, prior_box_layer.cpp)."""
    forks = step.fork("prior_box_param", offset_h=[], offset_w=[])
    down, across = forks["offset_h"], forks["offset_w"]
    if len(down) != len(across) or (down and step.p.HasField("offset")):
        step.wrong(f"{len(down)} offsets down and {len(across)} across")
    return np.array(down or [one], np.float64), np.array(across or [one], np.float64)


def _box_sizes(step: Step, p: Any) -> list[tuple[float, float]]:
    """Widths and heights: each smallest size, its mean with the largest, then the other ratios."""
    if not p.min_size or (p.max_size and len(p.max_size) != len(p.min_size)):
        step.wrong(f"{len(p.min_size)} smallest sizes, {len(p.max_size)} largest")
    ratios = [1.0]
    for ratio in p.aspect_ratio:
        if all(abs(ratio - known) >= 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if p.flip else [ratio]
    sizes = []
    for place, smallest in enumerate(p.min_size):
        side = float(int(smallest))
        sizes.append((side, side))
        if p.max_size:
            middle = math.sqrt(int(smallest) * int(p.max_size[place]))
            sizes.append((middle, middle))
        roots = [math.sqrt(ratio) for ratio in ratios if abs(ratio - 1) >= 1e-6]
        sizes += [(side * root, side / root) for root in roots]
    return sizes


@computes("ROIPooling")
def roi_pooling(step: Step, x: Array, rois: Array) -> Array:
    """The largest in each of a region's bins (rbgirshick/caffe-fast-rcnn, roi_pooling_layer.cpp).

    Bins are counted in float32, as there: their bounds are rounded.
    """
    p = step.fork("roi_pooling_param", pooled_h=None, pooled_w=None, spatial_scale=1.0)
    counts = p["pooled_h"], p["pooled_w"]
    if not all(counts) or rois.size != 5 * len(rois):
        step.refuse(f"{counts[0]} x {counts[1]} bins, regions of the shape {list(rois.shape)}")
    y = np.zeros((len(rois), x.shape[1], *counts))
    for number, (image, *corners) in enumerate(rois.reshape(-1, 5).astype(np.float32)):
        scaled = np.array(corners) * np.float32(p["spatial_scale"])
        left, top, right, bottom = (np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)).astype(int)
        if not 0 <= int(image) < len(x):
            step.wrong(f"a region of image {int(image)} of {len(x)}")
        rows = _roi_bins(top, bottom, counts[0], x.shape[2])
        columns = _roi_bins(left, right, counts[1], x.shape[3])
        for i, j in np.ndindex(*counts):
            part = x[int(image), :, rows[i], columns[j]]
            if part.size:
                y[number, :, i, j] = np.maximum(part.max((1, 2)), -FLOAT_MAX)
    return y


def _roi_bins(start: int, end: int, count: int, size: int) -> list[slice]:
    length = np.float32(max(end - start + 1, 1)) / np.float32(count)
    bins = []
    for place in range(count):
        low = int(np.floor(np.float32(place) * length)) + start
        high = int(np.ceil(np.float32(place + 1) * length)) + start
        bins.append(slice(min(max(low, 0), size), min(max(high, 0), size)))
    return bins


@computes("PSROIPooling")
def psroi_pooling(step: Step, x: Array, rois: Array) -> Array:
    """The mean of each bin, from its own channel (daijifeng001/caffe-rfcn, psroi_pooling_layer.cu).

    Bins are counted in float32, as there.
    """
    p = step.fork("psroi_pooling_param", spatial_scale=0.0, output_dim=None, group_size=None)
    depth, count, scale = p["output_dim"], p["group_size"], np.float32(p["spatial_scale"])
    if not depth or not count or rois.size != 5 * len(rois):
        step.refuse(f"{depth} channels in {count} groups, regions of the shape {list(rois.shape)}")
    if x.shape[1] != depth * count**2:
        step.wrong(f"{x.shape[1]} channels are not {depth} times {count} x {count}")
    y = np.zeros((len(rois), depth, count, count))
    for number, (image, *corners) in enumerate(rois.reshape(-1, 5).astype(np.float32)):
        if not 0 <= int(image) < len(x):
            step.wrong(f"a region of image {int(image)} of {len(x)}")
        whole = np.sign(corners) * np.floor(np.abs(corners) + np.float32(0.5))
        starts, ends = whole[:2] * scale, (whole[2:] + 1) * scale
        sides = np.maximum(ends - starts, np.float32(0.1)) / np.float32(count)
        for i, j in np.ndindex(count, count):
            low = np.floor(np.array([j, i], np.float32) * sides + starts).astype(int)
            high = np.ceil(np.array([j + 1, i + 1], np.float32) * sides + starts).astype(int)
            (left, top), (right, bottom) = np.maximum(low, 0), np.maximum(high, 0)
            part = x[int(image), :, top:bottom, left:right]
            if part.size:
                y[number, :, i, j] = part.mean((1, 2)).reshape(depth, count, count)[:, i, j]
    return y
