"""Functions of TensorFlow in a graph of tf.keras (TFOpLambda, SlicingOpLambda) as operations of Keras 3.

https://www.tensorflow.org/versions/r2.15/api_docs/python/tf. A row says the operation, and what TensorFlow
calls its arguments: `theirs=ours`, or one word where both agree. Arguments that no row names are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmdnn.frameworks.keras.graph import Call

_BINARY = "x=x1 y=x2 a=x1 b=x2"
_REDUCED = "input_tensor=x axis keepdims"
_POOL = "input=x ksize=pool_size strides padding data_format"
_CONV = "input=x filters=kernel filter=kernel strides padding data_format dilations=dilation_rate"
ROWS: dict[str, str] = {
    **{
        name: f"{type_} {_BINARY}"
        for type_, names in {
            "Add": "math.add __operators__.add", "Subtract": "math.subtract", "Multiply": "math.multiply",
            "TrueDivide": "math.truediv math.divide compat.v1.div realdiv RealDiv", "Power": "math.pow",
            "Mod": "math.floormod math.mod", "FloorDivide": "math.floordiv compat.v1.floor_div",
            "Maximum": "math.maximum", "Minimum": "math.minimum", "Equal": "math.equal",
            "NotEqual": "math.not_equal", "Greater": "math.greater", "Less": "math.less",
            "GreaterEqual": "math.greater_equal", "LessEqual": "math.less_equal", "Arctan2": "math.atan2",
            "LogicalAnd": "math.logical_and", "LogicalOr": "math.logical_or",
        }.items()
        for name in names.split()
    },
    **{
        f"math.{name}": f"{type_} x features=x"
        for type_, names in {
            "Square": "square", "Exp": "exp", "Absolute": "abs", "Sqrt": "sqrt", "Rsqrt": "rsqrt",
            "Log": "log", "Log1p": "log1p", "Expm1": "expm1", "Sin": "sin", "Cos": "cos", "Tan": "tan",
            "Tanh": "tanh", "Sigmoid": "sigmoid", "Erf": "erf", "Floor": "floor", "Ceil": "ceil",
            "Round": "round rint", "Sign": "sign", "Negative": "negative", "Reciprocal": "reciprocal",
            "Isnan": "is_nan", "Isinf": "is_inf", "Isfinite": "is_finite", "LogicalNot": "logical_not",
            "Sinh": "sinh", "Cosh": "cosh", "Arcsin": "asin", "Arccos": "acos", "Arctan": "atan",
            "Arcsinh": "asinh", "Arccosh": "acosh", "Arctanh": "atanh", "Softplus": "softplus",
            "LogSigmoid": "log_sigmoid",
        }.items()
        for name in names.split()
    },
    **{
        f"nn.{name}": f"{type_} features=x x"
        for name, type_ in {
            "relu": "Relu", "relu6": "Relu6", "selu": "Selu", "softplus": "Softplus", "silu": "Silu",
            "swish": "Silu", "softsign": "Softsign", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu",
        }.items()
    },
    **{
        f"math.reduce_{name}": f"{type_} {_REDUCED}"
        for name, type_ in {
            "mean": "Mean", "sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod", "any": "Any",
            "all": "All", "std": "Std", "variance": "Var", "logsumexp": "Logsumexp",
        }.items()
    },
    "nn.gelu": "Gelu features=x approximate", "nn.leaky_relu": "LeakyRelu features=x alpha=negative_slope",
    "nn.softmax": "Softmax logits=x axis", "nn.log_softmax": "LogSoftmax logits=x axis",
    "concat": "Concatenate values=xs axis", "stack": "Stack values=xs axis", "math.add_n": "AddN inputs=xs",
    "unstack": "Unstack value=x num axis", "tile": "Tile input=x multiples=repeats",
    "split": "Split value=x num_or_size_splits=indices_or_sections axis",
    **dict.fromkeys(("transpose", "compat.v1.transpose"), "Transpose a=x perm=axes conjugate"),
    **dict.fromkeys(("reshape", "compat.v1.reshape"), "Reshape tensor=x shape=newshape"),
    **dict.fromkeys(("expand_dims", "compat.v1.expand_dims"), "ExpandDims input=x axis"),
    **dict.fromkeys(("squeeze", "compat.v1.squeeze"), "Squeeze input=x axis"),
    "cast": "Cast x dtype", "identity": "StopGradient input=variable", "stop_gradient": "StopGradient",
    "linalg.matmul": "Matmul a=x1 b=x2 transpose_a transpose_b", "nn.bias_add": "Add value=x1 bias=x2",
    **dict.fromkeys(("pad", "compat.v1.pad"), "Pad tensor=x paddings=pad_width mode constant_values"),
    **dict.fromkeys(("nn.conv2d", "compat.v1.nn.conv2d", "nn.conv1d"), f"Conv {_CONV}"),
    **dict.fromkeys(("nn.avg_pool2d", "nn.avg_pool", "compat.v1.nn.avg_pool"), f"AveragePool {_POOL}"),
    **dict.fromkeys(("nn.max_pool2d", "nn.max_pool", "compat.v1.nn.max_pool"), f"MaxPool {_POOL}"),
    "image.resize": "Resize images=x size method=interpolation antialias",
    **dict.fromkeys(("nn.depth_to_space",), "DepthToSpace input=x block_size data_format"),
    **dict.fromkeys(("nn.space_to_depth",), "SpaceToDepth input=x block_size data_format"),
    "clip_by_value": "Clip t=x clip_value_min=x_min clip_value_max=x_max",
    **dict.fromkeys(("where", "where_v2", "compat.v1.where"), "Where condition x=x1 y=x2"),
    **dict.fromkeys(("math.argmax", "argmax"), "Argmax input=x axis output_type"),
    **dict.fromkeys(("math.argmin", "argmin"), "Argmin input=x axis output_type"),
    **dict.fromkeys(("math.l2_normalize", "nn.l2_normalize"), "Normalize x axis epsilon"),
    **dict.fromkeys(("gather", "compat.v1.gather"), "Take params=x indices axis"),
    "one_hot": "OneHot indices=x depth=num_classes axis dtype", "reverse": "Flip tensor=x axis",
    "roll": "Roll input=x shift axis", "sort": "Sort values=x axis", "math.cumsum": "Cumsum x axis",
    "broadcast_to": "BroadcastTo input=x shape", "repeat": "Repeat input=x repeats axis",
    **dict.fromkeys(("math.top_k", "nn.top_k"), "TopK input=x k sorted"),
    "zeros_like": "ZerosLike input=x dtype", "ones_like": "OnesLike input=x dtype",
    "math.squared_difference": "SquaredDifference x=x1 y=x2",
    "__operators__.getitem": "GetItem slice_spec=key",
}  # fmt: skip
_DROPPED = {"name", "use_cudnn_on_gpu"}
_FORMATS = {"NHWC": "channels_last", "NCHW": "channels_first", "NWC": "channels_last"}


def _inner(value: Any) -> Any:
    """Numbers of the axes of a picture, without those of batch and channels."""
    return value[1:-1] if isinstance(value, Sequence) and len(value) == 4 else value


def _slice(part: Any) -> Any:
    if isinstance(part, dict) and "start" in part:
        return slice(part["start"], part.get("stop"), part.get("step"))
    return part


_VALUES: dict[str, Callable[[Any], Any]] = {
    "padding": lambda value: value.lower() if isinstance(value, str) else value,
    "mode": lambda value: value.lower() if isinstance(value, str) else value,
    "data_format": lambda value: _FORMATS.get(value, value),
    "strides": _inner,
    "dilation_rate": lambda value: 1 if value is None else _inner(value),
    "pool_size": _inner,
    "epsilon": math.sqrt,
    "kernel": lambda value: np.asarray(value, np.float32) if isinstance(value, list) else value,
    "key": lambda value: [_slice(part) for part in value],
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "nn.leaky_relu": {"negative_slope": 0.2},
    "nn.gelu": {"approximate": False},
    "math.l2_normalize": {"epsilon": 1e-6},
    "nn.l2_normalize": {"epsilon": 1e-6},
    "nn.conv2d": {"data_format": "channels_last", "dilation_rate": 1},
    "compat.v1.nn.conv2d": {"data_format": "channels_last", "dilation_rate": 1},
    "gather": {"axis": 0},
    "compat.v1.gather": {"axis": 0},
    "math.argmax": {"axis": 0, "output_type": "int64"},
    "math.argmin": {"axis": 0, "output_type": "int64"},
    "math.cumsum": {"axis": 0},
    "unstack": {"axis": 0},
    "stack": {"axis": 0},
    "split": {"axis": 0},
}
"""What TensorFlow has as defaults and Keras has not."""


def operation(function: str, call: Call) -> tuple[str, Call]:
    """The operation that a function of TensorFlow is, and what it is called with.

    Args:
        function: Its name without `tf`.
        call: What it is called with there.

    Returns:
        The type `tf.<function>` and the same call where no row knows it.
    """
    row = ROWS.get(function)
    if row is None:
        return f"tf.{function}", call
    type_, *words = row.split()
    names = {theirs: ours or theirs for theirs, _, ours in (word.partition("=") for word in words)}
    kwargs = dict(_DEFAULTS.get(function, {}))
    for name, value in call.kwargs.items():
        if name in _DROPPED or (name == "data_format" and value is None):
            continue
        ours = names.get(name, name)
        kwargs[ours] = _VALUES.get(ours, lambda value: value)(value) if name in names else value
    if type_ == "Split" and isinstance(sizes := kwargs.get("indices_or_sections"), list):
        kwargs["indices_or_sections"] = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return f"ops.{type_}", Call(call.args, kwargs)
