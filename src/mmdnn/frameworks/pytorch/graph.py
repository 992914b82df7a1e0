"""PyTorch's native graph here: modules with members, and the statements of their `forward`.

It is what source code and weight files are both printed from, so they cannot disagree. Statements and
expressions are Python's own (`mmdnn.python`); their operands are variables and members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import onnx_ir as ir

from mmdnn.ir.exporting import Held
from mmdnn.python.statements import Statement

TORCH_TYPES = {
    "FLOAT": "float32", "DOUBLE": "float64", "FLOAT16": "float16", "BFLOAT16": "bfloat16",
    "INT64": "int64", "INT32": "int32", "INT16": "int16", "INT8": "int8", "UINT8": "uint8",
    "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "BOOL": "bool",
    "COMPLEX64": "complex64", "COMPLEX128": "complex128",
    "FLOAT8E4M3FN": "float8_e4m3fn", "FLOAT8E5M2": "float8_e5m2",
    "FLOAT8E4M3FNUZ": "float8_e4m3fnuz", "FLOAT8E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip
"""ONNX element types as torch's (https://docs.pytorch.org/docs/stable/tensor_attributes.html)."""

FOLDABLE = 1 << 20
"""Constants larger than this many bytes are weights, never literals."""


@dataclass(eq=False)
class Variable(Held):
    """A value in `forward`.

    Attributes:
        hint: The name it would like to have.
        value: The IR value it holds; None for a helper's intermediate result.
        aliases: Further IR values that are the same.
        derived: Where it is a constant: what was made of it (a transpose, ...), by how.
    """

    hint: str
    value: ir.Value | None = None
    aliases: list[ir.Value] = field(default_factory=list)
    derived: dict[Any, ir.TensorProtocol] = field(default_factory=dict)
    readable: ClassVar[int] = FOLDABLE

    def changed(
        self, how: Any, change: Callable[[ir.TensorProtocol], ir.TensorProtocol]
    ) -> ir.TensorProtocol:
        """The tensor in another form, made once, so that layers which share a weight share that too."""
        assert self.constant is not None
        if how not in self.derived:
            self.derived[how] = change(self.constant)
        return self.derived[how]

    @property
    def dtype(self) -> ir.DataType | None:
        """Its element type, where that is known."""
        return None if self.value is None else self.value.dtype


@dataclass(eq=False)
class Member:
    """An attribute of a module, made in `__init__`.

    Attributes:
        name: The attribute, e.g. "conv1"; final after naming.
        type: "nn.Conv2d" and the like, a class of the program, "nn.Parameter" or "buffer" (the
            arguments are sizes), "constant" (the argument is its value).
        args: Positional arguments, Python values.
        kwargs: Keyword arguments, Python values.
        tensors: What the state dict holds for it, by name below the member ("" for itself).
        layer: The source layer's name.
        block: The class, where it is one of the program.
        children: The members below it, in the order of the class's members (or of nn.Sequential).
        originals: For a block's variables, those of the network that this one stands for.
        result: What calling it gives, where no statement of the source shows that (in nn.Sequential).
    """

    name: str
    type: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, ir.TensorProtocol] = field(default_factory=dict)
    layer: str = ""
    block: Module | None = None
    children: tuple[Member, ...] = ()
    originals: dict[Variable, Variable] = field(default_factory=dict)
    result: Variable | None = None


@dataclass(eq=False)
class Module:
    """A class of the program: the whole network, or a block that repeats.

    Attributes:
        name: The class's name.
        inputs: The parameters of `forward`.
        outputs: What it returns.
        members: What `__init__` makes.
        statements: The body of `forward`.
        parameters: Those of `__init__`, with their defaults.
        local_names: Names to use again and again for variables, before the source's.
    """

    name: str
    inputs: list[Variable] = field(default_factory=list)
    outputs: list[Variable] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    local_names: tuple[str, ...] = ("x",)


@dataclass(eq=False)
class Program:
    """Everything in one source file and its weights.

    Attributes:
        main: The network.
        blocks: Classes of repeated blocks, each before its first use.
        helpers: Names of functions from `helpers/` that the source carries with it.
        model: The IR it was made from.
    """

    main: Module
    blocks: list[Module] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    model: ir.Model | None = None

    def state(self) -> Iterator[tuple[str, ir.TensorProtocol]]:
        """The state dict: key and tensor, in the order of the members."""
        yield from _state(self.main.members, "")


def _state(
    members: Sequence[Member], prefix: str, names: Sequence[str] = ()
) -> Iterator[tuple[str, ir.TensorProtocol]]:
    for member, name in zip(members, names or [m.name for m in members], strict=True):
        path = f"{prefix}{name}"
        for key, tensor in member.tensors.items():
            yield (f"{path}.{key}" if key else path), tensor
        if member.block is not None:
            yield from _state(member.children, f"{path}.", [m.name for m in member.block.members])
        elif member.children:
            yield from _state(
                member.children, f"{path}.", [str(i) for i in range(len(member.children))]
            )
