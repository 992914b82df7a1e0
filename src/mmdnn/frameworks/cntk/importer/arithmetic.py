"""Operators on two tensors (Source/ComputationNetworkLib/LinearAlgebraNodes.h, InputAndParamNodes.h)."""

from __future__ import annotations

from typing import Any

from mmdnn.frameworks.cntk.importer.operand import Operand, align
from mmdnn.frameworks.cntk.importer.table import API, Importing, importer

BINARY = {"Plus": "Add", "Minus": "Sub", "ElementTimes": "Mul"}


@importer(*BINARY, doc=f"{API}/cntk.ops#plus")
def binary(f: Importing, op: Any, x: Operand, y: Operand) -> Operand:
    axes, values = align(op, [x, y])
    return Operand(getattr(op, BINARY[f.function.op])(*values), axes)
