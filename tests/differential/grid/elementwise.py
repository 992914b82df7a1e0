"""Number by number: functions of one, of two with broadcasting, comparisons, casts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from differential.case import Case, family, fed, weight
from differential.grid import Options, normal, product

PLAIN = (
    *("Abs", "Neg", "Relu", "Sigmoid", "Tanh", "Exp", "Softplus", "Softsign", "Identity"),
    *("Ceil", "Floor", "Round", "Sign", "Erf", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh"),
    *("Asinh", "HardSwish", "Mish", "IsNaN", "Dropout"),
)
WITH_NUMBERS: dict[str, list[Options]] = {
    "Elu": product(alpha=[None, 0.5, 2.0]),
    "Celu": product(alpha=[None, 0.5, 2.0]),
    "Selu": [{}, {"alpha": 1.2, "gamma": 0.9}, {"alpha": 2.0}],
    "LeakyRelu": product(alpha=[None, 0.2, 0.0, -0.3, 1.5]),
    "ThresholdedRelu": product(alpha=[None, 0.3, 0.0, -0.2]),
    "HardSigmoid": [{}, {"alpha": 0.5, "beta": 0.1}, {"beta": 0.3}],
    "Gelu": product(approximate=[None, "none", "tanh"]),
    "Shrink": [{}, {"lambd": 0.2}, {"lambd": 0.2, "bias": 0.3}],
    "IsInf": product(detect_negative=[None, 0], detect_positive=[None, 0]),
}
BOUNDED: dict[str, Any] = {
    "Acos": lambda x: np.tanh(x) * 0.9,
    "Asin": lambda x: np.tanh(x) * 0.9,
    "Atanh": lambda x: np.tanh(x) * 0.9,
    "Acosh": lambda x: x + 1.2,
    "Log": lambda x: np.abs(x) + 0.1,
    "Sqrt": np.abs,
    "Reciprocal": lambda x: np.abs(x) + 0.5,
}
SHAPES = ((), (5,), (2, 3), (2, 3, 4, 5))


@family
def functions(rng: np.random.Generator) -> Iterator[Case]:
    for operator in (*PLAIN, *WITH_NUMBERS):
        for found in WITH_NUMBERS.get(operator, [{}]):
            for shape in SHAPES:
                x = normal(rng, *shape) * np.float32(2)
                yield Case(operator, [fed(x, open=(0,) if shape else ())], found)
            yield Case(operator, [fed(normal(rng, 2, 3, 4), open=(0, 1, 2))], found)
    for operator, bound in BOUNDED.items():
        for shape in SHAPES:
            x = bound(normal(rng, *shape)).astype(np.float32)
            yield Case(operator, [fed(x, open=(0,) if shape else ())])
    yield Case("Swish", [fed(normal(rng, 2, 3))], {"alpha": 0.7}, opset=24)


@family
def functions_of_edges(rng: np.random.Generator) -> Iterator[Case]:
    """Zeros of both signs, halves, what is not finite."""
    edges = np.float32([0.0, -0.0, 0.5, 1.5, -0.5, -1.5, 2.5, 3.0, -3.0, 6.0, -6.0, 1e-9])
    infinite = np.float32([np.inf, -np.inf, 0.0, 1.0, -1.0])
    strange = np.float32([np.inf, -np.inf, np.nan, 0.0, 1.0])
    for operator in ("Ceil", "Floor", "Round", "Sign", "Abs", "Relu", "HardSwish", "HardSigmoid"):
        yield Case(operator, [fed(edges.reshape(1, 12))])
    for operator in ("IsNaN", "IsInf"):
        yield Case(operator, [fed(strange.reshape(5, 1))])
    for operator in ("Sigmoid", "Tanh", "Sign", "Floor", "Neg"):
        yield Case(operator, [fed(infinite.reshape(5, 1))])
    for operator in (
        "Sigmoid",
        "Tanh",
        "Floor",
        "Neg",
        "Relu",
    ):  # ONNX says nothing of a NaN's sign
        yield Case(operator, [fed(strange.reshape(5, 1))], engine=False)
    del rng


@family
def functions_of_types(rng: np.random.Generator) -> Iterator[Case]:
    for dtype in (np.float64, np.float16, np.int32, np.int64, np.int8):
        for operator in ("Abs", "Neg", "Sign", "Relu", "Identity", "Sqrt", "Exp", "Tanh", "Floor"):
            x = (
                np.abs(normal(rng, 2, 3, dtype=dtype))
                if operator == "Sqrt"
                else normal(rng, 2, 3, dtype=dtype)
            )
            yield Case(operator, [fed(x)])
    for operator in ("Not",):
        yield Case(operator, [fed(normal(rng, 2, 3, dtype=np.bool_))])
    for dtype in (np.int32, np.uint8):
        yield Case("BitwiseNot", [fed(normal(rng, 2, 3, dtype=dtype))])


PAIRS = (
    ((2, 3, 4), (2, 3, 4)),
    ((2, 3, 4), (4,)),
    ((2, 3, 4), (3, 1)),
    ((2, 3, 4), (1, 3, 1)),
    ((2, 3, 4), ()),
    ((2, 3, 4), (2, 1, 1)),
    ((2, 1, 4), (1, 3, 1)),
    ((4,), (2, 3, 4)),
    ((1, 3), (2, 2, 1)),
    ((2, 3, 4, 5), (3, 1, 1)),
    ((2, 3, 4, 5), (1, 1, 4, 5)),
    ((2, 3), (2, 1)),
)


@family
def pairs(rng: np.random.Generator) -> Iterator[Case]:
    for operator in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"):
        for left, right in PAIRS:
            for form in ("both", "left", "right", "open"):
                a, b = normal(rng, *left), normal(rng, *right)
                if operator == "Pow":
                    a, b = np.abs(a) + np.float32(0.5), b.round()
                if operator == "Div":
                    b = np.sign(b) * (np.abs(b) + np.float32(0.5))
                same = len(left) == len(right) and left[0] == right[0]
                opened = (0,) if form == "open" else ()
                x = weight(a) if form == "left" else fed(a, open=opened if left[0] > 1 else ())
                y = weight(b) if form == "right" else fed(b, open=opened if same else ())
                yield Case(operator, [x, y])


@family
def pairs_of_types(rng: np.random.Generator) -> Iterator[Case]:
    for dtype in (np.float64, np.float16, np.int32, np.int64):
        for operator in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Mod"):
            a, b = normal(rng, 2, 3, dtype=dtype), normal(rng, 3, dtype=dtype)
            b = np.where(np.abs(b) < 0.5, np.ones(1, dtype), b)
            b = np.abs(b) if operator == "Pow" else b
            whole = np.dtype(dtype).kind in "iu"
            attributes = {"fmod": 1} if operator == "Mod" and not whole else {}
            a = np.abs(a) if operator == "Pow" and not whole else a
            yield Case(operator, [fed(a), fed(b)], attributes)
            yield Case(operator, [fed(a), weight(b)], attributes)
    for fmod in (0, 1):
        a, b = np.int32([[-7, 7, -7, 7, 0]]), np.int32([[3, -3, -3, 3, 4]])
        yield Case("Mod", [fed(a), fed(b)], {"fmod": fmod})
        yield Case("Mod", [fed(a.astype(np.int64)), weight(np.int64(-3))], {"fmod": fmod})
    yield Case("Mod", [fed(normal(rng, 2, 3)), weight(np.float32(0.7))], {"fmod": 1})
    yield Case("Div", [fed(np.int64([-7, 7, -8])), weight(np.int64([2, -2, 3]))])
    for operator in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        a, b = normal(rng, 2, 3, dtype=np.int32), normal(rng, 3, dtype=np.int32)
        yield Case(operator, [fed(a), fed(b)])
    for direction in ("LEFT", "RIGHT"):
        a, b = normal(rng, 2, 3, dtype=np.uint8), normal(rng, 3, dtype=np.uint8)
        yield Case("BitShift", [fed(a), fed(b)], {"direction": direction})


@family
def powers(rng: np.random.Generator) -> Iterator[Case]:
    for power in (2.0, 3.0, 0.5, 0.0, 1.0, -1.0, -2.0, 1.7, -0.5):
        x = np.abs(normal(rng, 2, 3)) + np.float32(0.5)
        yield Case("Pow", [fed(x), weight(np.float32(power))])
        if power == int(power) and power >= 0:
            yield Case("Pow", [fed(-x), weight(np.float32(power))])
    yield Case("Pow", [fed(np.abs(normal(rng, 2, 3))), weight(np.int64(2))])
    yield Case("Pow", [weight(np.float32(2)), fed(normal(rng, 2, 3))])


@family
def several(rng: np.random.Generator) -> Iterator[Case]:
    for operator in ("Max", "Min", "Sum", "Mean"):
        for shapes in (
            ((2, 3),),
            ((2, 3), (2, 3), (2, 3)),
            ((2, 3), (3,), (2, 1)),
            ((1, 3), (2, 1)),
        ):
            xs = [normal(rng, *shape) for shape in shapes]
            yield Case(operator, [fed(x) for x in xs])
            if len(xs) > 1:
                yield Case(operator, [fed(xs[0]), *[weight(x) for x in xs[1:]]])


@family
def comparisons(rng: np.random.Generator) -> Iterator[Case]:
    for operator in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        for left, right in PAIRS[:8]:
            a, b = normal(rng, *left).round(), normal(rng, *right).round()
            yield Case(operator, [fed(a), fed(b)])
            yield Case(operator, [fed(a, open=(0,)), weight(b)])
        for dtype in (np.int64, np.int32, np.float64):
            a, b = normal(rng, 2, 3, dtype=dtype), normal(rng, 3, dtype=dtype)
            yield Case(operator, [fed(a), fed(b)])
    for operator in ("And", "Or", "Xor"):
        for left, right in PAIRS[:8]:
            a, b = normal(rng, *left, dtype=np.bool_), normal(rng, *right, dtype=np.bool_)
            yield Case(operator, [fed(a), fed(b)])
    for left, right in PAIRS[:8]:
        mask = normal(rng, 2, 3, 4, dtype=np.bool_)
        a, b = normal(rng, *left), normal(rng, *right)
        yield Case("Where", [fed(mask), fed(a), fed(b)])
        yield Case("Where", [weight(mask), fed(a), weight(b)])
    yield Case(
        "Where",
        [fed(normal(rng, 3, 1, dtype=np.bool_)), fed(normal(rng, 4)), weight(np.float32(2))],
    )


@family
def bounds(rng: np.random.Generator) -> Iterator[Case]:
    low, high = weight(np.float32(-0.5)), weight(np.float32(0.7))
    for given in (
        [],
        [low],
        [None, high],
        [low, high],
        [high, low],
        [weight(np.float32(0)), weight(np.float32(6))],
    ):
        for shape in ((2, 3), (2, 3, 4, 5)):
            yield Case("Clip", [fed(normal(rng, *shape) * np.float32(3), open=(0,)), *given])
    yield Case("Clip", [fed(normal(rng, 2, 3)), fed(np.float32(-0.2)), fed(np.float32(0.3))])
    for dtype in (np.int64, np.int32, np.float64, np.float16):
        x = normal(rng, 2, 3, dtype=dtype)
        yield Case("Clip", [fed(x), weight(np.array(-1, dtype)), weight(np.array(2, dtype))])
    yield Case("Clip", [fed(normal(rng, 2, 3))], {"min": -0.5, "max": 0.5}, opset=6)
    yield Case("Clip", [fed(normal(rng, 2, 3))], {"max": 0.5}, opset=6)


@family
def slopes(rng: np.random.Generator) -> Iterator[Case]:
    for shape, slope in (
        ((2, 3, 4, 5), (3, 1, 1)),
        ((2, 3, 4, 5), ()),
        ((2, 3, 4, 5), (1,)),
        ((2, 3, 4, 5), (5,)),
        ((2, 3, 4, 5), (4, 1)),
        ((2, 3, 4, 5), (3, 4, 5)),
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 3, 4), (3, 1)),
    ):
        x = normal(rng, *shape)
        yield Case("PRelu", [fed(x), weight(normal(rng, *slope))])
        yield Case("PRelu", [fed(x), fed(normal(rng, *slope))])
        yield Case("PRelu", [fed(x, open=(0,)), weight(normal(rng, *slope))])


@family
def casts(rng: np.random.Generator) -> Iterator[Case]:
    kinds = {
        np.float32: 1,
        np.float64: 11,
        np.int64: 7,
        np.int32: 6,
        np.bool_: 9,
        np.float16: 10,
        np.uint8: 2,
    }
    for source in kinds:
        for to in kinds.values():
            x = normal(rng, 2, 3, dtype=source) * (
                np.array(3, source) if source is not np.bool_ else True
            )
            if to == 2:
                x = np.abs(x)
            yield Case("Cast", [fed(x.astype(source))], {"to": to})
        yield Case("CastLike", [fed(normal(rng, 2, 3)), weight(np.zeros(1, source))])
