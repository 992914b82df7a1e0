"""Primitive operators as calls of CNTK's Python functions (bindings/python/cntk/ops of CNTK 2.7)."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.codegen.statements import call
from mmdnn.frameworks.cntk.codegen.table import (
    Node,
    flags,
    is_whole,
    printer,
    reduction_axes,
    rows,
    steps,
)
from mmdnn.frameworks.cntk.graph import END_STATIC
from mmdnn.python.expressions import Operand
from mmdnn.python.literals import Raw

_LOWER = """
    Tanh ReLU Exp Log Sqrt Floor Abs Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Atanh
    Softmax Hardmax Sigmoid ELU Pow Equal Less Greater Clip Assign
"""
_SAMPLED = "numSamples, allowDuplicates, seed=rngSeed"
_SEQUENCE = (
    "convolution_sequence_shape(weight, x, strides, sharing, autoPadding, dilation, False, (0,)"
)
rows(
    {
        **{name: name.lower() for name in _LOWER.split()},
        "StableSigmoid": "sigmoid", "NotEqual": "not_equal", "LessEqual": "less_equal",
        "GreaterEqual": "greater_equal", "LogPlus": "log_add_exp", "Select": "element_select",
        "StopGradient": "stop_gradient", "Pass": "alias", "NoOp": "alias",
        "StraightThrough": "straight_through_impl", "CosDistance": "cosine_distance",
        "SquaredError": "squared_error", "CrossEntropyWithSoftmax": "cross_entropy_with_softmax",
        "LambdaRank": "lambda_rank", "NDCG": "ndcg_at_1",
        "Logistic": "weighted_binary_cross_entropy", "LabelsToGraph": "labels_to_graph",
        "UnpackBatch": "unpack_batch", "ToBatch": "to_batch",
        "ReconcileDynamicAxis": "reconcile_dynamic_axes", "ToSequenceLike": "to_sequence_like",
        "PackedIndex": "cntk_py.packed_index", "GatherPacked": "cntk_py.gather_packed",
        "ScatterPacked": "cntk_py.scatter_packed",
        "Plus(x, y)": "x + y",
        "Minus(x, y)": "x - y",
        "ElementTimes(x, y)": "x * y",
        "Negate(x)": "-x",
        "Times(right, left)": "times(left, right, output_rank=outputRank or 1,"
        " infer_input_rank_to_map=inferInputRankToMap or -1)",
        "TransposeTimes(right, left, outputRank=1)": "times_transpose(left, right)",
        "Splice(*inputs)": "splice(*inputs, axis=axis or -1)",
        "Cast(x)": "cast(x, types(newDataType))",
        "OneHot(x)": "one_hot(x, numClass, sparse_output=oneHotOutputSparse or False,"
        " axis=onehotAxis or -1)",
        "Gather(indices, reference)": "gather(reference, indices)",
        "TopK(x)": "top_k(x, numItems, axis=axis or -1)",
        "EyeLike(x)": "eye_like(x, sparse_output=OutputSparse or True)",
        "SumAll(x)": "reduce_sum(x, axis=C.Axis.all_axes())",
        "Pad(x)": "pad(x, pairs(paddingHead, paddingFoot), mode=paddings(paddingMode)"
        " or C.ops.CONSTANT_PAD, constant_value=paddingConstantValue or 0.0)",
        "PastValue(x, initial)": "sequence.past_value(x, initial_state=initial or 0.0,"
        " time_step=offset or 1)",
        "FutureValue(x, initial)": "sequence.future_value(x, initial_state=initial or 0.0,"
        " time_step=offset or 1)",
        "UnpackSequence(x)": "sequence.unpack(x, sequenceUnpackPaddingValue,"
        " no_mask_output=sequenceUnpackSuppressMaskOutput or False)",
        "ToSequence(*inputs, newDynamicAxes=...)": "to_sequence(*inputs,"
        " sequence_axis_name_prefix=sequenceAxis or 'toSequence_')",
        "ClassificationError(output, target, *top)": "classification_error(output, target,"
        " topN=int(*top))",
        "CosDistanceWithNegativeSamples(x, y, shift, count)":
        "cosine_distance_with_negative_samples(x, y, int(shift), int(count))",
        "EditDistanceError(a, b)": "edit_distance_error(a, b, subPen=SubstitutionPenalty or 1.0,"
        " delPen=DeletionPenalty or 1.0, insPen=InsertionPenalty or 1.0,"
        " squashInputs=SquashInputs or False, tokensToIgnore=TokensToIgnore or [])",
        "ForwardBackward(graph, features)": "forward_backward(graph, features, BlankTokenId,"
        " delayConstraint=DelayConstraint or -1)",
        "Dropout(x, rngOffset=...)": "dropout(x, dropoutRate, seed=rngSeed or None)",
        "RandomSample(weights, rngOffset=0)": f"random_sample(weights, {_SAMPLED})",
        "RandomSampleInclusionFrequency(weights, rngOffset=0)":
        f"random_sample_inclusion_frequency(weights, {_SAMPLED})",
        "Unpooling(x, pooled, poolingType=0, lowerPad=0, upperPad=0)": "unpooling(x, pooled,"
        " C.MAX_UNPOOLING, unpoolingWindowShape, strides=steps(strides),"
        " auto_padding=flags(autoPadding))",
        "ROIPooling(x, regions, poolingType=0)": "roipooling(x, regions, C.MAX_POOLING,"
        " roiOutputShape, spatialScale)",
        "ConvolutionSequenceShape(weight, x, lowerPad=0, upperPad=0, kernelShape=...,"
        " outputShape=..., sequential=True, transpose=False)":
        f"cntk_py.{_SEQUENCE}, groups or 1, maxTempMemSizeInSamples)",
        "BatchNormalization(x, scale, bias, mean, variance, count)": "batch_normalization("
        "x, scale, bias, mean, variance, spatial=spatial,"
        " normalization_time_constant=normalizationTimeConstant or 5000.0,"
        " blend_time_constant=blendTimeConstant or 0.0, epsilon=epsilon or 1e-05,"
        " use_cudnn_engine=useCuDNNEngine or False,"
        " disable_regularization=disableRegularization or False, running_count=count)",
        "OptimizedRNNStack(x, weights)": "optimized_rnnstack(x, weights, hiddenSize, numLayers,"
        " bidirectional=bidirectional or False, recurrent_op=recurrentOp or 'lstm')",
    }
)  # fmt: skip
REDUCTIONS = {
    "Sum": "reduce_sum", "Mean": "reduce_mean", "Max": "reduce_max", "Min": "reduce_min",
    "Prod": "reduce_prod", "LogSum": "reduce_log_sum_exp", "Argmax": "argmax", "Argmin": "argmin",
}  # fmt: skip


@printer("ReduceElements")
def _reduce_elements(node: Node, x: Operand) -> Operand:
    """Python's functions put blocks around it; over all axes none is kept."""
    reduction = node.take("reductionOpName")
    if reduction not in REDUCTIONS:
        node.refuse(f"there is no reduction '{reduction}'")
    keep = node.take("reductionKeepDimensions", True)
    axes = node.take("axisVec", None) or [node.take("axis")]
    whole = is_whole(axes)
    if whole == keep and (whole or reduction in ("Argmax", "Argmin")):
        node.refuse("it keeps the axes that it reduces, or drops them, as Python's does not")
    drops = None if keep or whole else False
    return node.call(REDUCTIONS[reduction], x, axis=reduction_axes(axes), keepdims=drops)


@printer("LogSoftmax")
def _log_softmax(node: Node, x: Operand) -> Operand:
    shape = node.function.inputs[0].shape
    if shape is None or len(shape) > 1:
        node.refuse("CNTK's Python takes it over one axis only")
    return node.call("log_softmax", x)


@printer("TransposeAxes")
def _transpose(node: Node, x: Operand) -> Operand:
    axes = node.take("axisVec", None)
    if axes is None:
        return node.call("swapaxes", x, node.take("axis1"), node.take("axis2"))
    return node.call("transpose", x, tuple(len(axes) - 1 - axis.index for axis in axes[::-1]))


@printer("Slice")
def _slice(node: Node, x: Operand) -> Operand:
    many = "axisVec" in node.function.attributes
    suffix = "Vec" if many else ""
    axes, *ends = (node.take(name + suffix) for name in ("axis", "beginIndex", "endIndex"))
    ones = [1] * len(axes) if many else 1
    strides = node.take(f"sliceStrides{suffix}", ones)
    return node.call("slice", x, axes, *ends, strides=None if strides == ones else strides)


@printer("Reshape")
def _reshape(node: Node, x: Operand) -> Operand:
    """Python names the axes in the other order: it begins where the column-major one ends."""
    begin, end = node.take("endAxis", None), node.take("beginAxis", None)
    operand = node.function.inputs[0].shape
    whole = operand is not None and begin is not None and begin.index == len(operand)
    return node.call(
        "reshape",
        x,
        node.take("newShape"),
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
def _squeeze(node: Node, x: Operand) -> Operand:
    axes = node.take("axisVec", None) or ([node.take("axis")] if node.function.attributes else None)
    return node.call("squeeze", x, *([] if axes is None else [axes]))


@printer("Crop")
def _crop(node: Node, x: Operand, like: Operand, *ancestors: Operand) -> Operand:
    offset = node.take("offset", None)
    if offset is not None:
        node.only(**({} if not ancestors else {"ancestors": ()}))
        return node.call("crop_manual", x, like, *offset)
    how = "crop_automatic_with_ancestors" if ancestors else "crop_automatic"
    return node.call(how, x, like, *ancestors)


@printer("Constant")
def _constant_like(node: Node, x: Operand) -> Operand:
    value = node.take("fillValue")
    known = {0.0: "zeros_like", 1.0: "ones_like"}.get(value)
    return node.call(known, x) if known else node.call("cntk_py.constant_like", x, value)


_SCALED = ("newSequenceAxisLengthScalingFactor", "newSequenceAxisLengthAdditiveFactor")


@printer("Where")
def _where(node: Node, condition: Operand) -> Operand:
    axes = node.take("newDynamicAxes", [])
    gone = axes and not any(axis.ordered for axis in axes)
    if gone or any(name in node.function.attributes for name in _SCALED):
        node.refuse("CNTK's Python has it within slices and gathers of sequences only")
    return node.call("sequence.where", condition)


_RANDOM = {
    "uniform": (("low", 0.0), ("high", 1.0)),
    "normal": (("mean", 0.0), ("scale", 1.0)),
    "gumbel": (("loc", 0.0), ("scale", 1.0)),
    "bernoulli": (("mean", 0.5),),
}


@printer("RandomDistribution")
def _random(node: Node, *like: Operand) -> Operand:
    kind, given = node.take("randomDistributionType"), node.take("randomDistributionArgs")
    if kind not in _RANDOM or len(given) != len(_RANDOM[kind]):
        node.refuse(f"there is no distribution '{kind}' of {len(given)} numbers")
    node.only(rngOffset=0)
    numbers = {
        name: None if value == default else value
        for (name, default), value in zip(_RANDOM[kind], given, strict=True)
    }
    numbers["seed"] = node.take("rngSeed")
    if like:
        return node.call(f"random.{kind}_like", *like, **numbers)
    dtype = node.choice("types", node.take("newDataType"))
    typed = {} if dtype == "np.float32" else {"dtype": dtype}
    return node.call(f"random.{kind}", node.take("newShape"), **typed, **numbers)


_NO_PADS = (0,)


def padded(node: Node, place: int, x: Operand, pad: list[bool], value: float | None) -> Operand:
    """An operand with the explicit padding, which CNTK's Python functions do not take.

    It does not count where an axis is padded automatically. Without a `value` nothing can be padded with
    that would be the same.
    """
    lower, upper = (list(node.take(name, _NO_PADS)) for name in ("lowerPad", "upperPad"))
    if len(pad) == 1:
        pad = pad * len(lower)
    if len(pad) < len(lower) or len(lower) != len(upper):
        node.refuse("its padding is of two minds")
    automatic = pad[len(pad) - len(lower) :]
    ends = zip(automatic, lower, upper, strict=True)
    pattern = [(0, 0) if auto else (begin, end) for auto, begin, end in ends]
    if not any(map(any, pattern)):
        return x
    shape = node.function.inputs[place].shape
    rank = len(pattern) if shape is None else len(shape)
    if value is None or rank < len(pattern):
        node.refuse("its padding cannot be set from Python")
    pattern = [(0, 0)] * (rank - len(pattern)) + pattern
    return call("C.pad", x, pattern, constant_value=value or None)


@printer("Convolution")
def _convolution(node: Node, weight: Operand, x: Operand) -> Operand:
    pad, transposed = flags(node.take("autoPadding")), node.take("transpose")
    crops = _crops(node, pad) if transposed else None
    x = x if transposed else padded(node, 1, x, pad, 0.0)
    kernel = tuple(node.take("kernelShape", None) or (node.function.inputs[0].shape or ())[1:])
    strides = tuple(
        node.take("strides")
    )  # CNTK steps over all channels at once, which users leave out
    whole = len(strides) == len(kernel) == len(pad) > 1 and not pad[0]
    if not all(node.take("sharing", [True])):
        node.refuse("it does not share its weights")
    settings = {
        "strides": steps(strides[1:] if whole and strides[0] == kernel[0] else strides),
        "auto_padding": None if all(pad) else pad,
        "dilation": steps(node.take("dilation", (1,))),
        "max_temp_mem_size_in_samples": node.take("maxTempMemSizeInSamples", 0) or None,
    }
    groups, shape = node.take("groups", 1), tuple(node.take("outputShape", _NO_PADS))
    node.only(sequential=False)
    if not transposed:
        return node.call(
            "convolution", weight, x, **settings, groups=groups if groups != 1 else None
        )
    if groups != 1:
        node.refuse("its groups cannot be set from Python")
    if crops is None:
        settings["output_shape"] = shape if any(shape) else None
        return node.call("convolution_transpose", weight, x, **settings)
    return node.call("slice", call("C.convolution_transpose", weight, x, **settings), *crops)


def _crops(node: Node, pad: list[bool]) -> tuple[list[int], list[int], list[int]] | None:
    """The axes, begins and ends that explicit padding leaves of what a transpose gives without it."""
    lower, upper = (tuple(node.take(name, _NO_PADS)) for name in ("lowerPad", "upperPad"))
    if not any(lower + upper):
        return None
    weight, x = (one.shape for one in node.function.inputs)
    said = node.function.attributes
    strides, wanted = said.get("strides"), said.get("outputShape", _NO_PADS)
    rank = len(lower)
    if weight is None or x is None or not isinstance(strides, tuple) or len(strides) != rank:
        node.refuse("its padding cannot be set from Python")
    sizes = [(x[i] - 1) * strides[i] + weight[1 + i] - lower[i] - upper[i] for i in range(1, rank)]
    known = wanted == _NO_PADS or (isinstance(wanted, tuple) and list(wanted[1:]) == sizes)
    if any(pad) or len(upper) != rank or len(x) != rank or lower[0] or upper[0] or not known:
        node.refuse("its padding cannot be set from Python")
    axes = [i for i in range(1, rank) if lower[i] or upper[i]]
    return [i - rank for i in axes], [lower[i] for i in axes], [-upper[i] for i in axes]


@printer("Pooling")
def _pooling(node: Node, x: Operand) -> Operand:
    pad, kind = flags(node.take("autoPadding")), node.take("poolingType")
    ceiled, included = node.take("ceilOutDim", False), node.take("includePad", False)
    fill = 0.0 if included and not ceiled else None
    window = tuple(node.take("poolingWindowShape"))
    whole = Raw("C.cntk_py.NDShape.unknown().dimensions()")
    return node.call(
        "pooling",
        padded(node, 0, x, pad, float("-inf") if kind == 0 else fill),
        node.choice("poolings", kind),
        whole if window == graph.UNKNOWN_SHAPE else window,
        strides=steps(node.take("strides")),
        auto_padding=pad if any(pad) else None,
        ceil_out_dim=ceiled or None,
        include_pad=included or None,
    )
