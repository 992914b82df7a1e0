"""What is inside the blocks that CNTK's own functions make: one table for all who read or make them.

    Select(Less(x, 0), ELU(x) * alpha, x)

A call is a primitive operator, or a block that has a row itself; its keywords are attributes. A name is any
variable or attribute, the same one wherever it stands; `(y := Exp(x))` names what is computed; a number is a
constant of one number, of an axis its index; `own.size` is the block's attribute. A call in lower case is
any operator, which gets that name. `x / y` is a quotient as CNTK's `element_divide` makes it.
(Source/CNTKv2LibraryDll/Function.cpp of CNTK 2.7.)
"""

from __future__ import annotations

import ast

INFIX = {ast.Add: "Plus", ast.Sub: "Minus", ast.Mult: "ElementTimes", ast.Div: "ElementDivide"}

_ALONG = "axis=axis, reductionKeepDimensions=True, reductionOpName="
_SHIFTED = f"x - (m := ReduceElements(x, {_ALONG}'Max'))"

_SUMMED = "ReduceElements({}, inner=inner, kind='Sum')"
_MATRIX = "outputRank=1, inferInputRankToMap=-1"
_FLAG = "ReconcileDynamicAxis(0, x)"
_OVER_TIME = (
    "Sequence__BroadcastAs(Sequence__ReduceElements({}, padding={}, axis=axis, kind='{}'), x)"
)
_MEAN = "ReduceElements({}, inner=inner, kind='Mean')"
_CENTRED = f"(d := x - {_MEAN.format('x')})"
_SCALED = f"{_CENTRED} / (Sqrt({_MEAN.format('d * d')}) + epsilon)"
_DROPPED = "ReduceElements({}, {}, reductionOpName={}, reductionKeepDimensions=False)"
_DOT = "TransposeTimes(y, {}, outputRank=1)"
_WRONG = f"NotEqual(y, Equal(x, ReduceElements(x, {_ALONG}'Max')))"
_INNER = "MultiAxisReduce(x, inner=inner, kind=kind)"
TYPED = (
    "newDynamicAxes=axes, newSequenceAxisLengthScalingFactor=scale,"
    " newSequenceAxisLengthAdditiveFactor=more"
)
"""What a Where says of its axes; files of CNTK 1 say less."""
PICKED = "GatherPacked(x, PackedIndex(x, Where({}, {})))"
_SCATTERED = "ScatterPacked(x, PackedIndex(condition, Where(condition, {})), condition)"
_FLAGS = "[True, True, True, True]"
_ONES = "[1, 1, 1, 1]"

INSIDES = {
    "And": "Greater(Greater(x, 0) * Greater(y, 0), 0)",
    "BinaryCrossEntropy": "-(y * Log(1e-6 + x) + (1 - y) * Log(1.000001 - x))",
    "ClassificationError": f"1 - {_DOT.format('Hardmax(x)')}",
    "ClassificationError.along": _DROPPED.format(
        f"GreaterEqual(ReduceElements({_WRONG}, {_ALONG}'Sum'), 1)", "axis=all_static", "'Mean'"
    ),
    "CrossEntropyWithSoftmax": "ReduceElements(x, axis=0, reductionKeepDimensions=True,"
    f" reductionOpName='LogSum') - {_DOT.format('x')}",
    "CrossEntropyWithSoftmax.along": f"ReduceElements(x, {_ALONG}'LogSum')"
    f" - ReduceElements(y * x, {_ALONG}'Sum')",
    "DepthToSpace": "Reshape(Reshape(TransposeAxes(Reshape(x, beginAxis=2, endAxis=3,"
    " newShape=[own.blockSize, own.blockSize, -1]), axisVec=[3, 0, 4, 1, 2]), beginAxis=2,"
    " endAxis=4, newShape=[-1]), beginAxis=0, endAxis=2, newShape=[-1])",
    "ElementDivide": "x * Reciprocal(y)",
    "ElementMax": "Select(Greater(x, y), x, y)",
    "ElementMin": "Select(Less(x, y), x, y)",
    "ELU": "Select(Less(x, 0), alpha * ELU(x, name='_ELU'), x)",
    "ExpandDims": "Reshape(x, beginAxis=begin, endAxis=begin, newShape=[1])",
    "Flatten": "Reshape(x, beginAxis=0, endAxis=end, newShape=shape)",
    "GatherOp": "TransposeAxes(Gather(indices, TransposeAxes(reference, axis1=last, axis2=inner),"
    " name='_inner'), axis1=outer_last, axis2=outer)",
    "Gemm": f"c * beta + Times(b * alpha, a, {_MATRIX})",
    "HardSigmoid": "Select(Greater((b := Select(Less((a := x * alpha + beta), 1), a, 1)), 0), b, 0)",
    "LayerNormalization": f"({_SCALED}) * scale + bias",
    "LeakyReLU": "Select(Less(x, 0), alpha * x, x)",
    "LocalResponseNormalization": "x / Exp(beta * Log(bias + Reshape(Convolution(kernel,"
    f" Reshape(x * x, beginAxis=2, endAxis=3, newShape=[1, -1]), autoPadding={_FLAGS},"
    f" dilation={_ONES}, groups=1, kernelShape=window, outputShape=[0], sequential=False,"
    f" sharing={_FLAGS}, strides={_ONES}, transpose=False),"
    " beginAxis=2, endAxis=4, newShape=[-1])))",
    "LogSoftmax": f"({_SHIFTED}) - Log(ReduceElements(Exp(x - m), {_ALONG}'Sum'))",
    "MatMul": f"Times(b, a, {_MATRIX})",
    "MeanVarianceNormalization": _CENTRED,
    "MeanVarianceNormalization.scaled": _SCALED,
    "MultiAxisReduce": "ReduceElements(x, name='_static_axes_subop', axisVec=inner,"
    " reductionOpName=kind, reductionKeepDimensions=True)",
    "Not": "-Greater(x, 0) + 1",
    "Or": "Greater(Greater(x, 0) + Greater(y, 0), 0)",
    "PerDimMeanVarianceNormalize": "(x - mean) * inverse",
    "PReLU": "Select(Less(x, 0), alpha * x, x)",
    "ReduceElements": _INNER,
    "ReduceElements.dropping": f"Reshape({_INNER}, beginAxis=0, endAxis=end, newShape=shape)",
    "ReduceElements.whole": _DROPPED.format("x", "axisVec=inner", "kind"),
    "ReduceL1": _SUMMED.format("Abs(x)"),
    "ReduceL2": "Sqrt(ReduceSumSquare(x, inner=inner))",
    "ReduceSumSquare": _SUMMED.format("x * x"),
    "SELU": "gamma * Select(Less(x, 0), alpha * ELU(x), x)",
    "Sequence::BroadcastAs": "ReconcileDynamicAxis(x, y)",
    "Sequence::Gather": PICKED.format("condition", "newDynamicAxes=axes"),
    "Sequence::Gather.typed": PICKED.format("condition", TYPED),
    "Sequence::IsFirst": f"PastValue({_FLAG}, 1, offset=1)",
    "Sequence::IsLast": f"FutureValue({_FLAG}, 1, offset=1)",
    "Sequence::ReduceElements": _DROPPED.format(
        "UnpackSequence(x, sequenceUnpackPaddingValue=padding,"
        " sequenceUnpackSuppressMaskOutput=True)",
        "axis=axis",
        "kind",
    ),
    "Sequence::Scatter": _SCATTERED.format("newDynamicAxes=axes"),
    "Sequence::Scatter.typed": _SCATTERED.format(TYPED),
    "Sequence::Softmax": f"(e := Exp(x - {_OVER_TIME.format('x', '-1e999', 'Max')}))"
    f" / {_OVER_TIME.format('e', '0.0', 'Sum')}",
    "Softmax": f"(e := Exp({_SHIFTED})) / ReduceElements(e, {_ALONG}'Sum')",
    "Softplus": "LogPlus(x, 0)",
    "softplus": "Softplus(steepness * x) / steepness",
    "Softsign": "x / (Abs(x) + 1)",
    "SpaceToDepth": "Reshape(TransposeAxes(Reshape(Reshape(x, beginAxis=0, endAxis=1,"
    " newShape=[-1, own.blockSize]), beginAxis=2, endAxis=3, newShape=[-1, own.blockSize]),"
    " axisVec=[1, 3, 4, 0, 2]), beginAxis=2, endAxis=5, newShape=[-1])",
    "SquaredError": "ReduceElements((d := x - y) * d, axis=everything, reductionOpName='Sum',"
    " reductionKeepDimensions=False)",
    "Stabilizer": "softplus(steepness, alpha) * x",
    "Stabilizer.plain": "Softplus(alpha) * x",
    "Xor": "NotEqual(Greater(x, 0), Greater(y, 0))",
}
"""What functions of these names compute, by the type of the block, and which of several insides it has."""


def _cut(stacked: str, place: int) -> str:
    ends = f"beginIndex=n{place}, endIndex=n{place + 1}"
    return f"Slice({stacked}, axis=0, {ends}, sliceStrides=1)"


def _steps(kind: str, peepholes: tuple[str, str, str] = ("", "", ""), kept: str = "") -> list[str]:
    """A step without and with a projection; `peepholes` are what is added to the gates i, f and o."""
    fed, held = f"Times(W, x, {_MATRIX})", f"Times(H, h, {_MATRIX})"
    cell = ""
    if kind == "LSTM":
        stacked = f"(p := (b + {fed}) + {held})"
        i, g, f, o = (_cut(stacked if place == 3 else "p", place) for place in range(4))
        i, f, o = (gate + more for gate, more in zip((i, f, o), peepholes, strict=True))
        cell = f", (cell := sigmoid({f}) * c + sigmoid({i}) * activation({g}))"
        out = f"sigmoid({o}) * activation(cell)"
    elif kind == "GRU":
        update = f"sigmoid({_cut(f'(p := b + {fed})', 0)} + {_cut(f'(q := {held})', 0)})"
        reset = f"sigmoid({_cut('p', 1)} + {_cut('q', 1)})"
        fresh = f"activation({_cut('p', 2)} + Times(H1, {kept.format(reset)}, {_MATRIX}))"
        out = f"(1 - (z := {update})) * {fresh} + z * h"
    else:
        out = f"activation({fed} + {held} + b)"
    return [f"{made}{cell}" for made in (out, f"Times(P, {out}, {_MATRIX})")]


STEPS = {
    "LSTM": [*_steps("LSTM"), *_steps("LSTM", (" + Ci * c", " + Cf * c", " + Co * cell"))],
    "GRU": [*_steps("GRU", kept="h * {}"), *_steps("GRU", kept="{} * h")],
    "RNNStep": _steps("RNNStep"),
}
"""What is inside the steps of recurrent layers (bindings/python/cntk/layers/blocks.py of CNTK 2.7)."""

SAME = {
    "HardSigmoid": ("HardSigmoid", "hard_sigmoid"),
    "LeakyReLU": ("LeakyRelu", "leaky_relu"),
    "SELU": ("Selu", "selu"),
    "Softplus": ("Softplus", "softplus"),
    "Softsign": ("Softsign", "softsign"),
}
"""Blocks that are an operator of ONNX, whose attributes are the numbers inside, and CNTK's function."""


class Inside:
    """What is inside a block, parsed once.

    Attributes:
        tree: The expression.
        operands: The variables that it names but does not compute, in order.
        size: How many functions it is of.
    """

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text, mode="eval").body

        self.size = sum(isinstance(node, (ast.Call, ast.BinOp)) for node in ast.walk(self.tree))
        found: dict[str, bool] = {}

        def visit(node: ast.expr) -> None:
            if isinstance(node, ast.Name):
                found.setdefault(node.id, True)
            elif isinstance(node, ast.NamedExpr):
                found[node.target.id] = False
                visit(node.value)
            elif not isinstance(node, ast.Constant):
                for operand in parts(node)[1]:
                    visit(operand)

        visit(self.tree)
        self.operands = [name for name, is_read in found.items() if is_read]


def number(node: ast.Constant) -> float:
    """The number that a constant is."""
    assert isinstance(node.value, (int, float))
    return float(node.value)


def parts(node: ast.expr) -> tuple[str, list[ast.expr], dict[str, ast.expr]]:
    """The operator, operands and attributes of an expression's node."""
    if isinstance(node, ast.BinOp):
        return INFIX[type(node.op)], [node.left, node.right], {}
    if isinstance(node, ast.UnaryOp):
        return "Negate", [node.operand], {}
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    keywords = {str(key.arg): key.value for key in node.keywords}
    return node.func.id.replace("__", "::"), node.args, keywords
