"""Losses."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, unless
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code


def _loss(
    torch: Writer,
    function: str,
    x: Variable,
    labels: Variable,
    weight: Variable | None,
    reduction: str,
    ignored: int | None,
) -> Code:
    options = unless(
        weight=(weight, None), ignore_index=(ignored, None), reduction=(reduction, "mean")
    )
    places: Any = labels if labels.dtype == ir.DataType.INT64 else torch.method(labels, "long")
    return torch.call(function, x, places, **options)


@exporter("NegativeLogLikelihoodLoss", doc="NegativeLogLikelihoodLoss")
def nll_loss(
    _node: ExportedNode,
    torch: Writer,
    x: Variable,
    labels: Variable,
    weight: Variable | None = None,
    *,
    reduction: str,
    ignore_index: int | None = None,
) -> Code:
    return _loss(torch, "F.nll_loss", x, labels, weight, reduction, ignore_index)


@exporter("SoftmaxCrossEntropyLoss", doc="SoftmaxCrossEntropyLoss")
def cross_entropy(
    node: ExportedNode,
    torch: Writer,
    x: Variable,
    labels: Variable,
    weight: Variable | None = None,
    *,
    reduction: str,
    ignore_index: int | None = None,
) -> Any:
    if not node.wants(1):
        return _loss(torch, "F.cross_entropy", x, labels, weight, reduction, ignore_index)
    logs = torch.let("log_prob", torch.call("F.log_softmax", x, dim=1))
    return [_loss(torch, "F.nll_loss", logs, labels, weight, reduction, ignore_index), logs]
