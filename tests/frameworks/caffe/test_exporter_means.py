"""Operators that Caffe has no layer for, by layers that give the same: comparing, moving, multiplying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("onnxruntime")

from helpers.caffe.case import PICTURE, Case, check, normal
from mmdnn.errors import ShapeError
from mmdnn.frameworks.caffe import importer, reader, writer
from mmdnn.frameworks.caffe.exporter import from_ir
from mmdnn.ir import SAID
from mmdnn.ir.builder import Builder
from mmdnn.registry import Source

FLOAT, INT64 = ir.DataType.FLOAT, ir.DataType.INT64


def truth(name: str, *constants: Any, shapes: Any = (PICTURE,)) -> Case:
    """A comparison, of numbers that are often equal, as 1 and 0."""

    def body(op: Any, *xs: ir.Value) -> ir.Value:
        coarse = [op.Mul(op.Cast(op.Greater(x, 0.0), to=FLOAT), 2.0) for x in xs]
        found: ir.Value = op.Cast(op[name](*coarse, *constants), to=FLOAT)
        return found

    return Case(body, shapes)


def logical(name: str) -> Case:
    def body(op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        found: ir.Value = op.Cast(op[name](op.Greater(x, 0.0), op.Less(y, 0.5)), to=FLOAT)
        return found

    return Case(body, [PICTURE, (1, 4, 1, 1)])


def resized(scales: list[float], **attributes: Any) -> Case:
    return Case(
        lambda op, x: op.Resize(x, None, np.array([1, 1, *scales], np.float32), **attributes),
        [PICTURE],
        opencv=True,
    )


TWO = [PICTURE, (1, 4, 1, 5)]
CASES: dict[str, Case] = {
    "greater_number": Case(
        lambda op, x: op.Cast(op.Greater(x, 0.25), to=FLOAT), [PICTURE], "Threshold"
    ),
    "less_number": Case(
        lambda op, x: op.Cast(op.Less(x, 0.25), to=FLOAT), [PICTURE], "Power Threshold"
    ),
    "number_greater": Case(lambda op, x: op.Cast(op.Greater(0.25, x), to=FLOAT), [PICTURE]),
    "at_least_number": truth("GreaterOrEqual", 2.0),
    "at_most_number": truth("LessOrEqual", 0.0),
    "equal_number": truth("Equal", 2.0),
    "greater": truth("Greater", shapes=TWO),
    "less": truth("Less", shapes=TWO),
    "at_least": truth("GreaterOrEqual", shapes=TWO),
    "at_most": truth("LessOrEqual", shapes=TWO),
    "equal": truth("Equal", shapes=TWO),
    "equal_constant": truth("Equal", np.array([0, 2, 2, 0, 2], np.float32)),
    "and": logical("And"),
    "or": logical("Or"),
    "xor": logical("Xor"),
    "truth_of_number": Case(
        lambda op, x: op.Cast(op.Not(op.Cast(op.Relu(x), to=ir.DataType.BOOL)), to=FLOAT), [PICTURE]
    ),
    "sign": Case(lambda op, x: op.Sign(op.Relu(op.Sub(x, 0.5))), [PICTURE]),
    "where": Case(
        lambda op, x, y: op.Where(op.Greater(x, y), op.Mul(x, 2.0), y), [PICTURE, (1, 4, 1, 1)]
    ),
    "where_number": Case(lambda op, x: op.Where(op.Greater(x, 0.0), x, np.float32(-3)), [PICTURE]),
    "where_numbers": Case(
        lambda op, x: op.Where(op.Greater(x, 0.0), np.float32(7), np.float32(-3)), [PICTURE]
    ),
    "where_nothing": Case(
        lambda op, x: op.Softmax(op.Where(op.Less(x, 0.5), x, np.float32(-np.inf)), axis=3), [PICTURE]
    ),
    "where_constant": Case(
        lambda op, x: op.Where(np.array([True, False, True, True, False]), x, normal(5)), [PICTURE]
    ),
    "first_maximum": Case(
        lambda op, x: op.Cast(op.ArgMax(op.Relu(op.Neg(op.Relu(x))), axis=1, keepdims=0), to=FLOAT),
        [PICTURE],
    ),
    "maximum_place": Case(lambda op, x: op.Cast(op.ArgMax(x, axis=-1), to=FLOAT), [PICTURE]),
    "last_maximum": Case(
        lambda op, x: op.Cast(op.ArgMax(op.Relu(x), axis=2, select_last_index=1), to=FLOAT),
        [PICTURE],
        "ReLU ArgMax",
    ),
    "minimum_place": Case(lambda op, x: op.Cast(op.ArgMin(x, axis=0), to=FLOAT), [(3, 4)]),
    "chosen": Case(
        lambda op, x, i: op.GatherElements(
            x, op.Clip(op.Cast(op.Mul(i, 3.0), to=INT64), np.int64(0), np.int64(3)), axis=1
        ),
        [PICTURE, (1, 1, 6, 5)],
    ),
    "batch_reindex": Case(
        lambda op, x, i: op.Gather(
            x, op.Clip(op.Cast(i, to=INT64), np.int64(0), np.int64(2)), axis=0
        ),
        [(3, 4), (5,)],
        "Clip BatchReindex",
    ),
    "permute": Case(lambda op, x: op.Transpose(x, perm=[0, 2, 3, 1]), [PICTURE], opencv=True),
    "permute_back": Case(lambda op, x: op.Transpose(x, perm=[0, 3, 1, 2]), [PICTURE], opencv=True),
    "reversed_axes": Case(lambda op, x: op.Transpose(x), [(2, 3, 4)]),
    "shuffle": Case(
        lambda op, x: op.Transpose(x, perm=[0, 2, 1, 3, 4]), [(2, 3, 5, 4, 2)], opencv=True
    ),
    "every_other_pixel": Case(
        lambda op, x: op.Slice(x, [1, 0], [100, 100], [2, 3], [2, 3]), [PICTURE], opencv=True
    ),
    "every_other_channel": Case(
        lambda op, x: op.Slice(x, [0], [4], [1], [2]), [PICTURE], "Slice Concat Silence", True
    ),
    "backwards": Case(
        lambda op, x: op.Slice(x, [-1], [-(1 << 62)], [2], [-1]), [PICTURE], "Slice Concat", True
    ),
    "gathered": Case(
        lambda op, x: op.Gather(x, np.array([[3, 1], [1, 2]]), axis=1), [PICTURE], opencv=True
    ),
    "reflect": Case(
        lambda op, x: op.Pad(x, [0, 0, 2, 1, 0, 0, 1, 3], mode="reflect"), [PICTURE], opencv=True
    ),
    "edge": Case(
        lambda op, x: op.Pad(x, [0, 0, 2, 1, 0, 0, 1, 3], mode="edge"), [PICTURE], opencv=True
    ),
    "wrap": Case(lambda op, x: op.Pad(x, [0, 1, 0, 0, 0, 2, 0, 0], mode="wrap"), [PICTURE]),
    "product": Case(lambda op, x, y: op.MatMul(x, y), [(3, 4), (4, 5)]),
    "product_of_batches": Case(lambda op, x, y: op.MatMul(x, y), [(2, 3, 4, 2), (2, 1, 2, 5)]),
    "product_of_vectors": Case(lambda op, x, y: op.MatMul(x, y), [(4,), (4,)]),
    "product_with_vector": Case(lambda op, x, y: op.MatMul(x, y), [(2, 3, 4), (4,)]),
    "attention": Case(
        lambda op, q, k, v: op.MatMul(
            op.Softmax(op.MatMul(q, op.Transpose(k, perm=[0, 2, 1])), axis=-1), v
        ),
        [(2, 3, 4), (2, 5, 4), (2, 5, 4)],
    ),
    "constant_from_left": Case(lambda op, x: op.MatMul(normal(7, 6), x), [PICTURE], opencv=True),
    "sum_of_channels": Case(lambda op, x: op.ReduceSum(x, [1]), [PICTURE], opencv=True),
    "mean_of_rows": Case(lambda op, x: op.ReduceMean(x, [2], keepdims=0), [PICTURE]),
    "squares_here_and_there": Case(lambda op, x: op.ReduceSumSquare(x, [1, 3]), [PICTURE]),
    "sizes_of_batch": Case(lambda op, x: op.ReduceL1(x, [0, 2], keepdims=0), [(3, 2, 4)]),
    "maxima_here_and_there": Case(lambda op, x: op.ReduceMax(x, [1, 3], keepdims=0), [PICTURE]),
    "products_of_rows": Case(lambda op, x: op.ReduceProd(x, [1, 2]), [PICTURE], opencv=True),
    "log_softmax": Case(lambda op, x: op.LogSoftmax(x, axis=1), [PICTURE]),
    "linear": resized([2, 2], mode="linear"),
    "linear_odd": resized([1.5, 0.6], mode="linear"),
    "linear_corners": resized([2, 3], mode="linear", coordinate_transformation_mode="align_corners"),
    "linear_asymmetric": resized([2, 3], mode="linear", coordinate_transformation_mode="asymmetric"),
    "nearest_odd": resized([1.5, 0.6], mode="nearest"),
    "sinh": Case(lambda op, x: op.Sinh(op.Mul(x, 5.0)), [PICTURE], opencv=True),
    "cosh": Case(lambda op, x: op.Cosh(op.Mul(x, 5.0)), [PICTURE], opencv=True),
    "acosh": Case(lambda op, x: op.Acosh(op.Add(op.Exp(x), 1.0)), [PICTURE]),
    "atanh": Case(lambda op, x: op.Atanh(op.Mul(op.Tanh(x), 0.9)), [PICTURE]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_agrees(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    if case.opencv:
        pytest.importorskip("cv2")
    network = check(case, tmp_path)
    if case.layers is not None:
        types = [layer.type for layer in network.layers if layer.type != "Input"]
        assert types == case.layers.split()


@pytest.mark.parametrize("order", [[0, 2, 3, 1], [0, 3, 1, 2], [0, 2, 1, 3], [0, 1, 3, 2]])
def test_axes_that_are_cut_are_read_as_one_transposition(order: list[int], tmp_path: Path) -> None:
    builder = Builder("test")
    x = builder.input("x", ["batch", 4, 3, 5])
    y = builder.op.Transpose(x, perm=order)
    y.name = "y"
    builder.graph.outputs.append(y)
    network = from_ir(builder.model())
    assert [layer.type for layer in network.layers[1:]] == ["Reshape", "Slice", "Concat", "Reshape"]
    model = importer.to_ir(reader.read(Source(*writer.write(network, tmp_path / "n.prototxt"))))
    (node,) = model.graph
    assert (node.op_type, node.attributes["perm"].as_ints()) == ("Transpose", tuple(order))
    assert [value.name for value in model.graph.outputs] == ["y"]


def test_limits_are_exact(tmp_path: Path) -> None:
    """Each float next to a limit falls on its own side, 0 and its neighbours too."""
    near = np.array([0.1, 0.0, -3.0], np.float32)
    up, down = np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))
    feeds = {"x": np.stack([near, up, down, -near])}
    builder = Builder("test")
    x = builder.input("x", list(feeds["x"].shape))
    for limit in near:
        for name in ("Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"):
            y = builder.op.Cast(builder.op[name](x, limit), to=FLOAT)
            y.name = f"{name}_{limit}"
            builder.graph.outputs.append(y)
    source = Source(*writer.write(from_ir(builder.model()), tmp_path / "net.prototxt"))
    from helpers.caffe import corpus

    wanted = corpus.run(builder.model(), feeds)
    found = corpus.run(importer.to_ir(reader.read(source)), feeds)
    for value in builder.graph.outputs:
        np.testing.assert_array_equal(found[str(value.name)], wanted[str(value.name)])


def test_the_batch_is_what_the_files_say(tmp_path: Path) -> None:
    builder = Builder("test")
    x = builder.input("x", ["batch", 3, 4])
    builder.graph.outputs.append(builder.op.Relu(x))
    assert from_ir(builder.model()).inputs == {"x": (1, 3, 4)}
    x.metadata_props[SAID] = "10"
    network = from_ir(builder.model())
    assert network.inputs == {"x": (10, 3, 4)}
    again = importer.to_ir(reader.read(Source(*writer.write(network, tmp_path / "n.prototxt"))))
    assert again.graph.inputs[0].metadata_props[SAID] == "10"
    assert not isinstance(again.graph.inputs[0].shape[0], int)  # type: ignore[index]


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ((3, 4), lambda op, x: op.Slice(x, [-1], [-(1 << 62)], [0], [-1])),
        ((1, 4), lambda op, x: op.Add(x, op.ReduceSum(x, [0]))),
        ((1, 4), lambda op, x: op.Unsqueeze(x, [0])),
        ((2, 4), lambda op, x: op.Transpose(x, perm=[1, 0])),
        ((2, 4), lambda op, x: op.MatMul(x, op.Transpose(x, perm=[1, 0]))),
    ],
)
def test_what_fits_one_batch_stops_on_another(shape: Any, body: Any, tmp_path: Path) -> None:
    """Its inputs say the batch; what fits any batch does not."""
    builder = Builder("test")
    x = builder.input("x", ["batch", *shape[1:]])
    x.metadata_props[SAID] = str(shape[0])
    builder.graph.outputs.append(body(builder.op, x))
    network = from_ir(builder.model())
    guard = network.layers[1]
    assert (guard.type, guard.name) == ("Reshape", "x_fixed")
    assert list(guard.message.reshape_param.shape.dim) == list(shape)
    paths = writer.write(network, tmp_path / "net.prototxt")
    reader.read(Source(*paths))
    with pytest.raises(ShapeError, match="x_fixed"):
        importer.to_ir(reader.read(Source(*paths, input_shapes={"x": (5, *shape[1:])})))
