"""Losses."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code


def _options(node: Exporting, weight: Variable | None) -> dict[str, Any]:
    options: dict[str, Any] = {} if weight is None else {"weight": weight}
    ignored = node.attribute("ignore_index")
    if ignored is not None:
        options["ignore_index"] = ignored
    reduction = node.attribute("reduction", "mean")
    return options if reduction == "mean" else {**options, "reduction": reduction}


def _labels(torch: Writing, labels: Variable) -> Any:
    return labels if labels.dtype == ir.DataType.INT64 else torch.method(labels, "long")


@exporter("NegativeLogLikelihoodLoss", doc="NegativeLogLikelihoodLoss")
def nll_loss(
    node: Exporting, torch: Writing, x: Variable, labels: Variable, weight: Variable | None = None
) -> Code:
    return torch.call("F.nll_loss", x, _labels(torch, labels), **_options(node, weight))


@exporter("SoftmaxCrossEntropyLoss", doc="SoftmaxCrossEntropyLoss")
def cross_entropy(
    node: Exporting, torch: Writing, x: Variable, labels: Variable, weight: Variable | None = None
) -> Any:
    options = _options(node, weight)
    if not node.wants(1):
        return torch.call("F.cross_entropy", x, _labels(torch, labels), **options)
    logs = torch.let("log_prob", torch.call("F.log_softmax", x, dim=1))
    return [torch.call("F.nll_loss", logs, _labels(torch, labels), **options), logs]
