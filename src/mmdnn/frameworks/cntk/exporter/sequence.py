"""Operators along sequences: the local functions that the importer makes, CNTK's own again.

(bindings/python/cntk/ops/sequence of CNTK 2.7.) An IR value [batch, time, *static] is a variable with two
dynamic axes; `mmdnn.ir.sequences` says which inputs are such.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.axes import broadcast
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.markers import Inside, Lengths, unknown
from mmdnn.frameworks.cntk.exporter.operand import Layout, Operand, sizes
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.frameworks.cntk.exporter.windows import attributes
from mmdnn.frameworks.cntk.graph import BATCH, DYNAMIC, FREE, Axis, Shape
from mmdnn.ir import windows
from mmdnn.ir.builder import dimensions
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.sizes import Dim, trace

DOMAIN = "mmdnn.cntk::"

SEQUENCES = f"{API}/cntk.ops.sequence"


def time_of(x: Operand) -> Axis | None:
    """The sequence axis of an operand's variable."""
    return next((axis for axis in x.axes if axis.ordered), None)


def statics(x: Operand) -> Layout:
    """A layout of static axes, as many as the variable has."""
    return (None,) * len(x.shape)


def framed(cntk: CNTK, x: Operand) -> Operand:
    """[batch, *static]: each frame as if it were a sample."""
    return cntk.viewed(x, (BATCH, *statics(x)))


def along(cntk: CNTK, x: Operand) -> Operand:
    """[batch, time, *static] again."""
    axis = time_of(x)
    assert axis is not None
    return cntk.viewed(x, (BATCH, axis, *statics(x)))


def reshaped_along(cntk: CNTK, x: Operand) -> Operand | None:
    """A reshape that leaves time alone: frames become samples or are frames again, or change inside."""
    before, after = x.value.shape if x.value is not None else None, cntk.node.output.shape
    axis, found = time_of(x), sizes(after)
    if axis is None or found is None or before is None or after is None:
        return None
    leading = sum(1 for one in x.layout if one is not None)
    if leading == 1 and len(found) == x.rank + 1 and tuple(found[2:]) == x.shape:
        return along(cntk, x)
    if leading == 2 and len(found) == x.rank - 1 and tuple(found[1:]) == x.shape:
        return framed(cntk, x)
    if x.layout[:leading].count(None) or list(before)[:leading] != list(after)[:leading]:
        return None
    return cntk.reshape(x, found[leading:], (*x.layout[:leading], *[None] * (len(found) - leading)))


def spread(cntk: CNTK, x: Operand) -> Operand:
    """A value repeated for each sample, and for each frame, as `reconcile_dynamic_axes` does it."""
    dims = _target(cntk.node.node)
    scope = cntk.scope
    layout = tuple(scope.symbols.get(dim) if isinstance(dim, str) else None for dim in dims)
    like = scope.samples.get(tuple(axis for axis in layout if axis is not None))
    fixed = [dim for dim, axis in zip(dims, layout, strict=True) if axis is None]
    numbers = tuple(dim for dim in fixed if isinstance(dim, int))
    lead = len(dims) - x.rank
    gone = [place - lead for place, axis in enumerate(layout) if axis is not None and place >= lead]
    if like is None or x.axes or len(numbers) != len(fixed) or lead < 0:
        return unknown(cntk.node)
    if any(x.dims[place] != 1 for place in gone):
        return unknown(cntk.node)
    x = cntk.squeezed(x, gone)
    numbers = broadcast(x.shape, numbers)
    if x.tensor is not None and x.shape != numbers:
        x = cntk.changed(x, "spread", lambda a: np.broadcast_to(a, numbers).copy(), numbers)
    if x.shape != numbers:
        cntk.node.refuse("it repeats what is computed")
    return reconciled(cntk, x, like, layout)


def _target(node: ir.Node) -> list[int | str | None]:
    """The shape that an Expand takes: numbers, and the names of open dimensions that it reads."""
    found, (output,) = trace(node.inputs[1]), node.outputs
    said = list(dimensions(output)) if output.shape is not None else []
    if found is None or (said and len(found) != len(said)):
        return said
    names = [dimensions(one.value)[one.axis] if isinstance(one, Dim) else one for one in found]
    return [one if isinstance(one, int | str) else None for one in names]


def reconciled(cntk: CNTK, x: Operand, like: Operand, layout: Layout) -> Operand:
    """The operand with another one's dynamic axes."""
    return cntk.make("ReconcileDynamicAxis", x, like, shape=x.shape, layout=layout, axes=like.axes)


@exporter(
    f"{DOMAIN}PastValue", f"{DOMAIN}FutureValue", doc=f"{SEQUENCES}#past_value", unused="each"
)
def delayed(
    node: ExportedNode, cntk: CNTK, x: Operand, initial: Operand, *_: Operand, offset: int
) -> Operand:
    return cntk.make(
        node.type.split("_")[0], x, initial, shape=x.shape, layout=x.layout, offset=offset
    )


@exporter(f"{DOMAIN}Inside", doc=f"{SEQUENCES}#future_value")
def inside(node: ExportedNode, cntk: CNTK, x: Operand, lengths: Operand, *, offset: int) -> Operand:
    """A mask for what CNTK masks itself."""
    return Inside((), (), x.dtype, origin=node, count=offset)


def chosen(
    cntk: CNTK, flags: Operand, axes: Sequence[Axis], scaling: int = 0, added: int = 0
) -> Operand:
    """`cntk.sequence.where`: the frames where something is not 0, so many times and more than before."""
    found: dict[str, Any] = {"newDynamicAxes": list(reversed(axes))}
    if scaling or added:
        found["newSequenceAxisLengthScalingFactor"] = scaling
        found["newSequenceAxisLengthAdditiveFactor"] = added
    return cntk.make("Where", flags, shape=(), axes=tuple(axes), **found)


def gathered(cntk: CNTK, x: Operand, places: Operand) -> Operand:
    """`cntk.sequence.gather`: the frames at these places."""
    packed = cntk.make("PackedIndex", x, places, shape=(), axes=places.axes)
    return cntk.make("GatherPacked", x, packed, shape=x.shape, axes=places.axes)


def end(cntk: CNTK, x: Operand, *, last: bool) -> Operand:
    """`cntk.sequence.first` and `last`: the frame that has no neighbour there, [batch, *static]."""
    x = along(cntk, x)
    with cntk.block("Sequence::Slice"):
        zero = cntk.number(0, x)
        flags = cntk.make("ReconcileDynamicAxis", zero, x, shape=(), axes=x.axes)
        delay = "FutureValue" if last else "PastValue"
        flags = cntk.make(delay, flags, cntk.number(1, x), shape=(), layout=x.layout[:2], offset=1)
        return gathered(cntk, x, chosen(cntk, flags, [BATCH], 0, 1))


@exporter(f"{DOMAIN}First", f"{DOMAIN}Last", doc=f"{SEQUENCES}#first")
def first_or_last(node: ExportedNode, cntk: CNTK, x: Operand, *_: Operand) -> Operand:
    return end(cntk, x, last=node.type.startswith("Last"))


@exporter(f"{DOMAIN}FirstWhere", doc=f"{SEQUENCES}#where")
def first_where(node: ExportedNode, cntk: CNTK, x: Operand, _: Operand) -> Operand:
    return chosen(cntk, x, [BATCH], 0, 1)


@exporter(f"{DOMAIN}Where", doc=f"{SEQUENCES}#where")
def where(
    node: ExportedNode, cntk: CNTK, x: Operand, _: Operand, *, axis: str, scaling: int, added: int
) -> list[Operand]:
    step = Axis(DYNAMIC, axis, ordered=True)
    made = chosen(cntk, x, [BATCH, step], scaling, added)
    return [made, Lengths((BATCH,), (), x.dtype, origin=node, of=step)]


@exporter(f"{DOMAIN}GatherPacked", doc=f"{SEQUENCES}#gather")
def gather_packed(node: ExportedNode, cntk: CNTK, x: Operand, places: Operand) -> Operand:
    return gathered(cntk, x, places)


@exporter(f"{DOMAIN}ScatterPacked", doc=f"{SEQUENCES}#scatter")
def scatter_packed(
    node: ExportedNode, cntk: CNTK, x: Operand, places: Operand, _: Operand, like: Operand
) -> Operand:
    packed = cntk.make("PackedIndex", like, places, shape=(), axes=places.axes)
    return cntk.make("ScatterPacked", x, packed, like, shape=x.shape, axes=like.axes)


@exporter(f"{DOMAIN}BroadcastAs", doc=f"{SEQUENCES}#broadcast_as")
def broadcast_as(
    node: ExportedNode, cntk: CNTK, x: Operand, like: Operand, *, leading: list[int]
) -> Operand:
    return reconciled(cntk, x, like, (*like.layout[: leading[0]], *statics(x)))


@exporter(f"{DOMAIN}UnpackSequence", doc=f"{SEQUENCES}#unpack")
def unpack_sequence(
    node: ExportedNode, cntk: CNTK, x: Operand, _: Operand, *, padding: float
) -> list[Operand]:
    return unpacked(cntk, x, padding, mask=len(node.node.outputs) > 1)


def unpacked(cntk: CNTK, x: Operand, padding: float, *, mask: bool) -> list[Operand]:
    """Time as the first static axis, padded; and, if asked for, which frames are there."""
    made = cntk.make(
        "UnpackSequence",
        x,
        shape=(FREE, *x.shape),
        axes=(BATCH,),
        sequenceUnpackPaddingValue=padding,
        sequenceUnpackSuppressMaskOutput=not mask,
    )
    if not mask:
        return [made]
    there = cntk.second(made)
    assert there.variable is not None
    there.variable.shape = Shape((FREE,))
    return [made, Operand((BATCH, None), (FREE,), made.dtype, there.variable)]


@exporter(f"{DOMAIN}ToSequence", doc=f"{API}/cntk.ops#to_sequence")
def to_sequence(
    node: ExportedNode, cntk: CNTK, x: Operand, lengths: Operand | None = None, *, axis: str
) -> list[Operand]:
    step = Axis(DYNAMIC, axis, ordered=True)
    made = as_sequence(cntk, x, step, lengths)
    return [made, Lengths((BATCH,), (), x.dtype, origin=node, of=step)]


def as_sequence(cntk: CNTK, x: Operand, axis: Axis, lengths: Operand | None = None) -> Operand:
    """The first static axis as a sequence, [batch, time, *static]."""
    operands = [x] if lengths is None else [x, lengths]
    return cntk.make(
        "ToSequence",
        *operands,
        shape=x.shape[1:],
        axes=(BATCH, axis),
        newDynamicAxes=[axis, BATCH],
        sequenceAxis=axis.name,
    )


@exporter(f"{DOMAIN}ToSequenceLike", doc=f"{API}/cntk.ops#to_sequence_like")
def to_sequence_like(node: ExportedNode, cntk: CNTK, x: Operand, like: Operand) -> Operand:
    return cntk.make("ToSequenceLike", x, like, shape=x.shape[1:], axes=like.axes)


@exporter(f"{DOMAIN}UnpackBatch", doc=f"{API}/cntk.ops#unpack_batch")
def unpack_batch(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    return cntk.unbatched(x)


@exporter(f"{DOMAIN}ToBatch", doc=f"{API}/cntk.ops#to_batch")
def to_batch(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    return cntk.batched(x)


@exporter(
    f"{DOMAIN}ConvolutionSequenceShape", doc=f"{API}/cntk.layers.layers#SequentialConvolution"
)
def convolution_lengths(
    node: ExportedNode,
    cntk: CNTK,
    lengths: Operand,
    *,
    kernel: int,
    stride: int,
    autopad: int,
    pads: int,
) -> Operand:
    """How long sequences are after a convolution along them; CNTK asks a kernel and a sequence."""
    axes = (BATCH, lengths.of) if isinstance(lengths, Lengths) else ()
    like = cntk.scope.samples.get(axes)
    if like is None or FREE in like.shape or pads:
        node.refuse("nothing has the sequences that it asks the lengths of")
    frame = cntk.reshape(like, (math.prod(like.shape),), (*axes, None))
    zeros = cntk.constant(np.zeros((1, *frame.shape, kernel), np.float32))
    window = windows.Window((windows.Axis(None, kernel, stride),))
    own: dict[str, Any] = {"strides": Shape((1, stride)), "autoPadding": [bool(autopad), False]}
    own["sequential"] = True
    return cntk.make(
        "ConvolutionSequenceShape",
        zeros,
        frame,
        shape=(1,),
        layout=(BATCH, None),
        axes=(BATCH,),
        **attributes(window, *frame.shape) | own,
    )
