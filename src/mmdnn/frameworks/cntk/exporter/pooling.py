"""Pooling (Source/ComputationNetworkLib/ConvolutionalNodes.h)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from mmdnn.frameworks.cntk.exporter.elementwise import larger
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.markers import unknown
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.exporter.windows import counts, fitted, laid, overhangs, reaches
from mmdnn.frameworks.cntk.graph import FREE, Shape
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.windows import Axis, Window

MAXIMUM, AVERAGE = 0, 1
"""CNTK::PoolingType."""


@exporter("MaxPool", doc=f"{API}/cntk.layers.layers#MaxPooling", unused="storage_order")
def max_pool(node: ExportedNode, cntk: CNTK, x: Operand, *, window: Window) -> list[Operand]:
    """Padding never wins, so that more of it than asked for does no harm."""
    places: list[Operand] = []
    if node.wants(1):
        places.append(unknown(node))
        second = node.node.outputs[1]
        others = any(use.node.op_type != "MaxUnpool" for use in second.uses())
        if others or second.is_graph_output():
            node.refuse("CNTK's pooling does not tell where the maxima are")
    if node.wants(0) or not places:
        return [_maxima(cntk, x, window), *places]
    return [unknown(node), *places]


def _maxima(cntk: CNTK, x: Operand, window: Window) -> Operand:
    frame = _checked(cntk.node, window)
    x = cntk.batched(x)
    if max(frame.dilations) > 1 or any(axis.narrow for axis in laid(frame)):
        return _largest(cntk, x, frame)
    return _pooled(cntk, x, frame, MAXIMUM)


def _largest(cntk: CNTK, x: Operand, frame: Window) -> Operand:
    """The largest of shifted slices, for one axis after the other; nothing is smaller than the padding."""
    low = float(np.finfo(x.dtype.numpy()).min)
    for position, axis in enumerate(frame.axes, x.rank - len(frame)):
        if axis.count is None:
            cntk.node.refuse("how many windows fit depends on the size of its input, which is open")
        x = cntk.padded(x, {position: (axis.begin, max(axis.reach or 0, 0))}, low)
        made, last = None, (axis.count - 1) * axis.stride + 1
        for start in range(0, axis.span, axis.dilation):
            part = cntk.cut(x, position, start, start + last, axis.stride)
            made = part if made is None else larger(cntk, made, part)
        x = made or x
    return x


@exporter(
    "MaxUnpool", doc=f"{API}/cntk.layers.layers#MaxUnpooling", unused="kernel_shape strides pads"
)
def max_unpool(node: ExportedNode, cntk: CNTK, x: Operand, *_: Operand) -> Operand:
    """Numbers go to where the maxima of another operand were, which CNTK finds anew."""
    places = node.node.inputs[1]
    pool = places.producer() if places is not None else None
    if pool is None or pool.op_type != "MaxPool" or pool.inputs[0] is None:
        node.refuse("the places of its maxima are not those of a pooling")
    like = cntk.scope.operand(pool.inputs[0])
    frame = _checked(node, Window.of(ExportedNode(pool)))
    if max(frame.dilations) > 1 or any(axis.narrow for axis in laid(frame)) or not x.is_batched:
        node.refuse("its windows are not those of CNTK's pooling")
    whole, padding = fitted(cntk, like, frame, 0)
    if whole.shape != like.shape:
        node.refuse("its windows are not those of CNTK's pooling")
    with cntk.block("MaxUnpooling"):
        return cntk.make(
            "Unpooling",
            x,
            like,
            shape=like.shape,
            poolingType=MAXIMUM,
            unpoolingWindowShape=Shape(frame.kernel),
            strides=Shape(frame.strides),
            **padding,
        )


@exporter("AveragePool", doc=f"{API}/cntk.layers.layers#AveragePooling")
def average_pool(
    node: ExportedNode, cntk: CNTK, x: Operand, *, window: Window, count_include_pad: int
) -> Operand:
    """CNTK counts either nothing of the padding, or all that a window covers.

    Where ONNX counts its padding, and a window reaches beyond that too, the padding becomes zeros of
    the input.
    """
    include = bool(count_include_pad)
    frame = _checked(node, window)
    x = cntk.batched(x)
    if include and overhangs(frame):
        around = zip(frame.begins, frame.ends, strict=True)
        x = cntk.padded(x, dict(enumerate(around, x.rank - len(frame))))
        frame, include = Window(tuple(_filled(axis) for axis in frame.axes)), False
    if max(frame.dilations) > 1:
        node.refuse("CNTK's pooling has no dilation")
    return _pooled(cntk, x, frame, AVERAGE, include=include)


def _filled(axis: Axis) -> Axis:
    """The same windows, the padding being elements of the input."""
    if axis.size is None or axis.reach is None:
        return axis
    size = axis.size + axis.begin + axis.end
    return replace(axis, size=size, begin=0, end=axis.reach - axis.end, ceil=False)


def _checked(node: ExportedNode, frame: Window) -> Window:
    loose = any(frame.pads) or any(axis.stride > axis.span for axis in frame.axes)
    if frame.ceil and frame.sizes is None and loose:
        node.refuse("how many windows fit depends on the size of its input, which is open")
    return frame


def _pooled(cntk: CNTK, x: Operand, frame: Window, kind: int, *, include: bool = False) -> Operand:
    """Where padding has to be elements of the input, and does not count, it is taken out of the average."""
    low = float(np.finfo(x.dtype.numpy()).min)
    before = x
    axes = laid(frame)
    ceil = frame.ceil and frame.sizes is None
    ceil |= reaches(frame) and not include and not any(axis.auto for axis in axes)
    x, padded = fitted(cntk, x, frame, 0, filler=low if kind == MAXIMUM else 0, ceil=ceil)
    said: dict[str, Any] = {
        "poolingType": kind,
        "poolingWindowShape": Shape(frame.kernel),
        "strides": Shape(frame.strides),
        **padded,
        "ceilOutDim": ceil,
        "includePad": include
        and any((*padded["autoPadding"], *padded["lowerPad"], *padded["upperPad"])),
    }
    shape = (*x.shape[: len(x.shape) - len(frame)], *counts(frame))
    plain = not (said["includePad"] or ceil)
    plain = plain and not any((*padded["lowerPad"], *padded["upperPad"]))
    with cntk.block("AveragePooling" if kind else "MaxPooling", layer=True, fits=plain):
        y = cntk.make("Pooling", x, shape=shape, **said)
    spelled = not ceil and any(axis.narrow or axis.loose for axis in axes)
    if kind == MAXIMUM or include or not spelled:
        return y
    ones = cntk.make("Constant", before, shape=before.shape, fillValue=1.0)
    return cntk.divide(y, _pooled(cntk, ones, frame, AVERAGE, include=True))


@exporter("GlobalAveragePool", "GlobalMaxPool", doc=f"{API}/cntk.layers.layers#GlobalMaxPooling")
def global_pool(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    """A window over all of the input, or, where that is open, a reduction."""
    x = cntk.batched(x)
    kind = MAXIMUM if node.type == "GlobalMaxPool" else AVERAGE
    spatial = x.shape[1:]
    if FREE in spatial:
        return cntk.reduce("Mean" if kind else "Max", x, list(range(2, x.rank)))
    with cntk.block("GlobalAveragePooling" if kind else "GlobalMaxPooling", layer=True):
        return cntk.make(
            "Pooling",
            x,
            shape=(x.shape[0], *[1] * len(spatial)),
            poolingType=kind,
            poolingWindowShape=Shape(spatial),
            strides=Shape((1,)),
            autoPadding=[False],
            lowerPad=Shape((0,)),
            upperPad=Shape((0,)),
            ceilOutDim=False,
            includePad=False,
        )


@exporter("LpPool", doc="https://onnx.ai/onnx/operators/onnx__LpPool.html")
def lp_pool(node: ExportedNode, cntk: CNTK, x: Operand, *, window: Window, p: int) -> Operand:
    """The root of the sum of squares, or the sum of absolutes: an average, times the window's size."""
    if p not in (1, 2):
        node.refuse(f"its power is {p}")
    frame = _checked(node, window)
    if max(frame.dilations) > 1:
        node.refuse("CNTK's pooling has no dilation")
    if overhangs(frame) or (frame.ceil and frame.sizes is None):
        node.refuse("a window reaches beyond the padding")
    x = cntk.batched(x)
    x = cntk.Abs(x) if p == 1 else cntk.ElementTimes(x, x)
    y = _pooled(cntk, x, frame, AVERAGE, include=True)
    y = cntk.ElementTimes(y, cntk.number(math.prod(frame.kernel), y))
    return y if p == 1 else cntk.Sqrt(y)
