"""What is computed number by number: layers that merge, and operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.keras.importer.dtypes import KINDS
from mmdnn.frameworks.keras.importer.table import LAYERS, OPS, ImportedNode, Value, importer
from mmdnn.ir.builder import Op, rank

MERGING = f"{LAYERS}/merging_layers"
_FLOATS = [ir.DataType.BFLOAT16, ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE]


def promoted(kinds: Sequence[ir.DataType]) -> ir.DataType:
    """The type that values of several types are computed in (https://keras.io/api/mixed_precision)."""
    floats = [kind for kind in kinds if kind.is_floating_point()]
    if floats:
        if set(floats) == {ir.DataType.BFLOAT16, ir.DataType.FLOAT16}:
            return ir.DataType.FLOAT
        return max(floats, key=_FLOATS.index)
    found = kinds[0].numpy()
    for kind in kinds[1:]:
        found = np.promote_types(found, kind.numpy())
    return ir.DataType.FLOAT if found.kind == "f" else ir.DataType.from_numpy(found)


def together(node: ImportedNode, op: Op, *values: Any, floats: bool = False) -> list[Value]:
    """Operands in one type; Python's numbers take that of the tensors.

    Args:
        node: The layer.
        op: ONNX's operators.
        values: Tensors, arrays, lists and numbers.
        floats: Whether the result is of floats even for integers.
    """
    kinds = [v.dtype for v in values if isinstance(v, Value) and v.dtype is not None]
    numbers = [np.asarray(v) for v in values if not isinstance(v, Value)]
    kind = promoted(kinds) if kinds else ir.DataType.FLOAT
    fraction = any(each.dtype.kind == "f" for each in numbers)
    if not kind.is_floating_point() and (floats or fraction):
        kind = ir.DataType.FLOAT
    if kind == ir.DataType.BOOL and any(each.dtype.kind == "i" for each in numbers):
        kind = ir.DataType.INT32
    return [_as(node, op, v, kind) for v in values]


def _as(node: ImportedNode, op: Op, value: Any, kind: ir.DataType) -> Value:
    if not isinstance(value, Value):
        return node.builder.constant(np.asarray(value, kind.numpy()))
    return value if value.dtype == kind else op.Cast(value, to=kind)


def lifted(op: Op, values: Sequence[Value]) -> list[Value]:
    """Operands of as many axes as the one with the most: the batch stays in front."""
    most = max(map(rank, values))
    return [
        op.Unsqueeze(v, list(range(1, 1 + most - rank(v)))) if rank(v) < most and rank(v) else v
        for v in values
    ]


def _merge(*types: str, onnx: str) -> None:
    @importer(*types, doc=MERGING)
    def function(node: ImportedNode, op: Op, *inputs: Value) -> Value:
        """Several tensors, one after the other."""
        values = lifted(op, inputs)
        found = values[0]
        for value in values[1:]:
            found = op[onnx](found, value)
        return found


for _type, _onnx in {
    "Add": "Add", "Multiply": "Mul", "Maximum": "Max", "Minimum": "Min", "Subtract": "Sub",
}.items():  # fmt: skip
    _merge(_type, onnx=_onnx)


@importer("Average", doc=f"{MERGING}/average")
def average(node: ImportedNode, op: Op, *inputs: Value) -> Value:
    values = lifted(op, inputs)
    found = values[0]
    for value in values[1:]:
        found = op.Add(found, value)
    return op.Div(found, float(len(values)))


@importer("ops.AddN", doc=f"{OPS}/numpy")
def add_n(node: ImportedNode, op: Op, xs: list[Any]) -> Value:
    """tf.add_n."""
    return op.Sum(*together(node, op, *xs))


def modulo(op: Op, x: Value, y: Value) -> Value:
    """Python's `%`."""
    if x.dtype is not None and not x.dtype.is_floating_point():
        return op.Mod(x, y)
    rest = op.Mod(x, y, fmod=1)
    zero = np.zeros((), (x.dtype or ir.DataType.FLOAT).numpy())
    off = op.And(op.Not(op.Equal(rest, zero)), op.Less(op.Mul(op.Sign(rest), y), zero))
    return op.Where(off, op.Add(rest, y), rest)


def floored(op: Op, x: Value, y: Value) -> Value:
    """Python's `//`."""
    if x.dtype is not None and x.dtype.is_floating_point():
        return op.Floor(op.Div(x, y))
    return op.Div(op.Sub(x, op.Mod(x, y)), y)


def number(x: Value, value: float) -> Any:
    """A number in the type of a tensor."""
    return np.asarray(value, (x.dtype or ir.DataType.FLOAT).numpy())


def _scaled_log(op: Op, x: Value, base: float) -> Value:
    return op.Mul(op.Log(x), number(x, 1 / np.log(base)))


PLAIN = {
    "Absolute": "Abs", "Abs": "Abs", "Negative": "Neg", "Sign": "Sign", "Ceil": "Ceil", "Floor": "Floor",
    **dict.fromkeys(("Positive", "Conjugate", "Real", "StopGradient"), "Identity"),
    **{name: name for name in ("Exp", "Log", "Sqrt", "Erf", "Sin", "Cos", "Tan", "Sinh", "Cosh")},
    **{f"Arc{name}": f"A{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "Reciprocal": "Reciprocal", "Isnan": "IsNaN", "Isinf": "IsInf", "Add": "Add", "Subtract": "Sub",
    "Multiply": "Mul", "Maximum": "Max", "Minimum": "Min", "Power": "Pow", "TrueDivide": "Div",
    "Divide": "Div", "Equal": "Equal", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual",
    "Less": "Less", "LessEqual": "LessOrEqual",
}  # fmt: skip
"""Operations of one or two tensors that are ONNX's as they stand."""
_KEPT = {
    *(
        "Absolute",
        "Abs",
        "Negative",
        "Sign",
        "Ceil",
        "Floor",
        "Positive",
        "Conjugate",
        "Real",
        "Square",
    ),
    *("Trunc", "StopGradient", "Add", "Subtract", "Multiply", "Maximum", "Minimum", "Power", "Mod"),
    *("FloorDivide", "SquaredDifference", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less"),
    "LessEqual",
}
"""Operations that give integers for integers, or truth values; the others give floats."""

FORMULAS: dict[str, Callable[..., Value]] = {
    "Square": lambda op, x: op.Mul(x, x),
    "Rsqrt": lambda op, x: op.Reciprocal(op.Sqrt(x)),
    "Log1p": lambda op, x: op.Log(op.Add(x, number(x, 1))),
    "Expm1": lambda op, x: op.Sub(op.Exp(x), number(x, 1)),
    "Exp2": lambda op, x: op.Pow(number(x, 2), x),
    "Log2": lambda op, x: _scaled_log(op, x, 2),
    "Log10": lambda op, x: _scaled_log(op, x, 10),
    "Trunc": lambda op, x: op.Mul(op.Sign(x), op.Floor(op.Abs(x))),
    "Deg2rad": lambda op, x: op.Mul(x, number(x, np.pi / 180)),
    "Rad2deg": lambda op, x: op.Mul(x, number(x, 180 / np.pi)),
    "Erfc": lambda op, x: op.Sub(number(x, 1), op.Erf(x)),
    "Cbrt": lambda op, x: op.Mul(op.Sign(x), op.Pow(op.Abs(x), number(x, 1 / 3))),
    "Angle": lambda op, x: op.Where(op.Less(x, number(x, 0)), number(x, np.pi), number(x, 0)),
    "Signbit": lambda op, x: op.Less(op.Div(number(x, 1), x), number(x, 0)),
    "Sinc": lambda op, x: _sinc(op, op.Mul(x, number(x, np.pi))),
}


def _sinc(op: Op, x: Value) -> Value:
    zero = op.Equal(x, number(x, 0))
    safe = op.Where(zero, number(x, 1), x)
    return op.Where(zero, number(x, 1), op.Div(op.Sin(safe), safe))


@importer("ops.Round", doc=f"{OPS}/numpy")
def round_(node: ImportedNode, op: Op, x: Value, *, decimals: int) -> Value:
    """Halves to even."""
    if not decimals:
        return op.Round(x)
    factor = number(x, 10.0**decimals)
    return op.Div(op.Round(op.Mul(x, factor)), factor)


@importer("ops.Clip", doc=f"{OPS}/numpy")
def clip(node: ImportedNode, op: Op, x: Value, *, x_min: Any, x_max: Any) -> Value:
    return op.Clip(x, number(x, x_min), number(x, x_max))


@importer("ops.Arctan2", doc=f"{OPS}/numpy")
def arctan2(node: ImportedNode, op: Op, x1: Any, x2: Any) -> Value:
    """The angle of (x2, x1), in all four quarters."""
    y, x = together(node, op, x1, x2, floats=True)
    zero, pi = number(x, 0), number(x, np.pi)
    on_axis = op.Equal(x, zero)
    angle = op.Atan(op.Div(y, op.Where(on_axis, number(x, 1), x)))
    turn = op.Where(op.Less(y, zero), op.Neg(op.Identity(node.constant(pi))), pi)
    turned = op.Where(op.Less(x, zero), op.Add(angle, turn), angle)
    half = op.Mul(op.Sign(y), number(x, np.pi / 2))
    return op.Where(on_axis, half, turned)


def _log_sum(op: Op, x: Value, y: Value, base: float = np.e) -> Value:
    """The logarithm of what two logarithms add up to."""
    less = op.Mul(op.Abs(op.Sub(x, y)), number(x, -np.log(base)))
    more = op.Mul(op.Log(op.Add(op.Exp(less), number(x, 1))), number(x, 1 / np.log(base)))
    return op.Add(op.Max(x, y), more)


PAIRS: dict[str, Callable[..., Value]] = {
    "Mod": modulo,
    "FloorDivide": floored,
    "NotEqual": lambda op, x, y: op.Not(op.Equal(x, y)),
    "SquaredDifference": lambda op, x, y: op.Mul(op.Sub(x, y), op.Sub(x, y)),
    "Isfinite": lambda op, x: op.Not(op.Or(op.IsNaN(x), op.IsInf(x))),
    "Fmod": lambda op, x, y: op.Mod(x, y, fmod=1),
    "Fmax": lambda op, x, y: op.Where(op.IsNaN(x), y, op.Where(op.IsNaN(y), x, op.Max(x, y))),
    "Fmin": lambda op, x, y: op.Where(op.IsNaN(x), y, op.Where(op.IsNaN(y), x, op.Min(x, y))),
    "Hypot": lambda op, x, y: op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y))),
    "Logaddexp": _log_sum,
    "Logaddexp2": lambda op, x, y: _log_sum(op, x, y, 2),
    "Heaviside": lambda op, x, y: op.Where(
        op.Equal(x, number(x, 0)), y, op.Max(op.Sign(x), number(x, 0))
    ),
}


def _registered(name: str, formula: Callable[..., Value], count: int) -> None:
    floats = name not in _KEPT

    def one(node: ImportedNode, op: Op, x: Any) -> Value:
        return formula(op, *together(node, op, x, floats=floats))

    def two(node: ImportedNode, op: Op, x1: Any, x2: Any) -> Value:
        return formula(op, *together(node, op, x1, x2, floats=floats))

    importer(f"ops.{name}", doc=f"{OPS}/numpy")(one if count == 1 else two)


_TWO = {
    "Add",
    "Sub",
    "Mul",
    "Max",
    "Min",
    "Pow",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
}
for _name, _onnx in PLAIN.items():
    _count = 2 if _onnx in _TWO or _onnx == "LessOrEqual" else 1
    _registered(_name, lambda op, *x, o=_onnx: op[o](*x), _count)
for _name, _formula in FORMULAS.items():
    _registered(_name, _formula, 1)
for _name, _formula in PAIRS.items():
    _registered(_name, _formula, 1 if _name == "Isfinite" else 2)


@importer("ops.NanToNum", doc=f"{OPS}/numpy")
def nan_to_num(
    node: ImportedNode, op: Op, x: Value, *, nan: float, posinf: Any, neginf: Any
) -> Value:
    limits = np.finfo((x.dtype or ir.DataType.FLOAT).numpy())
    y = op.Where(op.IsNaN(x), number(x, nan), x)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    y = op.Where(op.IsInf(x, detect_negative=0), number(x, high), y)
    return op.Where(op.IsInf(x, detect_positive=0), number(x, low), y)


@importer("ops.Cast", "ops.SaturateCast", doc=f"{OPS}/core")
def cast(node: ImportedNode, op: Op, x: Value, *, dtype: str) -> Value:
    if dtype not in KINDS or node.layer.type == "ops.SaturateCast":
        node.refuse(f"it casts to {dtype}")
    return op.Cast(x, to=KINDS[dtype])


@importer("CustomScaleLayer", doc="https://keras.io/api/applications/inceptionresnetv2")
def custom_scale(node: ImportedNode, op: Op, x: Value, y: Value, *, scale: float) -> Value:
    """InceptionResNetV2's."""
    return op.Add(x, op.Mul(y, number(y, scale)))


@importer(
    "LayerScale",
    doc="https://keras.io/api/applications/convnext",
    unused="init_values projection_dim",
)
def layer_scale(node: ImportedNode, op: Op, x: Value) -> Value:
    """ConvNeXt's: a number for each channel."""
    return op.Mul(x, node.weight("gamma"))


IDENTITIES = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity", "CutMix", "MixUp"),
    *("RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast"),
    *("RandomCrop", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur"),
    *("RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization"),
    *("RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation"),
    *("RandomZoom", "RandAugment", "AugMix", "RandomHeight", "RandomWidth", "Solarization"),
)
"""Layers that do nothing when the network is not trained."""


def _identity(node: ImportedNode, op: Op, x: Value, *others: Value) -> Value:
    """What it has is for training."""
    if node.trains:
        node.refuse("it is called with training = True")
    node.taken.update(node.config, node.call_.kwargs)
    return op.Identity(x)


importer(*IDENTITIES, doc=f"{LAYERS}/regularization_layers")(_identity)


@importer("Rescaling", doc=f"{LAYERS}/preprocessing_layers", unused="mask")
def rescaling(node: ImportedNode, op: Op, x: Value, *, scale: Any, offset: Any) -> Value:
    """X scale + offset, one number or one for each channel."""
    kind = node.dtype
    x = x if x.dtype == kind else op.Cast(x, to=kind)
    return op.Add(op.Mul(x, np.asarray(scale, kind.numpy())), np.asarray(offset, kind.numpy()))
