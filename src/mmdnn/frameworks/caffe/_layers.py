"""Facts of Caffe's layer types, a row each: weights, memory, engine, and what they are in ONNX.

The layers are BVLC Caffe's (https://github.com/BVLC/caffe, src/caffe/layers), and those of forks of which
there is more to know than what `importer` says. A type with an operator in its row needs no function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

FORKS = {
    "ssd": "the SSD fork",
    "rfcn": "R-FCN's fork",
}
"""Forks of Caffe whose layers are written where the caller says so, and how they are called:
https://github.com/weiliu89/caffe (branch ssd), https://github.com/daijifeng001/caffe-rfcn."""

Slot: TypeAlias = tuple[str, float]
"""What fills a weight blob: the field of the parameter block that says it, and the number where none does."""


@dataclass(frozen=True)
class Onnx:
    """An operator of ONNX that a layer is; `fields` are the layer's, by the operator's attributes."""

    operator: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerType:
    """What is known of a type.

    Attributes:
        name: The type.
        onnx: The operators that it is, by the fields that may be set; the first that will do is taken.
        family: The module of that operator in importer and exporter.
        blobs: What fills its weight blobs, from its LayerParameter; None where their number is not known.
        forks: How many blobs forks give it besides.
        block: Its parameter block, where `caffe.proto` does not name it after the type.
        in_place: Whether it gives the same in place; None where Caffe does something of its own.
        pointwise: Whether OpenCV runs it in place, as it does what works element by element.
        view: Whether its tops may be its bottom's own memory.
        opencv: Whether OpenCV computes the same; `_trust` has the conditions.
        judges: Whether it is a loss or metric, or ends a path: it goes when a network is for inference.
        squashes: The layer that a loss applies first.
        fork: The fork of Caffe that has it; "" for BVLC's own, and where it is never written.
        fields: What its block has that `caffe.proto` lacks, and the defaults; a type where there is none.
    """

    name: str
    onnx: tuple[Onnx, ...] = ()
    family: str = "activation"
    blobs: Callable[[Any], list[Slot]] | None = lambda _: []
    forks: tuple[int, ...] = ()
    block: str = ""
    in_place: bool | None = None
    pointwise: bool = False
    view: bool = False
    opencv: bool = False
    judges: bool = False
    squashes: str = ""
    fork: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


def _weight_and_bias(block: str, layer: Any) -> list[Slot]:
    bias = getattr(layer, block).bias_term
    return [("weight_filler", 0.0), *([("bias_filler", 0.0)] if bias else [])]


def _scale(layer: Any) -> list[Slot]:
    own = [("filler", 1.0)] if len(layer.bottom) < 2 else []
    return own + ([("bias_filler", 0.0)] if layer.scale_param.bias_term else [])


def _bias(layer: Any) -> list[Slot]:
    return [("filler", 0.0)] if len(layer.bottom) < 2 else []


def _recurrent(states: int, output: int, layer: Any) -> list[Slot]:
    """Wx, b, [W of a static input], W of the state, and weights of the output."""
    exposed = states if layer.recurrent_param.expose_hidden else 0
    weight, bias = ("weight_filler", 0.0), ("bias_filler", 0.0)
    static = [weight] if len(layer.bottom) > 2 + exposed else []
    return [weight, bias, *static, weight, *[weight, bias][:output]]


def _fixed(*slots: Slot) -> Callable[[Any], list[Slot]]:
    return lambda _: list(slots)


_NEURON = partial(LayerType, in_place=True, pointwise=True, opencv=True)
_MOVED = partial(LayerType, in_place=False)
_JUDGE = partial(LayerType, judges=True)
_FORK = partial(LayerType, blobs=None)
_BINS = {"pooled_h": 0, "pooled_w": 0, "spatial_scale": 1.0}
_OWN_BINS = {"spatial_scale": float, "output_dim": int, "group_size": int}
_UNPOOLED: dict[str, Any] = {"scale": int, "pad_out_h": 0, "pad_out_w": 0}
_UNPOOLED |= dict.fromkeys(("scale_h", "scale_w", "upsample_h", "upsample_w"), int)
_PROPOSED: dict[str, Any] = {"feat_stride": 16, "base_size": 16, "min_size": 16}
_PROPOSED |= {"pre_nms_topn": 6000, "post_nms_topn": 300, "nms_thresh": 0.7}
_PROPOSED |= {"ratio": list, "scale": list}
_SIZE = {"pad_beg": 0, "pad_end": 0, "height": int, "width": int}
_CONVOLUTION = partial(
    LayerType, blobs=partial(_weight_and_bias, "convolution_param"), block="convolution_param"
)
_RECURRENT = partial(LayerType, in_place=False, block="recurrent_param")

LAYERS = {
    row.name: row
    for row in (
        _NEURON("AbsVal", (Onnx("Abs"),), "elementwise"),
        _NEURON("BNLL", (Onnx("Softplus"),)),
        _NEURON("BatchNorm", blobs=_fixed(("", 0.0), ("", 0.0), ("", 0.0)), forks=(5,)),
        _NEURON("Bias", blobs=_bias, opencv=False),
        _NEURON("Clip", opencv=False),
        _NEURON("Dropout", fields={"scale_train": 1}),
        _NEURON("ELU", (Onnx("Elu", {"alpha": "alpha"}),)),
        _NEURON("Exp", (Onnx("Exp"),), "elementwise"),
        _NEURON("Log", (Onnx("Log"),), "elementwise", opencv=False),
        _NEURON("PReLU", blobs=_fixed(("filler", 0.25))),
        _NEURON("Power"),
        _NEURON("ReLU", (Onnx("Relu"), Onnx("LeakyRelu", {"alpha": "negative_slope"}))),
        _NEURON("ReLU6", blobs=None),
        _NEURON("Scale", blobs=_scale),
        _NEURON("Sigmoid", (Onnx("Sigmoid"),)),
        _NEURON("TanH", (Onnx("Tanh"),)),
        _NEURON("Threshold", opencv=False),
        LayerType("Softmax", (Onnx("Softmax", {"axis": "axis"}),), in_place=True, opencv=True),
        LayerType("Eltwise", pointwise=True, opencv=True),
        LayerType("MVN", opencv=True),
        LayerType("Normalize", blobs=_fixed(("scale_filler", 1.0)), opencv=True, fork="ssd"),
        LayerType("Swish"),
        _MOVED("ArgMax"),
        _MOVED("BatchReindex"),
        _MOVED("Concat", view=True, opencv=True),
        _MOVED("Crop", opencv=True),
        _MOVED("Embed", blobs=partial(_weight_and_bias, "embed_param")),
        _MOVED("Filter"),
        _MOVED("Flatten", view=True, opencv=True),
        _MOVED("Im2col", block="convolution_param"),
        _MOVED("InnerProduct", blobs=partial(_weight_and_bias, "inner_product_param"), opencv=True),
        _MOVED("LRN", opencv=True),
        _MOVED("LSTMUnit"),
        _MOVED("Pooling", opencv=True, fields={"ceil_mode": int}),
        _MOVED("Reduction"),
        _MOVED("Reshape", view=True, opencv=True),
        _MOVED("SPP"),
        _MOVED("Slice", view=True, opencv=True),
        _MOVED("Split", view=True, opencv=True),
        _MOVED("Tile"),
        _CONVOLUTION("Convolution", in_place=False, opencv=True),
        _CONVOLUTION("ConvolutionDepthwise", opencv=True),
        _CONVOLUTION("Deconvolution", in_place=False, opencv=True),
        _CONVOLUTION("DepthwiseConvolution"),
        _RECURRENT("LSTM", blobs=partial(_recurrent, 2, 0)),
        _RECURRENT("RNN", blobs=partial(_recurrent, 1, 2)),
        LayerType("Data"),
        LayerType("DummyData"),
        LayerType("HDF5Data"),
        LayerType("ImageData"),
        LayerType("Input", opencv=True),
        LayerType("MemoryData"),
        LayerType("Parameter", blobs=_fixed(("", 0.0))),
        LayerType("WindowData"),
        _JUDGE("Accuracy"),
        _JUDGE("ContrastiveLoss"),
        _JUDGE("DetectionEvaluate", blobs=None),
        _JUDGE("EuclideanLoss"),
        _JUDGE("HDF5Output"),
        _JUDGE("HingeLoss"),
        _JUDGE("InfogainLoss", squashes="Softmax"),
        _JUDGE("MultiBoxLoss", blobs=None),
        _JUDGE("MultinomialLogisticLoss"),
        _JUDGE("SigmoidCrossEntropyLoss", squashes="Sigmoid"),
        _JUDGE("Silence", opencv=True),
        _JUDGE("SoftmaxWithLoss", squashes="Softmax", block="softmax_param"),
        _FORK("BN", block="bn_param", fields={"eps": 1e-5, "frozen": 0, "bn_mode": "LEARN"}),
        _FORK("CropCenter", block="crop_center_param", fields={"crop_size": list}),
        _FORK("DetectionOutput", opencv=True, fork="ssd", fields={"clip": 0, "normalized_bbox": 1}),
        _FORK("HardSigmoid", block="hard_sigmoid_param", fields={"alpha": 0.2, "beta": 0.5}),
        _FORK(
            "Interp",
            block="interp_param",
            fields=_SIZE | {"shrink_factor": int, "zoom_factor": int},
        ),
        _FORK("Mish", block="mish_param"),
        _FORK("Permute", opencv=True, fork="ssd"),
        _FORK("Proposal", block="proposal_param", fields=_PROPOSED),
        _FORK("PixelShuffle", block="pixel_shuffle_param", fields={"upscale_factor": 0}),
        _FORK("PSROIPooling", fork="rfcn", block="psroi_pooling_param", fields=_OWN_BINS),
        _FORK("PriorBox", opencv=True, fork="ssd", fields={"offset_h": list, "offset_w": list}),
        _FORK("ROIPooling", fork="rfcn", block="roi_pooling_param", fields=_BINS),
        _FORK("Reorg", block="reorg_param", fields={"stride": 0, "reverse": 0}),
        _FORK("ShuffleChannel", opencv=True, block="shuffle_channel_param", fields={"group": 1}),
        _FORK("Upsample", block="upsample_param", fields=_UNPOOLED),
    )
}
"""By type."""

LIFTED = frozenset(
    {
        *("Accuracy", "ArgMax", "BatchNorm", "BatchReindex", "Bias", "Concat", "ContrastiveLoss"),
        *("Convolution", "Crop", "Deconvolution", "DummyData", "Eltwise", "Embed", "EuclideanLoss"),
        *("Exp", "Filter", "Flatten", "HingeLoss", "Im2col", "InnerProduct", "LSTMUnit", "Log"),
        *("MVN", "MultinomialLogisticLoss", "Normalize", "Parameter", "Pooling", "Power"),
        *("Reduction", "SPP", "Scale", "SigmoidCrossEntropyLoss", "Slice", "SoftmaxWithLoss"),
        *("Split", "Swish", "Threshold"),
    }
)
"""Types whose nodes may be written as the layer that they were; see `exporter.lifting`."""


def layer_type(name: str) -> LayerType:
    """What is known of a type: of one without a row, nothing."""
    return LAYERS.get(name) or _FORK(name)
