"""The table of nodes: which function of CNTK 2 each of them is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Attribute, Axis, Function, Kind, Variable
from mmdnn.frameworks.cntk.reader.brainscript.network import Node

Make = Callable[["Making"], None]

MULTIPLEXER = "OutputMultiplexer"
"""The node that is another one's second output, or a later one."""

SAME = frozenset(
    """
    Abs Acos Asin Asinh Assign Atan Atanh ClassBasedCrossEntropyWithSoftmax CosDistance
    CosDistanceWithNegativeSamples Cosh CrossEntropy Dropout DummyCriterion EditDistanceError
    ElementTimes
    Equal Exp Floor ForwardBackward Gather Greater GreaterEqual Hardmax LabelsToGraph
    LatticeSequenceWithSoftmax Less LessEqual Log LogPlus LogSoftmax MatrixL1Reg MatrixL2Reg Minus
    NCEBasedCrossEntropyWithSoftmax Negate NotEqual PackedIndex Pass Plus Pow RandomSample
    RandomSampleInclusionFrequency Reciprocal ReconcileDynamicAxis SequenceWithSoftmax Sigmoid Sin
    Sinh Softmax Sqrt StableSigmoid StopGradient StraightThrough Tan Tanh ToSequenceLike
    TransposeTimes UnpackSequence
    """.split()  # noqa: SIM905
)
"""Nodes that are functions of their own name, and their fields its attributes; some criteria are none."""
RENAMED = {
    "ColumnElementTimes": "ElementTimes",
    "Cosine": "Cos",
    "DiagTimes": "ElementTimes",
    "ExponentialLinearUnit": "ELU",
    "If": "Select",
    "ReconcileMBLayout": "ReconcileDynamicAxis",
    "RectifiedLinear": "ReLU",
    "RowElementTimes": "ElementTimes",
    "Scale": "ElementTimes",
    "SquareError": "SquaredError",
    "SumColumnElements": "ReduceElements",
    "SumElements": "SumAll",
    "ToBatchAxis": "ToBatch",
    "Trace": "Pass",
    "UnpackBatchAxis": "UnpackBatch",
}
"""Nodes that are functions of another name."""
ALWAYS: dict[str, dict[str, Attribute]] = {
    "Dropout": {"dropoutRate": 0.0, "rngSeed": 0, "rngOffset": 0},
    "SumColumnElements": {
        "axisVec": [Axis(graph.ALL_STATIC)],
        "reductionOpName": "Sum",
        "reductionKeepDimensions": True,
    },
}
"""Attributes that the file does not say: how much is dropped is said in training, and not saved."""
REORDERED = {
    "ClassificationError": ("ClassificationError", (1, 0, 2)),
    "Clip": ("Clip", (2, 0, 1)),
    "CrossEntropyWithSoftmax": ("CrossEntropyWithSoftmax", (1, 0)),
    "ErrorPrediction": ("ClassificationError", (1, 0, 2)),
    "GatherPacked": ("GatherPacked", (1, 0)),
    "LambdaRank": ("LambdaRank", (1, 0, 2)),
    "Logistic": ("Logistic", (1, 0, 2)),
    "NDCG1Eval": ("NDCG", (1, 0, 2)),
    "ScatterPacked": ("ScatterPacked", (2, 1, 0)),
}
"""Nodes that have their inputs in another order: which of theirs each of the function's is."""
LOST = {
    "ConstantOp": "its number",
    "OneHot": "how many classes it has",
    "Padding": "how much it pads",
    "RandomDistribution": "its distribution",
    "TopK": "how many it takes",
}
"""Nodes that CNTK saves without what they need."""

MAKES: dict[str, Make] = {}
_ALL_STATIC, _ALL, _SEQUENCE, _BATCH = 0, -1, -2, -3


def maker(*kinds: str) -> Callable[[Make], Make]:
    """Register how a node becomes a function: what it calls `Making.set` with."""

    def register(function: Make) -> Make:
        MAKES.update(dict.fromkeys(kinds, function))
        return function

    return register


class Making:
    """A node on its way.

    Attributes:
        node: The node.
        function: The function that it becomes, still empty.
        inputs: What the node reads, in CNTK 1's order.
    """

    def __init__(
        self, node: Node, function: Function, inputs: list[Variable], free: Callable[[str], str]
    ) -> None:
        self.node = node
        self.function = function
        self.inputs = inputs
        self._free = free

    def field(self, name: str) -> Any:
        """What the file says of the node."""
        return self.node.fields[name]

    def fields(self, *names: str) -> dict[str, Any]:
        """What the file says of the node under these names, which are CNTK 2's."""
        return {name: self.node.fields[name] for name in names}

    def input(self, index: int) -> Variable:
        """One of its inputs.

        Raises:
            FormatError: It has not so many.
        """
        if index >= len(self.inputs):
            raise FormatError(f"it has {len(self.inputs)} inputs")
        return self.inputs[index]

    def set(self, op: str, *inputs: Variable, **attributes: Attribute) -> None:
        """Say which function it is."""
        self.function.op = op
        self.function.inputs = list(inputs)
        self.function.attributes = attributes

    def call(self, op: str, *inputs: Variable, **attributes: Attribute) -> Variable:
        """Another function, which it needs.

        Returns:
            The function's output.
        """
        uid = self.unique(op)
        return Function(op, uid, "", list(inputs), attributes).output()

    def constant(self, suffix: str, value: ir.TensorProtocol) -> Variable:
        """A constant, which it needs."""
        uid = self.unique(suffix)
        value.name = uid
        shape = graph.Shape(value.shape.numpy())
        return Variable(uid, Kind.CONSTANT, value.dtype, shape, (), "", value=value)

    def changed(self, variable: Variable, suffix: str, value: ir.TensorProtocol) -> Variable:
        """A parameter or constant with other numbers, or another shape."""
        made = self.constant(suffix, value)
        made.kind, made.trained, made.name = variable.kind, variable.trained, variable.name
        value.name = variable.name or made.uid
        return made

    def unique(self, suffix: str) -> str:
        """A uid of its own."""
        return self._free(f"{self.function.uid}.{suffix}")

    def refuse(self, reason: str) -> NoReturn:
        """Stop: CNTK 2 has nothing for it."""
        raise UnsupportedError(reason)


def make(f: Making) -> None:
    """Say which function a node is.

    Raises:
        FormatError: It has too few inputs.
        UnsupportedError: CNTK 2 has nothing for it.
    """
    kind = f.node.kind
    if kind in SAME or kind in RENAMED:
        f.set(RENAMED.get(kind, kind), *f.inputs, **f.node.fields, **ALWAYS.get(kind, {}))
    elif kind in REORDERED:
        op, order = REORDERED[kind]
        f.set(op, *(f.input(place) for place in order if place < max(2, len(f.inputs))))
    elif kind in LOST:
        f.refuse(f"CNTK has not saved {LOST[kind]}")
    elif kind in MAKES:
        MAKES[kind](f)
    else:
        f.refuse("CNTK 2 has no such function")


def place(node: Node) -> int:
    """Which output of its input's a multiplexer is; only its name says so.

    Raises:
        FormatError: It does not.
    """
    _, separator, number = node.name.partition("__v2libname__")[0].rpartition("_Output_")
    if not separator or not number.isdecimal() or len(number) > 2:
        raise FormatError("nothing says which output it is", layer=node.name, operator=node.kind)
    return int(number)


def axis(index: int) -> Axis:
    """An axis of CNTK 2 for one of CNTK 1, which counts from 1.

    Raises:
        UnsupportedError: There is no such axis.
    """
    special = {
        _ALL_STATIC: Axis(graph.ALL_STATIC),
        _ALL: Axis(graph.ALL),
        _SEQUENCE: Axis(graph.DYNAMIC, "__operandSequenceAxis", ordered=True),
        _BATCH: graph.BATCH,
    }
    return special[index] if index in special else static_axis(index)


def static_axis(index: int) -> Axis:
    """A static axis.

    Raises:
        UnsupportedError: It is another one.
    """
    if not 1 <= index <= graph.MAX_AXES:
        raise UnsupportedError(f"{index} is no static axis")
    return Axis(index - 1)
