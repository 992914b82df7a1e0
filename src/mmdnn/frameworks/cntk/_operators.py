"""Numbers in CNTK's files: of primitive operators, which say how many outputs they have, and of types.

Source/CNTKv2LibraryDll/API/Internals/PrimitiveOpType.h and PrimitiveFunction.cpp of CNTK 2.7.
"""

from __future__ import annotations

from typing import NamedTuple

import onnx_ir as ir

BLOCK = "Block"
COMBINE = "Combine"


class Operator(NamedTuple):
    """One primitive operator."""

    number: int
    outputs: int = 1


_NAMES = """
Negate Sigmoid Tanh ReLU Exp Log Sqrt Floor Abs Reciprocal
Softmax Hardmax TransposeAxes Where Slice Dropout Reshape Pooling SumAll Plus
Minus ElementTimes Equal NotEqual Less LessEqual Greater GreaterEqual PackedIndex GatherPacked
ScatterPacked Times TransposeTimes Convolution SquaredError CrossEntropyWithSoftmax ClassificationError
PastValue FutureValue ReduceElements
BatchNormalization Clip Select Splice Combine RandomSample RandomSampleInclusionFrequency ROIPooling
Logistic OptimizedRNNStack
ReconcileDynamicAxis LogSoftmax LogPlus CosDistance Sin Cos Pass Block Unpooling LambdaRank
NDCG EditDistanceError NoOp LabelsToGraph StopGradient ELU ForwardBackward
CosDistanceWithNegativeSamples OneHot Pow
ToSequence ToSequenceLike UnpackSequence Assign Gather StableSigmoid RandomDistribution Sinh Cosh
UnpackBatch
ToBatch Asin Acos Pad Crop Atanh Asinh TopK Squeeze Constant
LatticeSequenceWithSoftmax Cast EyeLike CustomProxy StraightThrough Tan Atan ConvolutionSequenceShape
""".split()  # noqa: SIM905 - a hundred names read better in rows

_OUTPUTS = {"TopK": 2, "UnpackSequence": 2}

OPERATORS: dict[str, Operator] = {
    name: Operator(number, _OUTPUTS.get(name, 1)) for number, name in enumerate(_NAMES)
}
BY_NUMBER: dict[int, str] = {one.number: name for name, one in OPERATORS.items()}

DATA_TYPES = {
    ir.DataType.FLOAT: 1,
    ir.DataType.DOUBLE: 2,
    ir.DataType.FLOAT16: 4,
    ir.DataType.INT8: 5,
    ir.DataType.INT16: 6,
}
"""CNTK::DataType; what is not known is 0."""
BY_DATA_TYPE = {number: kind for kind, number in DATA_TYPES.items()}

_SAME = "Exp Floor Abs Sin Cos Tan Sinh Cosh Asin Acos Atan Asinh Atanh"
ELEMENTS = {"Neg": "Negate", **{name: name for name in _SAME.split()}}
"""Operators of ONNX that work on each element by itself, and the functions of CNTK that they are."""

COMPARISONS = {
    name: name.replace("Or", "")
    for name in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")
}

REDUCTIONS = {
    "Sum": "ReduceSum",
    "Mean": "ReduceMean",
    "Max": "ReduceMax",
    "Min": "ReduceMin",
    "Prod": "ReduceProd",
    "LogSum": "ReduceLogSumExp",
}
"""What ReduceElements does, and the operators of ONNX that do."""
