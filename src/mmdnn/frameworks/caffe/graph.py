"""A Caffe network as plain objects: layers in file order, their parameters and weights.

The parameters are protobuf messages of `caffe.proto`; the weights are references into the files.
What is not in the files, a filler makes (include/caffe/filler.hpp of BVLC Caffe).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UsageError
from mmdnn.frameworks.caffe import _layers
from mmdnn.frameworks.caffe._notes import Note
from mmdnn.registry import Source
from mmdnn.shapes import Given
from mmdnn.tensors import protobuf, references

Unknown: TypeAlias = dict[str, Any]
"""Fields that `caffe.proto` lacks: names to values, blocks as nested ones, repetition as lists."""


def message(name: str) -> Any:
    """An empty message of `caffe.proto`, e.g. `message("LayerParameter")`."""
    return schema()[f"caffe.{name}"]()


def schema() -> protobuf.Schema:
    """The message classes of `caffe.proto`."""
    return protobuf.schema("mmdnn.frameworks.caffe", "caffe.desc")


@cache
def block_of(layer_type: str) -> str:
    """The parameter block of a type, the one whose message is called after it unless its row says; or ""."""
    fields = message("LayerParameter").DESCRIPTOR.fields
    named = (
        f.name for f in fields if f.message_type and f.message_type.name == f"{layer_type}Parameter"
    )
    return _layers.layer_type(layer_type).block or next(named, "")


LARGEST = 1 << 28
"""Numbers of a blob that a filler makes, at most: a gigabyte."""


@dataclass(eq=False)
class Filler:
    """Stands for a weight blob that no file holds; its shape is not known before it is asked for.

    Attributes:
        type: As in FillerParameter: "constant", "bilinear", "xavier", ...; "" where none is said.
        value: Of a constant.
        said: Whether the file says it, as Caffe's own default may do for no weight that is trained.
        why: What to tell the user when the filler is random and the numbers are needed.
    """

    type: str = "constant"
    value: float = 0.0
    said: bool = False
    why: str = "no caffemodel is given"

    @property
    def random(self) -> bool:
        """Whether nothing determines its numbers."""
        return self.type not in _FILLERS

    def tensor(self, shape: Sequence[int], name: str) -> ir.TensorProtocol:
        """The blob, computed when it is read.

        Args:
            shape: The shape of the blob.
            name: The tensor's name.

        Raises:
            UsageError: The filler is random, so nothing determines the numbers.
            ShapeError: It is larger than is meant by any filler; or a bilinear one, which wants four axes
                and a square window.
        """
        if math.prod(shape) > LARGEST:
            raise ShapeError(f"blob '{name}' is {list(shape)}: too large for what no file holds")
        if self.random:
            how = f", and the filler '{self.type}' is random" if self.type else ""
            raise UsageError(
                f"the numbers of blob '{name}' are not determined: {self.why}{how}",
                hint="Give the .caffemodel that was trained with this network.",
            )
        if self.type == "bilinear" and (len(shape) != 4 or shape[2] != shape[3]):
            raise ShapeError(f"a bilinear filler needs a square window, not {list(shape)}")

        def compute() -> ir.TensorProtocol:
            return ir.tensor(_FILLERS[self.type](self, tuple(shape)), name=name)

        return ir.LazyTensor(compute, ir.DataType.FLOAT, ir.Shape(shape), name=name)


def _constant(filler: Filler, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, filler.value, np.float32)


def _bilinear(_: Filler, shape: tuple[int, ...]) -> np.ndarray:
    """A tent over the window: (1 - |x/f - c|)(1 - |y/f - c|)."""
    size = shape[-1]
    factor = math.ceil(size / 2)
    centre = np.float32((size - 1) / (2.0 * factor)) if factor else np.float32(0)
    tent = 1 - np.abs(np.arange(size, dtype=np.float32) / np.float32(factor or 1) - centre)
    window = (tent[:, None] * tent[None, :]).astype(np.float32)
    return np.ascontiguousarray(np.broadcast_to(window, shape))


_FILLERS: dict[str, Callable[[Filler, tuple[int, ...]], np.ndarray]] = {
    "constant": _constant,
    "bilinear": _bilinear,
}

Blob: TypeAlias = ir.TensorProtocol | Filler


@dataclass(eq=False)
class Layer:
    """One layer.

    Attributes:
        name: Its name; not unique in some files.
        type: Its type in the current spelling, e.g. "InnerProduct".
        bottoms: Names of the blobs it reads.
        tops: Names of the blobs it writes.
        message: Its LayerParameter, without blobs.
        blobs: Its weights, float32, in the shapes stored (a legacy one has four axes). Layers that
            share a weight by `param { name }` hold the same object.
        phase: "TEST" or "TRAIN".
        unknown: What its message says that `caffe.proto` does not know.
        permissive: Indices of blobs that are shared under another shape of equal count.
        note: What it was before it was Caffe's.
    """

    name: str
    type: str
    bottoms: list[str]
    tops: list[str]
    message: Any
    blobs: list[Blob] = field(default_factory=list)
    phase: str = "TEST"
    unknown: Unknown = field(default_factory=dict)
    permissive: frozenset[int] = frozenset()
    note: Note | None = None

    @classmethod
    def of(cls, message: Any, **rest: Any) -> Layer:
        """The layer that a message with names, bottoms and tops is."""
        names = list(message.bottom), list(message.top)
        return cls(message.name, message.type, *names, message, **rest)

    def param(self, block: str = "") -> Any:
        """A parameter block with the defaults of `caffe.proto`: its type's own, unless named."""
        return getattr(self.message, block or block_of(self.type))

    def blob(self, index: int, shape: Sequence[int]) -> ir.TensorProtocol:
        """A weight blob in the shape that the layer works with.

        Args:
            index: Its place among the layer's blobs.
            shape: The shape wanted. The stored one may differ by axes of size 1 (legacy files
                store four axes), and by more only where blobs are shared permissively.

        Raises:
            FormatError: There is no such blob.
            ShapeError: It is stored in a shape that cannot be taken for the one wanted.
            UsageError: No file holds it, and its filler is random.
        """
        if index >= len(self.blobs):
            raise FormatError(
                f"it has {len(self.blobs)} weight blobs; blob {index} is missing",
                layer=self.name,
                operator=self.type,
            )
        blob, wanted = self.blobs[index], tuple(shape)
        name = f"{self.name}.{index}"
        try:
            if isinstance(blob, Filler):
                return blob.tensor(wanted, name)
            stored = tuple(blob.shape.numpy())
            same = _without_ones(stored) == _without_ones(wanted)
            if not same and not (index in self.permissive and blob.size == math.prod(wanted)):
                raise ShapeError(
                    f"weight blob {index} is stored with the shape {list(stored)}; "
                    f"the layer needs {list(wanted)}"
                )
            return blob if stored == wanted else references.reshaped(blob, wanted, str(blob.name))
        except (ShapeError, UsageError) as error:
            error.layer, error.operator = self.name, self.type
            raise


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(dim for dim in shape if dim != 1)


@dataclass(eq=False)
class Network:
    """A network ready to run in one phase: rules applied, old forms brought to the current one.

    Attributes:
        name: The network's name.
        layers: In file order, inputs included (type "Input").
        inputs: Each input blob's shape, or None where no file says it.
        files: Where it was read from, and what the user said about it.
        weights: The file with the weights, None where there is none.
        unused: The layers of that file that have weights, and whose names none here has.
        left_out: Losses and metrics of a training network, which need labels.
    """

    name: str
    layers: list[Layer]
    inputs: dict[str, Given | None]
    files: Source
    weights: Path | None = None
    unused: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def fillers(layer_type: str, layer: Any, unknown: Unknown | None = None) -> list[Filler] | None:
    """The weight blobs that a layer has before any weights are loaded.

    Args:
        layer_type: The layer's type.
        layer: Its LayerParameter.
        unknown: What it says that `caffe.proto` does not know.

    Returns:
        One filler a blob, or None where the type is not one that says how many there are.
    """
    slots = _layers.layer_type(layer_type).blobs
    if layer_type == "BN":
        return _fork_fillers((unknown or {}).get("bn_param"))
    if slots is None:
        return None
    block = getattr(layer, block_of(layer_type)) if block_of(layer_type) else None
    return [_filler(block, *slot) for slot in slots(layer)]


def _fork_fillers(said: Any) -> list[Filler] | None:
    """SegNet's BN has two blobs, and says what fills both."""
    names = ("scale_filler", "shift_filler")
    if not isinstance(said, dict) or not all(isinstance(said.get(name), dict) for name in names):
        return None
    return [
        Filler(str(said[name].get("type", "constant")), said[name].get("value", 0.0), said=True)
        for name in names
    ]


def _filler(block: Any, field: str, value: float) -> Filler:
    if not field or not block.HasField(field):
        return Filler(value=value)
    said = getattr(block, field)
    return Filler(said.type, said.value, said=True)
