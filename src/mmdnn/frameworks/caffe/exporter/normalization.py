"""Normalising operators. Statistics of the input itself are a BatchNorm's over a reshaped blob."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.broadcast import along
from mmdnn.frameworks.caffe.exporter.lifting import no_statistics
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir import LAYER
from mmdnn.ir.exporting import ExportedNode

PAGE = f"{TUTORIAL}/batchnorm.html"


@exporter("BatchNormalization", doc=PAGE)
def batch_normalization(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    weight: Operand,
    bias: Operand,
    mean: Operand,
    variance: Operand,
    *,
    epsilon: float,
    momentum: float | None = None,
    training_mode: int,
) -> Blob:
    """A BatchNorm by the stored statistics, and a Scale that works in place on its result."""
    if training_mode:
        node.refuse("it is in training mode")
    constants = [c for c in (weight, bias, mean, variance) if isinstance(c, Constant)]
    if len(constants) < 4:
        node.refuse("its statistics are computed while the model runs")
    size = (x.shape[1],)
    gamma, beta, mean_, variance_ = constants
    scaled = _differs(gamma, 1.0) or _differs(beta, 0.0)
    y = caffe.layer(
        "BatchNorm",
        x,
        blobs=[mean_.shaped(size), variance_.shaped(size), _factor(mean_)],
        use_global_stats=True,
        eps=epsilon,
        moving_average_fraction=momentum,
    )
    return _scaled(caffe, y, gamma, beta) if scaled else y


def _factor(mean: Constant) -> ir.TensorProtocol:
    """What the statistics are to be divided by: 1, and shared where they are."""
    return mean.derive("factor", lambda _: np.ones(1, np.float32), (1,))


def _differs(constant: Constant, neutral: float) -> bool:
    return constant.is_weight or constant.uniform() != neutral


def _scaled(caffe: Writer, y: Blob, gamma: Constant, beta: Constant) -> Blob:
    shift = _differs(beta, 0.0)
    own = gamma.value.metadata_props.get(LAYER, "")
    blobs = [gamma.shaped(y.shape[1:2]), *([beta.shaped(y.shape[1:2])] if shift else [])]
    return caffe.layer(
        "Scale",
        y,
        blobs=blobs,
        name=own or caffe.node.layer,
        suffix="" if own else "scale",
        in_place=True,
        bias_term=shift,
    )


def by_own_statistics(caffe: Writer, rows: Blob, epsilon: float) -> Blob:
    """Each row of [1, rows, ...] less its mean, divided by its standard deviation."""
    return caffe.layer(
        "BatchNorm",
        rows,
        blobs=no_statistics(rows.shape[1]),
        suffix="norm",
        use_global_stats=False,
        eps=epsilon,
    )


def _normalised(caffe: Writer, x: Blob, rows: int, epsilon: float) -> Blob:
    """X cut into so many rows, each normalised; shaped as x again.

    The number of rows is the BatchNorm's channels, which a larger batch does not fit: Caffe stops.
    """
    rest = math.prod(x.shape) // rows
    cut = caffe.reshape(x, (1, rows, rest), suffix="rows", dims=[1, -1, rest])
    normal = by_own_statistics(caffe, cut, epsilon)
    return caffe.reshape(normal, x.shape, suffix="whole", dims=[-1, *x.shape[1:]])


def _affine(caffe: Writer, x: Blob, *operands: Operand | None, channels: bool = False) -> Blob:
    """Factors and what is added, for each channel or for the axes that their shapes say."""
    for kind, constant in zip(("Scale", "Bias"), operands, strict=True):
        if constant is None:
            continue
        if not isinstance(constant, Constant):
            caffe.node.refuse("its factors are computed while the model runs")
        if channels:
            x = caffe.layer(kind, x, blobs=[constant.shaped(x.shape[1:2])], axis=1)
        else:
            x = along(caffe, kind, x, constant)
    return x


@exporter("InstanceNormalization", doc=PAGE)
def instance_normalization(
    _node: ExportedNode, caffe: Writer, x: Blob, weight: Operand, bias: Operand, *, epsilon: float
) -> Blob:
    y = _normalised(caffe, x, x.shape[0] * x.shape[1], epsilon)
    return _affine(caffe, y, weight, bias, channels=True)


@exporter("GroupNormalization", doc=PAGE, unused="stash_type")
def group_normalization(
    _node: ExportedNode,
    caffe: Writer,
    x: Blob,
    weight: Operand,
    bias: Operand,
    *,
    epsilon: float,
    num_groups: int,
) -> Blob:
    y = _normalised(caffe, x, x.shape[0] * num_groups, epsilon)
    return _affine(caffe, y, weight, bias, channels=True)


@exporter("LayerNormalization", doc=PAGE, unused="stash_type")
def layer_normalization(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    weight: Operand | None = None,
    bias: Operand | None = None,
    *,
    axis: int,
    epsilon: float,
) -> Sequence[Blob | None]:
    rows = math.prod(x.shape[: node.axis(x, axis)])
    y = _normalised(caffe, x, rows, epsilon)
    return [_affine(caffe, y, weight, bias), None, None]


@exporter("LRN", doc=f"{TUTORIAL}/lrn.html")
def lrn(
    node: ExportedNode, caffe: Writer, x: Blob, *, size: int, alpha: float, beta: float, bias: float
) -> Blob:
    if len(x.shape) != 4 or size % 2 == 0:
        node.refuse(f"Caffe takes 4 axes and an odd window, not {len(x.shape)} and {size}")
    return caffe.layer("LRN", x, local_size=size, alpha=alpha, beta=beta, k=bias)


@exporter("mmdnn.caffe::LRNWithinChannel", doc=f"{TUTORIAL}/lrn.html")
def lrn_within_channel(
    _node: ExportedNode, caffe: Writer, x: Blob, *, size: int, alpha: float, beta: float
) -> Blob:
    return caffe.layer(
        "LRN", x, norm_region="WITHIN_CHANNEL", local_size=size, alpha=alpha, beta=beta
    )
