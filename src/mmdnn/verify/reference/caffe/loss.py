"""Losses and Accuracy: each gives one number (src/caffe/layers/*_loss_layer.cpp)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmdnn.frameworks.caffe.reader.weights import read_blob
from mmdnn.verify.reference.caffe.layer import FLOAT_MIN, Array, Step, computes
from mmdnn.verify.reference.caffe.normalization import softmax

SMALL = 1e-20
"""kLOG_THRESHOLD: what the logarithms of losses take at least."""


def _normalizer(step: Step, sizes: tuple[int, int], valid: int, default: str) -> float:
    """What a loss is divided by; `normalize` is the old way to say it."""
    p = step.layer.message.loss_param
    mode = getattr(p, default)
    if p.HasField("normalization"):
        mode = p.normalization
    elif p.HasField("normalize"):
        mode = p.VALID if p.normalize else p.BATCH_SIZE
    outer, inner = sizes
    by = {p.FULL: outer * inner, p.VALID: valid, p.BATCH_SIZE: outer, p.NONE: 1}
    return max(1.0, float(by[mode]))


def _rows(step: Step, x: Array, labels: Array, axis: int) -> tuple[Array, Array, Array]:
    """Classes last, a row for each label; the labels; which of them count."""
    p = step.layer.message.loss_param
    rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    found = labels.reshape(-1).astype(np.int64)
    if len(found) != len(rows):
        step.wrong(f"{len(found)} labels for {len(rows)} predictions")
    counts = found != p.ignore_label if p.HasField("ignore_label") else np.ones(len(found), bool)
    if counts.any() and not 0 <= found[counts].min() <= found[counts].max() < x.shape[axis]:
        step.wrong(f"a label is none of {x.shape[axis]} classes")
    return rows, found, counts


@computes("SoftmaxWithLoss")
def softmax_with_loss(step: Step, x: Array, labels: Array) -> list[Array]:
    """The softmax's surprise at the labels; the probabilities are a second top."""
    axis = step.axis(step.layer.message.softmax_param.axis, x)
    probabilities = softmax(x, axis)
    rows, found, counts = _rows(step, probabilities, labels, axis)
    right = np.maximum(rows[counts, found[counts]], FLOAT_MIN)
    outer = int(np.prod(x.shape[:axis]))
    sizes = (outer, len(found) // max(outer, 1))
    total = -np.log(right).sum()
    return [
        np.asarray(total / _normalizer(step, sizes, int(counts.sum()), "VALID")),
        probabilities,
    ]


@computes("InfogainLoss")
def infogain_loss(step: Step, x: Array, labels: Array, *matrix: Array) -> list[Array]:
    """As SoftmaxWithLoss, each class weighed by a matrix for each label: a bottom's, or a file's."""
    weights = matrix[0] if matrix else _from_file(step)
    axis = step.axis(step.p.axis, x)
    probabilities = softmax(x, axis)
    rows, found, counts = _rows(step, probabilities, labels, axis)
    weights = weights.reshape(x.shape[axis], x.shape[axis])[found[counts]]
    total = -(weights * np.log(np.maximum(rows[counts], SMALL))).sum()
    outer = int(np.prod(x.shape[:axis]))
    sizes = (outer, len(found) // max(outer, 1))
    return [
        np.asarray(total / _normalizer(step, sizes, int(counts.sum()), "VALID")),
        probabilities,
    ]


def _from_file(step: Step) -> Array:
    path = step.folder / Path(step.p.source).name
    if not step.p.source or not path.is_file():
        step.refuse(f"the file '{step.p.source}' is not beside the network")
    return read_blob(path).numpy().astype(np.float64)


@computes("MultinomialLogisticLoss")
def multinomial_logistic_loss(step: Step, x: Array, labels: Array) -> Array:
    """The surprise of probabilities at the labels, for each image."""
    rows = x.reshape(len(x), -1)
    right = rows[np.arange(len(x)), _labels(step, rows, labels)]
    return np.asarray(-np.log(np.maximum(right, SMALL)).sum() / len(x))


def _labels(step: Step, rows: Array, labels: Array) -> Array:
    found = labels.reshape(-1).astype(np.int64)
    if len(found) != len(rows) or not 0 <= found.min() <= found.max() < rows.shape[1]:
        step.wrong(f"{len(found)} labels for {list(rows.shape)}")
    return found


@computes("SigmoidCrossEntropyLoss")
def sigmoid_cross_entropy_loss(step: Step, x: Array, target: Array) -> Array:
    """The sigmoid's surprise at targets."""
    if x.size != target.size:
        step.wrong(f"{target.size} targets for {x.size} predictions")
    p, target = step.layer.message.loss_param, target.reshape(x.shape)
    counts = np.ones(x.shape, bool)
    if p.HasField("ignore_label"):
        counts = target.astype(np.int64) != p.ignore_label
    losses = np.logaddexp(0, -np.abs(x)) - x * (target - (x >= 0))
    by = _normalizer(step, (len(x), x[0].size), int(counts.sum()), "BATCH_SIZE")
    return np.asarray(losses[counts].sum() / by)


@computes("EuclideanLoss")
def euclidean_loss(step: Step, x: Array, y: Array) -> Array:
    """Half the squared distance, for each image."""
    if x.size != y.size or len(x) != len(y):
        step.wrong(f"{list(x.shape)} and {list(y.shape)}")
    return np.asarray(((x - y.reshape(x.shape)) ** 2).sum() / len(x) / 2)


@computes("HingeLoss")
def hinge_loss(step: Step, x: Array, labels: Array) -> Array:
    """How far scores are on the wrong side of a margin of 1."""
    rows = x.reshape(len(x), -1).copy()
    at = np.arange(len(rows)), _labels(step, rows, labels)
    rows[at] *= -1
    short = np.maximum(0, 1 + rows)
    return np.asarray((short if step.p.norm == step.p.L1 else short**2).sum() / len(x))


@computes("ContrastiveLoss")
def contrastive_loss(step: Step, a: Array, b: Array, similar: Array) -> Array:
    """Distance of similar pairs; of others, how much they lack of a margin."""
    step.same(a, b)
    p = step.p
    squares = ((a - b) ** 2).reshape(len(a), -1).sum(1)
    if p.legacy_version:
        apart = np.maximum(p.margin - squares, 0)
    else:
        apart = np.maximum(p.margin - np.sqrt(squares), 0) ** 2
    alike = similar.reshape(-1).astype(np.int64) != 0
    return np.asarray(np.where(alike, squares, apart).sum() / len(a) / 2)


@computes("Accuracy")
def accuracy(step: Step, x: Array, labels: Array) -> list[Array]:
    """How often the label is among the largest; equals count against it. Then for each class."""
    p = step.p
    axis = step.axis(p.axis, x)
    rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    found = labels.reshape(-1).astype(np.int64)
    if len(found) != len(rows):
        step.wrong(f"{len(found)} labels for {len(rows)} predictions")
    if p.HasField("ignore_label"):
        rows, found = (part[found != p.ignore_label] for part in (rows, found))
    if found.size and not 0 <= found.min() <= found.max() < x.shape[axis]:
        step.wrong(f"a label is none of {x.shape[axis]} classes")
    right = (rows >= rows[np.arange(len(rows)), found, None]).sum(1) <= p.top_k
    counts = np.bincount(found, minlength=x.shape[axis])
    hits = np.bincount(found, right, x.shape[axis])
    return [
        np.asarray(right.mean() if right.size else 0.0),
        np.where(counts > 0, hits / np.maximum(counts, 1), 0.0),
    ]
