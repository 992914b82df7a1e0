"""Activations through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, forward, parse
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.exporter import from_ir

VALUES = np.array([[-30, -6, -3, -1.5, -0.5, -1e-3, 0, 1e-3, 0.5, 1, 2.5, 3, 7, 25]], np.float32)

CASES = {
    "Relu(x)": "F.relu(x)",
    "Sigmoid(x)": "torch.sigmoid(x)",
    "Tanh(x)": "torch.tanh(x)",
    "Softplus(x)": "F.softplus(x)",
    "Softsign(x)": "F.softsign(x)",
    "Mish(x)": "F.mish(x)",
    "HardSwish(x)": "F.hardswish(x)",
    "Elu(x)": "F.elu(x)",
    "Elu<alpha=0.3>(x)": "F.elu(x, alpha=0.3)",
    "Celu<alpha=2.0>(x)": "F.celu(x, alpha=2.0)",
    "Selu(x)": "F.selu(x)",
    "Selu<alpha=1.5, gamma=2.0>(x)": "2.0 * F.elu(x, 1.5)",
    "LeakyRelu(x)": "F.leaky_relu(x, 0.01)",
    "LeakyRelu<alpha=0.2>(x)": "F.leaky_relu(x, 0.2)",
    "ThresholdedRelu<alpha=0.5>(x)": "F.threshold(x, 0.5, 0.0)",
    "HardSigmoid(x)": "(0.2 * x + 0.5).clamp(0, 1)",
    "HardSigmoid<alpha=0.16666667>(x)": "F.hardsigmoid(x)",
    "Shrink(x)": "F.hardshrink(x, 0.5)",
    "Shrink<lambd=1.5, bias=1.5>(x)": "F.softshrink(x, 1.5)",
    "Gelu(x)": "F.gelu(x)",
    'Gelu<approximate="tanh">(x)': 'F.gelu(x, approximate="tanh")',
    "Softmax(x)": "F.softmax(x, dim=-1)",
    "LogSoftmax<axis=0>(x)": "F.log_softmax(x, dim=0)",
    "Dropout(x)": "self.Dropout(x)",
}


@pytest.mark.parametrize(("operator", "expected"), CASES.items())
def test_every_activation(operator: str, expected: str) -> None:
    text = check(
        "float[1,14] x => float y",
        f"y = {operator}",
        {"x": VALUES},
        opset=21 if "Mish" not in operator else 22,
    )
    assert forward(text) == f"return {expected}"


@pytest.mark.parametrize("alpha", [1.0, 1.7])
def test_swish(alpha: float) -> None:
    check("float[1,14] x => float y", f"y = Swish<alpha={alpha}>(x)", {"x": VALUES}, opset=24)


def test_shrink_with_another_bias() -> None:
    check("float[1,14] x => float y", "y = Shrink<lambd=1.0, bias=0.4>(x)", {"x": VALUES})


def test_shrink_of_integers_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="floating-point"):
        from_ir(parse("int32[3] x => int32 y", "y = Shrink(x)"))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_hardmax_takes_the_first_of_equals(axis: int) -> None:
    x = np.array([[1, 3, 3], [3, 2, 1]], np.float32)
    check("float[2,3] x => float y", f"y = Hardmax<axis={axis}>(x)", {"x": x})


@pytest.mark.parametrize(
    ("shape", "slope"),
    [
        ("2,3,4,5", (3, 1, 1)),
        ("2,3,4,5", (1, 3, 1, 1)),
        ("2,3,4,5", (1,)),
        ("2,3,4,5", (3, 4, 1)),
        ("2,3,4,5", (5,)),
        ("2,3", (3,)),
        ("2,3", (2, 1)),
        ("2,3", (2, 3)),
        ("3", (3,)),
    ],
)
@pytest.mark.parametrize("constant", [True, False])
def test_slopes(shape: str, slope: tuple[int, ...], constant: bool) -> None:
    array = np.random.default_rng(0).standard_normal(slope).astype(np.float32)
    if constant:
        text = check(
            f"float[{shape}] x => float y", "y = PRelu(x, s)", weights={"s": array}, opset=16
        )
        per_channel = slope in {(3, 1, 1), (1, 3, 1, 1), (1,)} or (shape, slope) == ("2,3", (3,))
        assert ("nn.PReLU" in text) == per_channel
    else:
        sizes = ",".join(map(str, slope))
        check(
            f"float[{shape}] x, float[{sizes}] s => float y",
            "y = PRelu(x, s)",
            {"s": array},
            opset=16,
        )


def test_source() -> None:
    text = check(
        "float[N,3,8,8] x => float y",
        """
        a = PRelu(x, slope)
        b = Dropout(a)
        c = HardSwish(b)
        d = LeakyRelu<alpha=0.1>(c)
        y = Softmax<axis=1>(d)
        """,
        weights={"slope": np.array([0.1, 0.2, 0.3], np.float32).reshape(3, 1, 1)},
        opset=16,
    )
    assert_snapshot("activation", text)
