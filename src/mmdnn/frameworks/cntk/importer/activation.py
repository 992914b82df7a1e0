"""Activations (Source/ComputationNetworkLib/NonlinearityNodes.h)."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.cntk.importer.operand import Operand
from mmdnn.frameworks.cntk.importer.table import API, Importing, block, importer

UNARY = {"ReLU": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "StableSigmoid": "Sigmoid"}


@importer(*UNARY, doc=f"{API}/cntk.ops#relu")
def unary(f: Importing, op: Any, x: Operand) -> ir.Value:
    made: ir.Value = getattr(op, UNARY[f.function.op])(x.value)
    return made


@block(
    "LeakyReLU",
    "Select(Less(x, zero), ElementTimes(alpha, x), x)",
    doc=f"{API}/cntk.ops#leaky_relu",
)
def leaky_relu(f: Importing, op: Any, x: Operand, zero: Operand, alpha: Operand) -> Any:
    slope, start = f.constant(alpha), f.constant(zero)
    if slope is None or start is None or slope.size != 1 or start.any():
        f.refuse("its slope is computed")
    return op.LeakyRelu(x.value, alpha=float(slope.reshape(())))
