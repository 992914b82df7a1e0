"""How pictures become what a network was trained on.

A `Mode` is what is done with the levels of a picture, from 0 to 255 in red, green and blue:
(level / unit - mean) / deviation, and the colours turned round where the network has blue first.

The names are those of MMdnn 0.3.1 (mmdnn/conversion/examples/imagenet_test.py): by the framework that a
model comes from, and its name there. In five places it did other than those who made the networks
say, and gets what they say here: SqueezeNet of Caffe (`mean_value` in its train_val.prototxt: blue first),
MXNet's ResNets (https://mxnet.apache.org/versions/1.3.1/tutorials/python/predict_image.html: red first),
CNTK's (its transfer learning tutorial: blue first), torchvision's networks and Keras' DenseNet (mean and
deviation of ImageNet). `-p MODE --size N` gives what it did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmdnn.conversion.examples import _pictures
from mmdnn.errors import UsageError

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Mode:
    """What is done with the levels; the triples are for red, green and blue.

    Attributes:
        unit: What a level is divided by.
        mean: What is taken away then.
        deviation: What is divided by then.
        bgr: Whether blue comes first at the end.
    """

    unit: float = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    deviation: Triple = (1.0, 1.0, 1.0)
    bgr: bool = False

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """A picture, uint8[height, width, 3], as an input: float32[3, height, width]."""
        mean, deviation = (np.array(each, np.float32) for each in (self.mean, self.deviation))
        x = (picture.astype(np.float32) / np.float32(self.unit) - mean) / deviation
        return np.ascontiguousarray((x[:, :, ::-1] if self.bgr else x).transpose(2, 0, 1))


_HALF = (0.5, 0.5, 0.5)
IDENTITY = Mode()
UNIT = Mode(unit=255)
STANDARD = Mode(unit=255, mean=_HALF, deviation=_HALF)
"""-1 to 1, as TensorFlow's Inception, Xception and MobileNet have it."""
ZEROCENTER = Mode(mean=(123.68, 116.779, 103.939))
"""The mean of ImageNet taken away, as VGG's authors give it (gist 211839e770f7b538e2d8 of ksimonyan)."""
TORCH = Mode(unit=255, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
"""https://docs.pytorch.org/vision/stable/models.html; Keras calls it so too (imagenet_utils)."""
COREML_MOBILENET = Mode(
    1 / 0.0170000009239, (2.10256004333, 1.98526000977, 1.76698005199), bgr=True
)

_PLAIN = {
    "identity": IDENTITY,
    "unit": UNIT,
    "standard": STANDARD,
    "zerocenter": ZEROCENTER,
    "torch": TORCH,
}
MODES = {
    **_PLAIN,
    **{f"{name}-bgr": replace(mode, bgr=True) for name, mode in _PLAIN.items()},
    "tf": STANDARD,
    "caffe": replace(ZEROCENTER, bgr=True),
    "coreml-mobilenet": COREML_MOBILENET,
}
"""By name. `caffe`, `tf` and `torch` are called so in Keras (imagenet_utils.preprocess_input)."""

_TABLE = """
    caffe       zerocenter-bgr    227      alexnet squeezenet
    caffe       zerocenter-bgr    224      vgg16 vgg19 inception_v1 resnet50 resnet101 resnet152
    caffe       standard-bgr      299      inception_v4 xception
    caffe       zerocenter-bgr    500      voc-fcn8s voc-fcn16s voc-fcn32s
    caffe       zerocenter-bgr    320x180  trailnet_sresnet
    tensorflow  zerocenter        224      vgg16 vgg19 resnet_v1_50 resnet_v1_101 resnet_v1_152
    tensorflow  standard          224      inception_v1 mobilenet mobilenet_v1_1.0 mobilenet_v1_0.50
    tensorflow  standard          224      mobilenet_v1_0.25 mobilenet_v2_1.0_224
    tensorflow  standard          299      inception_v3 resnet resnet152 inception_resnet_v2
    tensorflow  standard          299      resnet_v2_50 resnet_v2_101 resnet_v2_152 resnet_v2_200
    tensorflow  standard          331      nasnet-a_large
    tensorflow  standard          160      facenet
    keras       zerocenter-bgr    224      vgg16 vgg19 resnet50
    keras       standard          299      inception_v3 xception inception_resnet_v2
    keras       standard          224      mobilenet
    keras       torch             224      densenet
    keras       standard          331      nasnet
    keras       identity          416      yolo2-tiny yolo2
    mxnet       zerocenter        224      vgg16 vgg19 squeezenet_v1.0 squeezenet_v1.1
    mxnet       identity          224      imagenet1k-inception-bn resnet resnext
    mxnet       identity          224      imagenet1k-resnet-18 imagenet1k-resnet-34
    mxnet       identity          224      imagenet1k-resnet-50 imagenet1k-resnet-101
    mxnet       identity          224      imagenet1k-resnet-152 imagenet1k-resnext-50
    mxnet       identity          224      imagenet1k-resnext-101 imagenet1k-resnext-101-64x4d
    mxnet       identity          224      imagenet11k-resnet-152 imagenet11k-place365ch-resnet-50
    mxnet       identity          224      imagenet11k-place365ch-resnet-152
    pytorch     torch             224      alexnet densenet121 densenet161 densenet169 densenet201
    pytorch     torch             224      vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn
    pytorch     torch             224      resnet18 resnet34 resnet50 resnet101 resnet152
    pytorch     torch             224      squeezenet1_0 squeezenet1_1
    pytorch     standard          299      inception_v3
    cntk        identity-bgr      227      alexnet
    cntk        identity-bgr      224      resnet18 resnet50 resnet101 resnet152
    cntk        identity-bgr      299      inception_v3
    darknet     identity          608      yolov2 yolov3
    coreml      coreml-mobilenet  224      mobilenet
    coreml      standard          299      inception_v3
    coreml      zerocenter-bgr    224      vgg16 resnet50
    coreml      unit              416      tinyyolo
    paddle      standard          224      resnet50 resnet101 vgg16
"""
"""Framework, mode, size (one number for a square, else width x height), models."""


@dataclass(frozen=True)
class Preparation:
    """How a picture is prepared for a network.

    Attributes:
        mode: What is done with its levels.
        size: Width and height, or None where the network's own input says it.
    """

    mode: Mode
    size: tuple[int, int] | None

    def __call__(self, path: Path, size: tuple[int, int]) -> np.ndarray:
        """A picture file at a size: float32[1, 3, height, width]."""
        return self.mode(_pictures.resized(_pictures.read(path), *size))[None]


def parse_size(text: str) -> tuple[int, int]:
    """`224`, or `320x180` for width and height.

    Raises:
        UsageError: It is no size.
    """
    parts = text.split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise UsageError(f"'{text}' is no size of pictures", hint="Write 224, or 320x180.")
    return int(parts[0]), int(parts[-1])


def _rows() -> dict[str, dict[str, Preparation]]:
    table: dict[str, dict[str, Preparation]] = {}
    for line in _TABLE.strip().splitlines():
        framework, mode, size, *names = line.split()
        for name in names:
            made = Preparation(MODES[mode], parse_size(size))
            table.setdefault(framework, {})[name] = made
    return table


TABLE = _rows()
"""Framework, model, and how pictures are prepared for it."""


def preparation(framework: str, name: str) -> Preparation:
    """How pictures are prepared for a model, or the mode of that name.

    Args:
        framework: Which framework the model comes from.
        name: The model's name there, or one of `MODES`.

    Raises:
        UsageError: There is no such name.
    """
    models = TABLE.get({"tf": "tensorflow", "torch": "pytorch"}.get(framework, framework), {})
    if name in models:
        return models[name]
    if name.lower() in MODES:
        return Preparation(MODES[name.lower()], None)
    raise UsageError(
        f"how pictures are prepared for '{name}' of {framework} is not known",
        hint=f"-p takes {', '.join((*models, *MODES))}.",
    )
