"""Activations, as the blocks that CNTK's own functions of these names make.

NonlinearityNodes.h of Source/ComputationNetworkLib, and Function.cpp of Source/CNTKv2LibraryDll.
"""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.exporter.table import API, Exporting, exporter
from mmdnn.frameworks.cntk.exporter.writer import Writer

SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875


@exporter("Relu", "Tanh", doc=f"{API}/cntk.ops#relu")
def unary(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    return cntk.ReLU(x) if node.type == "Relu" else cntk.Tanh(x)


@exporter("Sigmoid", doc=f"{API}/cntk.ops#sigmoid")
def sigmoid(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    """`StableSigmoid`, as `cntk.sigmoid` makes it, unless the source had the other."""
    return (
        cntk.Sigmoid(x) if node.source_type == "Sigmoid" and cntk.is_own else cntk.StableSigmoid(x)
    )


def below_zero(cntk: Writer, x: Operand, y: Operand) -> Operand:
    """Y where x is below 0, else x."""
    return cntk.Select(cntk.Less(x, cntk.number(0, x)), y, x)


@exporter("LeakyRelu", doc=f"{API}/cntk.ops#leaky_relu")
def leaky_relu(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    alpha = node.attribute("alpha", 0.01)
    with cntk.block("LeakyReLU", alpha=alpha):
        return below_zero(cntk, x, cntk.ElementTimes(cntk.number(alpha, x), x))


@exporter("PRelu", doc=f"{API}/cntk.ops#param_relu")
def prelu(node: Exporting, cntk: Writer, x: Operand, slope: Operand) -> Operand:
    with cntk.block("PReLU"):
        return below_zero(cntk, x, cntk.ElementTimes(slope, x))


@exporter("Elu", doc=f"{API}/cntk.ops#elu")
def elu(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    alpha = node.attribute("alpha", 1.0)
    if node.source_type == "ELU" and cntk.is_own and alpha == 1:
        return cntk.ELU(x)
    with cntk.block("ELU", alpha=alpha):
        return below_zero(cntk, x, cntk.ElementTimes(cntk.number(alpha, x), cntk.ELU(x)))


@exporter("Selu", doc=f"{API}/cntk.ops#selu")
def selu(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    alpha, gamma = node.attribute("alpha", SELU_ALPHA), node.attribute("gamma", SELU_GAMMA)
    with cntk.block("SELU", alpha=alpha, gamma=gamma):
        y = below_zero(cntk, x, cntk.ElementTimes(cntk.number(alpha, x), cntk.ELU(x)))
        return cntk.ElementTimes(cntk.number(gamma, x), y)


@exporter("HardSigmoid", doc=f"{API}/cntk.ops#hard_sigmoid")
def hard_sigmoid(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    alpha, beta = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    zero, one = cntk.number(0, x), cntk.number(1, x)
    with cntk.block("HardSigmoid", alpha=alpha, beta=beta):
        line = cntk.Plus(cntk.ElementTimes(x, cntk.number(alpha, x)), cntk.number(beta, x))
        below = cntk.Select(cntk.Less(line, one), line, one)
        return cntk.Select(cntk.Greater(below, zero), below, zero)


@exporter("Softplus", doc=f"{API}/cntk.ops#softplus")
def softplus(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    with cntk.block("Softplus"):
        return cntk.LogPlus(x, cntk.number(0, x))


@exporter("Softsign", doc=f"{API}/cntk.ops#softsign")
def softsign(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    with cntk.block("Softsign"):
        return cntk.divide(x, cntk.Plus(cntk.Abs(x), cntk.number(1, x)))


@exporter("Softmax", doc=f"{API}/cntk.ops#softmax")
def softmax(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    """Without an axis CNTK takes all static axes together, which are one here or another."""
    position = node.position("axis", -1, x.rank)
    x = cntk.unbatched(x) if x.layout[position] is not None else x
    if len(x.shape) == 1:
        return cntk.Softmax(x)
    with cntk.block("Softmax", axis=x.axis(position)):
        powers = cntk.Exp(cntk.Minus(x, cntk.reduce("Max", x, [position])))
        return cntk.divide(powers, cntk.reduce("Sum", powers, [position]))


@exporter("LogSoftmax", doc=f"{API}/cntk.ops#log_softmax")
def log_softmax(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    position = node.position("axis", -1, x.rank)
    x = cntk.unbatched(x) if x.layout[position] is not None else x
    with cntk.block("LogSoftmax", axis=x.axis(position)):
        shifted = cntk.Minus(x, cntk.reduce("Max", x, [position]))
        total = cntk.reduce("Sum", cntk.Exp(shifted), [position])
        return cntk.Minus(shifted, cntk.Log(total))


@exporter("Hardmax", doc=f"{API}/cntk.ops#hardmax")
def hardmax(node: Exporting, cntk: Writer, x: Operand) -> Operand:
    """1 at the first of the largest."""
    position = node.position("axis", -1, x.rank)
    x = cntk.unbatched(x) if x.layout[position] is not None else x
    if len(x.shape) == 1:
        return cntk.Hardmax(x)
    size = cntk.size(x, position)
    places = np.arange(size, dtype=x.dtype.numpy()).reshape(size, *[1] * (x.rank - 1 - position))
    return cntk.Equal(cntk.constant(places), cntk.reduce("Argmax", x, [position]))
