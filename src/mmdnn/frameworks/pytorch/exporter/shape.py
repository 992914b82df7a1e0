"""Operators that rearrange elements."""

from __future__ import annotations

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter
from mmdnn.frameworks.pytorch.graph import Code, Variable


@exporter("Transpose", doc="Transpose")
def transpose(node: Exporting, torch: Writing, x: Variable) -> Code:
    axes = node.attribute("perm") or list(reversed(range(x.rank or 0)))
    return torch.method(x, "permute", *axes)
