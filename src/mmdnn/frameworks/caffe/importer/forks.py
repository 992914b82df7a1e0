"""Parameters of layers that forks of Caffe made common: they are not in `caffe.proto`.

They are read by name, and one that is not known here is refused.
"""

from __future__ import annotations

from typing import TypeVar

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import known
from mmdnn.frameworks.caffe.importer.table import ImportedLayer
from mmdnn.ir.builder import shape

YOLO = "https://github.com/eric612/MobileNet-YOLO/tree/master/src/caffe/layers"
T = TypeVar("T", int, float)

LIMIT = 1 << 15
"""The largest size of an image, or whole number in a parameter, that is believed."""


class Fields:
    """A fork's parameter block, field by field; what is left over is refused by `close`."""

    def __init__(self, layer: ImportedLayer, block: str) -> None:
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


def channels(layer: ImportedLayer, x: ir.Value, group: int = 1) -> int:
    """The number of channels, which the groups must divide."""
    if len(shape(x)) < 2:
        layer.refuse(f"its bottom '{x.name}' has no channels")
    count = known(x, 1)
    if group < 1 or count % group:
        layer.refuse(f"{count} channels do not divide into {group}")
    return count


def image_size(layer: ImportedLayer, x: ir.Value) -> tuple[int, int]:
    """Height and width of a value with four axes."""
    if len(shape(x)) != 4:
        layer.refuse(f"its bottom '{x.name}' has {len(shape(x))} axes, not 4")
    height, width = known(x, 2), known(x, 3)
    if max(height, width) > LIMIT:
        layer.refuse(f"an image of {height} x {width}")
    return height, width


SSD = "https://github.com/weiliu89/caffe/blob/ssd/src/caffe/layers"
