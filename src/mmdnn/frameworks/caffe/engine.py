"""Running Caffe's own files, in OpenCV's `dnn` 4.x: Caffe itself can hardly be installed any more.

https://docs.opencv.org/4.x/d6/d0f/group__dnn.html. It reads prototxt and caffemodel with code of
its own, so nothing of ours stands between the files and the result. It was compared with real Caffe
layer by layer: `TRUSTED` lists the layer types that agree, each with the conditions under which
they do. A network that holds anything else is refused, never run and hoped for.

OpenCV ends the process on some files (a division by zero for a three-dimensional convolution with
one kernel size, a null pointer for a filler where weights are missing), so it runs in one of its
own.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mmdnn.errors import FormatError, MissingExtraError, UnsupportedError
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.registry import Source

TITLE = "OpenCV's dnn"
RUNNER = Path(__file__).with_name("_opencv.py")
TIMEOUT = 600
"""Seconds after which OpenCV is taken to hang."""

Check: TypeAlias = Callable[[Layer], str]
"""Why OpenCV is not trusted with a layer; "" where it is."""


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a network and return every layer's output.

    Args:
        source: A prototxt, and a binary caffemodel where layers have weights.
        feeds: Input name to array.

    Returns:
        Blob name to float32 array. Of a blob that layers change in place there is the last value
        only: OpenCV, as Caffe, writes it over the earlier ones.

    Raises:
        MissingExtraError: OpenCV is not installed.
        UnsupportedError: The network holds something in which OpenCV is known to differ from Caffe.
        FormatError: OpenCV refuses the files, or ends its process.
    """
    if importlib.util.find_spec("cv2") is None:
        raise MissingExtraError("opencv-python-headless", "caffe")
    from mmdnn.frameworks.caffe import reader

    network = reader.read(source)
    _trust(source, network)
    outputs = _in_process(source, feeds)
    images = next((len(array) for array in feeds.values() if array.ndim), 1)
    return dict(feeds) | _by_value(network, outputs, source, images)


def _trust(source: Source, network: Network) -> None:
    """Refuse what OpenCV does not do as Caffe does.

    Raises:
        UnsupportedError: With every reason.
    """
    reasons = [reason for check in _WHOLE for reason in check(source, network)]
    for layer in network.layers:
        reason = TRUSTED.get(layer.type, _unknown)(layer)
        if reason:
            reasons.append(f"layer '{layer.name}' ({layer.type}): {reason}")
    if reasons:
        more = f", and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        raise UnsupportedError(f"OpenCV is not trusted with this: {'; '.join(reasons[:3])}{more}")


def _files(source: Source, network: Network) -> list[str]:
    del network
    if source.network is None or source.network.suffix == ".caffemodel":
        return ["it needs a prototxt"]
    if source.weights is not None and source.weights.suffix != ".caffemodel":
        return [f"it does not read weights from {source.weights.suffix} files"]
    return []


def _names(source: Source, network: Network) -> list[str]:
    del source
    twice = [n for n, count in Counter(layer.name for layer in network.layers).items() if count > 1]
    return [f"several layers are named '{name}'" for name in twice]


def _overwritten_inputs(source: Source, network: Network) -> list[str]:
    del source
    written = {top for layer in network.layers if layer.type != "Input" for top in layer.tops}
    return [f"input '{name}' is changed in place" for name in network.inputs if name in written]


_WHOLE = (_files, _names, _overwritten_inputs)


def _unknown(layer: Layer) -> str:
    del layer
    return "it is not among the types that OpenCV runs as Caffe does"


def _always(layer: Layer) -> str:
    del layer
    return ""


def _set(block: str, field: str, reason: str) -> Check:
    """Trusted only while a field is left at its default."""

    def check(layer: Layer) -> str:
        value = getattr(layer.param(block), field)
        default = getattr(type(layer.param(block))(), field)
        return reason if value != default else ""

    return check


def _all(*checks: Check) -> Check:
    return lambda layer: next((reason for check in checks if (reason := check(layer))), "")


def _not_in_place(layer: Layer) -> str:
    return "it is in place" if set(layer.tops) & set(layer.bottoms) else ""


def _stored_weights(layer: Layer) -> str:
    """Weights come from the caffemodel: OpenCV runs no fillers."""
    from mmdnn.frameworks.caffe.graph import Filler

    filled = any(isinstance(blob, Filler) for blob in layer.blobs)
    return "its weights are not stored, and OpenCV runs no fillers" if filled else ""


def _batch_statistics(layer: Layer) -> str:
    param = layer.param("batch_norm_param")
    stored = param.use_global_stats if param.HasField("use_global_stats") else layer.phase == "TEST"
    return "" if stored else "it normalises by the batch's own statistics"


def _leading_axis(block: str) -> Check:
    """OpenCV's blobs have two axes at least."""

    def check(layer: Layer) -> str:
        return "axis 0 leaves one axis only" if layer.param(block).axis == 0 else ""

    return check


def _window(layer: Layer) -> str:
    param = layer.param("pooling_param")
    return "stochastic pooling" if param.pool == param.STOCHASTIC else ""


_CONVOLUTION = _all(
    _stored_weights,
    _set("convolution_param", "axis", "its axis is not 1"),
)


def _several_axes(layer: Layer) -> str:
    p = layer.param("reshape_param")
    alone = p.num_axes == -1 and p.axis == 0 and len(p.shape.dim) < 2
    return "it leaves one axis only" if alone else ""


def _undilated(layer: Layer) -> str:
    dilated = set(layer.param("convolution_param").dilation) - {1}
    return "it ignores the dilation of deconvolutions" if dilated else ""


def _whole_sizes(layer: Layer) -> str:
    p = layer.param("prior_box_param")
    fractional = any(size % 1 for size in (*p.min_size, *p.max_size))
    return "it keeps the fractions of sizes, which Caffe cuts off" if fractional else ""


TRUSTED: dict[str, Check] = {
    "AbsVal": _always,
    "BNLL": _always,
    "BatchNorm": _all(_stored_weights, _batch_statistics),
    "Concat": _always,
    "Convolution": _CONVOLUTION,
    "ConvolutionDepthwise": _CONVOLUTION,
    "Crop": _always,
    "Deconvolution": _all(_undilated, _CONVOLUTION),
    "DetectionOutput": _always,
    "Dropout": _always,
    "ELU": _always,
    "Eltwise": _not_in_place,
    "Exp": _always,
    "Flatten": _leading_axis("flatten_param"),
    "InnerProduct": _all(
        _stored_weights,
        _leading_axis("inner_product_param"),
        _set("inner_product_param", "transpose", "it ignores transpose"),
    ),
    "Input": _always,
    "LRN": _set("lrn_param", "k", "it ignores k"),
    "MVN": _set("mvn_param", "eps", "it adds eps inside the root"),
    "Normalize": _stored_weights,
    "PReLU": _stored_weights,
    "Permute": _always,
    "Pooling": _window,
    "Power": _always,
    "PriorBox": _whole_sizes,
    "ReLU": _always,
    "ReLU6": _always,
    "Reshape": _several_axes,
    "Scale": _stored_weights,
    "ShuffleChannel": _always,
    "Sigmoid": _always,
    "Silence": _always,
    "Slice": _always,
    "Softmax": _always,
    "Split": _always,
    "TanH": _always,
}
"""Layer types that agree with real Caffe, each with what must hold for it."""

ELEMENT_WISE = frozenset(
    {
        *(
            "AbsVal",
            "BNLL",
            "BatchNorm",
            "Dropout",
            "ELU",
            "Exp",
            "PReLU",
            "Power",
            "ReLU",
            "ReLU6",
        ),
        *("Eltwise", "Scale", "Sigmoid", "TanH"),
    }
)
"""Layer types that OpenCV runs in place."""

FOUR_AXES = frozenset({"Convolution", "ConvolutionDepthwise", "Deconvolution", "MVN"})
"""Layer types that are trusted with pictures only; what they have is known after the run."""


def _by_value(
    network: Network, outputs: Mapping[str, list[np.ndarray]], source: Source, images: int
) -> dict[str, np.ndarray]:
    """OpenCV's outputs, which go by layer, under the names of the blobs."""
    layers = [layer for layer in network.layers if layer.type != "Input"]
    named = {layer.name: _opencv_names(layer, outputs) for layer in layers}
    unknown = set(outputs).difference(*named.values())
    if unknown:
        raise UnsupportedError(
            f"OpenCV also runs {sorted(unknown)[:4]}, which the rules of phase and stage leave out",
            file=source.network,
        )
    last = {top: layer for layer in layers for top in layer.tops}
    overwritten = _overwritten_views(layers)
    values = {}
    for layer in layers:
        arrays = [array for name in named[layer.name] for array in outputs.get(name, ())]
        for top, array in zip(layer.tops, arrays, strict=False):
            if array.ndim != 4 and layer.type in FOUR_AXES:
                raise UnsupportedError(
                    f"with {array.ndim} axes OpenCV differs from Caffe, or reads beyond its memory",
                    file=source.network,
                    layer=layer.name,
                    operator=layer.type,
                )
            if last[top] is layer and top not in overwritten:
                values[top] = array
    for layer in layers:
        if layer.type == "DetectionOutput":
            values |= _as_caffe(layer.tops[0], values.pop(layer.tops[0]), images)
    return values


def _as_caffe(name: str, detections: np.ndarray, images: int) -> dict[str, np.ndarray]:
    """Detections in Caffe's order: by picture, label, score; without the empty rows OpenCV pads with.

    Where there are none, Caffe gives a row of -1 for each picture. Of equal scores OpenCV keeps others
    than Caffe may, so then there is nothing to compare with.
    """
    rows = detections.reshape(-1, 7)
    rows = rows[rows[:, 2] > 0]
    rows = rows[np.lexsort((-rows[:, 2], rows[:, 1], rows[:, 0]))]
    if len(np.unique(rows[:, :3], axis=0)) < len(rows):
        return {}
    if not len(rows):
        rows = np.full((images, 7), -1, np.float32)
        rows[:, 0] = range(images)
    return {name: rows.reshape(1, 1, -1, 7)}


def _overwritten_views(layers: list[Layer]) -> set[str]:
    """Tops of Slice layers that OpenCV overwrites: what works element by element on them is done in place."""
    slices = {top for layer in layers if layer.type == "Slice" for top in layer.tops}
    return {
        bottom for layer in layers if layer.type in ELEMENT_WISE for bottom in layer.bottoms
    } & slices


def _opencv_names(layer: Layer, outputs: Mapping[str, list[np.ndarray]]) -> list[str]:
    """What OpenCV calls a layer: convolutions go by their tops, one layer for each."""
    by_top = layer.type.startswith("Convolution") and set(layer.tops) <= outputs.keys()
    return layer.tops if by_top else [layer.name]


def _in_process(source: Source, feeds: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    with tempfile.TemporaryDirectory(prefix="mmdnn-") as name:
        folder = Path(name)
        job = {"files": [str(path.resolve()) for path in source.files], "inputs": list(feeds)}
        (folder / "job.json").write_text(json.dumps(job))
        np.savez(folder / "in.npz", *(array.astype(np.float32) for array in feeds.values()))
        command = [sys.executable, "-P", str(RUNNER), str(folder)]
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell
                command, capture_output=True, text=True, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            raise FormatError(f"OpenCV did not end in {TIMEOUT} s", file=source.network) from None
        if done.returncode:
            raise FormatError(_why(done), file=source.network)
        names = json.loads((folder / "out.json").read_text())
        with np.load(folder / "out.npz") as arrays:
            found: dict[str, list[np.ndarray]] = {}
            for index, layer in enumerate(names):
                found.setdefault(layer, []).append(arrays[f"arr_{index}"])
    return found


def _why(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"OpenCV ended its process ({signal.Signals(-done.returncode).name})"
    lines = done.stderr.strip().splitlines() or ["no reason given"]
    return f"OpenCV refuses it: {lines[-1]}"
