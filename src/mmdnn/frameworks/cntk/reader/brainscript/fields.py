"""What each kind of node has written into a file, by the file's version.

The `Load` and `Save` of the nodes in Source/ComputationNetworkLib of CNTK 2.7; what a version
changed stands beside CNTK_MODEL_VERSION_1 to _31 in ComputationNode.h. Axes are as the file has
them: from 1, 0 and less for special ones. What is an attribute of CNTK 2 has its name.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.graph import Shape
from mmdnn.frameworks.cntk.reader.brainscript.stream import Stream

Fields = dict[str, Any]
Load = Callable[[Stream], Fields]

NEWEST = 31
_CHW = 1
_MANY = 64

BARE = frozenset(
    """
    Abs Acos Acosh Asin Asinh Assign Atan Atanh CRF Cast ClassBasedCrossEntropyWithSoftmax
    ClassificationError Clip ColumnElementTimes ConstantOp CosDistance
    CosDistanceWithNegativeSamples Cosh Cosine CrossEntropy CrossEntropyWithSoftmax DiagTimes
    Diagonal DummyCriterion DynamicAxis ElementTimes EpochAccumulator Equal ErrorPrediction Exp
    ExponentialLinearUnit EyeLike Floor GMMLogLikelihood Gather GatherPacked Greater GreaterEqual
    Hardmax If KhatriRaoProduct LabelsToGraph LambdaRank Less LessEqual Log LogPlus LogSoftmax
    Logistic LookupTable MatrixL1Reg MatrixL2Reg Minus NDCG1Eval Negate NotEqual OneHot
    OutputMultiplexer PackedIndex Padding Pass PerDimMeanVarDeNormalization
    PerDimMeanVarDeNormalizationNode PerDimMeanVarNormalization PerDimMeanVarNormalizationNode
    Plus Pow RandomDistribution Reciprocal ReconcileDynamicAxis ReconcileMBLayout RectifiedLinear
    RowElementTimes Scale ScatterPacked SequenceDecoderNode SequenceWithSoftmax Sigmoid Sin Sinh
    Softmax Sqrt SquareError StableSigmoid StopGradient StraightThrough SumColumnElements
    SumElements Tan Tanh ToBatchAxis ToSequenceLike TopK UnpackBatchAxis
    """.split()  # noqa: SIM905 - seventy names read better in rows
)
"""Nodes that have written nothing."""

_OFFSET = "offset:int32 _:size@1-3 _:size@1-3 _:shape@4 initial:element@2=0.1"
_SAMPLE = "allowDuplicates:flag numSamples:size _:random_state@16"
_STACK = "bidirectional:size numLayers:size hiddenSize:size kind:text axis:int32@14"
_WINDOWS = (
    "kernel:shape@5 maps:shape@5 strides:shape@5 sharing:flags@5=[True] autoPadding:flags@5=[False]"
    " lowerPad:shape@5=(0,) upperPad:shape@5=(0,) kind:int32@5 layout:int32@5 _:size@5"
    " transpose:flag@9=False outputShape:shape@20=(0,) ceilOutDim:flag@21=False"
    " includePad:flag@23=False"
)

ROWS = {
    "Crop": "across:double down:double",
    "Delay": _OFFSET,
    "Dropout": "_:random_state@16",
    "EditDistanceError": "SubstitutionPenalty:single DeletionPenalty:single"
    " InsertionPenalty:single SquashInputs:flag TokensToIgnore:sizes",
    "EnvironmentInput": "_:text",
    "ForwardBackward": "DelayConstraint:int32 BlankTokenId:size",
    "FutureValue": _OFFSET,
    "LegacyReshape": "rows:size shape:legacy_shape",
    "OptimizedRNNStack": _STACK,
    "PastValue": _OFFSET,
    "QuantizedTimes": "_:size@3 _:int32@12 _:size _:size",
    "RNN": _STACK,
    "ROIPooling": "roiOutputShape:shape kind:int32@26=1 spatialScale:double@26",
    "RandomSample": _SAMPLE,
    "RandomSampleInclusionFrequency": _SAMPLE,
    "Reshape": "begin:int32 end:int32 shape:shape",
    "RowRepeat": "count:size",
    "RowStack": "axis:int32@3=1",
    "Shift": "_:int32 _:int32 _:int32",
    "Times": "outputRank:size@3=1 inferInputRankToMap:int32@12=-1",
    "ToSequence": "axis:text",
    "Trace": "_:text _:size _:size _:flag _:flag _:text _:flag _:flag"
    + 8 * " _:narrow"
    + 2 * " _:size",
    "TransposeTimes": "outputRank:size@3=1 _:int32@12",
    "UnpackSequence": "sequenceUnpackPaddingValue:element sequenceUnpackSuppressMaskOutput:flag",
    "Where": "axis:text@11='WhereNodeAxis'",
}
"""Nodes that have written one value after the other: `name:type@since-until=before`, `_` is passed over.

The types are methods of `Stream`; files of other versions do not have the value, which is then `before`.
"""

LOADS: dict[str, Load] = {}


def load(kind: str, name: str, stream: Stream) -> Fields:
    """Read what a node has written.

    Raises:
        FormatError: The file ends before, or has something else there.
        UnsupportedError: The node is not known, so that what follows it cannot be found.
    """
    if kind in LOADS:
        return LOADS[kind](stream)
    if kind not in BARE and kind not in ROWS:
        raise UnsupportedError(
            "the node is not known here, nor what it has written", layer=name, operator=kind
        )
    return _values(stream, ROWS.get(kind, ""))


def _values(file: Stream, row: str, version: int | None = None) -> Fields:
    """What a row says, as in a file of a version: of 0 there is nothing to read."""
    version = file.version if version is None else version
    found: Fields = {}
    for word in row.split():
        told, _, before = word.partition("=")
        told, _, versions = told.partition("@")
        name, _, type_ = told.partition(":")
        since, _, until = versions.partition("-")
        if int(since or 1) <= version <= int(until or NEWEST):
            found[name] = getattr(file, type_)()
        else:
            value = ast.literal_eval(before or "None")
            found[name] = Shape(value) if isinstance(value, tuple) else value
    found.pop("_", None)
    return found


def node(*kinds: str) -> Callable[[Load], Load]:
    """Register what nodes have written: a function that reads it."""

    def register(function: Load) -> Load:
        LOADS.update(dict.fromkeys(kinds, function))
        return function

    return register


@node("InputValue", "SparseInputValue")
def _input(file: Stream) -> Fields:
    rows, _ = file.size(), file.size()
    shape = file.legacy_shape()
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
            shape = file.legacy_shape()
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


@node("Pooling", "MaxUnpooling")
def _windows(file: Stream) -> Fields:
    if file.version < 5:
        raise file.fail("a node that there was not yet in this file's time")
    return _values(file, _WINDOWS)


@node("Convolution", "ConvolutionSequenceShape")
def _convolution(file: Stream) -> Fields:
    if file.version >= 5:
        return _windows(file) | _values(file, "flat:flag dilation:shape@18=(1,)")
    width, height, *strides = (file.size() for _ in range(4))
    _, layout, pad, _ = file.uint32(), file.uint32(), file.flag(), file.size()
    found = {"autoPadding": [pad], "flat": True, "dilation": Shape((1,))}
    return _old_windows(file, (width, height), strides, layout) | found


@node("MaxPooling", "AveragePooling")
def _pooling(file: Stream) -> Fields:
    width, layout = file.uint32(), file.uint32()
    height, *strides = (file.size() for _ in range(3))
    return _old_windows(file, (width, height), strides, layout)


def _old_windows(
    file: Stream, kernel: Sequence[int], strides: Sequence[int], layout: int
) -> Fields:
    """Those of images, as before version 5: there are no other fields."""
    given = {
        name: file.reversed(*sizes, 1) for name, sizes in (("kernel", kernel), ("strides", strides))
    }
    return _values(file, _WINDOWS, 0) | given | {"layout": layout}


@node("BatchNormalization")
def _batch_normalization(file: Stream) -> Fields:
    times = "normalizationTimeConstant:double"
    if file.version >= 6:
        row = (
            f"spatial:flag {times} blendTimeConstant:double layout:int32"
            " _:flag@19-19 _:size@1-18 _:size@20 epsilon:double cntk:flag"
        )
        return _values(file, row) | {"inverse": file.version < 13}
    written, _ = file.int32(), file.int32()
    found = _values(file, f"_:flag spatial:flag {times}")
    found |= {"blendTimeConstant": 0.0, "layout": _CHW, "epsilon": 1e-5, "cntk": True}
    if written < 0x10004:
        found["normalizationTimeConstant"] = 0.0
    if written >= 0x10002:
        found |= _values(file, "layout:int32 _:size")
    if written >= 0x10003:
        found |= _values(file, "epsilon:double cntk:flag")
    return found | {"inverse": True}


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


@node("TransposeDimensions", "Transpose")
def _transposed(file: Stream) -> Fields:
    axes = (file.int32(), file.int32()) if file.version >= 3 else (1, 2)
    if file.version >= 25 and axes == (0, 0):
        return {"order": file.sizes()}
    return {"axes": axes}


@node("ReduceElements")
def _reduce(file: Stream) -> Fields:
    count = file.int32() if file.version >= 27 else 1
    if not 0 <= count <= _MANY:
        raise file.fail(f"a reduction of {count} axes")
    axes = [file.int32() for _ in range(count)]
    keep = not {0, -1} & set(axes)
    found = {"axes": axes} | _values(file, "reductionOpName:text reductionKeepDimensions:flag@24")
    return found if file.version >= 24 else found | {"reductionKeepDimensions": keep}


@node("Slice", "RowSlice")
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
