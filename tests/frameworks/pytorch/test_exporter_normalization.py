"""Normalisation through generated PyTorch source."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.pytorch.harness import assert_snapshot, check, parse
from mmdnn.frameworks.pytorch.exporter import from_ir
from mmdnn.frameworks.pytorch.writer import instantiate

random = np.random.default_rng(0)


def statistics(count: int = 3) -> dict[str, np.ndarray]:
    names = ("scale", "bias", "mean", "var")
    made = {name: random.standard_normal(count).astype(np.float32) for name in names}
    return {**made, "var": np.abs(made["var"]) + 0.1}


BATCH = "y = BatchNormalization{}(x, scale, bias, mean, var)"


@pytest.mark.parametrize("shape", ["N,3", "N,3,4", "N,3,4,5", "N,3,2,2,2", "N,3,2,1,2,2"])
def test_batches(shape: str) -> None:
    body = BATCH.format("<epsilon=0.01, momentum=0.8>")
    text = check(f"float[{shape}] x => float y", body, weights=statistics())
    if shape.count(",") < 5:
        assert ", eps=0.01, momentum=0.2)" in text


def test_batches_with_computed_statistics() -> None:
    check(
        "float[2,3,4] x, float[3] scale, float[3] bias, float[3] mean, float[3] var => float y",
        BATCH.format(""),
        statistics(),
    )


def test_batches_by_their_own_statistics() -> None:
    body = "y, m, v = BatchNormalization<training_mode=1, momentum=0.7>(x, scale, bias, mean, var)"
    check("float[2,3,4,5] x => float y, float m, float v", body, weights=statistics(), opset=15)


def test_statistics_move_in_training() -> None:
    model = parse("float[N,3,4] x => float y", BATCH.format(""), weights=statistics())
    torch = pytest.importorskip("torch")
    module = instantiate(from_ir(model)).train()
    before = module.state_dict()["BatchNormalization.running_mean"].clone()
    module(torch.randn(4, 3, 4)).sum().backward()
    assert not torch.equal(before, module.state_dict()["BatchNormalization.running_mean"])
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("shape", ["2,3,7", "2,3,4,5", "2,3,2,3,4"])
@pytest.mark.parametrize("known", [True, False])
def test_instances(shape: str, known: bool) -> None:
    given = {k: v for k, v in statistics().items() if k in {"scale", "bias"}}
    body = "y = InstanceNormalization<epsilon=0.001>(x, scale, bias)"
    inputs = "" if known else ", float[3] scale, float[3] bias"
    feeds, weights = ({}, given) if known else (given, {})
    check(f"float[{shape}] x{inputs} => float y", body, feeds, weights=weights, opset=21)


@pytest.mark.parametrize("axis", [-1, 1, 2, -2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_layers(axis: int, bias: bool, known: bool) -> None:
    shape = (2, 3, 4)[axis:]
    names = ["scale", "bias"][: 1 + bias]
    given = {name: random.standard_normal(shape).astype(np.float32) for name in names}
    body = f"y = LayerNormalization<axis={axis}, epsilon=0.001>(x, {', '.join(names)})"
    sizes = ",".join(map(str, shape))
    inputs = "" if known else "".join(f", float[{sizes}] {name}" for name in names)
    feeds, weights = ({}, given) if known else (given, {})
    check(f"float[2,3,4] x{inputs} => float y", body, feeds, weights=weights, opset=17)


def test_layers_of_open_size() -> None:
    scale = {"scale": np.array([1.5], np.float32)}
    body = "y = LayerNormalization<axis=1>(x, scale)"
    check("float[2,N,4] x => float y", body, weights=scale, opset=17)


def test_layers_tell_their_statistics() -> None:
    scale = {"scale": random.standard_normal(4).astype(np.float32)}
    body = "y, m, d = LayerNormalization(x, scale)"
    check("float[2,3,4] x => float y, float m, float d", body, weights=scale, opset=17)


@pytest.mark.parametrize("axis", [-1, 1])
def test_root_mean_squares(axis: int) -> None:
    shape = (2, 3, 4)[axis:]
    scale = {"scale": random.standard_normal(shape).astype(np.float32)}
    body = f"y = RMSNormalization<axis={axis}, epsilon=0.001>(x, scale)"
    check("float[2,3,4] x => float y", body, weights=scale, opset=23)


@pytest.mark.parametrize(("opset", "count"), [(21, 6), (18, 3)])
@pytest.mark.parametrize("known", [True, False])
def test_groups(opset: int, count: int, known: bool) -> None:
    given = {k: v for k, v in statistics(count).items() if k in {"scale", "bias"}}
    body = "y = GroupNormalization<num_groups=3, epsilon=0.001>(x, scale, bias)"
    inputs = "" if known else f", float[{count}] scale, float[{count}] bias"
    feeds, weights = ({}, given) if known else (given, {})
    check(f"float[2,6,4,5] x{inputs} => float y", body, feeds, weights=weights, opset=opset)


@pytest.mark.parametrize("known", [True, False])
def test_groups_of_one_number(known: bool) -> None:
    given = {k: v for k, v in statistics(3).items() if k in {"scale", "bias"}}
    inputs = "" if known else ", float[3] scale, float[3] bias"
    feeds, weights = ({}, given) if known else (given, {})
    body = "y = GroupNormalization<num_groups=3>(x, scale, bias)"
    check(f"float[1,3,1,1] x{inputs} => float y", body, feeds, weights=weights, opset=21)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_local_responses(size: int) -> None:
    body = f"y = LRN<size={size}, alpha=0.3, beta=0.6, bias=2.0>(x)"
    check("float[7,7,3,3] x => float y", body, reference=size % 2 == 0)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("axis", [-1, 1])
def test_norms(p: int, axis: int) -> None:
    x = random.standard_normal((2, 3, 4)).astype(np.float32)
    x[0, 0] *= 1e-15
    check(
        "float[2,3,4] x => float y",
        f"y = LpNormalization<p={p}, axis={axis}>(x)",
        {"x": x},
        opset=21,
    )


@pytest.mark.parametrize("axes", ["", "<axes=[2,3]>", "<axes=[0,1,2,3]>"])
def test_mean_and_variance(axes: str) -> None:
    check("float[2,3,4,5] x => float y", f"y = MeanVarianceNormalization{axes}(x)", opset=13)


def test_source() -> None:
    groups = statistics(4)
    text = check(
        "float[N,3,4,4] x => float y",
        """
        a = BatchNormalization<epsilon=0.001>(x, scale, bias, mean, var)
        b = LRN<size=5>(a)
        c = LayerNormalization(b, s, t)
        y = LpNormalization<axis=1>(c)
        """,
        weights={**statistics(), "s": groups["scale"], "t": groups["bias"]},
        opset=17,
    )
    assert_snapshot("normalization", text)
