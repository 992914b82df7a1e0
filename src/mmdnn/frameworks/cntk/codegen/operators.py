"""Primitive operators as calls of CNTK's Python functions (bindings/python/cntk/ops of CNTK 2.7)."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, Infix, Prefix, Raw, literal
from mmdnn.frameworks.cntk.codegen.table import Node, dtype_of, plain, printer, python_axis
from mmdnn.frameworks.cntk.graph import END_STATIC

_PLAIN = {
    "Tanh": "tanh", "ReLU": "relu", "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Floor": "floor",
    "Abs": "abs", "Reciprocal": "reciprocal", "Sin": "sin", "Cos": "cos", "Tan": "tan",
    "Asin": "asin", "Acos": "acos", "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh",
    "Asinh": "asinh", "Atanh": "atanh", "Softmax": "softmax", "Hardmax": "hardmax",
    "StableSigmoid": "sigmoid", "Sigmoid": "sigmoid", "ELU": "elu", "Pow": "pow",
    "Equal": "equal", "NotEqual": "not_equal", "Less": "less", "LessEqual": "less_equal",
    "Greater": "greater", "GreaterEqual": "greater_equal", "LogPlus": "log_add_exp",
    "Clip": "clip", "Select": "element_select", "StopGradient": "stop_gradient",
    "Pass": "alias", "NoOp": "alias", "StraightThrough": "straight_through_impl",
    "CosDistance": "cosine_distance", "SquaredError": "squared_error",
    "CrossEntropyWithSoftmax": "cross_entropy_with_softmax", "LambdaRank": "lambda_rank",
    "NDCG": "ndcg_at_1", "Logistic": "weighted_binary_cross_entropy",
    "LabelsToGraph": "labels_to_graph", "UnpackBatch": "unpack_batch", "ToBatch": "to_batch",
    "ReconcileDynamicAxis": "reconcile_dynamic_axes", "ToSequenceLike": "to_sequence_like",
    "Assign": "assign",
}  # fmt: skip
"""Operators whose inputs and name are all there is to them."""


@printer(*_PLAIN)
def _plain(node: Node, *inputs: Expr) -> Call:
    return node.call(f"C.{_PLAIN[node.op]}", *inputs)


_INFIX = {"Plus": ("+", "plus"), "Minus": ("-", "minus"), "ElementTimes": ("*", "element_times")}


@printer(*_INFIX)
def _arithmetic(node: Node, left: Expr, right: Expr) -> Expr:
    symbol, function = _INFIX[node.op]
    if node.function.name:
        return node.call(f"C.{function}", left, right)
    return Infix(symbol, left, right)


@printer("Negate")
def _negate(node: Node, x: Expr) -> Expr:
    return node.call("C.negate", x) if node.function.name else Prefix("-", x)


@printer("Times")
def _times(node: Node, right: Expr, left: Expr) -> Call:
    return node.call(
        "C.times",
        left,
        right,
        output_rank=node.optional("outputRank", 1),
        infer_input_rank_to_map=node.optional("inferInputRankToMap", -1, absent=-1),
    )


@printer("TransposeTimes")
def _transpose_times(node: Node, right: Expr, left: Expr) -> Call:
    node.only(outputRank=1)
    return node.call("C.times_transpose", left, right)


@printer("ClassificationError")
def _classification_error(node: Node, output: Expr, target: Expr, top: Expr | None = None) -> Call:
    if isinstance(top, Raw):
        top = literal(int(float(top.text)))
    return node.call("C.classification_error", output, target, topN=top)


@printer("CosDistanceWithNegativeSamples")
def _cosine_with_samples(node: Node, x: Expr, y: Expr, shift: Expr, count: Expr) -> Call:
    numbers = [Raw(str(int(float(one.text)))) for one in (shift, count) if isinstance(one, Raw)]
    if len(numbers) != 2:
        node.refuse("its shift and the number of its samples are no numbers")
    return node.call("C.cosine_distance_with_negative_samples", x, y, *numbers)


@printer("EditDistanceError")
def _edit_distance(node: Node, a: Expr, b: Expr) -> Call:
    return node.call(
        "C.edit_distance_error",
        a,
        b,
        subPen=node.optional("SubstitutionPenalty", 1),
        delPen=node.optional("DeletionPenalty", 1),
        insPen=node.optional("InsertionPenalty", 1),
        squashInputs=node.optional("SquashInputs", default=False),
        tokensToIgnore=node.optional("TokensToIgnore", []),
    )


@printer("ForwardBackward")
def _forward_backward(node: Node, graph: Expr, features: Expr) -> Call:
    blank = literal(node.take("BlankTokenId"))
    delay = node.optional("DelayConstraint", -1)
    return node.call("C.forward_backward", graph, features, blank, delayConstraint=delay)


@printer("SumAll")
def _sum_all(node: Node, x: Expr) -> Call:
    return node.call("C.reduce_sum", x, axis=Raw("C.Axis.all_axes()"))


@printer("LogSoftmax")
def _log_softmax(node: Node, x: Expr) -> Call:
    shape = node.function.inputs[0].shape
    if shape is None or len(shape) > 1:
        node.refuse("CNTK's Python takes it over one axis only")
    return node.call("C.log_softmax", x)


@printer("TransposeAxes")
def _transpose(node: Node, x: Expr) -> Call:
    if "axisVec" in node.function.attributes:
        axes = node.take("axisVec")
        rank = len(axes)
        places = [rank - 1 - axis.index for axis in reversed(axes)]
        return node.call("C.transpose", x, literal(tuple(places)))
    return node.call("C.swapaxes", x, node.axis("axis1"), node.axis("axis2"))


@printer("Slice")
def _slice(node: Node, x: Expr) -> Call:
    if "axisVec" in node.function.attributes:
        axes = [python_axis(axis, node) for axis in node.take("axisVec")]
        joined = Raw(f"[{', '.join(axis.text for axis in axes)}]")
        begin, end = node.take("beginIndexVec"), node.take("endIndexVec")
        ones = [1] * len(axes)
        strides = node.optional("sliceStridesVec", ones, absent=ones)
        return node.call("C.slice", x, joined, literal(begin), literal(end), strides=strides)
    begin, end = literal(node.take("beginIndex")), literal(node.take("endIndex"))
    strides = node.optional("sliceStrides", 1, absent=1)
    return node.call("C.slice", x, node.axis(), begin, end, strides=strides)


@printer("Splice")
def _splice(node: Node, *inputs: Expr) -> Call:
    axis = node.axis()
    return node.call("C.splice", *inputs, axis=None if axis.text == "-1" else axis)


@printer("Reshape")
def _reshape(node: Node, x: Expr) -> Call:
    """Python names the axes in the other order: it begins where the column-major one ends."""
    begin, end = node.take("endAxis", None), node.take("beginAxis", None)
    operand = node.function.inputs[0].shape
    whole = operand is not None and begin is not None and begin.index == len(operand)
    return node.call(
        "C.reshape",
        x,
        literal(plain(node.take("newShape"))),
        begin_axis=None if whole else _reshape_axis(begin, node),
        end_axis=_reshape_axis(end, node) if end is not None and end.index else None,
    )


def _reshape_axis(axis: Any, node: Node) -> Raw | None:
    if axis is None or axis.index == END_STATIC:
        return None
    if axis.is_dynamic:
        node.refuse("it is about a dynamic axis")
    return Raw(str(-axis.index)) if axis.index else Raw("C.Axis.new_leading_axis()")


@printer("Squeeze")
def _squeeze(node: Node, x: Expr) -> Call:
    axes = node.take("axisVec", None) or ([node.take("axis")] if node.function.attributes else None)
    if axes is None:
        return node.call("C.squeeze", x)
    return node.call("C.squeeze", x, Raw(f"[{', '.join(python_axis(a, node).text for a in axes)}]"))


@printer("Pad")
def _pad(node: Node, x: Expr) -> Call:
    pattern = list(zip(node.take("paddingHead"), node.take("paddingFoot"), strict=True))
    mode = node.take("paddingMode")
    modes = {0: None, 1: Raw("C.ops.REFLECT_PAD"), 2: Raw("C.ops.SYMMETRIC_PAD")}
    if mode not in modes:
        node.refuse(f"it has the unknown mode {mode}")
    value = node.optional("paddingConstantValue", 0.0)
    return node.call("C.pad", x, literal(pattern[::-1]), mode=modes[mode], constant_value=value)


@printer("Crop")
def _crop(node: Node, x: Expr, like: Expr, *ancestors: Expr) -> Call:
    offset = node.take("offset", None)
    if offset is not None:
        node.only(**({} if not ancestors else {"ancestors": ()}))
        return node.call("C.crop_manual", x, like, *map(literal, offset))
    if ancestors:
        return node.call("C.crop_automatic_with_ancestors", x, like, *ancestors)
    return node.call("C.crop_automatic", x, like)


@printer("Cast")
def _cast(node: Node, x: Expr) -> Call:
    return node.call("C.cast", x, dtype_of(node.take("newDataType"), node))


@printer("OneHot")
def _one_hot(node: Node, x: Expr) -> Call:
    axis = node.axis("onehotAxis")
    return node.call(
        "C.one_hot",
        x,
        literal(node.take("numClass")),
        sparse_output=node.optional("oneHotOutputSparse", default=False),
        axis=None if axis.text == "-1" else axis,
    )


@printer("Gather")
def _gather(node: Node, indices: Expr, reference: Expr) -> Call:
    return node.call("C.gather", reference, indices)


@printer("TopK")
def _top_k(node: Node, x: Expr) -> Call:
    axis = node.axis()
    count = literal(node.take("numItems"))
    return node.call("C.top_k", x, count, axis=None if axis.text == "-1" else axis)


@printer("EyeLike")
def _eye_like(node: Node, x: Expr) -> Call:
    sparse = node.optional("OutputSparse", default=True)
    return node.call("C.eye_like", x, sparse_output=sparse)


@printer("Constant")
def _constant_like(node: Node, x: Expr) -> Call:
    value = node.take("fillValue")
    known = {0.0: "C.zeros_like", 1.0: "C.ones_like"}
    if value in known:
        return node.call(known[value], x)
    return node.internal("constant_like", x, literal(value))
