"""Normalising layers (batch_norm, lrn and mvn_layer.cpp in src/caffe/layers), and those of forks."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.graph import Filler, Layer
from mmdnn.frameworks.caffe.importer.shapes import channels, known, reshape
from mmdnn.frameworks.caffe.importer.table import SSD, ImportedLayer, importer
from mmdnn.ir.builder import Op, dimensions, shape
from mmdnn.tensors import references

ACROSS, WITHIN = 0, 1


@importer("BatchNorm")
def batch_norm(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """Mean and variance are stored as sums, with the factor they are to be divided by.

    A Scale of the channels that follows in place becomes the weight and bias of the same node. NVIDIA
    Caffe's has these itself: behind the statistics as of 0.16, before them in 0.15.
    """
    p = layer.param()
    own = _own_affine(layer)
    if len(shape(x)) < 2:
        layer.unfit("it takes 2 axes or more")
    stored = p.use_global_stats if p.HasField("use_global_stats") else None
    if not (layer.layer.phase == "TEST" if stored is None else stored):
        if own is not None:
            layer.refuse("its statistics are those of the batch, and it has weights of its own")
        return _by_batch_statistics(op, x, p.eps)
    channels = known(x, 1)
    first, factor, scale = own or (0, 2, 0)
    statistics = [
        _statistic(layer, first + i, name, channels, factor)
        for i, name in enumerate(("mean", "var"))
    ]
    weight, bias = (
        _affine(layer, x, channels)
        if own is None
        else [layer.weight(scale + i, name, (channels,)) for i, name in enumerate(_AFFINE)]
    )
    trained = {"momentum": p.moving_average_fraction} if p.HasField(_MOMENTUM) else {}
    return op.BatchNormalization(x, weight, bias, *statistics, epsilon=p.eps, **trained)


_MOMENTUM = "moving_average_fraction"
_AFFINE = ("weight", "bias")


def _own_affine(layer: ImportedLayer) -> tuple[int, int, int] | None:
    """Where NVIDIA Caffe's has mean, factor and scale among its blobs; None for BVLC Caffe's."""
    fillers = ("scale_filler", "bias_filler", "field 5", "field 6")
    flags = ("scale_bias", "field 7", "engine", "field 4")
    told = {name: layer.given(name) for name in (*flags, *fillers)}
    said = any(told[name] for name in flags[:2]) or any(told[n] is not None for n in fillers)
    blobs = layer.layer.blobs
    if len(blobs) != 5:
        if said:
            layer.refuse(f"it has scale and bias of its own, and {len(blobs)} weight blobs, not 5")
        return None
    single = [i for i, blob in enumerate(blobs) if isinstance(blob, Filler) or blob.size == 1]
    if single not in ([2], [4]):
        layer.refuse("which of its five weight blobs is the factor cannot be told")
    return (0, 2, 3) if single == [2] else (2, 4, 0)


def _by_batch_statistics(op: Op, x: ir.Value, eps: float) -> ir.Value:
    axes = [axis for axis in range(len(shape(x))) if axis != 1]
    centred = op.Sub(x, op.ReduceMean(x, axes))
    variance = op.ReduceMean(op.Mul(centred, centred), axes)
    return op.Div(centred, op.Sqrt(op.Add(variance, eps)))


def _statistic(layer: ImportedLayer, index: int, name: str, channels: int, place: int) -> ir.Value:
    factor = layer.layer.blob(place, (1,))

    def divide(array: np.ndarray) -> np.ndarray:
        (divisor,) = references.read(factor)
        return array * np.float32(0 if divisor == 0 else 1 / divisor)

    return layer.weight(index, name, (channels,), lambda total: references.lazy(total, divide))


def _affine(layer: ImportedLayer, x: ir.Value, channels: int) -> tuple[Any, Any]:
    scale = layer.follower
    if scale is None or not _is_affine(scale, len(shape(x))):
        return np.ones(channels, np.float32), np.zeros(channels, np.float32)
    layer.took_follower = True
    weight = layer.weight(0, "weight", (channels,), of=scale)
    if not scale.param().bias_term:
        return weight, np.zeros(channels, np.float32)
    return weight, layer.weight(1, "bias", (channels,), of=scale)


def _is_affine(layer: Layer, rank: int) -> bool:
    """Whether a layer scales each channel of a blob that has `rank` axes, and does nothing else."""
    p = layer.param("scale_param")
    one_axis = p.num_axes == 1 or (p.num_axes == -1 and rank == 2)
    return layer.type == "Scale" and p.axis in {1, 1 - rank} and one_axis and not layer.unknown


@importer("LRN")
def lrn(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    p = layer.param()
    if len(shape(x)) != 4:
        layer.unfit(f"it takes 4 axes, and there are {len(shape(x))}")
    if p.local_size % 2 == 0:
        layer.unfit(f"its window of {p.local_size} is not odd")
    if p.norm_region == ACROSS:
        return op.LRN(x, alpha=p.alpha, beta=p.beta, bias=p.k, size=p.local_size)
    attributes = {"alpha": p.alpha, "beta": p.beta, "size": p.local_size}

    def body(op: Op, x: ir.Value) -> ir.Value:
        return lrn_within_channel(op, x, **attributes)

    return layer.builder.function("LRNWithinChannel", [x], attributes, body)[0]


def lrn_within_channel(op: Op, x: ir.Value, alpha: float, beta: float, size: int) -> ir.Value:
    """Divide by (1 + alpha mean(x²))^beta, the mean over a window in the plane and its padding."""
    mean = op.AveragePool(
        op.Mul(x, x), kernel_shape=[size] * 2, pads=[size // 2] * 4, count_include_pad=1
    )
    return op.Div(x, op.Pow(op.Add(op.Mul(mean, alpha), 1.0), beta))


@importer("MVN")
def mvn(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """Less the mean, divided by the standard deviation plus eps; the result always has 4 axes."""
    p = layer.param()
    dims = dimensions(x)
    if len(dims) > 4:
        layer.unfit(f"it takes 4 axes or less, and there are {len(dims)}")
    x = reshape(op, x, [*dims, *[1] * (4 - len(dims))])
    axes = [1, 2, 3] if p.across_channels else [2, 3]
    centred = op.Sub(x, op.ReduceMean(x, axes))
    if not p.normalize_variance:
        return centred
    deviation = op.Sqrt(op.ReduceMean(op.Mul(centred, centred), axes))
    return op.Div(centred, op.Add(deviation, p.eps))


@importer("Normalize", doc=f"{SSD}/normalize_layer.cpp")
def normalize(layer: ImportedLayer, op: Op, x: ir.Value) -> ir.Value:
    """Divide by sqrt(sum x² + eps), over the channels or over all of an image, and scale."""
    p = layer.param()
    if not 2 <= len(shape(x)) <= 4:
        layer.refuse(f"it takes 2 to 4 axes, and there are {len(shape(x))}")
    axes = list(range(1, len(shape(x)))) if p.across_spatial else [1]
    norm = op.Sqrt(op.Add(op.ReduceSumSquare(x, axes, keepdims=1), p.eps))
    scale = () if p.channel_shared else (channels(layer, x), *[1] * (len(shape(x)) - 2))
    return op.Mul(op.Div(x, norm), layer.weight(0, "scale", scale))


@importer(
    "BN",
    doc="https://github.com/yjxiong/caffe/blob/mem/src/caffe/layers/bn_layer.cpp "
    "https://github.com/alexgkendall/caffe-segnet/blob/segnet-cleaned/src/caffe/layers/bn_layer.cpp",
    unused="slope_filler bias_filler scale_filler shift_filler momentum engine",
)
def bn(
    layer: ImportedLayer, op: Op, x: ir.Value, *, eps: float, frozen: int, bn_mode: Any
) -> ir.Value:
    """PSPNet's, which stores slope, bias, mean and variance, or SegNet's, whose mean is merged."""
    if len(layer.layer.blobs) == 2:
        return _merged(layer, op, x, bn_mode)
    if layer.layer.phase == "TRAIN" and not frozen:
        layer.refuse("its statistics are those of the batch")
    count = (channels(layer, x),)
    names = ("weight", "bias", "running_mean", "running_var")
    weights = [layer.weight(index, name, count) for index, name in enumerate(names)]
    return op.BatchNormalization(x, *weights, epsilon=eps)


def _merged(layer: ImportedLayer, op: Op, x: ir.Value, mode: Any) -> ir.Value:
    if mode not in ("INFERENCE", 1):
        layer.refuse("its statistics are those of the batch")
    column = (channels(layer, x), *[1] * (len(shape(x)) - 2))
    scaled = op.Mul(x, layer.weight(0, "weight", column))
    return op.Add(scaled, layer.weight(1, "bias", column))
