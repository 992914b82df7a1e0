"""What inputs, weights and layers have written; see `nodes`."""

from __future__ import annotations

import math

from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.reader.brainscript.nodes import Fields, node
from mmdnn.frameworks.cntk.reader.brainscript.stream import Stream

_CHW = 1


@node("InputValue", "SparseInputValue")
def _input(file: Stream) -> Fields:
    rows, _ = file.size(), file.size()
    shape = file.shape(legacy=True)
    if rows and rows != math.prod(shape):
        shape = file.reversed(rows)
    axis = ""
    if file.version >= 8:
        axes = file.uint32()
        if axes > 1:
            raise file.fail(f"an input with {axes} dynamic axes")
        axis = file.text() if axes else ""
    rate = file.single() if file.version >= 10 else 0.0
    return {"shape": shape, "axis": axis, "rate": rate}


@node("LearnableParameter")
def _parameter(file: Stream) -> Fields:
    if file.version >= 3:
        rate = file.single()
        shape: Shape | None = file.shape()
    else:
        rate = float(file.flag())
        rows, columns = file.size(), file.size()
        shape = None
        if not rows:
            shape = file.shape(legacy=True)
            if columns > 1:
                shape = file.reversed(*shape[::-1], columns)
    start, rows, columns = file.matrix()
    shape = file.reversed(rows, columns) if shape is None else shape
    if math.prod(shape) != rows * columns:
        raise file.fail(f"{rows} x {columns} numbers for the shape {list(shape)}")
    return {"rate": rate, "value": file.tensor(start, shape)}


@node("Mean", "InvStdDev")
def _precomputed(file: Stream) -> Fields:
    computed = file.flag()
    start, rows, columns = file.matrix()
    shape = file.reversed(rows) if columns == 1 else file.reversed(rows, columns)
    empty = not rows * columns
    return {"computed": computed, "value": None if empty else file.tensor(start, shape)}


@node("EnvironmentInput")
def _environment(file: Stream) -> Fields:
    return {"property": file.text()}


@node("Times", "TransposeTimes")
def _times(file: Stream) -> Fields:
    rank = file.size() if file.version >= 3 else 1
    return {"rank": rank, "map": file.int32() if file.version >= 12 else -1}


@node("QuantizedTimes")
def _quantized(file: Stream) -> Fields:
    return {**_times(file), "shifts": (file.size(), file.size())}


@node("Convolution", "ConvolutionSequenceShape")
def _convolution(file: Stream) -> Fields:
    if file.version >= 5:
        found = _windows(file)
        found["flat"] = file.flag()
        found["dilation"] = file.shape() if file.version >= 18 else Shape((1,))
        return found
    width, height, *strides = (file.size() for _ in range(4))
    maps, layout = file.uint32(), file.uint32()
    pad = file.flag()
    file.size()
    return {
        **_PLAIN,
        "kernel": file.reversed(width, height, 1),
        "maps": file.reversed(maps),
        "strides": file.reversed(*strides, 1),
        "automatic": [pad],
        "layout": layout,
        "flat": True,
        "dilation": Shape((1,)),
    }


_PLAIN: Fields = {
    "sharing": [True],
    "automatic": [False],
    "lower": Shape((0,)),
    "upper": Shape((0,)),
    "transposed": False,
    "output": Shape((0,)),
    "ceil": False,
    "include": False,
}
"""A convolution's or pooling's fields that older files do not have."""


@node("Pooling", "MaxUnpooling")
def _windows(file: Stream) -> Fields:
    if file.version < 5:
        raise file.fail("a node that there was not yet in this file's time")
    found: Fields = {
        **_PLAIN,
        "kernel": file.shape(),
        "maps": file.shape(),
        "strides": file.shape(),
        "sharing": file.flags(),
        "automatic": file.flags(),
        "lower": file.shape(),
        "upper": file.shape(),
        "kind": file.int32(),
        "layout": file.int32(),
    }
    file.size()
    if file.version >= 9:
        found["transposed"] = file.flag()
    if file.version >= 20:
        found["output"] = file.shape()
    if file.version >= 21:
        found["ceil"] = file.flag()
    if file.version >= 23:
        found["include"] = file.flag()
    return found


@node("MaxPooling", "AveragePooling")
def _pooling(file: Stream) -> Fields:
    width, layout = file.uint32(), file.uint32()
    height, *strides = (file.size() for _ in range(3))
    return {
        **_PLAIN,
        "kernel": file.reversed(width, height, 1),
        "strides": file.reversed(*strides, 1),
        "layout": layout,
    }


@node("ROIPooling")
def _roi_pooling(file: Stream) -> Fields:
    found: Fields = {"bins": file.shape(), "kind": 1, "scale": None}
    if file.version >= 26:
        found |= {"kind": file.int32(), "scale": file.double()}
    return found


@node("BatchNormalization")
def _batch_normalization(file: Stream) -> Fields:
    if file.version < 6:
        return _old_batch_normalization(file)
    found: Fields = {
        "spatial": file.flag(),
        "time": file.double(),
        "blend": file.double(),
        "layout": file.int32(),
    }
    file.flag() if file.version == 19 else file.size()
    return {**found, "epsilon": file.double(), "cntk": file.flag(), "inverse": file.version < 13}


def _old_batch_normalization(file: Stream) -> Fields:
    written, _ = file.int32(), file.int32()
    file.flag()
    found: Fields = {"spatial": file.flag(), "time": file.double(), "blend": 0.0, "inverse": True}
    if written < 0x10004:
        found["time"] = 0.0
    found["layout"] = _CHW
    if written >= 0x10002:
        found["layout"] = file.int32()
        file.size()
    found |= {"epsilon": 1e-5, "cntk": True}
    if written >= 0x10003:
        found |= {"epsilon": file.double(), "cntk": file.flag()}
    return found


@node("OptimizedRNNStack", "RNN")
def _rnn(file: Stream) -> Fields:
    found: Fields = {
        "bidirectional": bool(file.size()),
        "layers": file.size(),
        "hidden": file.size(),
        "kind": file.text(),
    }
    old = file.version < 14
    return {**found, "axis": -1 if old else file.int32(), "swapped": old}


@node("EditDistanceError")
def _edit_distance(file: Stream) -> Fields:
    penalties = (file.single(), file.single(), file.single())
    return {"penalties": penalties, "squash": file.flag(), "ignored": file.sizes()}


@node("ForwardBackward")
def _forward_backward(file: Stream) -> Fields:
    return {"delay": file.int32(), "blank": file.size()}


@node("NCEBasedCrossEntropyWithSoftmax")
def _noise(file: Stream) -> Fields:
    file.at += 0 if file.uint32() <= 2 else -4
    return {}


@node("LatticeSequenceWithSoftmax")
def _lattice(file: Stream) -> Fields:
    """Four or, since CNTK 2.5, five names of files, and what only training wants to know."""
    numbers = 6 * 8 + 2
    for _ in range(4):
        file.text()
    if not file.begins_node(file.at + numbers):
        file.text()
    file.skip(numbers)
    return {}
