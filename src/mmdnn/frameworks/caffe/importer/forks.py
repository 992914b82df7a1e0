"""Layers that forks of Caffe made common, each as the fork that its documentation names.

Their parameters are not in `caffe.proto`; they are read by name, and one that is not known here is refused.
"""

from __future__ import annotations

from typing import Any, TypeVar

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import agree, known, needs_static, reshape
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import dimensions, shape

YOLO = "https://github.com/eric612/MobileNet-YOLO/tree/master/src/caffe/layers"
T = TypeVar("T", int, float)

LIMIT = 1 << 15
"""The largest size of an image, or whole number in a parameter, that is believed."""


class Fields:
    """A fork's parameter block, field by field; what is left over is refused by `close`."""

    def __init__(self, layer: Importing, block: str) -> None:
        self.layer = layer
        self.block = block
        if not isinstance(layer.layer.unknown.get(block, {}), dict):
            layer.refuse(f"its {block} is not one block")
        self.left = layer.fork(block)

    def __contains__(self, name: str) -> bool:
        return name in self.left

    def take(self, name: str, default: T) -> T:
        """A number, of the type of its default; True and False are 1 and 0."""
        value = self.left.pop(name, default)
        if not isinstance(value, (int, float)) or isinstance(default, int) > isinstance(value, int):
            self.layer.refuse(f"{self.block}: {name} is {value!r}")
        if not abs(value) <= LIMIT:
            self.layer.refuse(f"{self.block}: {name} is {value}, which is too much")
        return type(default)(value)

    def ignore(self, *names: str) -> None:
        """Leave out what has no meaning at inference."""
        for name in names:
            self.left.pop(name, None)

    def close(self) -> None:
        """Refuse the fields that nobody took."""
        if self.left:
            self.layer.refuse(f"{self.block}: {', '.join(sorted(self.left))} is not known here")


def channels(layer: Importing, x: ir.Value, group: int = 1) -> int:
    """The number of channels, which the groups must divide."""
    if len(shape(x)) < 2:
        layer.refuse(f"its bottom '{x.name}' has no channels")
    count = known(x, 1)
    if group < 1 or count % group:
        layer.refuse(f"{count} channels do not divide into {group}")
    return count


def image_size(layer: Importing, x: ir.Value) -> tuple[int, int]:
    """Height and width of a value with four axes."""
    if len(shape(x)) != 4:
        layer.refuse(f"its bottom '{x.name}' has {len(shape(x))} axes, not 4")
    height, width = known(x, 2), known(x, 3)
    if max(height, width) > LIMIT:
        layer.refuse(f"an image of {height} x {width}")
    return height, width


@importer("ReLU6", doc=f"{YOLO}/relu6_layer.cpp")
def relu6(_layer: Importing, op: Any, x: ir.Value) -> Any:
    return op.Clip(x, 0.0, 6.0)


@importer(
    "Mish", doc="https://github.com/troyliu0105/caffe/blob/master/src/caffe/layers/mish_layer.cpp"
)
def mish(layer: Importing, op: Any, x: ir.Value) -> Any:
    fields = Fields(layer, "mish_param")
    fields.ignore("engine")
    fields.close()
    return op.Mish(x)


@importer(
    "HardSwish",
    doc="https://github.com/Zeitzmz/micronet-caffe/blob/master/src/caffe/layers/hard_swish_layer.cpp",
)
def hard_swish(_layer: Importing, op: Any, x: ir.Value) -> Any:
    return op.HardSwish(x)


@importer(
    "HardSigmoid",
    doc="https://github.com/foss-for-synopsys-dwc-arc-processors/synopsys-caffe"
    "/blob/development/src/caffe/layers/hard_sigmoid_layer.cpp",
)
def hard_sigmoid(layer: Importing, op: Any, x: ir.Value) -> Any:
    fields = Fields(layer, "hard_sigmoid_param")
    alpha, beta = fields.take("alpha", 0.2), fields.take("beta", 0.5)
    fields.close()
    return op.HardSigmoid(x, alpha=alpha, beta=beta)


@importer("Axpy", doc="https://github.com/hujie-frank/SENet")
def axpy(layer: Importing, op: Any, scale: ir.Value, x: ir.Value, y: ir.Value) -> Any:
    """A factor for each channel of each image, [N, C] or [N, C, 1, 1]: scale · x + y."""
    rank = len(shape(x))
    if shape(scale)[1:] not in {(channels(layer, x),), (channels(layer, x), 1, 1)}:
        layer.refuse(f"its factors have the shape {shape(scale)}, and x has {shape(x)}")
    agree(scale, x, [(0, 0), (1, 1)])
    agree(x, y)
    if len(shape(scale)) != rank:
        if len(shape(scale)) == 4:
            scale = op.Squeeze(scale, [2, 3])
        if rank > 2:
            scale = op.Unsqueeze(scale, list(range(2, rank)))
    return op.Add(op.Mul(scale, x), y)


@importer(
    "CropCenter",
    doc="https://github.com/lltcggie/caffe/blob/master/src/caffe/layers/crop_center_layer.cpp",
)
def crop_center(layer: Importing, op: Any, x: ir.Value) -> Any:
    """Cut `crop_size` from both ends of each axis."""
    fields = Fields(layer, "crop_center_param")
    given = fields.left.pop("crop_size", [])
    fields.close()
    crops = given if isinstance(given, list) else [given]
    if len(crops) != len(shape(x)) or not all(isinstance(c, int) and c >= 0 for c in crops):
        layer.refuse(f"crop_size {given} for {len(shape(x))} axes")
    for crop, size in zip(crops, shape(x), strict=True):
        if crop and size is None:
            raise needs_static(x)
        if size is not None and 2 * crop >= size:
            layer.refuse(f"crop_size {crops} is too much for {shape(x)}")
    axes = [axis for axis, crop in enumerate(crops) if crop]
    if not axes:
        return x
    starts = [crops[axis] for axis in axes]
    return op.Slice(x, starts, [-start for start in starts], axes)


@importer("ShuffleChannel", doc="https://github.com/farmingyard/ShuffleNet")
def shuffle_channel(layer: Importing, op: Any, x: ir.Value) -> Any:
    """Channels as a table of `group` rows, read by columns."""
    fields = Fields(layer, "shuffle_channel_param")
    group = fields.take("group", 1)
    fields.close()
    count, (height, width) = channels(layer, x, group), image_size(layer, x)
    batch = dimensions(x)[0]
    table = reshape(op, x, [batch, group, count // group, height, width])
    table = op.Transpose(table, perm=[0, 2, 1, 3, 4])
    return reshape(op, table, [batch, count, height, width])


@importer("PixelShuffle", doc="https://github.com/inisis/caffe")
def pixel_shuffle(layer: Importing, op: Any, x: ir.Value) -> Any:
    block = "pixelshuffle_param" if "pixelshuffle_param" in layer.layer.unknown else None
    fields = Fields(layer, block or "pixel_shuffle_param")
    factor = fields.take("upscale_factor", 0)
    fields.close()
    channels(layer, x, factor * factor)
    return op.DepthToSpace(x, blocksize=factor, mode="CRD")


@importer("Reorg", doc="https://github.com/gklz1982/caffe-yolov2")
def reorg(layer: Importing, op: Any, x: ir.Value) -> Any:
    """As darknet does it: what is rearranged is the data seen as an image of fewer channels."""
    fields = Fields(layer, "reorg_param")
    stride, reverse = fields.take("stride", 0), fields.take("reverse", 0)
    fields.close()
    count, (height, width) = channels(layer, x, stride * stride), image_size(layer, x)
    if reverse:
        return op.DepthToSpace(x, blocksize=stride, mode="DCR")
    if height % stride or width % stride:
        layer.refuse(f"a stride of {stride} does not divide {height} x {width}")
    batch = dimensions(x)[0]
    seen = reshape(op, x, [batch, count // stride**2, height * stride, width * stride])
    moved = op.SpaceToDepth(seen, blocksize=stride)
    return reshape(op, moved, [batch, count * stride**2, height // stride, width // stride])


@importer(
    "BN",
    doc="https://github.com/yjxiong/caffe/blob/mem/src/caffe/layers/bn_layer.cpp "
    "https://github.com/alexgkendall/caffe-segnet/blob/segnet-cleaned/src/caffe/layers/bn_layer.cpp",
)
def bn(layer: Importing, op: Any, x: ir.Value) -> Any:
    """PSPNet's, which stores slope, bias, mean and variance, or SegNet's, whose mean is merged."""
    fields = Fields(layer, "bn_param")
    mode = fields.left.pop("bn_mode", "LEARN")
    if len(layer.layer.blobs) == 2:
        return _merged(layer, op, x, fields, mode)
    eps, frozen = fields.take("eps", 1e-5), fields.take("frozen", 0)
    fields.ignore("slope_filler", "bias_filler", "momentum", "engine")
    fields.close()
    if layer.layer.phase == "TRAIN" and not frozen:
        layer.refuse("its statistics are those of the batch")
    count = (channels(layer, x),)
    names = ("weight", "bias", "running_mean", "running_var")
    weights = [layer.weight(index, name, count) for index, name in enumerate(names)]
    return op.BatchNormalization(x, *weights, epsilon=eps)


def _merged(layer: Importing, op: Any, x: ir.Value, fields: Fields, mode: Any) -> Any:
    if mode not in ("INFERENCE", 1):
        layer.refuse("its statistics are those of the batch")
    fields.ignore("scale_filler", "shift_filler", "engine")
    fields.close()
    column = (channels(layer, x), *[1] * (len(shape(x)) - 2))
    scaled = op.Mul(x, layer.weight(0, "weight", column))
    return op.Add(scaled, layer.weight(1, "bias", column))
