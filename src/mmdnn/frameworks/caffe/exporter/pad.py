"""Padding: zeros by a convolution, other numbers and mirrored pixels by a Concat."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.convolution import crop, param_of
from mmdnn.frameworks.caffe.exporter.cuts import cut, joined, picked
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.windows import Axis, Window


@exporter("Pad", doc=f"{TUTORIAL}/concat.html")
def pad(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    pads: Operand,
    value: Operand | None = None,
    axes: Operand | None = None,
    *,
    mode: str,
) -> Blob:
    """Zeros around a picture are a convolution's padding; other constants are set beside it."""
    rank, sizes = len(x.shape), node.ints(pads, "padding")
    which = [i % rank for i in node.ints(axes, "axes")] if axes is not None else list(range(rank))
    number = 0.0 if value is None else caffe.number(value)
    if number is None:
        node.refuse("its value is computed while the model runs")
    around = dict(
        zip(which, zip(sizes[: len(which)], sizes[len(which) :], strict=True), strict=True)
    )
    around = {axis: both for axis, both in around.items() if any(both)}
    if mode != "constant":
        for axis, both in around.items():
            x = _mirrored(caffe, x, axis, both, mode, "" if axis == max(around) else f"pad{axis}")
        return x
    spatial = rank == 4 and not number and set(around) <= {2, 3}
    if spatial and around and min(min(both) for both in around.values()) >= 0:
        return _zeros_around(caffe, x, around)
    for axis, (begin, end) in around.items():
        x = _beside(caffe, x, axis, begin, end, number, axis == max(around))
    return x


def _mirrored(
    caffe: Writer, x: Blob, axis: int, both: tuple[int, int], mode: str, suffix: str
) -> Blob:
    """What is beside an axis is taken from it; `numpy.pad` has the same modes."""
    if min(both) < 0 or (mode != "edge" and max(both) >= x.shape[axis]):
        caffe.node.refuse(f"padding {x.shape[axis]} by {both}, by {mode}")
    places = np.pad(np.arange(x.shape[axis]), both, mode=mode)  # type: ignore[call-overload]
    return picked(caffe, x, axis, places.tolist(), suffix)


def _zeros_around(caffe: Writer, x: Blob, around: dict[int, tuple[int, int]]) -> Blob:
    """A convolution of each channel with a single 1."""
    pads = [max(around.get(axis, (0, 0))) for axis in (2, 3)]
    channels = x.shape[1]
    sizes = [size + 2 * pad for size, pad in zip(x.shape[2:], pads, strict=True)]
    begins = [around.get(axis, (0, 0))[0] for axis in (2, 3)]
    wanted = [x.shape[axis] + sum(around.get(axis, (0, 0))) for axis in (2, 3)]
    frame = Window((Axis(None, 1), Axis(None, 1)))
    y = caffe.layer(
        "Convolution",
        x,
        blobs=[ir.tensor(np.ones((channels, 1, 1, 1), np.float32))],
        shape=(x.shape[0], channels, *sizes),
        suffix="" if sizes == wanted else "padded",
        **param_of(channels, frame, pads, channels, bias=False),
    )
    starts = [pad - begin for pad, begin in zip(pads, begins, strict=True)]
    return crop(caffe, y, starts, tuple(wanted))


def _beside(
    caffe: Writer, x: Blob, axis: int, begin: int, end: int, number: float, last: bool
) -> Blob:
    size = x.shape[axis]
    x = cut(caffe, x, axis, max(-begin, 0), size + min(begin, 0) + min(end, 0), f"cut{axis}")
    parts = [x]
    for count, place in ((begin, 0), (end, len(parts))):
        if count > 0:
            shape = x.resized(axis, count)
            parts.insert(place if place == 0 else len(parts), caffe.filled(number, shape))
    return joined(caffe, parts, axis, "" if last else f"pad{axis}")
