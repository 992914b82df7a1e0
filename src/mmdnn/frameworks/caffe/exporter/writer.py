"""What an exporting function writes with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import onnx_ir as ir

from mmdnn.frameworks.caffe._layers import FORKS, layer_type
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant, Draft
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.recurrent.views import Views

Operand: TypeAlias = Blob | Constant


@dataclass(eq=False)
class Scope:
    """A network as far as it is written.

    Attributes:
        forks: The forks of Caffe whose layers it may have beside BVLC's own.
        note: What to write down of a node, by its metadata.
        drafts: Its layers, in order.
        shared: Blobs that several layers ask for, by what they are.
        operands: What holds each value of the IR.
        views: What recurrent layers gave, as they gave it, and with the directions apart.
    """

    forks: frozenset[str]
    note: Callable[[Mapping[str, str]], str]
    drafts: list[Draft] = field(default_factory=list)
    shared: dict[object, Blob] = field(default_factory=dict)
    operands: dict[ir.Value, Operand] = field(default_factory=dict)
    views: Views[tuple[Blob, Blob]] = field(default_factory=Views)

    def operand(self, value: ir.Value) -> Operand:
        """The blob or constant that a value is."""
        if value not in self.operands:
            assert value.const_value is not None, value.name
            self.operands[value] = Constant(value)
        return self.operands[value]

    def named(self, name: str) -> Blob | None:
        """The blob that is the value of that name."""
        found = (x for value, x in self.operands.items() if value.name == name)
        return next((x for x in found if isinstance(x, Blob)), None)


class Writer:
    """What an exporting function writes with."""

    def __init__(self, scope: Scope, node: ExportedNode) -> None:
        self.scope = scope
        self.node = node

    def has(self, type_: str) -> bool:
        """Whether there is such a layer where the result is for."""
        fork = layer_type(type_).fork
        return not fork or fork in self.scope.forks

    def layer(
        self, type_: str, *bottoms: Operand, shape: Sequence[int] | None = None, **said: Any
    ) -> Blob:
        """A layer with one top, of its first bottom's shape unless given; see `layers`."""
        shapes = [bottoms[0].shape if shape is None else shape]
        return self.layers(type_, *bottoms, shapes=shapes, **said)[0]

    def layers(
        self,
        type_: str,
        *bottoms: Operand,
        shapes: Sequence[Sequence[int]],
        blobs: Sequence[ir.TensorProtocol] = (),
        name: str = "",
        suffix: str = "",
        in_place: bool = False,
        param: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> list[Blob]:
        """A layer with several tops.

        Args:
            type_: Its type.
            bottoms: What it reads.
            shapes: The shapes of its tops.
            blobs: Its weights, in Caffe's shapes.
            name: Its name; the source layer's unless given.
            suffix: What is added to that, for layers that help another one.
            in_place: Whether it works in place on a bottom made for it.
            param: Fields of its parameter block whose names are taken here.
            fields: Others, e.g. `negative_slope=0.1`.
        """
        row = layer_type(type_)
        if not self.has(type_):
            self.node.refuse(
                f"Caffe itself has no {type_} layer; {FORKS[row.fork]} has it "
                f"(--caffeFork {row.fork})"
            )
        unknown = {key: fields.pop(key) for key in [*fields] if key in row.fields}
        message = new_layer(type_, {**(param or {}), **fields})
        name = name or self.node.layer
        draft = Draft(
            f"{name}_{suffix}" if suffix else name,
            message,
            [self.blob(bottom) for bottom in bottoms],
            list(blobs),
            origin=self.node.source_layer,
            in_place=in_place,
            note=self.scope.note(self.node.node.metadata_props),
            unknown={row.block: unknown} if unknown else {},
        )
        draft.tops = [Blob(tuple(shape), draft) for shape in shapes]
        self.scope.drafts.append(draft)
        return draft.tops

    def blob(self, x: Operand) -> Blob:
        """An operand as a blob: a constant becomes a layer that gives it."""
        if isinstance(x, Blob):
            return x
        number = x.uniform()
        name = str(x.value.name)
        if number is not None and not x.is_weight:
            return self.filled(number, x.shape, name)
        return self.layer(
            "Parameter",
            blobs=[x.shaped(x.shape)],
            shape=x.shape,
            name=name,
            param={"shape": {"dim": list(x.shape)}},
        )

    def filled(self, number: float, shape: Sequence[int], name: str = "") -> Blob:
        """A blob of one number."""
        return self.layer(
            "DummyData",
            shape=shape,
            name=name,
            suffix="" if name else "fill",
            param={
                "shape": [{"dim": list(shape)}],
                "data_filler": [{"type": "constant", "value": number}],
            },
        )

    def constant(self, tensor: ir.TensorProtocol, like: Constant) -> Constant:
        """A constant made of another one."""
        value = ir.Value(name=like.value.name, const_value=tensor)
        value.metadata_props.update(like.value.metadata_props)
        return Constant(value)

    def number(self, x: Operand | None) -> float | None:
        """The number that a constant of one element is; None for anything else."""
        if not isinstance(x, Constant) or x.size != 1:
            return None
        return float(x.array().reshape(-1)[0])

    def power(
        self,
        x: Blob,
        *,
        power: float = 1.0,
        scale: float = 1.0,
        shift: float = 0.0,
        suffix: str = "",
    ) -> Blob:
        """(shift + scale x)^power, or x itself where that is x."""
        if (power, scale, shift) == (1, 1, 0):
            return x
        return self.layer("Power", x, suffix=suffix, power=power, scale=scale, shift=shift)

    def reshape(
        self, x: Blob, shape: Sequence[int], suffix: str = "", dims: Sequence[int] | None = None
    ) -> Blob:
        """The same elements in another shape; leading axes that stay are copied, as a batch may vary.

        Args:
            x: What is reshaped.
            shape: The result's shape.
            suffix: Of the layer's name.
            dims: What the layer is told, where it is not that.
        """
        shape = tuple(shape)
        if shape == x.shape and dims is None:
            return x
        told = list(dims) if dims is not None else _dims(x.shape, shape)
        param = {"shape": {"dim": told}}
        return self.layer("Reshape", x, shape=shape, suffix=suffix, param=param)

    def sum(self, *terms: Blob, coeff: Sequence[float] | None = None, suffix: str = "") -> Blob:
        """A sum of blobs of one shape, with coefficients."""
        return self.layer("Eltwise", *terms, suffix=suffix, operation="SUM", coeff=coeff)

    def product(self, *factors: Blob, suffix: str = "") -> Blob:
        """A product of blobs of one shape."""
        return self.layer("Eltwise", *factors, suffix=suffix, operation="PROD")


def _dims(before: tuple[int, ...], after: tuple[int, ...]) -> list[int]:
    """A Reshape's dimensions: 0, "as it was", for the leading axes that stay, else the size."""
    dims = list(after)
    for axis, (ours, theirs) in enumerate(zip(before, after, strict=False)):
        if ours != theirs:
            break
        dims[axis] = 0
    return dims
