"""What each kind of node has written into a file, by the file's version.

The `Load` and `Save` of the nodes in Source/ComputationNetworkLib of CNTK 2.7; what a version
changed stands beside CNTK_MODEL_VERSION_1 to _31 in ComputationNode.h. Axes are as the file has
them: from 1, 0 and less for special ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.reader.brainscript.stream import Stream

Fields = dict[str, Any]
Load = Callable[[Stream], Fields]

LOADS: dict[str, Load] = {}

NEWEST = 31

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


def node(*kinds: str) -> Callable[[Load], Load]:
    """Register what nodes have written: a function that reads it."""

    def register(function: Load) -> Load:
        LOADS.update(dict.fromkeys(kinds, function))
        return function

    return register
