"""Operators on each element, of one array, of two, or of one and a number.

src/operator/tensor/elemwise_*_op*.cc, mshadow_op.h, and NumPy's in src/operator/numpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet._rows import ELEMENTS
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.special import (
    arctan2,
    cube_root,
    erfinv,
    gamma,
    gammaln,
    modulo,
    nearest,
    rounded,
    truncated,
)
from mmdnn.frameworks.mxnet.importer.table import NN, NP, ImportedNode, existing, importer, same
from mmdnn.ir.builder import Op, known, rank

Binary = Callable[[Op, Any, Any], ir.Value]


def plain(name: str) -> Binary:
    return lambda op, a, b: op[name](a, b)


ARITHMETIC: dict[str, Binary] = {
    "add": plain("Add"),
    "sub": plain("Sub"),
    "mul": plain("Mul"),
    "div": plain("Div"),
    "mod": modulo,
    "power": plain("Pow"),
    "maximum": plain("Max"),
    "minimum": plain("Min"),
    "hypot": lambda op, a, b: op.Sqrt(op.Add(op.Mul(a, a), op.Mul(b, b))),
    "arctan2": lambda op, a, b: arctan2(op, a, b),
    "copysign": lambda op, a, b: op.Mul(op.Abs(a), _signs(op, b)),
    "ldexp": lambda op, a, b: op.Mul(a, op.Pow(array(2, b), b)),
}


def _signs(op: Op, x: Any) -> ir.Value:
    return choose(op, op.Less(x, array(0, x)), array(-1, x), array(1, x))


_SPELLINGS: dict[str, tuple[str, ...]] = {
    "add": ("elemwise_add", "broadcast_add", "_npi_add", "_grad_add", "_scatter_elemwise_add"),
    "sub": ("elemwise_sub", "broadcast_sub", "_npi_subtract"),
    "mul": ("elemwise_mul", "broadcast_mul", "_npi_multiply"),
    "div": ("elemwise_div", "broadcast_div", "_npi_true_divide", "_scatter_elemwise_div"),
    "lesser": ("_lesser", "broadcast_lesser", "_npi_less"),
    "lesser_equal": ("_lesser_equal", "broadcast_lesser_equal", "_npi_less_equal"),
}

_SCALARS: dict[str, tuple[str, ...]] = {
    "add": ("_plus_scalar", "_npi_add_scalar", "_scatter_plus_scalar"),
    "sub": ("_minus_scalar", "_npi_subtract_scalar", "_scatter_minus_scalar"),
    "mul": ("_mul_scalar", "_npi_multiply_scalar"),
    "div": ("_div_scalar", "_npi_true_divide_scalar"),
    "lesser": ("_lesser_scalar", "_npi_less_scalar"),
    "lesser_equal": ("_lesser_equal_scalar", "_npi_less_equal_scalar"),
}

_REVERSED: dict[str, tuple[str, ...]] = {
    "sub": ("_rminus_scalar", "_npi_rsubtract_scalar"),
    "div": ("_rdiv_scalar", "_npi_rtrue_divide_scalar"),
    "mod": ("_rmod_scalar", "_npi_rmod_scalar"),
    "power": ("_rpower_scalar", "_npi_rpower_scalar"),
    "arctan2": ("_npi_rarctan2_scalar",),
    "copysign": ("_npi_rcopysign_scalar",),
}


def _together(op: Op, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Two values in one type: NumPy's operators mix them."""
    types = [value.dtype for value in (a, b) if value.dtype is not None]
    wider = max(types, key=lambda kind: (kind.is_floating_point(), kind.itemsize), default=None)
    return cast(op, a, wider), cast(op, b, wider)


def register_binary(name: str, function: Binary, *, logic: bool) -> None:
    usual = (f"_{name}", f"broadcast_{name}", f"_npi_{name}")
    doc = f"{NN}.broadcast_{name}"

    @importer(*existing(*_SPELLINGS.get(name, usual)), doc=doc)
    def binary(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
        one, other = _together(op, a, b)
        if (
            node.type == "_npi_true_divide"
            and not (one.dtype or ir.DataType.FLOAT).is_floating_point()
        ):
            one, other = (op.Cast(v, to=ir.DataType.FLOAT) for v in (one, other))
        y = function(op, one, other)
        return cast(op, y, a.dtype) if logic and not node.numpy else y

    scalars = (f"_{name}_scalar", f"_npi_{name}_scalar")
    _register_scalar(_SCALARS.get(name, scalars), function, doc, logic=logic, reverse=False)
    _register_scalar(_REVERSED.get(name, ()), function, doc, logic=logic, reverse=True)


def _register_scalar(
    types: tuple[str, ...], function: Binary, doc: str, *, logic: bool, reverse: bool
) -> None:
    known_ = existing(*types)
    if not known_:
        return

    @importer(*known_, doc=doc)
    def scalar(node: ImportedNode, op: Op, x: ir.Value, *, scalar: float) -> ir.Value:
        kept = x.dtype or ir.DataType.FLOAT
        wider = _widened(node, kept)
        if not kept.is_floating_point():
            x = cast(op, x, wider)
        constant = op.builder.constant(array(scalar, x))
        y = function(op, constant, x) if reverse else function(op, x, constant)
        return cast(op, y, kept) if logic and not node.numpy else y


def _widened(node: ImportedNode, dtype: ir.DataType) -> ir.DataType:
    """What integers become when they meet a number (NumpyBinaryScalarType)."""
    whole = node.p.is_int if node.has("is_int") else True
    if "true_divide" in node.type:
        return ir.DataType.FLOAT
    if not whole:
        return ir.DataType.DOUBLE
    return ir.DataType.INT64 if dtype == ir.DataType.BOOL else dtype


for _name, _operation in ARITHMETIC.items():
    register_binary(_name, _operation, logic=False)


@importer("add_n", doc=f"{NN}.add_n")
def add_n(_node: ImportedNode, op: Op, *inputs: ir.Value) -> ir.Value:
    return op.Sum(*inputs) if len(inputs) != 2 else op.Add(*inputs)


Unary = Callable[[Op, ir.Value], ir.Value]


def named_unary(name: str) -> Unary:
    return lambda op, x: op[name](x)


def _scaled(name: str, factor: float) -> Unary:
    return lambda op, x: op.Mul(op[name](x), array(factor, x))


UNARY: dict[str, Unary] = {
    **{name: named_unary(onnx) for name, onnx in ELEMENTS.items()},
    "cbrt": cube_root,
    "degrees": lambda op, x: op.Mul(x, array(180 / math.pi, x)),
    "erfinv": erfinv,
    "expm1": lambda op, x: op.Sub(op.Exp(x), array(1, x)),
    "fix": truncated,
    "gamma": gamma,
    "gammaln": gammaln,
    "log10": _scaled("Log", 1 / math.log(10)),
    "log1p": lambda op, x: op.Log(op.Add(x, array(1, x))),
    "log2": _scaled("Log", 1 / math.log(2)),
    "radians": lambda op, x: op.Mul(x, array(math.pi / 180, x)),
    "rcbrt": lambda op, x: op.Reciprocal(cube_root(op, x)),
    "rint": nearest,
    "round": rounded,
    "rsqrt": lambda op, x: op.Reciprocal(op.Sqrt(x)),
    "square": lambda op, x: op.Mul(x, x),
    "trunc": truncated,
}

_FLOAT_ONLY = frozenset(
    {"abs", "ceil", "floor", "sign", "negative", "square", "relu", "trunc", "fix", "rint", "round"}
)


def register_unary(name: str, function: Unary) -> None:
    types = existing(name, f"_npi_{name}", f"_npx_{name}", f"_contrib_{name}_ste")
    types = [type_ for type_ in types if type_ != "_npi_gamma"]  # which draws random numbers

    @importer(*types, doc=f"{NN}.{name}")
    def unary(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
        integer = x.dtype is not None and not x.dtype.is_floating_point()
        if integer and node.numpy and name not in _FLOAT_ONLY:
            x = op.Cast(x, to=ir.DataType.FLOAT)
        return function(op, x)


for _name, _function in UNARY.items():
    register_unary(_name, _function)


@importer("Cast", "amp_cast", doc=f"{NN}.Cast")
def cast_to(node: ImportedNode, op: Op, x: ir.Value, *, dtype: str) -> ir.Value:
    """In and out of half precision through a maximum of one, which changes nothing.

    Without, onnxruntime on a CPU computes half precision in single, takes the casts around it for
    superfluous, and leaves the rounding out.
    """
    kind = named(dtype)
    if kind == x.dtype:
        return op.Identity(x)
    halves = {kind, x.dtype} == {ir.DataType.FLOAT, ir.DataType.FLOAT16}
    if not halves or x.const_value is not None:
        return op.Cast(x, to=kind)
    if kind == ir.DataType.FLOAT16:
        return op.Max(op.Cast(x, to=kind))
    return op.Cast(op.Max(x), to=kind)


@importer("amp_multicast", doc=f"{NN}.amp_multicast", unused="num_outputs")
def multicast(node: ImportedNode, op: Op, *inputs: ir.Value, cast_narrow: bool) -> list[ir.Value]:
    """All in the widest (or narrowest) of their types."""
    choose = min if cast_narrow else max
    dtype = choose((v.dtype for v in inputs if v.dtype), key=lambda kind: kind.itemsize)
    return [cast(op, value, dtype) for value in inputs]


@importer("_contrib_quadratic", doc=f"{NN}.contrib.quadratic")
def quadratic(node: ImportedNode, op: Op, x: ir.Value, *, a: float, b: float, c: float) -> ir.Value:
    """A x² + b x + c."""
    terms = [op.Mul(op.Mul(x, x), array(a, x)), op.Mul(x, array(b, x))]
    return op.Add(reduce(op.Add, terms), array(c, x))


@importer("_contrib_div_sqrt_dim", doc=f"{NN}.contrib.div_sqrt_dim")
def div_sqrt_dim(_node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Divided by the root of the last axis's size."""
    return op.Div(x, array(math.sqrt(known(x, rank(x) - 1)), x))


@importer("_npi_around", doc=f"{NN}.around")
def around(node: ImportedNode, op: Op, x: ir.Value, *, decimals: int) -> ir.Value:
    factor = array(10.0**decimals, x)
    return op.Div(rounded(op, op.Mul(x, factor)), factor)


@importer("clip", doc=f"{NN}.clip")
def clip(node: ImportedNode, op: Op, x: ir.Value, *, a_min: float, a_max: float) -> ir.Value:
    limits = [None if limit is None else array(limit, x) for limit in (a_min, a_max)]
    return op.Clip(x, *limits)


@importer("Dropout", doc=f"{NN}.Dropout", unused="axes")
def dropout(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    """Nothing at inference, unless its mode is to drop always."""
    p = node.p
    if p.mode == "always" and p.p > 0:
        node.refuse("its mode is 'always': it is random at inference too")
    return op.Dropout(x, array(p.p, x))


same(
    "Identity",
    *("MakeLoss", "make_loss", "BlockGrad", "_copy", "_copyto", "_CrossDeviceCopy"),
    *("_contrib_gradientmultiplier", "_np_copy", "cast_storage"),
    doc=f"{NN}.identity",
    unused="scalar stype",
)
same("Identity", "_identity_with_attr_like_rhs", doc=f"{NN}.identity", others=True)
same("Abs", "_npi_absolute", doc=f"{NP}.absolute.html")


@importer("_npi_share_memory", "_npx_constraint_check", doc=f"{NP}.copy.html")
def refused(node: ImportedNode, _op: Op, *_inputs: ir.Value) -> ir.Value:
    node.refuse("it is no function of its inputs' numbers")


@importer("_npi_nan_to_num", doc=f"{NP}.nan_to_num.html", unused="copy")
def nan_to_num(node: ImportedNode, op: Op, x: ir.Value) -> ir.Value:
    p = node.p
    limits = np.finfo((x.dtype or ir.DataType.FLOAT).numpy())
    most = limits.max if p.posinf is None else p.posinf
    least = limits.min if p.neginf is None else p.neginf
    x = choose(op, op.IsNaN(x), array(p.nan, x), x)
    x = choose(op, op.IsInf(x, detect_negative=0), array(most, x), x)
    return choose(op, op.IsInf(x, detect_positive=0), array(least, x), x)


_BITS = {"and": "BitwiseAnd", "or": "BitwiseOr", "xor": "BitwiseXor"}


@importer(*(f"_npi_bitwise_{name}" for name in _BITS), doc=f"{NP}.bitwise_xor.html")
def bitwise(node: ImportedNode, op: Op, a: ir.Value, b: ir.Value) -> ir.Value:
    name = node.type.rpartition("_")[2]
    if a.dtype == b.dtype == ir.DataType.BOOL:
        return op[name.capitalize()](a, b)
    return op[_BITS[name]](a, cast(op, b, a.dtype))


@importer(
    *(f"_npi_bitwise_{name}_scalar" for name in _BITS),
    doc=f"{NP}.bitwise_xor.html",
    unused="is_int",
)
def bitwise_scalar(node: ImportedNode, op: Op, x: ir.Value, *, scalar: float) -> ir.Value:
    name = node.type.removesuffix("_scalar").rpartition("_")[2]
    if x.dtype is None or x.dtype.is_floating_point():
        node.refuse("bits of a floating-point number")
    return op[_BITS[name]](x, array(scalar, x))
