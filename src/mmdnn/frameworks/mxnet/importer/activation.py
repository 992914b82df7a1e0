"""Activations (src/operator/nn/activation.cc, leaky_relu-inl.h, softmax.cc) and dropout."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.mxnet._rows import ACTIVATIONS
from mmdnn.frameworks.mxnet.importer.dtypes import array, cast, choose, named
from mmdnn.frameworks.mxnet.importer.elementwise import named_unary, register_unary
from mmdnn.frameworks.mxnet.importer.table import NN, ImportedNode, importer, same
from mmdnn.ir.axes import flat, reshape
from mmdnn.ir.builder import Op, known, rank


@importer("Activation", doc=f"{NN}.Activation")
def activation(node: ImportedNode, op: Op, x: ir.Value, *, act_type: str) -> ir.Value:
    return op[ACTIVATIONS[act_type]](x)


for _name in ACTIVATIONS.keys() - {"softrelu"}:
    register_unary(_name, named_unary(ACTIVATIONS[_name]))


@importer("LeakyReLU", doc=f"{NN}.LeakyReLU", unused="lower_bound upper_bound slope")
def leaky_relu(node: ImportedNode, op: Op, x: ir.Value, *gamma: ir.Value) -> ir.Value:
    """A random slope is its mean at inference."""
    p = node.p
    if p.act_type == "prelu":
        return op.PRelu(x, _slopes(node, op, x, *gamma))
    if p.act_type == "rrelu":
        return op.LeakyRelu(x, alpha=(p.lower_bound + p.upper_bound) / 2)
    if p.act_type == "elu":
        return op.Elu(x, alpha=p.slope)
    if p.act_type == "selu":
        return op.Selu(x)
    return op.Gelu(x) if p.act_type == "gelu" else op.LeakyRelu(x, alpha=p.slope)


def _slopes(node: ImportedNode, op: Op, x: ir.Value, gamma: ir.Value) -> ir.Value:
    """One for each channel, or one for all: with axes of size 1 for those after the channels."""
    if rank(gamma) != 1 or rank(x) <= 2 or known(gamma, 0) == 1:
        return gamma
    ones = rank(x) - 2
    shape = (known(gamma, 0), *[1] * ones)
    made = node.graph.changed(gamma, f"{ones + 1}d", lambda array: array.reshape(shape), shape)
    return made if made is not None else op.Unsqueeze(gamma, list(range(1, ones + 1)))


@importer("SoftmaxActivation", doc=f"{NN}.SoftmaxActivation")
def softmax_activation(node: ImportedNode, op: Op, x: ir.Value, *, mode: str) -> ir.Value:
    """Over the channels, or, as "instance", over the last axis."""
    return op.Softmax(x, axis=1 if mode == "channel" else -1)


def over_all(op: Op, x: ir.Value) -> ir.Value:
    """Softmax over everything but the batch."""
    if rank(x) == 2:
        return op.Softmax(x, axis=1)
    return _back(op, op.Softmax(flat(op, x), axis=1), x)


def _back(op: Op, y: ir.Value, x: ir.Value) -> ir.Value:
    dims = list(x.shape or ())
    if all(isinstance(dim, int) for dim in dims[1:]):
        y = reshape(op, y, [(0,), *[dim for dim in dims[1:] if isinstance(dim, int)]])
    else:
        y = op.Reshape(y, op.Shape(x))
    y.shape = x.shape
    return y


@importer("softmax", "log_softmax", "softmin", doc=f"{NN}.softmax", unused="use_length")
def softmax(node: ImportedNode, op: Op, x: ir.Value, *length: ir.Value) -> ir.Value:
    """With lengths, only so many of the first entries count; the others are 0."""
    p = node.p
    axis = node.axis(p.axis, x)
    if node.type == "softmin":
        x = op.Neg(x)
    if p.temperature not in {None, 1.0}:
        x = op.Div(x, array(p.temperature, x))
    if node.type != "softmax":
        made = op.LogSoftmax if node.type == "log_softmax" else op.Softmax
        if length:
            node.refuse("lengths")
        return cast(op, made(x, axis=axis), named(p.dtype))
    if not p.use_length:
        return cast(op, op.Softmax(x, axis=axis), named(p.dtype))
    inside = _inside(op, x, length[0], axis)
    masked = choose(op, inside, x, array(-np.inf, x))
    y = choose(op, inside, op.Softmax(masked, axis=axis), array(0, x))
    return cast(op, y, named(p.dtype))


def _inside(op: Op, x: ir.Value, length: ir.Value, axis: int) -> ir.Value:
    """Which places along the axis come before the length."""
    places = op.Range(np.int64(0), op.Squeeze(op.Shape(x, start=axis, end=axis + 1)), np.int64(1))
    after = list(range(1, rank(x) - axis))
    places = op.Unsqueeze(places, after) if after else places
    limit = op.Unsqueeze(op.Cast(length, to=ir.DataType.INT64), [axis])
    return op.Less(places, limit)


same("HardSigmoid", "hard_sigmoid", doc=f"{NN}.hard_sigmoid", alpha="alpha", beta="beta")
