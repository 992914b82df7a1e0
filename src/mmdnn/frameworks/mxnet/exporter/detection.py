"""What ONNX has no operator for, kept by name as a local function: one layer of MXNet each.

The attributes of such a function are the parameters of MXNet's operator.
"""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.mxnet._schema import operators
from mmdnn.frameworks.mxnet.exporter.table import Array, Exporting, Writing, exporter

DOMAIN = "mmdnn.mxnet"

FUNCTIONS = {
    "Correlation": "Correlation",
    "MultiBoxDetection": "_contrib_MultiBoxDetection",
    "MultiBoxPrior": "_contrib_MultiBoxPrior",
    "PSROIPooling": "_contrib_PSROIPooling",
    "Proposal": "_contrib_MultiProposal",
    "ROIAlign": "_contrib_ROIAlign",
    "ROIPooling": "ROIPooling",
    "box_nms": "_contrib_box_nms",
    "gamma": "gamma",
    "gammaln": "gammaln",
    "digamma": "digamma",
}
"""The name in the IR, and MXNet's operator."""


def _kept(op: str) -> Any:
    def write(node: Exporting, mx: Writing, *inputs: Array) -> list[Array]:
        type_ = node.source_type if node.source_type in operators() else op
        params = {name: node.attribute(name) for name in list(node.node.attributes)}
        if "output_score" in operators()[type_].params and node.wants(1):
            params["output_score"] = True
        return mx.outputs(mx.make(type_, *inputs, **params), len(node.node.outputs))

    return write


for _name, _op in FUNCTIONS.items():
    if _op in operators():
        exporter(f"{DOMAIN}::{_name}", doc=f"mxnet {_op}")(_kept(_op))
