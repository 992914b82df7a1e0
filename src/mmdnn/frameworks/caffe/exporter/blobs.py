"""Layers and blobs on their way out, before they have their final names."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe import _notes, graph
from mmdnn.ir import COMPUTED
from mmdnn.tensors import references

SMALL = 1 << 20
"""Elements of a constant that is looked at, at most."""


@dataclass(eq=False)
class Blob:
    """A blob.

    Attributes:
        shape: Its sizes, as Caffe computes them.
        maker: The layer that makes it.
        value: The value of the IR that it is; None for what is between a node's layers.
        name: Its name in Caffe, once it has one.
        flat: Of a recurrent layer's output, the blob of three axes that it is.
        turned: The same with the axes of directions and streams exchanged.
    """

    shape: tuple[int, ...]
    maker: Draft | None = None
    value: ir.Value | None = None
    name: str = ""
    flat: Blob | None = None
    turned: Blob | None = None

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
        unknown: Parameters that `caffe.proto` does not have.
        note: What its layer was in the source; see `mmdnn.ir.origin`.
    """

    name: str
    message: Any
    bottoms: list[Blob]
    blobs: list[ir.TensorProtocol] = field(default_factory=list)
    tops: list[Blob] = field(default_factory=list)
    origin: str = ""
    in_place: bool = False
    unknown: graph.Unknown = field(default_factory=dict)
    note: str = ""

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.message.type)


@dataclass(eq=False)
class Constant:
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

    @property
    def is_weight(self) -> bool:
        """Whether it was learned: it is no number that the source's own code holds."""
        return COMPUTED not in self.value.metadata_props

    def array(self) -> np.ndarray:
        """Its numbers; for small ones only."""
        return references.read(self.tensor)

    numbers = array

    def uniform(self) -> float | None:
        """The number that all its elements are, where they are one and few enough to be read."""
        if not 0 < self.size <= SMALL:
            return None
        array = self.array()
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
        external = self.tensor
        if isinstance(external, ir.ExternalTensor) and external.dtype == ir.DataType.FLOAT:
            if key not in self.derived:
                self.derived[key] = references.external(
                    external.path,
                    external.offset or 0,
                    external.nbytes,
                    external.dtype,
                    shape,
                    str(external.name),
                )
            return self.derived[key]
        return self.derive("reshape", lambda a: a.reshape(shape).astype(np.float32), shape)


def layer_message(layer_type: str, fields: Mapping[str, Any] | None = None) -> Any:
    """A LayerParameter of this type, with these fields in its type's own block."""
    message = graph.message("LayerParameter")
    message.type = layer_type
    if fields:
        fill(message, {graph.block_of(layer_type): dict(fields)})
    return message


def fill(message: Any, values: dict[str, Any]) -> None:
    """Set a message's fields: None, and what is the declared default of a number, is left out.

    Sizes by axis (`pad_h`, `pad_w`) are said together, whatever they are.
    """
    for name, value in values.items():
        known = message.DESCRIPTOR.fields_by_name[name]
        if value is None:
            continue
        if isinstance(value, dict):
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
            if name.endswith("_param") and not getattr(message, name).ListFields():
                message.ClearField(name)
        elif isinstance(value, (list, tuple)):
            if value and isinstance(value[0], dict):
                for item in value:
                    fill(getattr(message, name).add(), item)
            else:
                getattr(message, name).extend(value)
        else:
            default = known.has_default_value and known.enum_type is None
            default &= not name.endswith(("_h", "_w"))
            if isinstance(value, str) and known.enum_type is not None:
                value = known.enum_type.values_by_name[value].number
            if not default or _differs(value, known.default_value):
                setattr(message, name, value)


def _differs(value: Any, default: Any) -> bool:
    """Numbers are those of the file, float32."""
    return bool(np.float32(value) != default if isinstance(value, float) else value != default)
