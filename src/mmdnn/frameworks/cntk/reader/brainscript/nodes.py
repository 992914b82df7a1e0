"""What each kind of node has written into a file, by the file's version.

The `Load` and `Save` of the nodes in Source/ComputationNetworkLib of CNTK 2.7; what a version
changed stands beside CNTK_MODEL_VERSION_1 to _31 in ComputationNode.h. Axes are as the file has
them: from 1, 0 and less for special ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.reader.brainscript.stream import Stream

Fields = dict[str, Any]
Load = Callable[[Stream], Fields]

LOADS: dict[str, Load] = {}

NEWEST = 31
_CHW = 1
_MANY = 64

BARE = frozenset(
    """
    Abs Acos Acosh Asin Asinh Atan Atanh Clip Cosh CosDistance CosDistanceWithNegativeSamples
    CrossEntropy CrossEntropyWithSoftmax ClassBasedCrossEntropyWithSoftmax ClassificationError
    ColumnElementTimes Cosine DiagTimes Diagonal DummyCriterion DynamicAxis ElementTimes Equal
    ErrorPrediction Exp ExponentialLinearUnit Floor Gather GatherPacked Greater GreaterEqual Hardmax
    If KhatriRaoProduct LabelsToGraph LambdaRank Less LessEqual Log LogPlus LogSoftmax Logistic
    LookupTable MatrixL1Reg MatrixL2Reg Minus NDCG1Eval Negate NotEqual OutputMultiplexer
    PackedIndex Pass PerDimMeanVarDeNormalization PerDimMeanVarDeNormalizationNode
    PerDimMeanVarNormalization PerDimMeanVarNormalizationNode Plus Pow Reciprocal
    ReconcileDynamicAxis ReconcileMBLayout RectifiedLinear RowElementTimes Scale ScatterPacked
    SequenceWithSoftmax Sigmoid Sin Sinh Softmax Sqrt SquareError StableSigmoid StopGradient
    StraightThrough SumColumnElements SumElements Tan Tanh ToBatchAxis ToSequenceLike
    UnpackBatchAxis Assign Cast ConstantOp OneHot Padding RandomDistribution TopK EyeLike
    """.split()  # noqa: SIM905 - seventy names read better in rows
)
"""Nodes that have written nothing."""


def load(kind: str, name: str, stream: Stream) -> Fields:
    """Read what a node has written.

    Raises:
        FormatError: The file ends before, or has something else there.
        UnsupportedError: The node is not known, so that what follows it cannot be found.
    """
    if kind in BARE:
        return {}
    if kind not in LOADS:
        raise UnsupportedError(
            "the node is not known here, nor what it has written", layer=name, operator=kind
        )
    return LOADS[kind](stream)


def _node(*kinds: str) -> Callable[[Load], Load]:
    def register(function: Load) -> Load:
        LOADS.update(dict.fromkeys(kinds, function))
        return function

    return register


@_node("InputValue", "SparseInputValue")
def _input(file: Stream) -> Fields:
    rows, _ = file.size(), file.size()
    shape = file.shape(legacy=True)
    if rows and rows != math.prod(shape):
        shape = Shape((rows,))
    axis = ""
    if file.version >= 8:
        axes = file.uint32()
        if axes > 1:
            raise file.fail(f"an input with {axes} dynamic axes")
        axis = file.text() if axes else ""
    rate = file.single() if file.version >= 10 else 0.0
    return {"shape": shape, "axis": axis, "rate": rate}


@_node("LearnableParameter")
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
                shape = Shape((columns, *shape))
    start, rows, columns = file.matrix()
    shape = Shape((columns, rows)) if shape is None else shape
    if math.prod(shape) != rows * columns:
        raise file.fail(f"{rows} x {columns} numbers for the shape {list(shape)}")
    return {"rate": rate, "value": file.tensor(start, shape)}


@_node("Mean", "InvStdDev")
def _precomputed(file: Stream) -> Fields:
    computed = file.flag()
    start, rows, columns = file.matrix()
    shape = Shape((rows,)) if columns == 1 else Shape((columns, rows))
    empty = not rows * columns
    return {"computed": computed, "value": None if empty else file.tensor(start, shape)}


@_node("EnvironmentInput")
def _environment(file: Stream) -> Fields:
    return {"property": file.text()}


@_node("Times", "TransposeTimes")
def _times(file: Stream) -> Fields:
    rank = file.size() if file.version >= 3 else 1
    return {"rank": rank, "map": file.int32() if file.version >= 12 else -1}


@_node("QuantizedTimes")
def _quantized(file: Stream) -> Fields:
    return {**_times(file), "shifts": (file.size(), file.size())}


@_node("TransposeDimensions", "Transpose")
def _transposed(file: Stream) -> Fields:
    if file.version < 3:
        return {"axes": (1, 2)}
    axes = (file.int32(), file.int32())
    if file.version >= 25 and axes == (0, 0):
        return {"order": file.sizes()}
    return {"axes": axes}


@_node("Convolution")
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
        "kernel": Shape((1, height, width)),
        "maps": Shape((maps,)),
        "strides": Shape((1, *reversed(strides))),
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


@_node("Pooling", "MaxUnpooling")
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


@_node("MaxPooling", "AveragePooling")
def _pooling(file: Stream) -> Fields:
    width, layout = file.uint32(), file.uint32()
    height, *strides = (file.size() for _ in range(3))
    return {
        **_PLAIN,
        "kernel": Shape((1, height, width)),
        "strides": Shape((1, *reversed(strides))),
        "layout": layout,
    }


@_node("ROIPooling")
def _roi_pooling(file: Stream) -> Fields:
    found: Fields = {"bins": file.shape(), "kind": 1, "scale": None}
    if file.version >= 26:
        found |= {"kind": file.int32(), "scale": file.double()}
    return found


@_node("BatchNormalization")
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


@_node("PastValue", "FutureValue", "Delay")
def _delay(file: Stream) -> Fields:
    found: Fields = {"offset": file.int32()}
    if file.version > 3:
        file.shape()
    else:
        file.size(), file.size()
    return {**found, "initial": file.element() if file.version >= 2 else 0.1}


@_node("Shift")
def _shift(file: Stream) -> Fields:
    return {"offset": file.int32(), "boundary": file.int32(), "axis": file.int32()}


@_node("ReduceElements")
def _reduce(file: Stream) -> Fields:
    count = file.int32() if file.version >= 27 else 1
    if not 0 <= count <= _MANY:
        raise file.fail(f"a reduction of {count} axes")
    axes = [file.int32() for _ in range(count)]
    keep = not {0, -1} & set(axes)
    name = file.text()
    return {"axes": axes, "name": name, "keep": file.flag() if file.version >= 24 else keep}


@_node("Crop")
def _crop(file: Stream) -> Fields:
    return {"offsets": (file.double(), file.double())}


@_node("Reshape")
def _reshape(file: Stream) -> Fields:
    return {"begin": file.int32(), "end": file.int32(), "shape": file.shape()}


@_node("LegacyReshape")
def _old_reshape(file: Stream) -> Fields:
    return {"rows": file.size(), "shape": file.shape(legacy=True)}


@_node("Slice", "RowSlice")
def _slice(file: Stream) -> Fields:
    count = file.int32() if file.version >= 22 else 1
    if not 1 <= count <= _MANY:
        raise file.fail(f"a slice of {count} axes")
    return {"parts": [_part(file) for _ in range(count)]}


def _part(file: Stream) -> tuple[int, int, int, int]:
    """An axis, a begin, an end and a stride."""
    begin, length = file.int64(), file.int64()
    axis = file.int32() if file.version >= 3 else 1
    return axis, begin, begin + length, file.int32() if file.version >= 27 else 1


@_node("RowStack")
def _stack(file: Stream) -> Fields:
    return {"axis": file.int32() if file.version >= 3 else 1}


@_node("RowRepeat")
def _repeat(file: Stream) -> Fields:
    return {"count": file.size()}


@_node("Where")
def _where(file: Stream) -> Fields:
    return {"axis": file.text() if file.version >= 11 else "WhereNodeAxis"}


@_node("ToSequence")
def _to_sequence(file: Stream) -> Fields:
    return {"axis": file.text()}


@_node("UnpackSequence")
def _unpack(file: Stream) -> Fields:
    return {"padding": file.element(), "alone": file.flag()}


@_node("Dropout")
def _dropout(file: Stream) -> Fields:
    _random_state(file)
    return {}


@_node("RandomSample", "RandomSampleInclusionFrequency")
def _sample(file: Stream) -> Fields:
    found = {"duplicates": file.flag(), "count": file.size()}
    _random_state(file)
    return found


def _random_state(file: Stream) -> None:
    """A seed and an offset; version 16's seeds have four bytes if Windows has written them."""
    if file.version == 16 and not file.begins_node(file.at + 16):
        file.uint32(), file.size()
    elif file.version >= 16:
        file.size(), file.size()


@_node("OptimizedRNNStack", "RNN")
def _rnn(file: Stream) -> Fields:
    found: Fields = {
        "bidirectional": bool(file.size()),
        "layers": file.size(),
        "hidden": file.size(),
        "kind": file.text(),
    }
    old = file.version < 14
    return {**found, "axis": -1 if old else file.int32(), "swapped": old}


@_node("EditDistanceError")
def _edit_distance(file: Stream) -> Fields:
    penalties = (file.single(), file.single(), file.single())
    return {"penalties": penalties, "squash": file.flag(), "ignored": file.sizes()}


@_node("ForwardBackward")
def _forward_backward(file: Stream) -> Fields:
    return {"delay": file.int32(), "blank": file.size()}


@_node("NoiseContrastiveEstimation")
def _noise(file: Stream) -> Fields:
    file.at += 0 if file.uint32() <= 2 else -4
    return {}


@_node("Trace")
def _trace(file: Stream) -> Fields:
    file.text(), file.size(), file.size(), file.flag()
    file.flag(), file.text(), file.flag(), file.flag()
    for _ in range(8):
        file.narrow()
    file.size(), file.size()
    return {}
