"""Operators that choose elements: rows of a table by an Embed, others by a cut or a mask."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.broadcast import repeated
from mmdnn.frameworks.caffe.exporter.comparison import at_least
from mmdnn.frameworks.caffe.exporter.cuts import cut, picked
from mmdnn.frameworks.caffe.exporter.matmul import mixed
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir import LIKE
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.values import is_finite, is_nonnegative


@exporter("Slice", doc=f"{TUTORIAL}/slice.html")
def slice_(
    node: ExportedNode,
    caffe: Writer,
    x: Operand,
    starts: Operand,
    ends: Operand,
    axes: Operand | None = None,
    steps: Operand | None = None,
) -> Operand:
    begins = node.ints(starts, "begin")
    stops = node.ints(ends, "end")
    which = node.ints(axes, "axes") if axes is not None else list(range(len(begins)))
    strides = node.ints(steps, "step") if steps is not None else [1] * len(begins)
    cuts: dict[int, range] = {}
    for axis, begin, stop, step in zip(which, begins, stops, strides, strict=True):
        axis %= len(x.shape)
        kept = range(x.shape[axis])[_slice(begin, stop, step)]
        if not kept:
            node.refuse("nothing is left")
        if kept != range(x.shape[axis]):
            cuts[axis] = kept
    if isinstance(x, Constant):
        return _cut_constant(caffe, x, cuts)
    like = caffe.scope.named(node.node.metadata_props.get(LIKE, ""))
    if like is not None and _crops(x, like, cuts):
        offset = [cuts[axis].start if axis in cuts else 0 for axis in range(2, x.rank)]
        offset = offset[:1] if len(set(offset)) == 1 else offset
        return caffe.layer(
            "Crop", x, like, shape=node.shape(), offset=offset if any(offset) else None
        )
    for axis, kept in cuts.items():
        last = axis == list(cuts)[-1]
        x = _kept(caffe, x, axis, kept, "" if last else f"axis{axis}")
    return x


def _crops(x: Blob, like: Blob, cuts: Mapping[int, range]) -> bool:
    """Whether all axes from the third on become as long as the other blob's, and nothing else is cut."""
    wanted = [len(cuts.get(axis, range(size))) for axis, size in enumerate(x.shape)]
    alone = min(cuts, default=2) > 1 and all(kept.step == 1 for kept in cuts.values())
    return alone and x.rank == like.rank > 2 and tuple(wanted[2:]) == like.shape[2:]


def _cut_constant(caffe: Writer, x: Constant, cuts: dict[int, range]) -> Constant:
    """Part of a weight, cut when it is written."""
    kept = [cuts.get(axis, range(size)) for axis, size in enumerate(x.shape)]
    shape = [len(places) for places in kept]
    tensor = x.derive(("cut", *map(str, kept)), lambda a: a[np.ix_(*kept)], shape)
    return caffe.constant(tensor, x)


def _slice(begin: int, stop: int, step: int) -> slice:
    """ONNX's ends far below 0 mean "past the first element" where it goes backwards."""
    return slice(begin, None if step < 0 and stop < -(1 << 30) else stop, step)


def _kept(caffe: Writer, x: Blob, axis: int, kept: range, suffix: str) -> Blob:
    """Every so many pixels are a Pooling of one pixel; else what is kept is cut out."""
    if len(x.shape) != 4 or axis < 2 or kept.step < 2:
        return picked(caffe, x, axis, kept, suffix)
    x = cut(caffe, x, axis, kept[0], kept[-1] - kept[0] + 1, f"{suffix or 'axis'}_from")
    shape = (*x.shape[:axis], len(kept), *x.shape[axis + 1 :])
    return caffe.layer(
        "Pooling",
        x,
        shape=shape,
        suffix=suffix,
        pool="MAX",
        kernel_size=1,
        stride_h=kept.step if axis == 2 else 1,
        stride_w=kept.step if axis == 3 else 1,
    )


@exporter("Gather", doc=f"{TUTORIAL}/embed.html")
def gather(node: ExportedNode, caffe: Writer, data: Operand, index: Operand, *, axis: int) -> Blob:
    """Rows of a table are an Embed; a constant index cuts; a batch is put in another order."""
    rank = len(data.shape)
    axis = node.front(axis, rank)
    if isinstance(data, Constant) and isinstance(index, Blob):
        if axis or rank != 2:
            node.refuse(f"it gathers along axis {axis} of a table of {rank} axes")
        return _embed(caffe, data, index)
    if isinstance(data, Blob) and isinstance(index, Constant):
        places = [int(i) % data.shape[axis] for i in index.array().reshape(-1)]
        if not places:
            node.refuse("it takes nothing")
        cut = picked(caffe, data, axis, places, "" if len(index.shape) == 1 else "rows")
        return cut if len(index.shape) == 1 else caffe.reshape(cut, node.shape())
    if isinstance(data, Blob) and isinstance(index, Blob) and axis == 0 and len(index.shape) == 1:
        return caffe.layer("BatchReindex", data, index, shape=node.shape())
    node.refuse("what it gathers, and from where, are both computed while the model runs")
    return None


def _embed(caffe: Writer, table: Constant, index: Blob) -> Blob:
    count, size = table.shape
    return caffe.layer(
        "Embed",
        index,
        blobs=[table.shaped(table.shape)],
        shape=(*index.shape, size),
        num_output=size,
        input_dim=count,
        bias_term=False,
    )


@exporter("GatherElements", doc=f"{TUTORIAL}/threshold.html")
def gather_elements(
    node: ExportedNode, caffe: Writer, x: Operand, index: Operand, *, axis: int
) -> Blob:
    """One element along an axis: where the index less the place is 0 or a fraction, all else times 0."""
    axis, value = node.axis(x, axis), node.node.inputs[0]
    if not isinstance(x, Blob) or not isinstance(index, Blob) or index.shape[axis] != 1:
        node.refuse("it takes several elements, or its places are constant")
    if not is_nonnegative(node.node.inputs[1]):
        node.refuse("its places may count from the end")
    if value is None or not is_finite(value):
        node.refuse(
            "it chooses from what may be infinite, and nothing of Caffe's chooses between such"
        )
    size = x.shape[axis]
    steps = ir.tensor(-np.arange(size, dtype=np.float32))
    wide = repeated(caffe, index, x.shape, "index")
    gap = caffe.layer("Bias", wide, blobs=[steps], suffix="gap", axis=axis)
    both = at_least(caffe, gap, 0.0, "from"), at_least(caffe, gap, 1.0, "to")
    mask = caffe.sum(*both, coeff=[1.0, -1.0], suffix="mask")
    chosen = caffe.product(x, mask, suffix="chosen")
    ones = ir.tensor(np.ones((1, size), np.float32))
    return mixed(caffe, chosen, axis, axis + 1, ones, to=node.shape())
