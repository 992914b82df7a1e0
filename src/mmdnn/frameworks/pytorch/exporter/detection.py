"""Choosing among boxes."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter, literal
from mmdnn.frameworks.pytorch.graph import Code, Variable


@exporter("NonMaxSuppression", doc="NonMaxSuppression")
def non_max_suppression(
    node: Exporting,
    torch: Writing,
    boxes: Variable,
    scores: Variable,
    limit: Variable | None = None,
    overlap: Variable | None = None,
    threshold: Variable | None = None,
) -> Code:
    options: dict[str, Any] = {}
    for name, x in (("limit", limit), ("overlap", overlap), ("threshold", threshold)):
        if x is not None:
            known = torch.static(x)
            options[name] = x if known is None else literal(known.reshape(-1)[0])
    if node.attribute("center_point_box", 0):
        options["center_point_box"] = True
    return torch.helper("non_max_suppression", boxes, scores, **options)
