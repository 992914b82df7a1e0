"""A CNTK model as plain objects: functions, and the variables that connect them.

What a file says of a function stands in Source/CNTKv2LibraryDll/PrimitiveFunction.cpp and
PrimitiveFunctionAttribute.cpp of CNTK 2.7. Files are column-major; here, as in CNTK's Python, shapes
are row-major: every NDShape is reversed, tensors have reversed shapes and the same bytes.
Lists (a convolution's `autoPadding`) and axes stay as the file has them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk._operators import BLOCK as BLOCK
from mmdnn.frameworks.cntk._operators import COMBINE as COMBINE
from mmdnn.frameworks.cntk._operators import OPERATORS
from mmdnn.registry import Source
from mmdnn.tensors import protobuf

INFERRED = -1
"""A size that CNTK works out when the model is put together."""
FREE = -3
"""A size that each minibatch has its own of."""


def schema() -> protobuf.Schema:
    """The messages of the files."""
    return protobuf.schema("mmdnn.frameworks.cntk", "cntk.desc")


class Shape(tuple[int, ...]):
    """A row-major shape; `INFERRED` and `FREE` stand for sizes that are not known."""

    __slots__ = ()


UNKNOWN_SHAPE = Shape((-2,))
"""That of which not even the rank is known."""
MAX_AXES = 64
"""Axes that a shape may have; real ones have less than ten."""
_MAX_SIZE = 1 << 40


def checked(dims: Sequence[int]) -> Shape:
    """A row-major shape that a file gives.

    Raises:
        FormatError: It has more axes or numbers than any tensor has, or negative ones that mean nothing.
    """
    sizes = [max(dim, 1) for dim in dims]
    meant = all(dim >= 0 or dim in (INFERRED, FREE) for dim in dims) or tuple(dims) == UNKNOWN_SHAPE
    if len(sizes) > MAX_AXES or not meant or math.prod(sizes) > _MAX_SIZE:
        raise FormatError(f"{[*dims][:MAX_AXES]} is no shape")
    return Shape(dims)


@dataclass(frozen=True)
class Axis:
    """An axis, static or dynamic (CNTK::Axis).

    Attributes:
        index: Of a static axis, column-major; negative: counted from the end. Else a sentinel.
        name: Of a dynamic axis.
        ordered: Whether a dynamic axis is that of a sequence; the batch's is not.
    """

    index: int
    name: str = ""
    ordered: bool = False

    @property
    def is_dynamic(self) -> bool:
        """Whether it is a batch's or a sequence's axis."""
        return self.index == DYNAMIC

    def position(self, rank: int) -> int:
        """The row-major position of a static axis among `rank` of them.

        Raises:
            UnsupportedError: It is no static axis of that many.
        """
        column = self.index if self.index >= 0 else self.index + rank
        if not 0 <= column < rank:
            raise UnsupportedError(f"an operand of rank {rank} has no axis {self}")
        return rank - 1 - column

    def __str__(self) -> str:
        return self.name or _SENTINELS.get(self.index, str(self.index))


DYNAMIC = (1 << 31) - 1
ALL_STATIC = DYNAMIC - 1
UNKNOWN = DYNAMIC - 2
END_STATIC = DYNAMIC - 3
ALL = DYNAMIC - 4
_SENTINELS = {
    DYNAMIC: "dynamic",
    ALL_STATIC: "all static",
    UNKNOWN: "unknown",
    END_STATIC: "new static",
    ALL: "all",
}
BATCH = Axis(DYNAMIC, "defaultBatchAxis", ordered=False)
SEQUENCE = Axis(DYNAMIC, "defaultDynamicAxis", ordered=True)

Attribute: TypeAlias = (
    bool
    | int
    | float
    | str
    | Shape
    | Axis
    | ir.TensorProtocol
    | list["Attribute"]
    | dict[str, "Attribute"]
    | None
)


class Kind(IntEnum):
    """What a variable is (CNTK::VariableKind)."""

    INPUT = 0
    OUTPUT = 1
    PARAMETER = 2
    CONSTANT = 3
    PLACEHOLDER = 4


@dataclass(eq=False)
class Variable:
    """What functions read and compute.

    Attributes:
        uid: Its name within the file.
        kind: What it is.
        dtype: Its numbers' type; UNDEFINED where the file leaves it open (outputs, some placeholders).
        shape: Its static shape; None where the file does not know it (outputs, placeholders).
        axes: Its dynamic axes, batch first; None where the file leaves them open.
        name: The user's name for it, or "".
        sparse: Whether its numbers are fed as a sparse matrix.
        trained: Whether CNTK computes gradients for it.
        value: Of a parameter or constant.
        owner: Of an output, the function that computes it.
        index: Of an output, its place among the owner's outputs.
    """

    uid: str
    kind: Kind
    dtype: ir.DataType = ir.DataType.FLOAT
    shape: Shape | None = None
    axes: tuple[Axis, ...] | None = ()
    name: str = ""
    sparse: bool = False
    trained: bool = False
    value: ir.TensorProtocol | None = None
    owner: Function | None = field(default=None, repr=False)
    index: int = 0


@dataclass(eq=False)
class Block:
    """The inside of a function that is made of others.

    Attributes:
        type: What it is called: "LSTM", "Dense", "Sequence::Slice", or the user's own name.
        root: The function its outputs are those of.
        arguments: Placeholders inside to the variables outside.
        uid: Of the composite.
        name: Of the composite.
    """

    type: str
    root: Function
    arguments: dict[Variable, Variable] = field(default_factory=dict)
    uid: str = ""
    name: str = ""

    @property
    def outputs(self) -> list[Variable]:
        """The variables inside that are the block's outputs."""
        return self.root.results


@dataclass(eq=False)
class Function:
    """One primitive function, or a block of them.

    Attributes:
        op: Its name among CNTK's primitive operators: "Convolution", "Plus", ...; `BLOCK` for a block.
        uid: Its name within the file.
        name: The user's name for it, or "".
        inputs: What it reads, in CNTK's order.
        attributes: What the file says of it.
        block: Of a block, what is inside.
    """

    op: str
    uid: str
    name: str = ""
    inputs: list[Variable] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    block: Block | None = None
    _outputs: dict[int, Variable] = field(default_factory=dict, repr=False)

    @property
    def type(self) -> str:
        """What users call it: a block's own name, else the operator's."""
        return self.block.type if self.block else self.op

    @property
    def label(self) -> str:
        """The name for messages and metadata."""
        return self.name or self.uid

    def output(self, index: int = 0, *, like: Variable | None = None) -> Variable:
        """One of its outputs (`<uid>_Output_<index>`), of the shape, type and axes of another variable."""
        if index not in self._outputs:
            uid = f"{self.uid}_Output_{index}"
            self._outputs[index] = Variable(
                uid, Kind.OUTPUT, ir.DataType.UNDEFINED, owner=self, index=index, axes=None
            )
        made = self._outputs[index]
        if like is not None:
            made.shape, made.dtype, made.axes = like.shape, like.dtype, like.axes
        return made

    @property
    def results(self) -> list[Variable]:
        """What it gives: a Combine gives what it combines, everything else its own outputs."""
        if self.op == COMBINE:
            return list(self.inputs)
        innermost = self
        while innermost.block is not None:
            innermost = innermost.block.root
        return [self.output(index) for index in range(innermost._count)]

    @property
    def _count(self) -> int:
        """How many outputs a function that is no block has."""
        if self.op == COMBINE:
            return len(self.inputs)
        if self.attributes.get("sequenceUnpackSuppressMaskOutput"):
            return 1
        return OPERATORS[self.op].outputs if self.op in OPERATORS else 1


@dataclass(eq=False)
class Model:
    """A function with everything it is made of.

    Attributes:
        root: What its outputs are those of; a Combine of several.
        functions: All functions outside blocks, in the file's order, which a loop may break.
        variables: Inputs, parameters, constants and placeholders by uid, those within blocks too.
        name: The model's name, or "".
        files: Where it was read from, and what the user said about it.
    """

    root: Function
    functions: list[Function] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    name: str = ""
    files: Source = field(default_factory=Source)

    @property
    def outputs(self) -> list[Variable]:
        """What it gives, Combines resolved, each once."""
        seen: dict[Variable, None] = {}
        pending = list(reversed(self.root.results))
        while pending:
            variable = pending.pop()
            if variable not in seen:
                seen[variable] = None
                if _is_combined(variable):
                    assert variable.owner is not None
                    pending += reversed(variable.owner.inputs)
        return [one for one in seen if not _is_combined(one)]

    @property
    def inputs(self) -> list[Variable]:
        """What must be fed."""
        return [one for one in self.variables.values() if one.kind == Kind.INPUT]

    def walk(self) -> Iterator[Function]:
        """All functions, those inside blocks included."""
        seen: set[Function] = set()
        pending = list(reversed(self.functions))
        while pending:
            function = pending.pop()
            if function not in seen:
                seen.add(function)
                yield function
                if function.block is not None:
                    pending += reversed(inside(function.block))


def _is_combined(variable: Variable) -> bool:
    return variable.owner is not None and variable.owner.op == COMBINE


def inside(block: Block) -> list[Function]:
    """The functions of a block, what they read before them; those of inner blocks are left out."""
    return reachable([block.root])


def reachable(roots: list[Function], *, blocks: bool = False) -> list[Function]:
    """The functions that these depend on, themselves included, in an order of dependence.

    What a loop reads of its own past comes where it is first met; with `blocks`, what is inside of one
    comes before it.
    """
    order: list[Function] = []
    seen: set[Function] = set()
    pending = [(root, False) for root in reversed(roots)]
    while pending:
        function, done = pending.pop()
        if done:
            order.append(function)
        elif function not in seen:
            seen.add(function)
            pending.append((function, True))
            needed = [one.owner for one in function.inputs if one.owner is not None]
            needed += [function.block.root] if blocks and function.block is not None else []
            pending += [(one, False) for one in reversed(needed) if one not in seen]
    return order
