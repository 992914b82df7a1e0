"""Element-wise operators."""

from __future__ import annotations

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter
from mmdnn.frameworks.pytorch.graph import Code, Variable


@exporter("Relu", doc="Relu")
def relu(_node: Exporting, torch: Writing, x: Variable) -> Code:
    return torch.call("F.relu", x)


@exporter("Add", doc="Add")
def add(_node: Exporting, torch: Writing, a: Variable, b: Variable) -> Code:
    return torch.binary("+", a, b)


@exporter("Identity", doc="Identity")
def identity(_node: Exporting, _torch: Writing, x: Variable) -> Variable:
    return x
