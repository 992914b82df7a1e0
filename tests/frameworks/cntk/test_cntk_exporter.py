"""Single operators written for CNTK, run in CNTK 2.7 and held against onnxruntime.

All cases that there are for MXNet, and those that are CNTK's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from helpers import operators as mxnet
from helpers.cntk.batch import Arrays, Batch
from helpers.operators import Build, model, normal, rng
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import exporter
from mmdnn.frameworks.onnx import engine

CASES: dict[str, tuple[tuple[int, ...], Build]] = {}
IMAGE = (2, 3, 9, 8)

NOT_ON_CPU = {"conv_strides"}
"""CNTK's CPU engine has no dilation."""
UNKNOWN_TO_ONNXRUNTIME = {"lrn_even"}


def case(name: str, shape: tuple[int, ...], build: Build) -> None:
    assert name not in CASES
    assert name not in mxnet.CASES
    CASES[name] = (shape, build)


def feeds(graph: ir.Graph, shape: tuple[int, ...]) -> Mapping[str, np.ndarray]:
    found = {}
    for value in graph.inputs:
        sizes = [size if isinstance(size, int) else shape[0] for size in value.shape or ()]
        found[str(value.name)] = rng().normal(size=sizes).astype(value.dtype.numpy())
    return found


def difference(found: Arrays | str, wanted: Mapping[str, np.ndarray]) -> str:
    """What is wrong with a model's outputs; "" if nothing is. CNTK's numbers are all floats."""
    if isinstance(found, str):
        return found
    for name, array in wanted.items():
        if name not in found:
            return f"no output {name}"
        ours = found[name]
        if ours.shape != array.shape:
            return f"{name}: shape {ours.shape}, not {array.shape}"
        if not np.allclose(ours, array, rtol=1e-4, atol=1e-5, equal_nan=True):
            with np.errstate(invalid="ignore"):
                return f"{name}: off by {np.nanmax(np.abs(ours - array.astype(float))):.3g}"
    return ""


# the batch among other axes

case("merged_rows", (2, 3, 4), lambda op, x: op.Reshape(x, [-1, 4]))
case(
    "merged_and_back",
    (2, 3, 4),
    lambda op, x: op.Reshape(op.MatMul(op.Reshape(x, [-1, 4]), normal(4, 5)), [-1, 3, 5]),
)
case("batch_last", (2, 3, 4), lambda op, x: op.Relu(op.Transpose(x, perm=[1, 2, 0])))
case("batch_reduced", (2, 3), lambda op, x: op.ReduceMean(x, [0], keepdims=0))
case("batch_softmax", (2, 3), lambda op, x: op.Softmax(x, axis=0))
case("batch_concat", (2, 3), lambda op, x: op.Concat(x, normal(1, 3), x, axis=0))
case("batch_centred", (2, 3, 4), lambda op, x: op.Sub(x, op.ReduceMean(x, [0])))
case("batch_fixed", (2, 3), lambda op, x: op.Add(op.Reshape(x, [3, 2]), normal(3, 1)))
case("batch_gram", (3, 4), lambda op, x: op.MatMul(x, op.Transpose(x, perm=[1, 0])))
case("batch_last_one", (3, 4), lambda op, x: op.Gather(x, np.int64(-1)))
case(
    "batch_moved_conv",
    IMAGE,
    lambda op, x: op.Conv(op.Transpose(x, perm=[1, 0, 2, 3]), normal(2, 2, 3, 3)),
)
case(
    "constant_rows", (2, 3), lambda op, x: op.Add(op.Expand(op.ReduceSum(x), [2, 3]), normal(2, 3))
)
case("vector_times_batch", (2, 4), lambda op, x: op.MatMul(normal(2), x))

# windows wider than what they slide over, and left-overs

for kind in ("MaxPool", "AveragePool"):
    case(
        f"wide_{kind}",
        (2, 3, 2, 5),
        lambda op, x, k=kind: op[k](x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    )


def strided(op: Any, x: Any) -> Any:
    return op.Conv(x, normal(4, 1, 3, 3), group=4, strides=[2, 2], pads=[1, 1, 1, 1])


case("groups_strided_even", (2, 4, 8, 6), strided)
case("groups_strided_odd", (2, 4, 7, 8), strided)
case(
    "groups_begin_only",
    (2, 4, 5, 9),
    lambda op, x: op.Conv(x, normal(4, 2, 2, 3), group=2, strides=[2, 2], pads=[1, 0, 1, 1]),
)
case("wide_conv", (2, 3, 2, 5), lambda op, x: op.Conv(x, normal(4, 3, 3, 3), pads=[1, 1, 1, 1]))
case(
    "left_over",
    (2, 3, 8, 7),
    lambda op, x: op.Conv(x, normal(4, 3, 3, 2), strides=[3, 2], pads=[1, 0, 0, 1]),
)
case(
    "deconv_wide_groups",
    (2, 4, 3, 3),
    lambda op, x: op.ConvTranspose(x, normal(4, 3, 3, 3), normal(6), group=2, strides=[2, 2]),
)


def norm(op: Any, x: ir.Value, mean: Any) -> ir.Value:
    some = normal(len(mean) if isinstance(mean, np.ndarray) else 3)
    return op.BatchNormalization(x, some, some, mean, np.abs(some))


case("vector_norm", (3, 4), lambda op, x: norm(op, x, normal(4)))
case("computed_norm", IMAGE, lambda op, x: norm(op, x, op.Mul(normal(3), np.float32(2))))

# numbers

case("erf", (2, 300), lambda op, x: op.Erf(op.Mul(x, np.float32(2))))
case("gelu", (2, 30), lambda op, x: op.Gelu(x))
case("hardmax", (2, 3, 4), lambda op, x: (op.Hardmax(x, axis=1), op.Hardmax(op.Round(x), axis=-1)))
case("pow_cube", (2, 9), lambda op, x: (op.Pow(x, np.float32(3)), op.Pow(x, np.float32(4))))
case("round_large", (2, 9), lambda op, x: op.Round(op.Mul(x, np.float32(8388608.5))))
case("acosh", (2, 9), lambda op, x: op.Acosh(op.Add(op.Abs(x), np.float32(1))))
case("mean_of_three", (2, 9), lambda op, x: op.Mean(x, normal(9), op.Neg(x)))
case("nothing", (2, 3), lambda op, x: (op.Identity(x), op.Identity(normal(2))))
case("same_twice", (2, 3), lambda op, x: (op.Relu(x), op.Identity(op.Relu(x)), op.Identity(x)))
case("matmul_heads", (2, 3, 4, 5), lambda op, x: op.MatMul(x, op.Transpose(x, perm=[0, 1, 3, 2])))
case("matmul_one_for_all", (2, 3, 4, 5), lambda op, x: op.MatMul(normal(1, 1, 2, 4), x))
case("gather_rows", (2, 5, 3), lambda op, x: op.Gather(x, np.int64([[4, -5], [1, 1]]), axis=1))
case("gather_far", (2, 99), lambda op, x: op.Gather(x, np.arange(98)[::-1] ** 2 % 99, axis=1))
case(
    "gather_weight",
    (2, 3),
    lambda op, x: op.Gather(
        normal(4, 5), op.Cast(op.Clip(x, np.float32(-3), np.float32(3)), to=ir.DataType.INT64)
    ),
)
case("gather_batch", (3, 4), lambda op, x: op.Gather(x, np.int64([2, 0])))
case(
    "not_numbers",
    (2, 9),
    lambda op, x: (op.Sqrt(x), op.Log(x), op.IsNaN(op.Log(x)), op.Pow(x, np.float32(0.5))),
)
case(
    "infinities",
    (2, 9),
    lambda op, x: (
        *(op.Reciprocal(op.Floor(op.Abs(x))), op.Div(x, op.Floor(op.Abs(x))), op.Log(op.Relu(x))),
        op.ReduceLogSum(op.Relu(x), [1]),
    ),
)
case("pad_wrap", (2, 5), lambda op, x: op.Pad(x, np.int64([0, 2, 0, 1]), mode="wrap"))


REFUSED = {
    "shape": "Shape",
    "LSTM_states": "initial state",
    "GRU_states": "initial state",
    "RNN_states": "initial state",
}
FIXED = {"batch_fixed", "batch_moved_conv", "constant_rows", "vector_times_batch"}
"""Cases that are of a fixed batch."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is wrong with each case: one process for all of them."""
    batch, wanted = Batch(tmp_path_factory.mktemp("cntk")), {}
    found: dict[str, str] = {}
    for name, (shape, build) in {**mxnet.CASES, **CASES}.items():
        made = model(shape, build, batch=name not in FIXED)
        try:
            native = exporter.from_ir(made)
        except UnsupportedError as error:
            found[name] = f"refused: {error}"
            continue
        given = feeds(made.graph, shape)
        if name not in UNKNOWN_TO_ONNXRUNTIME:
            known = engine.run(made, given)
            wanted[name] = {str(value.name): known[str(value.name)] for value in made.graph.outputs}
            batch.add(name, native, given)
    ran = batch.run()
    return found | {name: difference(ran[name], wanted[name]) for name in wanted}


def test_operators(results: dict[str, str]) -> None:
    wrong = {name: why for name, why in results.items() if why and name not in REFUSED}
    dilated = {name for name, why in wrong.items() if "Dilated convolution on CPU" in why}
    assert {name: why for name, why in wrong.items() if name not in dilated} == {}
    assert dilated == NOT_ON_CPU
    assert len(results) > 340


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(results: dict[str, str], name: str) -> None:
    assert results[name].startswith("refused: ")
    assert REFUSED[name] in results[name]


def test_the_maxima_have_no_places() -> None:
    shape, build, _ = mxnet.REFUSED["max_where"]
    with pytest.raises(UnsupportedError, match="where the maxima are"):
        exporter.from_ir(model(shape, build))


def test_groups_keep_automatic_padding() -> None:
    functions = {one.op for one in exporter.from_ir(model((2, 4, 8, 6), strided)).walk()}
    assert "Convolution" in functions
    assert "Pad" not in functions
