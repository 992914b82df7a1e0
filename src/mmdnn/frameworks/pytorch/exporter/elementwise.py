"""Element-wise arithmetic, comparison and logic."""

from __future__ import annotations

from functools import reduce
from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Raw, Writing, exporter, torch_type
from mmdnn.frameworks.pytorch.graph import Code, Variable

FUNCTIONS = {
    "Abs": "abs", "Acos": "acos", "Acosh": "acosh", "Asin": "asin", "Asinh": "asinh",
    "Atan": "atan", "Atanh": "atanh", "Ceil": "ceil", "Cos": "cos", "Cosh": "cosh", "Erf": "erf",
    "Exp": "exp", "Floor": "floor", "IsNaN": "isnan", "Log": "log", "Round": "round",
    "Sign": "sign", "Sin": "sin", "Sinh": "sinh", "Sqrt": "sqrt", "Tan": "tan",
}  # fmt: skip
"""What torch calls by (nearly) the same name, with the same rules: `round` is half to even in both."""

OPERATORS = {
    "Sub": "-", "Mul": "*", "And": "&", "Or": "|", "Xor": "^", "BitwiseAnd": "&",
    "BitwiseOr": "|", "BitwiseXor": "^", "Equal": "==", "Greater": ">", "GreaterOrEqual": ">=",
    "Less": "<", "LessOrEqual": "<=",
}  # fmt: skip

MULTIPLES = {"Max": "torch.maximum", "Min": "torch.minimum"}


def _function(operator: str, name: str) -> None:
    @exporter(operator, doc=operator)
    def function(_node: Exporting, torch: Writing, x: Variable) -> Code:
        return torch.call(f"torch.{name}", x)


def _operator(operator: str, symbol: str) -> None:
    @exporter(operator, doc=operator)
    def binary(_node: Exporting, torch: Writing, a: Variable, b: Variable) -> Code:
        return torch.binary(symbol, a, b)


for _name, _torch in FUNCTIONS.items():
    _function(_name, _torch)
for _name, _symbol in OPERATORS.items():
    _operator(_name, _symbol)


@exporter("Identity", doc="Identity")
def identity(_node: Exporting, _torch: Writing, x: Variable) -> Variable:
    return x


@exporter("Neg", doc="Neg")
def neg(_node: Exporting, torch: Writing, x: Variable) -> Code:
    return torch.unary("-", x)


@exporter("Not", "BitwiseNot", doc="Not")
def invert(_node: Exporting, torch: Writing, x: Variable) -> Code:
    return torch.unary("~", x)


@exporter("Reciprocal", doc="Reciprocal")
def reciprocal(_node: Exporting, torch: Writing, x: Variable) -> Code:
    return torch.binary("/", 1, x)


@exporter("Div", doc="Div")
def div(node: Exporting, torch: Writing, a: Variable, b: Variable) -> Code:
    if is_floating(node, a):
        return torch.binary("/", a, b)
    return torch.call("torch.div", a, torch.scalar(b, a), rounding_mode="trunc")


@exporter("Mod", doc="Mod")
def mod(node: Exporting, torch: Writing, a: Variable, b: Variable) -> Code:
    if node.attribute("fmod", 0):
        return torch.call("torch.fmod", a, torch.scalar(b, a))
    return torch.binary("%", a, b)


@exporter("Pow", doc="Pow")
def power(node: Exporting, torch: Writing, base: Variable, exponent: Variable) -> Code:
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
def bit_shift(node: Exporting, torch: Writing, a: Variable, b: Variable) -> Code:
    return torch.binary("<<" if node.attribute("direction") == "LEFT" else ">>", a, b)


@exporter("Max", "Min", doc="Max")
def extreme(node: Exporting, torch: Writing, *xs: Variable) -> Code | Variable:
    bound = "min" if node.type == "Max" else "max"

    def two(a: Any, b: Any) -> Any:
        a, b = torch.scalar(a, b), torch.scalar(b, a)
        if isinstance(a, (int, float)):
            a, b = b, a
        if isinstance(b, (int, float)):
            return torch.method(a, "clamp", **{bound: b})
        return torch.call(MULTIPLES[node.type], a, b)

    return reduce(two, xs)


@exporter("Sum", doc="Sum")
def add_all(_node: Exporting, torch: Writing, *xs: Variable) -> Code | Variable:
    return reduce(lambda a, b: torch.binary("+", a, b), xs)  # type: ignore[arg-type, return-value]


@exporter("Mean", doc="Mean")
def mean_of_all(_node: Exporting, torch: Writing, *xs: Variable) -> Code | Variable:
    total = reduce(lambda a, b: torch.binary("+", a, b), xs)  # type: ignore[arg-type, return-value]
    return total if len(xs) == 1 else torch.binary("/", total, len(xs))


@exporter("Clip", doc="Clip")
def clip(
    _node: Exporting,
    torch: Writing,
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


@exporter("Where", doc="Where")
def where(_node: Exporting, torch: Writing, condition: Variable, a: Variable, b: Variable) -> Code:
    return torch.call("torch.where", condition, torch.scalar(a, b), torch.scalar(b, a))


@exporter("IsInf", doc="IsInf")
def is_inf(node: Exporting, torch: Writing, x: Variable) -> Code:
    signs = (bool(node.attribute("detect_negative", 1)), bool(node.attribute("detect_positive", 1)))
    if not any(signs):
        return torch.call("torch.zeros_like", x, dtype=Raw("torch.bool"))
    names = {(True, True): "isinf", (True, False): "isneginf", (False, True): "isposinf"}
    return torch.call(f"torch.{names[signs]}", x)


def is_floating(node: Exporting, x: Variable) -> bool:
    """Whether its elements are floating-point numbers; refused where that is not known."""
    if x.dtype is None:
        node.refuse("the type of its input is not known")
    return x.dtype.is_floating_point()
