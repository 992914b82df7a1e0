"""Arithmetic, comparison and logic through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward, parse
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.exporter import from_ir

UNARY = {
    "float": "Abs Neg Ceil Floor Round Sign Sqrt Exp Log Erf Sin Cos Tan Asin Acos Atan Sinh Cosh "
    "Tanh Asinh Acosh Atanh Reciprocal",
    "int32": "Abs Neg Sign",
    "int64": "Abs Neg Sign",
    "uint8": "Sign",
}
NUMBERS = np.array([0.1, 0.5, 0.9, -0.3, 1.5, 2.5, -2.5, 3.0], np.float32)


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, ns in UNARY.items() for n in ns.split()])
def test_functions(kind: str, name: str) -> None:
    positive = name in {"Sqrt", "Log", "Acosh"}
    numbers = np.abs(NUMBERS) + (name == "Acosh") if positive else NUMBERS
    if name in {"Asin", "Acos", "Atanh"}:
        numbers = NUMBERS / 4
    array = numbers.astype({"float": np.float32}.get(kind, kind))
    check(f"{kind}[8] x => {kind} y", f"y = {name}(x)", {"x": array}, opset=13)


@pytest.mark.parametrize("kind", ["float", "double", "float16", "int32", "int64", "int8", "uint8"])
@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div"])
def test_arithmetic_wraps_and_cuts_off(kind: str, name: str) -> None:
    a = np.array([-7, 7, -8, 100, 120, 3])
    b = np.array([2, -2, -3, 90, 100, 5])
    if kind == "uint8":
        a, b = np.abs(a), np.abs(b)
    dtype = {"float": np.float32}.get(kind, kind)
    feeds = {"a": a.astype(dtype), "b": b.astype(dtype)}
    reference = kind == "float16"
    signature = f"{kind}[6] a, {kind}[6] b => {kind} y"
    check(signature, f"y = {name}(a, b)", feeds, reference=reference)


@pytest.mark.parametrize("kind", ["uint16", "uint32", "uint64"])
@pytest.mark.parametrize(
    "name", ["Add", "Sub", "Mul", "Max", "Min", "Less", "GreaterOrEqual", "Equal"]
)
def test_unsigned_numbers(kind: str, name: str) -> None:
    top = np.iinfo(kind).max
    a, b = np.array([1, top, 5, top - 3], kind), np.array([2, 3, top, top - 2], kind)
    out = "bool" if name in {"Less", "GreaterOrEqual", "Equal"} else kind
    check(
        f"{kind}[4] a, {kind}[4] b => {out} y",
        f"y = {name}(a, b)",
        {"a": a, "b": b},
        reference=True,
    )


@pytest.mark.parametrize("kind", ["uint16", "uint32"])
def test_unsigned_division(kind: str) -> None:
    top = np.iinfo(kind).max
    a, b = np.array([7, top, 5, top - 3], kind), np.array([2, 3, top, 10], kind)
    body = "y = Div(a, b)\nz = Mod(a, b)"
    check(f"{kind}[4] a, {kind}[4] b => {kind} y, {kind} z", body, {"a": a, "b": b}, reference=True)


def test_what_64_unsigned_bits_cannot_do_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="uint64"):
        from_ir(parse("uint64[4] a, uint64[4] b => uint64 y", "y = Div(a, b)"))


@pytest.mark.parametrize("kind", ["int32", "int64", "int8"])
def test_remainders(kind: str) -> None:
    feeds = {"a": np.array([-7, 7, -7, 7, 6], kind), "b": np.array([3, -3, -3, 3, 3], kind)}
    body = "y = Mod(a, b)\nz = Mod<fmod=1>(a, b)"
    check(f"{kind}[5] a, {kind}[5] b => {kind} y, {kind} z", body, feeds)


def test_remainders_of_floats() -> None:
    a = np.array([-7.5, 7.5, 0.0, 3.25], np.float32)
    b = np.array([2, -2, 3, 1.5], np.float32)
    check("float[4] a, float[4] b => float y", "y = Mod<fmod=1>(a, b)", {"a": a, "b": b})


@pytest.mark.parametrize(
    ("base", "exponent"),
    [
        ("float", "float"), ("float", "int32"), ("float", "int64"), ("float", "double"),
        ("int32", "int32"), ("int32", "int64"), ("int64", "int32"), ("int32", "float"),
        ("int64", "float"), ("double", "float"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("constant", [True, False])
def test_powers(base: str, exponent: str, constant: bool) -> None:
    kinds = {"float": np.float32, "double": np.float64}
    a = np.array([1, 2, 3, 5], kinds.get(base, base))
    b = np.array(2, kinds.get(exponent, exponent))
    if constant:
        check(f"{base}[4] a => {base} y", "y = Pow(a, b)", {"a": a}, weights={"b": b})
    else:
        check(
            f"{base}[4] a, {exponent} b => {base} y".replace(" b", "[1] b"),
            "y = Pow(a, b)",
            {"a": a, "b": b.reshape(1)},
        )


def test_powers_of_a_negative_number() -> None:
    base = {"a": np.array(-2, np.float32)}
    feeds = {"b": np.array([0, 1, 2, 3], np.float32)}
    text = check("float[4] b => float y", "y = Pow(a, b)", feeds, weights=base)
    assert forward(text) == "return (-2.0) ** b"


SCALARS = {
    ("float16", "Mul"): "x * 1.099609375",
    ("float16", "Less"): "x < 1.099609375",
    ("float16", "Max"): "x.clamp(min=1.099609375)",
    ("bfloat16", "Mul"): "x * self.b",
    ("float", "Mul"): "x * 1.1",
    ("double", "Mul"): "x * 1.1",
}
"""How 1.1 is written beside a tensor of each type: as what is 1.1 in that type when torch has read it."""


@pytest.mark.parametrize(("kind", "operator"), SCALARS)
def test_numbers_are_those_of_their_type(kind: str, operator: str) -> None:
    dtype = ir.DataType[{"float": "FLOAT"}.get(kind, kind.upper())].numpy()
    feeds = {"x": np.array([1, 1.1, 3, -7.3], dtype)}
    result = "bool" if operator == "Less" else kind
    text = check(
        f"{kind}[4] x => {result} y",
        f"y = {operator}(x, b)",
        feeds,
        weights={"b": np.array(1.1, dtype)},
        reference=True,
    )
    assert forward(text) == f"return {SCALARS[kind, operator]}"


@pytest.mark.parametrize("base", ["double", "int32"])
def test_an_exponent_of_another_type_is_exact(base: str) -> None:
    weights = {"b": np.array(0.1, np.float32)}
    text = check(
        f"{base}[4] a => {base} y",
        "y = Pow(a, b)",
        {"a": np.array([1, 2, 3, 5], base)},
        weights=weights,
    )
    assert "0.10000000149011612" in forward(text)


def test_attributes_beside_doubles_are_exact() -> None:
    feeds = {"x": np.array([-1, 2], np.float64)}
    text = check("double[2] x => double y", "y = Elu<alpha=0.3>(x)", feeds, reference=True)
    assert forward(text) == "return F.elu(x, alpha=0.30000001192092896)"


def test_bits() -> None:
    body = """
    c = BitwiseAnd(a, b)
    d = BitwiseOr(c, a)
    e = BitwiseNot(b)
    y = BitwiseXor(d, e)
    """
    check("int32[8] a, int32[8] b => int32 y", body, reference=True)


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("kind", ["uint8", "uint32"])
def test_shifts(direction: str, kind: str) -> None:
    a = np.array([1, 255, 16, 7], kind)
    body = f'y = BitShift<direction="{direction}">(a, b)'
    check(
        f"{kind}[4] a, {kind}[4] b => {kind} y", body, {"a": a, "b": np.array([1, 2, 3, 0], kind)}
    )


@pytest.mark.parametrize("name", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_many(name: str, count: int) -> None:
    names = ["a", "b", "c"][:count]
    inputs = ", ".join(f"float[{'2,' if i else ''}3] {n}" for i, n in enumerate(names))
    check(f"{inputs} => float y", f"y = {name}({', '.join(names)})")


@pytest.mark.parametrize(
    ("low", "high"), [(-0.5, 0.5), (None, 0.5), (0, None), (None, None), (0, 6), (1, -1)]
)
@pytest.mark.parametrize("kind", ["float", "int32"])
def test_clip(low: float | None, high: float | None, kind: str) -> None:
    dtype = {"float": np.float32}.get(kind, kind)
    bounds = {
        name: np.array(v, dtype) for name, v in (("low", low), ("high", high)) if v is not None
    }
    arguments = ", ".join(
        ["x", "low" if low is not None else "", "high" if high is not None else ""]
    )
    body = f"y = Clip({arguments.rstrip(', ')})"
    check(f"{kind}[9] x => {kind} y", body, weights=bounds, opset=13)
    inputs = "".join(f", {kind} {name}" for name in bounds)
    check(
        f"{kind}[9] x{inputs} => {kind} y".replace(" low", "[] low").replace(" high", "[] high"),
        body,
        bounds,
        opset=13,
    )


def test_scalars_and_empty_tensors() -> None:
    check("float[] x => float y", "y = Mul(x, x)")
    check("float[0,3] x => float y", "y = Add(x, x)")
    check("float[] x => float y", "y = Add(x, w)", weights={"w": np.ones((1, 1), np.float32)})


def test_precedence() -> None:
    body = """
    s = Sub(a, b)
    t = Sub(c, s)
    u = Div(a, t)
    v = Div(u, c)
    w = Neg(v)
    y = Pow(w, two)
    """
    text = check(
        "float[3] a, float[3] b, float[3] c => float y",
        body,
        weights={"two": np.array(2.0, np.float32)},
    )
    assert forward(text) == "x = a / (c - (a - b)) return (-(x / c)) ** 2"


def test_source() -> None:
    text = check(
        "float[N,3] x, bool[N,3] mask => float y, bool z",
        """
        a = Mul(x, scale)
        b = Add(a, shift)
        c = Clip(b, zero, six)
        d = Where(mask, c, zero)
        y = Max(d, shift)
        z = Greater(y, scale)
        """,
        weights={
            "scale": np.array([0.5], np.float32),
            "shift": np.array([1.0, 2.0, 3.0], np.float32),
            "zero": np.array(0.0, np.float32),
            "six": np.array(6.0, np.float32),
        },
    )
    assert_snapshot("elementwise", text)


def test_dropout_has_a_mask() -> None:
    text = check(
        "float[4] x => float y, bool mask",
        "r = Constant<value_float=0.25>()\ny, mask = Dropout(x, r)",
    )
    assert "nn.Dropout(p=0.25)" in text


def test_dropout_at_random_is_refused() -> None:
    body = "r = Constant<value_float=0.25>()\nt = Constant<value=bool {1}>()\ny = Dropout(x, r, t)"
    with pytest.raises(UnsupportedError, match="at random"):
        from_ir(parse("float[4] x => float y", body))


KINDS = {
    "float": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
    "float16": 10, "double": 11, "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("kind", ["float", "int32", "uint8", "bool", "double"])
def test_cast(kind: str, to: str) -> None:
    numbers = np.array([0, 1.7, 100, 3.5, 0.2])
    array = numbers.astype({"float": np.float32, "double": np.float64}.get(kind, kind))
    check(
        f"{kind}[5] x => {to} y",
        f"y = Cast<to={KINDS[to]}>(x)",
        {"x": array},
        reference=to == "bfloat16",
    )


@pytest.mark.parametrize("to", [17, 18, 19, 20])
@pytest.mark.parametrize("saturate", [0, 1])
def test_cast_to_eight_bits(to: int, saturate: int) -> None:
    x = np.array([0, 0.3, -7, 448, 464, 470, -1e6, np.nan, np.inf, 57344, 61000, 65536], np.float32)
    body = f"z = Cast<to={to}, saturate={saturate}>(x)\ny = Cast<to=1>(z)"
    check("float[12] x => float y", body, {"x": x}, opset=19)


def test_types_that_torch_has_not_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="torch has no tensors of INT4"):
        from_ir(parse("float[2] x => int4 y", "y = Cast<to=22>(x)"))


def test_cast_like() -> None:
    check("float[3] x, int32[1] t => int32 y", "y = CastLike(x, t)")
