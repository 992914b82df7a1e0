"""Losses and Accuracy, run forward on labels (files of the same names in src/caffe/layers).

A loss is a sum over items, divided by one of four normalisers; `loss_weight` does not scale it.
Labels are numbers cut to integers, as many as there are predictions, in any shape.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import agree, count, known, reshape
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.frameworks.caffe.reader.weights import read_blob
from mmdnn.ir.builder import Op, dimensions
from mmdnn.tensors import references

FULL, VALID, BATCH_SIZE, NONE = range(4)
L1, L2 = 1, 2
TINY = float(np.finfo(np.float32).tiny)
LOG_THRESHOLD = 1e-20
ZERO = np.float32(0)


@importer("SoftmaxWithLoss")
def softmax_with_loss(layer: ImportedLayer, op: Op, x: ir.Value, label: ir.Value) -> list[ir.Value]:
    axis = layer.axis(layer.param().axis, x)
    probability = op.Softmax(x, axis=axis)
    label, valid = _labels(layer, op, x, label, axis)
    chosen = op.GatherElements(probability, label, axis=axis)
    each = op.Neg(op.Log(op.Max(chosen, TINY)))
    loss = _normalised(op, each, valid, _mode(layer, VALID), count(x, axis + 1))
    return [loss, probability]


@importer("InfogainLoss")
def infogain_loss(
    layer: ImportedLayer, op: Op, x: ir.Value, label: ir.Value, gains: ir.Value | None = None
) -> list[ir.Value]:
    """Every class's log probability, weighted by the label's row of a matrix (K x K)."""
    if layer.param("loss_param").HasField("normalize"):
        layer.unfit("normalize is not for this loss")
    axis = layer.axis(layer.param().axis, x)
    classes, rank = known(x, axis), len(dimensions(x))
    probability = op.Softmax(x, axis=axis)
    label, valid = _labels(layer, op, x, label, axis)
    gains = _gains(layer, classes) if gains is None else reshape(op, gains, [classes, classes])
    rows = op.Gather(gains, label, axis=0)
    last = [*range(axis), rank, *range(axis + 1, rank), axis]
    weights = op.Squeeze(op.Transpose(rows, perm=last), [rank])
    terms = op.Mul(weights, op.Log(op.Max(probability, LOG_THRESHOLD)))
    each = op.Neg(op.ReduceSum(terms, [axis]))
    loss = _normalised(op, each, valid, _mode(layer, VALID), count(x, axis + 1))
    return [loss, probability]


def _gains(layer: ImportedLayer, classes: int) -> ir.Value:
    """The matrix of a binaryproto that the layer names, looked for beside the network."""
    name = layer.param().source
    path = layer.folder / Path(name).name if layer.folder and name else None
    if path is None or not path.is_file():
        layer.unfit(f"its matrix '{name}' is not beside the network")
    matrix = read_blob(path)
    if matrix.size != classes**2:
        layer.unfit(f"its matrix has {matrix.size} numbers for {classes} classes")
    return layer.builder.weight("gains", references.reshaped(matrix, (classes, classes), "gains"))


@importer("SigmoidCrossEntropyLoss")
def sigmoid_cross_entropy_loss(
    layer: ImportedLayer, op: Op, x: ir.Value, target: ir.Value
) -> ir.Value:
    """log(1 + e^x) - x t."""
    agree(x, target, [(0, 0)])
    target = reshape(op, target, dimensions(x))
    each = op.Sub(op.Softplus(x), op.Mul(x, target))
    whole = op.Cast(target, to=ir.DataType.INT64)
    return _normalised(op, each, _valid(layer, op, whole), _mode(layer, BATCH_SIZE), count(x, 1))


@importer("EuclideanLoss")
def euclidean_loss(_layer: ImportedLayer, op: Op, x: ir.Value, target: ir.Value) -> ir.Value:
    """Half the mean over the batch of the squared distance."""
    agree(x, target, [(0, 0)])
    difference = op.Sub(x, reshape(op, target, dimensions(x)))
    return _over_batch(op, op.Mul(difference, difference), count(x, 1) / 2)


@importer("HingeLoss")
def hinge_loss(layer: ImportedLayer, op: Op, x: ir.Value, label: ir.Value) -> ir.Value:
    """max(0, 1 - x) for the label's class and max(0, 1 + x) for the others, or their squares."""
    flat, label = _rows(op, x, label)
    classes = known(flat, 1)
    sign = op.Squeeze(op.OneHot(label, [classes], np.array([1, -1], np.float32)), [1])
    each = op.Relu(op.Add(op.Mul(flat, sign), 1.0))
    if layer.param().norm == L2:
        each = op.Mul(each, each)
    return _over_batch(op, each, classes)


@importer("MultinomialLogisticLoss")
def multinomial_logistic_loss(
    _layer: ImportedLayer, op: Op, x: ir.Value, label: ir.Value
) -> ir.Value:
    flat, label = _rows(op, x, label)
    chosen = op.GatherElements(flat, label, axis=1)
    return op.Neg(op.ReduceMean(op.Log(op.Max(chosen, LOG_THRESHOLD)), keepdims=0))


@importer("ContrastiveLoss")
def contrastive_loss(
    layer: ImportedLayer, op: Op, a: ir.Value, b: ir.Value, similar: ir.Value
) -> ir.Value:
    """The squared distance of similar pairs; how far that of others is below the margin."""
    p = layer.param()
    agree(a, b, [(0, 0)])
    channels = known(a, 1) if len(dimensions(a)) > 1 else 1
    flat = [reshape(op, x, [dimensions(a)[0], channels]) for x in (a, b)]
    squared = op.ReduceSumSquare(op.Sub(*flat), [1])
    if p.legacy_version:
        apart = op.Relu(op.Sub(p.margin, squared))
    else:
        short = op.Relu(op.Sub(p.margin, op.Sqrt(squared)))
        apart = op.Mul(short, short)
    similar = reshape(op, similar, dimensions(squared))
    whole = op.Cast(op.Cast(similar, to=ir.DataType.INT64), to=ir.DataType.BOOL)
    return _over_batch(op, op.Where(whole, squared, apart), 0.5)


@importer("Accuracy")
def accuracy(layer: ImportedLayer, op: Op, x: ir.Value, label: ir.Value) -> list[ir.Value]:
    """How often no more than `top_k` classes are as probable as the label; the same by class."""
    p = layer.param()
    axis = layer.axis(p.axis, x)
    classes = known(x, axis)
    if p.top_k > classes:
        layer.unfit(f"top_k {p.top_k} is more than the {classes} classes")
    ignored = p.ignore_label if p.HasField("ignore_label") else None
    label, valid = _labels(layer, op, x, label, axis, ignored)
    as_good = op.GreaterOrEqual(x, op.GatherElements(x, label, axis=axis))
    rank_of_label = op.ReduceSum(op.Cast(as_good, to=ir.DataType.FLOAT), [axis])
    hits = op.Cast(op.LessOrEqual(rank_of_label, float(p.top_k)), to=ir.DataType.FLOAT)
    weight = None if valid is None else op.Cast(valid, to=ir.DataType.FLOAT)
    if weight is None:
        total = op.ReduceMean(hits, keepdims=0)
    else:
        hits = op.Mul(hits, weight)
        many = op.Max(op.ReduceSum(weight, keepdims=0), 1.0)
        total = op.Div(op.ReduceSum(hits, keepdims=0), many)
    if len(layer.tops) < 2:
        return [total]
    members = op.OneHot(reshape(op, label, [None]), [classes], np.array([0, 1], np.float32))
    if weight is not None:
        members = op.Mul(members, reshape(op, weight, [None, 1]))
    members_hit = op.Mul(members, reshape(op, hits, [None, 1]))
    size = op.Max(op.ReduceSum(members, [0], keepdims=0), 1.0)
    return [total, op.Div(op.ReduceSum(members_hit, [0], keepdims=0), size)]


def _labels(
    layer: ImportedLayer,
    op: Op,
    x: ir.Value,
    label: ir.Value,
    axis: int,
    ignored: int | None = None,
) -> tuple[ir.Value, ir.Value | None]:
    """Labels as integers, shaped as x with one element on `axis`; which of them count."""
    dims = dimensions(x)
    label = reshape(op, label, [*dims[:axis], 1, *dims[axis + 1 :]])
    whole = op.Cast(label, to=ir.DataType.INT64)
    valid = _valid(layer, op, whole, ignored)
    return (whole if valid is None else op.Where(valid, whole, [0])), valid


def _valid(
    layer: ImportedLayer, op: Op, label: ir.Value, ignored: int | None = None
) -> ir.Value | None:
    p = layer.param("loss_param")
    if ignored is None and p.HasField("ignore_label") and layer.type != "Accuracy":
        ignored = p.ignore_label
    return None if ignored is None else op.Not(op.Equal(label, [ignored]))


def _rows(op: Op, x: ir.Value, label: ir.Value) -> tuple[ir.Value, ir.Value]:
    """An item a row, and its label as a row of one integer."""
    flat = x if len(dimensions(x)) == 2 else op.Flatten(x, axis=1)
    label = reshape(op, label, [dimensions(x)[0], 1])
    return flat, op.Cast(label, to=ir.DataType.INT64)


def _mode(layer: ImportedLayer, default: int) -> int:
    p = layer.param("loss_param")
    if p.HasField("normalization"):
        return int(p.normalization)
    if p.HasField("normalize"):
        return VALID if p.normalize else BATCH_SIZE
    return default


def _normalised(op: Op, each: ir.Value, valid: ir.Value | None, mode: int, inner: int) -> ir.Value:
    """The sum of what is valid, over the normaliser; `inner` is the number of elements an item."""
    if valid is not None:
        each = op.Where(valid, each, ZERO)
    if mode == NONE:
        return op.ReduceSum(each, keepdims=0)
    if mode == BATCH_SIZE:
        return _over_batch(op, each, inner)
    if mode == FULL or valid is None:
        return op.ReduceMean(each, keepdims=0)
    many = op.ReduceSum(op.Cast(valid, to=ir.DataType.FLOAT), keepdims=0)
    return op.Div(op.ReduceSum(each, keepdims=0), op.Max(many, 1.0))


def _over_batch(op: Op, each: ir.Value, factor: float) -> ir.Value:
    """The mean times a factor: with the size of an item, the sum over the batch's size."""
    mean = op.ReduceMean(each, keepdims=0)
    return mean if math.isclose(factor, 1) else op.Mul(mean, float(factor))
