"""Functions of each element: arithmetic, rounding, casts."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.elementwise import is_float, scalar
from mmdnn.frameworks.mxnet.exporter.output import output_layer
from mmdnn.frameworks.mxnet.exporter.table import NAMES, Array, Exporting, Writing, exporter

_UNARY = {
    "Abs": "abs",
    "Acos": "arccos",
    "Acosh": "arccosh",
    "Asin": "arcsin",
    "Asinh": "arcsinh",
    "Atan": "arctan",
    "Atanh": "arctanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Log": "log",
    "Neg": "negative",
    "Reciprocal": "reciprocal",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Tan": "tan",
}


@exporter(*_UNARY, doc="Abs")
def unary(node: Exporting, mx: Writing, x: Array) -> Array:
    return mx.make(_UNARY[node.type], x)


@exporter("Round", doc="Round")
def round_operator(node: Exporting, mx: Writing, x: Array) -> Array:
    """MXNet's `rint` takes halves down; those of odd numbers go up here."""
    down = mx.rint(x)
    half = mx._equal_scalar(mx.elemwise_sub(x, down), scalar=0.5)
    odd = mx._mod_scalar(down, scalar=2)
    return mx.elemwise_add(down, mx.elemwise_mul(half, odd))


@exporter("Mod", doc="Mod")
def mod(node: Exporting, mx: Writing, a: Array, b: Array) -> Array:
    """The divisor's sign, or with fmod the dividend's."""
    if not node.attribute("fmod", 0):
        number = scalar(b, a)
        return mx.broadcast_mod(a, b) if number is None else mx._mod_scalar(a, scalar=number)
    rest = mx.broadcast_mod(mx.abs(a), mx.abs(b))
    return mx.broadcast_mul(rest, mx.sign(a))


@exporter("Clip", doc="Clip")
def clip(
    node: Exporting, mx: Writing, x: Array, low: Array | None = None, high: Array | None = None
) -> Array:
    numbers = [None if bound is None else bound.numbers() for bound in (low, high)]
    known = [None if found is None else float(found.reshape(-1)[0]) for found in numbers]
    if all(number is not None for number in known):
        return mx.clip(x, a_min=_short(known[0], x), a_max=_short(known[1], x))
    for bound, number, name in ((low, known[0], "maximum"), (high, known[1], "minimum")):
        if number is not None:
            x = mx.make(f"_{name}_scalar", x, scalar=_short(number, x))
        elif bound is not None:
            x = mx.make(f"broadcast_{name}", x, bound)
    return x if x.value is None else mx.make("_copy", x)


def _short(number: float | None, x: Array) -> float | int | None:
    if number is None or not is_float(x):
        return None if number is None else int(number)
    return float(np.format_float_positional(np.float32(number), trim="0"))


@exporter("Cast", doc="Cast")
def cast(node: Exporting, mx: Writing, x: Array) -> Array:
    node.ignore("saturate", "round_mode")
    target = ir.DataType(node.attribute("to"))
    if target == ir.DataType.BOOL:
        return x if _is_truth(x) else mx.truth(mx._not_equal_scalar(x, scalar=0))
    if target not in NAMES:
        node.refuse(f"MXNet has no arrays of {target.name}")
    return mx.cast(x, target)


def _is_truth(x: Array) -> bool:
    return x.value is not None and x.value.dtype == ir.DataType.BOOL


@exporter("Identity", doc="Identity")
def identity(node: Exporting, mx: Writing, x: Array) -> Array:
    """A layer of its own where the source had one."""
    ended = output_layer(node, mx, x)
    if ended is not None:
        return ended
    if node.source_type in {"BlockGrad", "MakeLoss", "make_loss"}:
        return mx.make(node.source_type, x)
    plain = node.source_type == "_copy" or x.entry.node.is_variable
    return mx.make("_copy", x) if plain else x


@exporter("IsNaN", doc="IsNaN")
def is_nan(node: Exporting, mx: Writing, x: Array) -> Array:
    return mx.truth(mx.make("_not_equal", x, x))
