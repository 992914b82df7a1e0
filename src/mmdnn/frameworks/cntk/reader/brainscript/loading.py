"""What CNTK 2.7 itself understands of files of CNTK 1, and what it forgets when it loads them.

Source/CNTKv2LibraryDll/BackCompat.cpp of CNTK 2.7. A file that it would load as something else is
run in CNTK by way of CNTK 2's format (`engine`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.cntk.reader.brainscript.fields import Fields
from mmdnn.frameworks.cntk.reader.brainscript.leaves import is_fed
from mmdnn.frameworks.cntk.reader.brainscript.network import Node, load

UNDERSTOOD = frozenset(
    """
    Abs Acos Asin AveragePooling BatchNormalization ClassificationError Clip ColumnElementTimes
    Convolution CosDistance CosDistanceWithNegativeSamples Cosh Cosine CrossEntropyWithSoftmax
    Delay DiagTimes Dropout DynamicAxis EditDistanceError ElementTimes Equal ErrorPrediction Exp
    Floor ForwardBackward FutureValue GatherPacked Greater GreaterEqual Hardmax If InputValue
    InvStdDev LabelsToGraph LambdaRank LearnableParameter Less LessEqual Log LogPlus LogSoftmax
    Logistic MaxPooling MaxUnpooling Mean Minus NDCG1Eval Negate NotEqual PackedIndex Pass
    PastValue PerDimMeanVarNormalization PerDimMeanVarNormalizationNode Plus Pooling ROIPooling
    RandomSample RandomSampleInclusionFrequency Reciprocal ReconcileDynamicAxis ReconcileMBLayout
    RectifiedLinear ReduceElements Reshape RowElementTimes RowSlice RowStack Scale ScatterPacked
    Sigmoid Sin Sinh Slice Softmax SparseInputValue Sqrt SquareError StableSigmoid StopGradient
    StraightThrough SumElements Tanh Times Transpose TransposeDimensions TransposeTimes Where
    """.split()  # noqa: SIM905 - eighty names read better in rows
)
_FORGOTTEN: dict[str, Callable[[Fields], Any]] = {
    "ReduceElements": lambda fields: not fields["reductionKeepDimensions"],
    "Slice": lambda fields: any(stride != 1 for *_, stride in fields["parts"]),
    "TransposeDimensions": lambda fields: "order" in fields,
    "Convolution": lambda fields: any(size != 1 for size in fields["dilation"]),
}


def is_understood(path: Path) -> bool:
    """Whether CNTK 2.7 loads a file as what it is.

    Raises:
        FormatError: The file is damaged.
        UnsupportedError: It has nodes that are not known here.
    """
    found = load(path).nodes.values()
    types = {node.dtype for node in found}
    return len(types - {ir.DataType.FLOAT16}) == len(types) == 1 and all(map(_is_kept, found))


def _is_kept(node: Node) -> bool:
    if node.kind not in UNDERSTOOD or (node.kind == "LearnableParameter" and is_fed(node)):
        return False
    return node.kind not in _FORGOTTEN or not _FORGOTTEN[node.kind](node.fields)
