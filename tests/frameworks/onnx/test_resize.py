"""Resize with inputs that are empty, coordinates that ONNX gave up, and sizes that are open."""

from __future__ import annotations

import numpy as np
import onnx.parser
import onnx_ir as ir
import pytest

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet.exporter import from_ir as to_mxnet
from mmdnn.frameworks.onnx import engine, importer
from mmdnn.ir.passes.canonical import canonical

X = np.arange(40, dtype=np.float32).reshape(1, 2, 4, 5)


def _resize(opset: int, x: str, held: dict[str, str], **said: str) -> ir.Model:
    attributes = ", ".join(f'{name}="{value}"' for name, value in said.items())
    weights = ", ".join(f"{kind} = {{}}" if "[0]" in kind else kind for kind in held.values())
    text = (
        f'<ir_version: 7, opset_import: ["": {opset}]> net (float[{x}] x) => (float[] y)'
        f" <{weights}> {{ y = Resize<{attributes}>(x, {', '.join(held)}) }}"
    )
    return ir.serde.deserialize_model(onnx.parser.parse_model(text))


def _numbers(values: list[int]) -> str:
    return ", ".join(map(str, values))


def _by_sizes(opset: int, sizes: list[int], **said: str) -> ir.Model:
    held = {"roi": "float[0] roi", "scales": "float[0] scales"}
    held["sizes"] = f"int64[4] sizes = {{{_numbers(sizes)}}}"
    return _resize(opset, "1, 2, 4, 5", held, **said)


def test_empty_inputs_are_none() -> None:
    (node,) = canonical(importer.to_ir(_by_sizes(13, [1, 2, 8, 10], mode="linear"))).graph
    assert [value.name if value else None for value in node.inputs] == ["x", None, None, "sizes"]


@pytest.mark.parametrize("rounding", [{}, {"nearest_mode": "floor"}])
@pytest.mark.parametrize("sizes", [[1, 2, 8, 10], [1, 2, 7, 3]])
def test_tensorflows_half_pixels(rounding: dict[str, str], sizes: list[int]) -> None:
    """As onnxruntime reads them in the opset that has them."""
    said = {"coordinate_transformation_mode": "tf_half_pixel_for_nn", **rounding}
    model = _by_sizes(11, sizes, mode="nearest", **said)
    wanted = engine.run(model, {"x": X})["y"]
    np.testing.assert_array_equal(engine.run(importer.to_ir(model), {"x": X})["y"], wanted)


def test_tensorflows_half_pixels_that_no_other_rule_says_are_refused() -> None:
    said = {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": "ceil"}
    with pytest.raises(UnsupportedError, match="tf_half_pixel_for_nn"):
        importer.to_ir(_by_sizes(11, [1, 2, 8, 10], mode="nearest", **said))


@pytest.mark.parametrize(
    ("scales", "operators"), [((2, 2), ["UpSampling"]), ((2, 3), ["repeat", "repeat"])]
)
def test_open_sizes_to_mxnet_by_whole_scales(scales: tuple[int, int], operators: list[str]) -> None:
    held = {"roi": "float[0] roi", "scales": f"float[4] scales = {{{_numbers([1, 1, *scales])}}}"}
    said = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    model = importer.to_ir(_resize(13, "N, 2, h, w", held, mode="nearest", **said))
    assert [node.op for node in to_mxnet(model).symbol.operators] == operators
