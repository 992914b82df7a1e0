"""Activations, as the blocks that CNTK's own functions of these names make.

NonlinearityNodes.h of Source/ComputationNetworkLib, and Function.cpp of Source/CNTKv2LibraryDll.
"""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.cntk._blocks import SAME
from mmdnn.frameworks.cntk.exporter.functions import CNTK
from mmdnn.frameworks.cntk.exporter.insides import inside
from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, exporter
from mmdnn.ir.exporting import ExportedNode

BLOCKS = {name: type_ for type_, (name, _) in SAME.items()}


@exporter("Relu", "Tanh", doc=f"{API}/cntk.ops#relu")
def unary(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    return cntk.ReLU(x) if node.type == "Relu" else cntk.Tanh(x)


@exporter("Sigmoid", doc=f"{API}/cntk.ops#sigmoid")
def sigmoid(node: ExportedNode, cntk: CNTK, x: Operand) -> Operand:
    """`StableSigmoid`, as `cntk.sigmoid` makes it, unless the source had the other."""
    return (
        cntk.Sigmoid(x) if node.source_type == "Sigmoid" and cntk.is_own else cntk.StableSigmoid(x)
    )


@exporter(*(name for name, _ in SAME.values()), doc=f"{API}/cntk.ops#leaky_relu")
def same(node: ExportedNode, cntk: CNTK, x: Operand, **numbers: float) -> Operand:
    return inside(cntk, BLOCKS[node.type], x, numbers=numbers)


@exporter("PRelu", doc=f"{API}/cntk.ops#param_relu")
def prelu(node: ExportedNode, cntk: CNTK, x: Operand, slope: Operand) -> Operand:
    return inside(cntk, "PReLU", x, slope)


@exporter("Elu", doc=f"{API}/cntk.ops#elu")
def elu(node: ExportedNode, cntk: CNTK, x: Operand, *, alpha: float) -> Operand:
    if node.source_type == "ELU" and cntk.is_own and alpha == 1:
        return cntk.ELU(x)
    return inside(cntk, "ELU", x, numbers={"alpha": alpha})


@exporter("Softmax", "LogSoftmax", doc=f"{API}/cntk.ops#softmax")
def softmax(node: ExportedNode, cntk: CNTK, x: Operand, *, axis: int) -> Operand:
    """Without an axis CNTK's takes all static axes together, which are one here or another."""
    x, position = cntk.static(x, axis)
    if node.type == "Softmax" and len(x.shape) == 1:
        return cntk.Softmax(x)
    return inside(cntk, node.type, x, position=position)


@exporter("Hardmax", doc=f"{API}/cntk.ops#hardmax")
def hardmax(node: ExportedNode, cntk: CNTK, x: Operand, *, axis: int) -> Operand:
    """1 at the first of the largest."""
    x, position = cntk.static(x, axis)
    if len(x.shape) == 1:
        return cntk.Hardmax(x)
    size = cntk.size(x, position)
    places = np.arange(size, dtype=x.dtype.numpy()).reshape(size, *[1] * (x.rank - 1 - position))
    return cntk.Equal(cntk.constant(places), cntk.reduce("Argmax", x, [position]))
