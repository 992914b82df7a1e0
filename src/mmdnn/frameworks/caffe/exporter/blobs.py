"""Layers and blobs on their way out, before they have their final names."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe import _notes
from mmdnn.frameworks.caffe.graph import Unknown
from mmdnn.ir.exporting import Held
from mmdnn.tensors import references


@dataclass(eq=False)
class Blob:
    """A blob.

    Attributes:
        shape: Its sizes, as Caffe computes them.
        maker: The layer that makes it.
        value: The value of the IR that it is; None for what is between a node's layers.
        name: Its name in Caffe, once it has one.
    """

    shape: tuple[int, ...]
    maker: Draft | None = None
    value: ir.Value | None = None
    name: str = ""

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.shape)

    def numbers(self) -> None:
        """None: they are computed while the network runs."""

    def resized(self, axis: int, size: int) -> tuple[int, ...]:
        """Its sizes with another one for an axis."""
        return (*self.shape[:axis], size, *self.shape[axis + 1 :])


@dataclass(eq=False)
class Draft:
    """A layer.

    Attributes:
        name: The name it would like; it gets another one where that is taken.
        message: Its LayerParameter, without names, bottoms and tops.
        bottoms: What it reads.
        blobs: Its weights, in the shapes that Caffe gives them.
        origin: The source's layer that it is of.
        in_place: Whether its first bottom, which nothing else reads, takes the name of its top.
        note: What its layer was in the source; see `mmdnn.ir.origin`.
        unknown: What it says that `caffe.proto` does not know.
    """

    name: str
    message: Any
    bottoms: list[Blob]
    blobs: list[ir.TensorProtocol] = field(default_factory=list)
    tops: list[Blob] = field(default_factory=list)
    origin: str = ""
    in_place: bool = False
    note: str = ""
    unknown: Unknown = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.message.type)


@dataclass(eq=False)
class Constant(Held):
    """An initializer, by reference."""

    value: ir.Value
    derived: dict[Hashable, ir.TensorProtocol] = field(default_factory=dict)

    @property
    def tensor(self) -> ir.TensorProtocol:
        """Its tensor."""
        assert self.value.const_value is not None
        return self.value.const_value

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return tuple(int(dim) for dim in self.tensor.shape.numpy())

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)

    def array(self) -> np.ndarray:
        """Its numbers; for small ones only."""
        return references.read(self.tensor)

    def uniform(self) -> float | None:
        """The number that all its elements are, where they are one and few enough to be read."""
        array = self.numbers()
        if array is None or not array.size:
            return None
        first = array.reshape(-1)[0]
        return float(first) if (array == first).all() else None

    def derive(
        self, how: Hashable, function: Callable[[np.ndarray], np.ndarray], shape: Sequence[int]
    ) -> ir.TensorProtocol:
        """A tensor made of this one when it is written; once for each way, so that sharing stays."""
        key = (how, tuple(shape))
        if key not in self.derived:
            self.derived[key] = references.lazy(
                self.tensor,
                lambda array: np.asarray(function(array), order="C"),
                shape=shape,
                dtype=ir.DataType.FLOAT,
            )
        return self.derived[key]

    def shaped(self, shape: Sequence[int]) -> ir.TensorProtocol:
        """Its elements in another shape of as many, or repeated to fill it; it keeps its name."""
        found = self._shaped(shape)
        found.meta.setdefault(_notes.NAME, str(self.value.name))
        found.meta.setdefault(_notes.COMPUTED, not self.is_weight)
        return found

    def _shaped(self, shape: Sequence[int]) -> ir.TensorProtocol:
        shape = tuple(shape)
        if shape == self.shape and self.tensor.dtype == ir.DataType.FLOAT:
            return self.tensor
        if self.size != np.prod(shape, dtype=np.int64):
            return self.derive(
                "broadcast", lambda a: np.broadcast_to(a, shape).astype(np.float32), shape
            )
        key = ("reshape", shape)
        if isinstance(self.tensor, ir.ExternalTensor) and self.tensor.dtype == ir.DataType.FLOAT:
            if key not in self.derived:
                name = str(self.tensor.name)
                self.derived[key] = references.reshaped(self.tensor, shape, name)
            return self.derived[key]
        return self.derive("reshape", lambda a: a.reshape(shape).astype(np.float32), shape)
