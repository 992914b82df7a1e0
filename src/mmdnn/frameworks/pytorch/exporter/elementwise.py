"""Element-wise arithmetic, types of elements, dropout."""

from __future__ import annotations

from functools import reduce
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.matmul import bias_of, is_weight, linear, transposed
from mmdnn.frameworks.pytorch.exporter.table import (
    ExportedNode,
    Writer,
    exporter,
    functions,
    is_floating,
    symbols,
    torch_type,
    unless,
)
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import Raw

MULTIPLES = {"Max": "torch.maximum", "Min": "torch.minimum"}

FUNCTIONS = [
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp",
    "Floor", "Log", "Round", "Sign", "Sin", "Sinh", "Sqrt", "Tan",
]  # fmt: skip
"""What torch calls by the same name, with the same rules: `round` is half to even in both."""

functions({name: f"torch.{name.lower()}" for name in FUNCTIONS})
symbols({"Sub": "-", "Mul": "*", "BitwiseAnd": "&", "BitwiseOr": "|", "BitwiseXor": "^"})


@exporter("Identity", doc="Identity")
def identity(_node: ExportedNode, _torch: Writer, x: Variable) -> Variable:
    return x


@exporter("Neg", doc="Neg")
def neg(_node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.unary("-", x)


@exporter("BitwiseNot", doc="BitwiseNot")
def bitwise_not(_node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.unary("~", x)


@exporter("Reciprocal", doc="Reciprocal")
def reciprocal(_node: ExportedNode, torch: Writer, x: Variable) -> Code:
    return torch.binary("/", 1, x)


@exporter("Div", doc="Div")
def div(node: ExportedNode, torch: Writer, a: Variable, b: Variable) -> Code:
    if is_floating(node, a):
        return torch.binary("/", a, b)
    return torch.call("torch.div", a, torch.scalar(b, a), rounding_mode="trunc")


@exporter("Mod", doc="Mod")
def mod(_node: ExportedNode, torch: Writer, a: Variable, b: Variable, *, fmod: int) -> Code:
    if fmod:
        return torch.call("torch.fmod", a, torch.scalar(b, a))
    return torch.binary("%", a, b)


@exporter("Pow", doc="Pow")
def power(node: ExportedNode, torch: Writer, base: Variable, exponent: Variable) -> Code:
    floating = is_floating(node, base)
    same = base.dtype == exponent.dtype
    number: Any = torch.scalar(exponent, base)
    if isinstance(number, float) and number.is_integer() and floating:
        number = int(number)
    if floating:
        result = torch.binary("**", base, number)
        wide = isinstance(number, Variable) and not same and is_floating(node, exponent)
        return torch.method(result, "to", torch_type(node, base.dtype)) if wide else result
    if isinstance(number, float) or (isinstance(number, Variable) and is_floating(node, exponent)):
        result = torch.binary("**", torch.method(base, "double"), number)
        return torch.method(result, "to", torch_type(node, base.dtype))
    result = torch.binary("**", base, number)
    return result if same else torch.method(result, "to", torch_type(node, base.dtype))


@exporter("BitShift", doc="BitShift")
def bit_shift(
    _node: ExportedNode, torch: Writer, a: Variable, b: Variable, *, direction: str
) -> Code:
    return torch.binary("<<" if direction == "LEFT" else ">>", a, b)


@exporter("Max", "Min", doc="Max")
def extreme(node: ExportedNode, torch: Writer, *xs: Variable) -> Code | Variable:
    bound = "min" if node.type == "Max" else "max"

    def two(a: Any, b: Any) -> Any:
        a, b = torch.scalar(a, b), torch.scalar(b, a)
        if isinstance(a, (int, float)):
            a, b = b, a
        if isinstance(b, (int, float)):
            return torch.method(a, "clamp", **{bound: b})
        return torch.call(MULTIPLES[node.type], a, b)

    return reduce(two, xs)


@exporter("Sum", "Mean", doc="Sum")
def add_all(node: ExportedNode, torch: Writer, *xs: Variable) -> Code | Variable:
    total: Any = reduce(lambda a, b: torch.binary("+", a, b), xs)  # type: ignore[arg-type, return-value]
    return total if node.type == "Sum" or len(xs) == 1 else torch.binary("/", total, len(xs))


@exporter("Clip", doc="Clip")
def clip(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    low: Variable | None = None,
    high: Variable | None = None,
) -> Code | Variable:
    bounds = [None if bound is None else torch.scalar(bound, x) for bound in (low, high)]
    if bounds == [None, None]:
        return x
    if bounds == [0.0, 6.0] and isinstance(bounds[0], float):
        return torch.call("F.relu6", x)
    if any(isinstance(bound, Variable) for bound in bounds) and None not in bounds:
        return torch.call("torch.clamp", x, low, high)
    named = zip(("min", "max"), bounds, strict=True)
    if None in bounds:
        return torch.method(x, "clamp", **{key: bound for key, bound in named if bound is not None})
    return torch.method(x, "clamp", *bounds)


@exporter("Dropout", doc="Dropout", unused="seed")
def dropout(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    ratio: Variable | None = None,
    training: Variable | None = None,
) -> list[Code | Variable]:
    share = torch.static(ratio)
    p = 0.5 if ratio is None else None if share is None else float(f"{float(share):.7g}")
    if training is not None:
        mode = torch.static(training)
        if mode is None:
            node.refuse("whether it trains is computed while the model runs")
        if mode and p != 0:
            node.refuse("it drops at random when the model runs")
    result = x if p is None else torch.module("nn.Dropout", **unless(p=(p, 0.5)))(x)
    mask = torch.call("torch.ones_like", x, dtype=Raw("torch.bool"))
    return [result, mask]


@exporter("Add", doc="Add")
def add(node: ExportedNode, torch: Writer, a: Variable, b: Variable) -> Code:
    for product, row in ((a, b), (b, a)):
        maker = product.value.producer() if product.value is not None else None
        if maker is None or maker.op_type != "MatMul" or maker.domain != "":
            continue
        x, weight = (torch.scope.variable(value) for value in maker.inputs)  # type: ignore[arg-type]
        if is_weight(weight) and bias_of(maker) is not None:
            node.layer = ExportedNode(maker).layer
            return linear(torch, x, transposed(weight), row)
    return torch.binary("+", a, b)


CASTS = {
    "BFLOAT16": "bfloat16", "BOOL": "bool", "DOUBLE": "double", "FLOAT": "float",
    "FLOAT16": "half", "INT32": "int", "INT64": "long",
}  # fmt: skip
"""Types that tensors have a method for."""


FLOAT8 = {kind for kind in ir.DataType if kind.name.startswith(("FLOAT8E4", "FLOAT8E5"))}
"""The eight-bit types that saturate (https://onnx.ai/onnx/technical/float8.html)."""

LAST_BEFORE_NAN = 464.0
"""What still rounds to 448 in the type of eight bits that has no infinity; torch saturates there."""


@exporter("Cast", doc="Cast")
def cast(
    node: ExportedNode, torch: Writer, x: Variable, *, to: int, saturate: int
) -> Code | Variable:
    return converted(node, torch, x, ir.DataType(to), saturate)


@exporter("CastLike", doc="CastLike")
def cast_like(
    node: ExportedNode, torch: Writer, x: Variable, like: Variable, *, saturate: int
) -> Code | Variable:
    if like.dtype is None:
        node.refuse("the type it converts to is not known")
    return converted(node, torch, x, like.dtype, saturate)


def converted(
    node: ExportedNode, torch: Writer, x: Variable, to: ir.DataType, saturate: int
) -> Code | Variable:
    """A tensor of another element type."""
    if x.dtype is not None:
        torch_type(node, x.dtype)
    kind = torch_type(node, to)
    if x.dtype == to:
        return x
    if to.name in CASTS:
        return torch.method(x, CASTS[to.name])
    if saturate and to in FLOAT8:
        bound = float(to.max)
        return torch.method(torch.method(x, "clamp", -bound, bound), "to", kind)
    if to == ir.DataType.FLOAT8E4M3FN:
        small = torch.binary("<=", torch.method(x, "abs"), LAST_BEFORE_NAN)
        return torch.method(torch.call("torch.where", small, x, Raw("torch.nan")), "to", kind)
    return torch.method(x, "to", kind)


@exporter("BitCast", doc="BitCast")
def bit_cast(node: ExportedNode, torch: Writer, x: Variable, *, to: int) -> Code:
    return torch.method(x, "view", torch_type(node, to))
