"""What OpenCV's `dnn` computes as Caffe does: it was compared with real Caffe layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.caffe._layers import layer_type
from mmdnn.frameworks.caffe._messages import by_axis
from mmdnn.frameworks.caffe.graph import Filler, Layer, Network
from mmdnn.registry import Source

Check: TypeAlias = Callable[[Layer], str]
"""Why OpenCV is not trusted with a layer; "" where it is."""


def check(source: Source, network: Network) -> None:
    """Refuse what OpenCV does not do as Caffe does.

    Raises:
        UnsupportedError: With every reason.
    """
    reasons = list(_of_whole(source, network))
    for layer in network.layers:
        reason = _reason(layer)
        if reason:
            reasons.append(f"layer '{layer.name}' ({layer.type}): {reason}")
    if reasons:
        more = f", and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        raise UnsupportedError(f"OpenCV is not trusted with this: {'; '.join(reasons[:3])}{more}")


def _of_whole(source: Source, network: Network) -> Iterator[str]:
    if source.network is None or source.network.suffix == ".caffemodel":
        yield "it needs a prototxt"
    elif source.weights is not None and source.weights.suffix != ".caffemodel":
        yield f"it does not read weights from {source.weights.suffix} files"
    names = Counter(layer.name for layer in network.layers)
    yield from (f"several layers are named '{name}'" for name, n in names.items() if n > 1)
    written = {top for layer in network.layers if layer.type != "Input" for top in layer.tops}
    yield from (f"input '{name}' is changed in place" for name in network.inputs if name in written)


def _reason(layer: Layer) -> str:
    if not layer_type(layer.type).opencv:
        return "it is not among the types that OpenCV runs as Caffe does"
    return CONDITIONS[layer.type](layer) if layer.type in CONDITIONS else ""


def _set(field: str, reason: str) -> Check:
    """Trusted only while a field is left at its default."""

    def check(layer: Layer) -> str:
        default = getattr(type(layer.param())(), field)
        return reason if getattr(layer.param(), field) != default else ""

    return check


def _all(*checks: Check) -> Check:
    return lambda layer: next((reason for check in checks if (reason := check(layer))), "")


def _not_in_place(layer: Layer) -> str:
    return "it is in place" if set(layer.tops) & set(layer.bottoms) else ""


def _stored_weights(layer: Layer) -> str:
    """Weights come from the caffemodel: OpenCV runs no fillers."""
    filled = any(isinstance(blob, Filler) for blob in layer.blobs)
    return "its weights are not stored, and OpenCV runs no fillers" if filled else ""


def _batch_statistics(layer: Layer) -> str:
    param = layer.param()
    stored = param.use_global_stats if param.HasField("use_global_stats") else layer.phase == "TEST"
    return "" if stored else "it normalises by the batch's own statistics"


def _leading_axis(layer: Layer) -> str:
    """OpenCV's blobs have two axes at least."""
    return "axis 0 leaves one axis only" if layer.param().axis == 0 else ""


def _window(layer: Layer) -> str:
    param = layer.param()
    if param.pool == param.STOCHASTIC:
        return "stochastic pooling"
    names = ("pad", "kernel_size", "stride")
    pads, kernels, strides = (by_axis(param, n) or [getattr(param, n)] * 2 for n in names)
    rows = list(zip(pads, kernels, strides, strict=True))
    loose = any(pads) and any(not pad and stride > kernel for pad, kernel, stride in rows)
    return "it keeps a window that begins behind an axis without padding" if loose else ""


def _two(layer: Layer, field: str, default: int) -> tuple[int, int]:
    """A field of a convolution for height and width."""
    p = layer.param()
    said = by_axis(p, field) or list(getattr(p, field)) or [default]
    return said[0], said[-1]


def _is_depthwise(layer: Layer) -> bool:
    """Whether OpenCV takes its fast path: one 3x3 filter a channel."""
    p = layer.param()
    grouped = p.group == p.num_output > 1 or layer.type == "ConvolutionDepthwise"
    return grouped and _two(layer, "kernel_size", 1) == (3, 3)


def _padded_or_dilated(layer: Layer) -> str:
    wrong = 1 in _two(layer, "pad", 0) and set(layer.param().dilation) - {1}
    return "depthwise, dilated and padded by 1" if wrong and _is_depthwise(layer) else ""


_CONVOLUTION = _all(
    _stored_weights,
    _set("axis", "its axis is not 1"),
    _padded_or_dilated,
)


def _several_axes(layer: Layer) -> str:
    p = layer.param()
    alone = p.num_axes == -1 and p.axis == 0 and len(p.shape.dim) < 2
    return "it leaves one axis only" if alone else ""


def _undilated(layer: Layer) -> str:
    dilated = set(layer.param().dilation) - {1}
    return "it ignores the dilation of deconvolutions" if dilated else ""


def _biased(layer: Layer) -> str:
    biased = layer.param().bias_term and len(layer.bottoms) > 1
    return "it has two bottoms and a bias" if biased else ""


def _said_clip(layer: Layer) -> str:
    said = layer.param().HasField("clip")
    return "" if said else "it clips boxes where the file does not say whether to"


def _whole_sizes(layer: Layer) -> str:
    p = layer.param()
    fractional = any(size % 1 for size in (*p.min_size, *p.max_size))
    return "it keeps the fractions of sizes, which Caffe cuts off" if fractional else ""


CONDITIONS: dict[str, Check] = {
    "BatchNorm": _all(_stored_weights, _batch_statistics),
    "Concat": _set("concat_dim", "it does not know concat_dim"),
    "Convolution": _CONVOLUTION,
    "ConvolutionDepthwise": _CONVOLUTION,
    "Deconvolution": _all(_undilated, _CONVOLUTION),
    "Dropout": lambda layer: "it ignores scale_train" if layer.unknown else "",
    "Eltwise": _not_in_place,
    "Flatten": _leading_axis,
    "InnerProduct": _all(_stored_weights, _leading_axis, _set("transpose", "it ignores transpose")),
    "LRN": _set("k", "it ignores k"),
    "MVN": _set("eps", "it adds eps inside the root"),
    "Normalize": _stored_weights,
    "PReLU": _stored_weights,
    "Pooling": _window,
    "PriorBox": _all(_said_clip, _whole_sizes),
    "Reshape": _several_axes,
    "Scale": _all(_stored_weights, _biased),
    "Slice": _set("slice_dim", "it does not know slice_dim"),
}
"""What must hold for a layer type, beyond its row in `_layers`, so that OpenCV agrees with real Caffe."""

FOUR_AXES = frozenset({"Convolution", "ConvolutionDepthwise", "Deconvolution", "MVN"})
"""Layer types that are trusted with pictures only; what they have is known after the run."""


def check_output(layer: Layer, array: np.ndarray, source: Source) -> None:
    """Refuse an output that OpenCV computes otherwise than Caffe, which its shape tells.

    Raises:
        UnsupportedError: It does.
    """
    reason = f"with {array.ndim} axes" if array.ndim != 4 else ""
    if not reason and layer.type.startswith("Convolution"):
        narrow = 1 in array.shape[2:] and _is_depthwise(layer)
        reason = "with 3x3 filters of single channels on a row or column" if narrow else ""
    if reason:
        raise UnsupportedError(
            f"{reason} OpenCV differs from Caffe, or reads beyond its memory",
            file=source.network,
            layer=layer.name,
            operator=layer.type,
        )


def overwritten_views(layers: list[Layer]) -> set[str]:
    """Tops of Slice layers that OpenCV overwrites: what works element by element on them is done in place."""
    slices = {top for layer in layers if layer.type == "Slice" for top in layer.tops}
    return {
        bottom for layer in layers if layer_type(layer.type).pointwise for bottom in layer.bottoms
    } & slices
