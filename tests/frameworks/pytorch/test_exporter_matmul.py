"""Matrix products through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward

random = np.random.default_rng(0)


def weight(*shape: int) -> np.ndarray:
    return random.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("across", ["", "transB=1", "transA=1", "transA=1, transB=1"])
@pytest.mark.parametrize("factors", ["", "alpha=0.5", "alpha=0.5, beta=2.0", "beta=0.0"])
@pytest.mark.parametrize("c", [None, (), (1,), (5,), (1, 5), (3, 1), (3, 5)])
def test_gemm(across: str, factors: str, c: tuple[int, ...] | None) -> None:
    attributes = ", ".join(filter(None, (across, factors)))
    body = f"y = Gemm<{attributes}>(x, w{', c' if c is not None else ''})".replace("<>", "")
    x = "4,3" if "transA" in across else "3,4"
    w = (5, 4) if "transB" in across else (4, 5)
    weights = {"w": weight(*w), **({"c": weight(*c)} if c is not None else {})}
    text = check(f"float[{x}] x => float y", body, weights=weights)
    assert "nn.Linear" in text


def test_gemm_of_computed_matrices() -> None:
    text = check(
        "float[3,4] a, float[4,5] b, float[5] c => float y",
        "y = Gemm<alpha=0.5, beta=2.0>(a, b, c)",
    )
    assert forward(text) == "return 0.5 * (a @ b) + 2.0 * c"


def test_gemm_of_integers() -> None:
    check("int32[3,4] a, int32[4,5] b => int32 y", "y = Gemm(a, b)", reference=True)


@pytest.mark.parametrize("shape", ["4", "3,4", "2,3,4", "N,3,4"])
def test_a_known_weight_makes_a_layer(shape: str) -> None:
    text = check(f"float[{shape}] x => float y", "y = MatMul(x, w)", weights={"w": weight(4, 5)})
    assert "nn.Linear(4, 5, bias=False)" in text


@pytest.mark.parametrize("order", ["p, b", "b, p"])
def test_its_bias_joins_it(order: str) -> None:
    weights = {"w": weight(4, 5), "b": weight(5)}
    body = f"p = MatMul(x, w)\ny = Add({order})"
    text = check("float[2,3,4] x => float y", body, weights=weights)
    assert "nn.Linear(4, 5)" in text


def test_a_product_used_twice_keeps_its_own_value() -> None:
    weights = {"w": weight(4, 5), "b": weight(5)}
    text = check(
        "float[3,4] x => float y, float z", "z = MatMul(x, w)\ny = Add(z, b)", weights=weights
    )
    assert "bias=False" in text


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("3,4", "4,5"),
        ("4", "4"),
        ("4", "4,5"),
        ("2,3,4", "4"),
        ("2,1,3,4", "5,4,2"),
        ("0,4", "4,2"),
    ],
)
def test_products(a: str, b: str) -> None:
    check(f"float[{a}] a, float[{b}] b => float y", "y = MatMul(a, b)")


def test_products_of_integers() -> None:
    check("int32[3,4] a, int32[4,5] b => int32 y", "y = MatMul(a, b)")
    check("uint32[3,4] a, uint32[4,5] b => uint32 y", "y = MatMul(a, b)")


@pytest.mark.parametrize(
    "equation", ["bij, bjk -> bik", "...ii->...i", "bij,bjk", "ij->", "bik , bik -> b"]
)
def test_sums_of_products(equation: str) -> None:
    inputs = {"bij, bjk -> bik": ("2,3,4", "2,4,5"), "bij,bjk": ("2,3,4", "2,4,5")}
    shapes = inputs.get(equation, ("2,3,3", "2,3,3"))
    if "," not in equation:
        shapes = ("3,3",) if equation == "ij->" else ("2,3,3",)
    names = ["a", "b"][: len(shapes)]
    given = ", ".join(f"float[{shape}] {name}" for shape, name in zip(shapes, names, strict=True))
    check(f"{given} => float y", f'y = Einsum<equation="{equation}">({", ".join(names)})')


def test_determinants() -> None:
    check("float[2,3,3] x => float y", "y = Det(x)", opset=21)


def test_shared_weights_are_one_layer() -> None:
    weights = {"w": weight(4, 4)}
    text = check("float[3,4] x => float y", "p = MatMul(x, w)\ny = MatMul(p, w)", weights=weights)
    assert text.count("nn.Linear") == 1


def test_source() -> None:
    weights = {"w1": weight(4, 8), "b1": weight(8), "w2": weight(3, 8), "b2": weight(3)}
    body = """
    p = MatMul(x, w1)
    q = Add(p, b1)
    r = Relu(q)
    y = Gemm<transB=1>(r, w2, b2)
    """
    assert_snapshot("matmul", check("float[N,4] x => float y", body, weights=weights))
