"""The table of CNTK's functions, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UnsupportedError
from mmdnn.frameworks.cntk._blocks import INSIDES
from mmdnn.frameworks.cntk.graph import Attribute, Axis, Function
from mmdnn.frameworks.cntk.importer.operand import Operand
from mmdnn.frameworks.cntk.importer.patterns import Bound, Pattern
from mmdnn.ir.builder import Builder
from mmdnn.ir.operators import Operators
from mmdnn.tensors import references

if TYPE_CHECKING:
    from mmdnn.frameworks.cntk.importer.model import GraphImporter

API = "https://docs.microsoft.com/python/api/cntk"

_F = TypeVar("_F", bound=Callable[..., Any])

_T = TypeVar("_T")

importer: Operators[Callable[..., Any]] = Operators("read from CNTK")
"""Registers a function `(f, op, *operands) -> Operand or value, or several` for a primitive operator.

An `ir.Value` that it returns has the dynamic axes of all operands together.
"""

_LARGEST = 1 << 40

IGNORED = frozenset(
    {
        *("maxTempMemSizeInSamples", "useCuDNNEngine", "disableRegularization", "rngSeed"),
        *("rngOffset", "blendTimeConstant", "normalizationTimeConstant", "dropoutRate"),
    }
)
"""Attributes that say how something is trained, or run on some device, not what it computes."""


@dataclass(frozen=True)
class Named:
    """A block that is taken as what it is called, where its inside is what it should be."""

    pattern: Pattern
    function: Callable[..., Any]
    check: Callable[[Bound], bool]


blocks: dict[str, list[Named]] = {}
"""What is known of blocks, by their names."""


def _always(bound: Bound) -> bool:
    return True


def block(
    *types: str, inside: str = "", doc: str, check: Callable[[Bound], bool] = _always
) -> Callable[[_F], _F]:
    """Register a function for blocks whose inside matches an expression (see `_blocks`), and a check.

    The function is called `(f, op, *operands)`, with the expression's operands in order. A block that
    matches none of its patterns is what its inside is, one that matches several the largest.

    Args:
        types: The blocks' types.
        inside: The expression, unless it is the type's in the table.
        doc: Where the semantics are written.
        check: What else must hold.
    """

    def register(function: _F) -> _F:
        for type_ in types:
            known = blocks.setdefault(type_, [])
            known.append(Named(Pattern(inside or INSIDES[type_]), function, check))
            known.sort(key=lambda named: -named.pattern.size)
            if f"{type_} (block)" not in importer:
                importer(f"{type_} (block)", doc=doc)(function)
        return function

    return register


class Importing:
    """A function on its way into the IR.

    Attributes:
        function: The function of the native graph.
        bound: Of a named block, what its pattern's names stand for.
        lowering: The whole conversion; `lowering.lengths(axis)` are a sequence axis's lengths.
        builder: Where operators are made.
    """

    def __init__(
        self, function: Function, lowering: GraphImporter, bound: Bound | None = None
    ) -> None:
        self.function = function
        self.bound = bound or Bound()
        self.lowering = lowering
        self.builder: Builder = lowering.builder
        self._read: set[str] = set()

    def get(self, name: str, kind: type[_T], default: _T | None = None) -> _T:
        """An attribute. What nobody asks for is refused at the end.

        Args:
            name: Its name in the file.
            kind: Its type: bool, int, float, str, list, `Shape` or `Axis`.
            default: What it is where the file, of an older CNTK, does not have it.

        Raises:
            FormatError: It is missing, of another type, or larger than anything counted.
        """
        self._read.add(name)
        value: Attribute = self.function.attributes.get(name)
        if value is None and default is not None:
            return default
        if kind is float and isinstance(value, int):
            value = float(value)
        numbers = value if isinstance(value, list) else [value]
        huge = any(isinstance(one, int) and abs(one) > _LARGEST for one in numbers)
        if huge or not isinstance(value, kind):
            raise FormatError(f"its attribute {name} is {value!r}")
        return value

    def has(self, name: str) -> bool:
        """Whether the file gives an attribute."""
        return name in self.function.attributes

    def axes(self, several: str = "axisVec", one: str = "axis") -> list[Axis]:
        """The axes of an attribute that files give as one axis or as a list."""
        if self.has(several):
            found = self.get(several, list)
            if not all(isinstance(axis, Axis) for axis in found):
                raise FormatError(f"its attribute {several} is {found!r}")
            return list(found)
        return [self.get(one, Axis)]

    def constant(self, x: Operand) -> np.ndarray | None:
        """The numbers of an operand that is a parameter or a constant, else None."""
        tensor = x.value.const_value
        return None if tensor is None else references.read(tensor)

    def changed(
        self,
        x: Operand,
        how: str,
        function: references.Function,
        shape: tuple[int, ...],
        dtype: ir.DataType | None = None,
    ) -> Operand | None:
        """A parameter changed when it is read; None if it is no parameter.

        It keeps its name where nothing else reads the parameter, and else is called
        `<parameter>_<how>`.
        """
        return self.lowering.changed(x, how, function, shape, dtype)

    def reshaped(self, x: Operand, shape: tuple[int, ...]) -> Operand | None:
        """A parameter in another shape of as many numbers, not read for it; see `changed`."""
        return self.lowering.reshaped(x, shape)

    def refuse(self, reason: str) -> NoReturn:
        """Stop, naming this function."""
        raise UnsupportedError(reason, layer=self.function.label, operator=self.function.type)

    def unfit(self, reason: str) -> NoReturn:
        """Stop: CNTK would not run this."""
        raise ShapeError(reason, layer=self.function.label, operator=self.function.type)

    def check_read(self) -> None:
        """Refuse attributes that nobody has read."""
        for name in self.function.attributes.keys() - self._read - IGNORED:
            value = self.function.attributes[name]
            self.refuse(f"its attribute {name} = {value} is not known here")
