"""Small graphs from the text of ONNX (https://onnx.ai/onnx/api/parser.html), run in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnx_ir as ir

from mmdnn.frameworks.onnx import engine

Arrays = Mapping[str, np.ndarray]


def model(text: str) -> ir.Model:
    """A model of the IR's opset from the text of its graph, types and shapes inferred."""
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 22]> {text}')
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto, data_prop=True))


def outputs(of: ir.Model, feeds: Arrays) -> list[np.ndarray]:
    """The outputs, in onnxruntime."""
    found = engine.run(of, feeds)
    return [found[str(value.name)] for value in of.graph.outputs]


def same(one: ir.Model, other: ir.Model, feeds: Arrays) -> None:
    """That two models compute the same numbers, to the last bit."""
    for was, now in zip(outputs(one, feeds), outputs(other, feeds), strict=True):
        np.testing.assert_array_equal(was, now, strict=True)


def operators(of: ir.Model) -> list[str]:
    """The types of the main graph's nodes."""
    return [node.op_type for node in of.graph]
