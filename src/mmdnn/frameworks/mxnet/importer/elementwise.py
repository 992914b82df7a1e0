"""Operators on each element of one array (src/operator/tensor/elemwise_unary_op*.cc, mshadow_op.h).

Logic gives numbers of the input's type, 0 or 1; NumPy's gives booleans.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.mxnet.importer.convolution import NN
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.pooling import cube_root
from mmdnn.frameworks.mxnet.importer.shapes import known, rank
from mmdnn.frameworks.mxnet.importer.special import erfinv, gamma, gammaln
from mmdnn.frameworks.mxnet.importer.table import Importing, existing, importer

Unary = Callable[[Any, ir.Value], Any]


def _named(name: str) -> Unary:
    return lambda op, x: getattr(op, name)(x)


def _scaled(name: str, factor: float) -> Unary:
    return lambda op, x: op.Mul(getattr(op, name)(x), array(factor, x))


def _truncated(op: Any, x: ir.Value) -> ir.Value:
    return op.Mul(op.Sign(x), op.Floor(op.Abs(x)))


def rounded(op: Any, x: ir.Value) -> ir.Value:
    """To the nearest whole number, halves away from zero."""
    size = op.Abs(x)
    whole = op.Floor(size)
    up = op.Cast(op.GreaterOrEqual(op.Sub(size, whole), array(0.5, x)), to=x.dtype)
    return op.Mul(op.Sign(x), op.Add(whole, up))


def _nearest(op: Any, x: ir.Value) -> ir.Value:
    """To the nearest whole number, halves down."""
    low, high = op.Floor(x), op.Ceil(x)
    return choose(op, op.LessOrEqual(op.Sub(x, low), op.Sub(high, x)), low, high)


def _not(op: Any, x: ir.Value) -> ir.Value:
    return op.Equal(x, array(0, x))


UNARY: dict[str, Unary] = {
    **{name: _named(name.capitalize()) for name in ("abs", "ceil", "floor", "exp", "erf", "sign")},
    **{name: _named(name.capitalize()) for name in ("sqrt", "sin", "cos", "tan", "sinh", "cosh")},
    **{name: _named(name.capitalize()) for name in ("tanh", "relu", "sigmoid", "softsign", "log")},
    **{f"arc{name}": _named(f"A{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "cbrt": cube_root,
    "degrees": lambda op, x: op.Mul(x, array(180 / math.pi, x)),
    "erfinv": erfinv,
    "expm1": lambda op, x: op.Sub(op.Exp(x), array(1, x)),
    "fix": _truncated,
    "gamma": gamma,
    "gammaln": gammaln,
    "log10": _scaled("Log", 1 / math.log(10)),
    "log1p": lambda op, x: op.Log(op.Add(x, array(1, x))),
    "log2": _scaled("Log", 1 / math.log(2)),
    "negative": _named("Neg"),
    "radians": lambda op, x: op.Mul(x, array(math.pi / 180, x)),
    "rcbrt": lambda op, x: op.Reciprocal(cube_root(op, x)),
    "reciprocal": _named("Reciprocal"),
    "rint": _nearest,
    "round": rounded,
    "rsqrt": lambda op, x: op.Reciprocal(op.Sqrt(x)),
    "square": lambda op, x: op.Mul(x, x),
    "trunc": _truncated,
}
_LOGICAL_UNARY: dict[str, Unary] = {
    "logical_not": _not,
    "isnan": lambda op, x: op.IsNaN(x),
    "isinf": lambda op, x: op.IsInf(x),
    "isfinite": lambda op, x: op.Not(op.Or(op.IsNaN(x), op.IsInf(x))),
    "isposinf": lambda op, x: op.IsInf(x, detect_negative=0),
    "isneginf": lambda op, x: op.IsInf(x, detect_positive=0),
}
_FLOAT_ONLY = frozenset(
    {"abs", "ceil", "floor", "sign", "negative", "square", "relu", "trunc", "fix", "rint", "round"}
)


def _register_unary(name: str, function: Unary) -> None:
    types = existing(name, f"_npi_{name}", f"_npx_{name}", f"_contrib_{name}_ste")

    @importer(*types, doc=f"{NN}.{name}")
    def unary(node: Importing, op: Any, x: ir.Value) -> ir.Value:
        integer = x.dtype is not None and not x.dtype.is_floating_point()
        if integer and node.numpy and name not in _FLOAT_ONLY:
            x = op.Cast(x, to=ir.DataType.FLOAT)
        return function(op, x)


for _name, _function in UNARY.items():
    _register_unary(_name, _function)


def _register_logical_unary(name: str, function: Unary) -> None:
    types = existing(name, f"_npi_{name}")

    @importer(*types, doc=f"{NN}.{name}")
    def unary(node: Importing, op: Any, x: ir.Value) -> ir.Value:
        y = function(op, x)
        return y if node.numpy else cast(op, y, x.dtype)


for _name, _function in _LOGICAL_UNARY.items():
    _register_logical_unary(_name, _function)


@importer("Cast", "amp_cast", doc=f"{NN}.Cast")
def cast_to(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """In and out of half precision through a maximum of one, which changes nothing.

    Without, onnxruntime on a CPU computes half precision in single, takes the casts around it for
    superfluous, and leaves the rounding out.
    """
    dtype = named(node.p.dtype)
    if dtype == x.dtype:
        return op.Identity(x)
    halves = {dtype, x.dtype} == {ir.DataType.FLOAT, ir.DataType.FLOAT16}
    if not halves or x.const_value is not None:
        return op.Cast(x, to=dtype)
    if dtype == ir.DataType.FLOAT16:
        return op.Max(op.Cast(x, to=dtype))
    return op.Cast(op.Max(x), to=dtype)


@importer("amp_multicast", doc=f"{NN}.amp_multicast")
def multicast(node: Importing, op: Any, *inputs: ir.Value) -> list[ir.Value]:
    """All in the widest (or narrowest) of their types."""
    _ = node.p.num_outputs
    choose = min if node.p.cast_narrow else max
    dtype = choose((v.dtype for v in inputs if v.dtype), key=lambda kind: kind.itemsize)
    return [cast(op, value, dtype) for value in inputs]


@importer("_contrib_quadratic", doc=f"{NN}.contrib.quadratic")
def quadratic(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """A x² + b x + c."""
    p = node.p
    terms = [op.Mul(op.Mul(x, x), array(p.a, x)), op.Mul(x, array(p.b, x))]
    return op.Add(reduce(op.Add, terms), array(p.c, x))


@importer("_contrib_div_sqrt_dim", doc=f"{NN}.contrib.div_sqrt_dim")
def div_sqrt_dim(_node: Importing, op: Any, x: ir.Value) -> ir.Value:
    """Divided by the root of the last axis's size."""
    return op.Div(x, array(math.sqrt(known(x, rank(x) - 1)), x))


@importer("_npi_around", doc=f"{NN}.around")
def around(node: Importing, op: Any, x: ir.Value) -> ir.Value:
    factor = array(10.0**node.p.decimals, x)
    return op.Div(rounded(op, op.Mul(x, factor)), factor)
