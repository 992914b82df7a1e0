"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Elu", doc=f"{TUTORIAL}/elu.html")
    def elu(node, caffe, x, *, alpha):
        return caffe.layer("ELU", x, alpha=alpha)

A function gets the node, the `caffe` it writes with, for each input a `Blob`, or a `Constant` where it
is an initializer, or None for one left out, and the node's attributes by name (see
`mmdnn.ir.exporting`). It returns the blob of its output, or one for each output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmdnn.frameworks.caffe._layers import LAYERS, LayerType, Onnx
from mmdnn.frameworks.caffe.exporter.blobs import Blob
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode, Exporter

TUTORIAL = "https://caffe.berkeleyvision.org/tutorial/layers"

LIFTED = "mmdnn.lifted"
"""The domain of nodes that are layers already; see `lifting`."""

exporter = Exporter("Caffe", domain=LIFTED)
"""Registers a function `(node, caffe, *inputs, **attributes) -> blob or blobs` for an ONNX operator."""


def plain(module: str) -> None:
    """Register the operators of a family that are one layer by its row (see `_layers`)."""
    for row in LAYERS.values():
        for each in row.onnx if row.family == module.rpartition(".")[2] else ():
            exporter(each.operator, doc=f"{TUTORIAL}/{row.name.lower()}.html")(
                _of_row(row, each, module)
            )


def _of_row(row: LayerType, onnx: Onnx, module: str) -> Callable[..., Blob]:
    def function(node: ExportedNode, caffe: Writer, x: Operand, **attributes: Any) -> Blob:
        if "axis" in attributes:
            attributes["axis"] = node.axis(x, attributes["axis"])
        fields = {onnx.fields[name]: value for name, value in attributes.items()}
        return caffe.layer(row.name, caffe.blob(x), **fields)

    function.__module__ = module
    return function
