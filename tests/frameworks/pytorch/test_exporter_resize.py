"""Resize against onnxruntime, by the modes, coordinates and sizes that models use."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch import codegen, engine, exporter

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

TRANSFORMATIONS = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
SIZES = [(12, 14), (9, 5), (3, 4), (6, 7)]


def model(size: tuple[int, int], *, scales: bool, **attributes) -> ir.Model:
    x = ir.val("x", dtype=ir.DataType.FLOAT, shape=ir.Shape((1, 2, 6, 7)))
    if scales:
        array = np.array([1, 1, size[0] / 6, size[1] / 7], np.float32)
        given = [None, ir.val("scales", const_value=ir.tensor(array, name="scales"))]
    else:
        array = np.array([1, 2, *size], np.int64)
        given = [None, None, ir.val("sizes", const_value=ir.tensor(array, name="sizes"))]
    node = ir.node("Resize", [x, *given], attributes, name="resize")
    node.outputs[0].name = "y"
    node.outputs[0].dtype = ir.DataType.FLOAT
    graph = ir.Graph(
        [x], node.outputs, nodes=[node], initializers=given[-1:], opset_imports={"": 22}, name="net"
    )
    return ir.Model(graph, ir_version=10)


def check(made: ir.Model) -> None:
    feeds = {"x": np.random.default_rng(0).standard_normal((1, 2, 6, 7)).astype(np.float32)}
    session = onnxruntime.InferenceSession(ir.to_proto(made).SerializeToString())
    (wanted,) = session.run(None, feeds)
    found = engine.run(exporter.from_ir(made), feeds)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("rounding", "transformation"), list(product(ROUNDINGS, TRANSFORMATIONS)))
@pytest.mark.parametrize("size", SIZES)
def test_nearest(size, rounding, transformation):
    attributes = {"nearest_mode": rounding, "coordinate_transformation_mode": transformation}
    check(model(size, scales=False, mode="nearest", **attributes))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_nearest_is_that_of_single_precision(rounding):
    made = model((3, 4), scales=True, mode="nearest", nearest_mode=rounding)
    scales = np.array([1, 1, 0.5, 0.7], np.float32)
    made.graph.initializers["scales"].const_value = ir.tensor(scales, name="scales")
    check(made)


@pytest.mark.parametrize(
    ("mode", "transformation"), list(product(["linear", "cubic"], TRANSFORMATIONS))
)
@pytest.mark.parametrize("size", SIZES)
def test_smooth(size, mode, transformation):
    check(model(size, scales=False, mode=mode, coordinate_transformation_mode=transformation))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("size", [(12, 14), (4, 4), (9, 10)])
def test_by_scales(size, mode):
    check(model(size, scales=True, mode=mode))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("size", SIZES)
def test_antialias(size, mode):
    check(model(size, scales=False, mode=mode, antialias=1))


@pytest.mark.parametrize("size", SIZES)
def test_exclude_outside(size):
    check(model(size, scales=False, mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5))


def test_what_torch_has_is_one_call():
    source = codegen.source(exporter.from_ir(model((12, 14), scales=True, mode="nearest")))
    assert "F.interpolate(x, scale_factor=2)" in source
    source = codegen.source(exporter.from_ir(model((9, 5), scales=False, mode="linear")))
    assert 'F.interpolate(x, size=(9, 5), mode="bilinear")' in source


def test_corners_of_broken_sizes_are_refused():
    made = model(
        (9, 10), scales=True, mode="linear", coordinate_transformation_mode="align_corners"
    )
    made.graph.initializers["scales"].const_value = ir.tensor(
        np.array([1, 1, 0.7, 0.7], np.float32)
    )
    with pytest.raises(UnsupportedError, match="disagree"):
        exporter.from_ir(made)
