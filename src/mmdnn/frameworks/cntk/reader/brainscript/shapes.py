"""Nodes that move numbers, reduce them, or delay them."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._operators import DATA_TYPES
from mmdnn.frameworks.cntk.graph import Attribute, Axis, Shape
from mmdnn.frameworks.cntk.reader.brainscript import names
from mmdnn.frameworks.cntk.reader.brainscript.table import Making, axis, maker, static_axis

_ALL = Axis(graph.END_STATIC)
_MOST = 1 << 12


@maker("Reshape")
def reshape(f: Making) -> None:
    """A size of 0 is worked out; an end of 0 is the last axis."""
    begin, end = f.field("begin"), f.field("end")
    shape = Shape(size or graph.INFERRED for size in f.field("shape"))
    f.set(
        "Reshape",
        f.input(0),
        newShape=shape,
        beginAxis=static_axis(max(begin, 1)),
        endAxis=static_axis(end) if end > 0 else _ALL,
    )


@maker("LegacyReshape")
def old_reshape(f: Making) -> None:
    """Rows, or an image of that many rows; other numbers of rows would change the time."""
    rows, shape = f.field("rows"), f.field("shape")
    known = [size for size in shape if size]
    if len(known) == len(shape) - 1 and rows % math.prod(known) == 0:
        shape = Shape(size or rows // math.prod(known) for size in shape)
    elif not all(shape) or not shape:
        shape = Shape((rows,))
    if math.prod(shape) != rows:
        raise FormatError(f"{rows} rows are no image of {list(shape)}")
    f.set("Reshape", f.input(0), newShape=shape, beginAxis=Axis(0), endAxis=_ALL)


@maker("TransposeDimensions", "Transpose")
def transpose(f: Making) -> None:
    """Two axes that change places, or a permutation, which counts from 0."""
    if "order" in f.node.fields:
        order: list[Attribute] = [static_axis(place + 1) for place in f.field("order")]
        f.set("TransposeAxes", f.input(0), axisVec=order)
        return
    one, other = (static_axis(place) for place in f.field("axes"))
    f.set("TransposeAxes", f.input(0), axis1=one, axis2=other)


@maker("Slice", "RowSlice")
def slice_(f: Making) -> None:
    """Of one axis, or of several; strides are kept."""
    parts = [(static_axis(one), *rest) for one, *rest in f.field("parts")]
    if len(parts) == 1:
        ((place, begin, end, stride),) = parts
        f.set("Slice", f.input(0), axis=place, beginIndex=begin, endIndex=end, sliceStrides=stride)
        return
    axes, begins, ends, strides = ([*column] for column in zip(*parts, strict=True))
    f.set(
        "Slice",
        f.input(0),
        axisVec=axes,
        beginIndexVec=begins,
        endIndexVec=ends,
        sliceStridesVec=strides,
    )


@maker("RowStack")
def stack(f: Making) -> None:
    """Its inputs one after the other along an axis."""
    f.set("Splice", *f.inputs, axis=static_axis(f.field("axis")))


@maker("RowRepeat")
def repeat(f: Making) -> None:
    """Copies, one after the other along the last axis of the file's."""
    count = f.field("count")
    if not 1 <= count <= _MOST:
        f.refuse(f"it has {count} copies")
    f.set("Splice", *[f.input(0)] * count, axis=Axis(-1))


@maker("Crop")
def crop(f: Making) -> None:
    """Offsets that CNTK has worked out stand in the file too; what it did so from is not read."""
    offsets = (f.field("across"), f.field("down"))
    if not all(one >= 0 and one == int(one) for one in offsets if math.isfinite(one)):
        raise FormatError(f"it is off by {offsets}")
    if not all(map(math.isfinite, offsets)):
        f.set("Crop", *f.inputs)
        return
    f.set("Crop", f.input(0), f.input(1), offset=[int(one) for one in offsets])


@maker("ReduceElements")
def reduce(f: Making) -> None:
    """Over static axes, the sequence or the batch."""
    axes: list[Attribute] = [axis(one) for one in f.field("axes")]
    f.set(
        "ReduceElements",
        f.input(0),
        axisVec=axes,
        **f.fields("reductionOpName", "reductionKeepDimensions"),
    )


@maker("Cast")
def cast(f: Making) -> None:
    """To the type that its numbers have."""
    f.set("Cast", f.input(0), newDataType=DATA_TYPES[f.node.dtype])


@maker("PastValue", "FutureValue", "Delay")
def delay(f: Making) -> None:
    """Without a second input the file has the initial state as a number."""
    op = "PastValue" if f.node.kind == "Delay" else f.node.kind
    inputs = f.inputs
    if len(inputs) == 1:
        number = np.array(f.field("initial"), f.node.dtype.numpy())
        inputs = [*inputs, f.constant("initial", ir.tensor(number))]
    f.set(op, *inputs, offset=f.field("offset"))


@maker("Where")
def where(f: Making) -> None:
    """The frames where its input is not 0."""
    f.set("Where", f.input(0), newDynamicAxes=_axes(f))


@maker("ToSequence")
def to_sequence(f: Making) -> None:
    """The outermost static axis as a sequence."""
    f.set("ToSequence", *f.inputs, newDynamicAxes=_axes(f), sequenceAxis=f.field("axis"))


def _axes(f: Making) -> list[Attribute]:
    """The axes as CNTK 2's files have them: the sequence's, and then the batch's."""
    return [*reversed(names.axes(f.field("axis")))]
