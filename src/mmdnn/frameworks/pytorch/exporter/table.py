"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Gelu", doc="Gelu")
    def gelu(node, torch, x, *, approximate):
        return torch.call("F.gelu", x, approximate=approximate)

A function gets the node, the `torch` it writes with, a `Variable` for each input (None for one left
out), and the node's attributes by name (see `mmdnn.ir.exporting`). It returns the `Code` of its output,
or one for each output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.scope import Scope
from mmdnn.frameworks.pytorch.exporter.sizes import size_code
from mmdnn.frameworks.pytorch.graph import TORCH_TYPES, Variable
from mmdnn.ir import UNNAMED, exporting
from mmdnn.ir.exporting import Exporter, Input, is_used
from mmdnn.ir.sizes import trace
from mmdnn.python.expressions import ATOM, Code, binary, call, code, method, unary
from mmdnn.python.literals import Raw, native

exporter = Exporter("PyTorch")
"""Registers a function `(node, torch, *inputs, **attributes) -> code or codes` for an ONNX operator."""

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
"""A comparison with its sides exchanged: a number stands on the right."""


class ExportedNode(exporting.ExportedNode):
    """A node on its way to PyTorch."""

    def __init__(self, node: ir.Node) -> None:
        super().__init__(node)
        self.layer = self.source_layer or node.name or node.op_type
        self.is_named = UNNAMED not in node.metadata_props

    @property
    def name(self) -> str:
        """What a member for it may be called; "" where nobody has named it."""
        return self.layer if self.is_named else ""

    @property
    def outputs(self) -> int:
        """How many outputs are used or named, up to the last one that is."""
        return max(
            (i + 1 for i, v in enumerate(self.node.outputs) if v.name and is_used(v)), default=0
        )

    def axis(self, x: Input, axis: int) -> int:
        """An axis counted from the front, where the rank is known."""
        return axis if x.rank is None or axis >= 0 else axis + x.rank


class Writer:
    """What an exporting function writes with."""

    def __init__(self, scope: Scope, node: ExportedNode) -> None:
        self.scope = scope
        self.node = node

    call = staticmethod(call)
    code = staticmethod(code)
    method = staticmethod(method)
    unary = staticmethod(unary)

    def binary(self, symbol: str, a: Any, b: Any) -> Code:
        """`a symbol b`; a constant of one element becomes a number where that changes nothing."""
        a, b = self.scalar(a, b), self.scalar(b, a)
        if symbol in MIRRORED and isinstance(a, (int, float)):
            a, b, symbol = b, a, MIRRORED[symbol]
        return binary(symbol, a, b)

    def module(
        self, type_: str, *args: Any, tensors: dict[str, Any] | None = None, **kwargs: Any
    ) -> Callable[..., Code]:
        """A member such as `nn.Conv2d(*args, **kwargs)`, to be called: `torch.module(...)(x)`.

        Args:
            type_: The class.
            args: Its positional arguments, Python values.
            tensors: Its parameters and buffers: name to initializer (a `Variable`) or tensor.
            kwargs: Its keyword arguments; leave out what is the default.
        """
        kinds = {t.dtype for t in (tensors or {}).values() if t is not None}
        if type_.startswith("nn.") and len(kinds) == 1 and kinds != {ir.DataType.FLOAT}:
            kwargs["dtype"] = torch_type(self.node, *kinds)
        return partial(call, self.scope.member(type_, args, kwargs, tensors or {}, self.node.name))

    def helper(self, name: str, *args: Any, **kwargs: Any) -> Code:
        """A call of a function of `helpers/`, whose source goes into the generated file."""
        self.scope.use_helper(name)
        return self.call(name, *args, **kwargs)

    def let(self, hint: str, code: Code) -> Variable:
        """A local variable: for an intermediate result that is used more than once."""
        return self.scope.let(hint, code)

    def static(self, x: Variable | None) -> np.ndarray | None:
        """The value of a small constant input, or None where it is not constant."""
        return None if x is None else x.numbers()

    def size(self, x: Variable, axis: int) -> int | Code:
        """The size of an axis: a number, or `x.shape[axis]` where it is open."""
        dims = x.shape
        if dims is not None and not -len(dims) <= axis < len(dims):
            self.node.refuse(f"its input has {len(dims)} axes, and none is number {axis}")
        if dims is not None and isinstance(dims[axis], int):
            return int(dims[axis])  # type: ignore[arg-type]
        return Code(f"{{0}}.shape[{axis}]", (x,), needs=(ATOM,))

    def sizes(self, x: Variable) -> list[int | Code] | None:
        """The elements of a vector of sizes, as numbers and code; None where they are not shapes."""
        found = trace(x.value)
        return None if found is None else [size_code(size, self.scope.variable) for size in found]

    def integer(self, x: Variable) -> int | Code:
        """A single integer: a number, code made of shapes, or `int(x)`."""
        found = self.sizes(x)
        return found[0] if found else self.call("int", x)

    def integers(self, x: Variable, form: type[list[Any] | tuple[Any, ...]] = list) -> Any:
        """A vector of integers: numbers and code made of shapes in a list or tuple, or `x.tolist()`."""
        found = self.sizes(x)
        return self.method(x, "tolist") if found is None else form(found)

    def affine(self, size: int | Code, factor: int, offset: int) -> int | Code:
        """`size * factor + offset`: a number, or code where the size is open."""
        if isinstance(size, int):
            return size * factor + offset
        product = size if factor == 1 else self.binary("*", size, factor)
        return self.binary("+" if offset > 0 else "-", product, abs(offset)) if offset else product

    def scalar(self, x: Any, other: Any) -> Any:
        """A constant of one element as a number, where that changes neither type nor shape.

        Beside a tensor of another type, as an exponent may be, it is the exact number.
        """
        if (
            not isinstance(x, Variable)
            or x.constant is None
            or not isinstance(other, (Variable, Code))
        ):
            return x
        array = self.static(x)
        if array is None or array.size != 1 or array.dtype.kind not in "fiu":
            return x
        rank = other.rank if isinstance(other, Variable) else None
        if array.ndim and (rank is None or array.ndim > rank):
            return x
        if isinstance(other, Variable) and other.constant is not None:
            return x
        same = isinstance(other, Code) or other.dtype == x.dtype
        return native(array.reshape(())) if same else array.item()


def torch_type(node: ExportedNode, dtype: ir.DataType | int | None) -> Raw:
    """An element type as `torch.float32` and the like; refused where torch has none."""
    if dtype is None:
        node.refuse("the type of its input is not known")
    name = ir.DataType(dtype).name
    if name not in TORCH_TYPES:
        node.refuse(f"torch has no tensors of {name}")
    return Raw(f"torch.{TORCH_TYPES[name]}")


def pair(sizes: Any) -> Any:
    """`3` for `(3, 3)`: torch's shorthand for equal sizes."""
    sizes = tuple(int(size) for size in sizes)
    return sizes[0] if len(set(sizes)) == 1 else sizes


def is_floating(node: ExportedNode, x: Variable) -> bool:
    """Whether its elements are floating-point numbers; refused where that is not known."""
    if x.dtype is None:
        node.refuse("the type of its input is not known")
    return x.dtype.is_floating_point()


def unless(**options: tuple[Any, Any]) -> dict[str, Any]:
    """Keyword arguments, given as (value, default), that are not the default."""
    return {key: value for key, (value, default) in options.items() if value != default}


def functions(rows: Mapping[str, str]) -> None:
    """Register operators that are one function of torch each."""
    for operator, function in rows.items():
        exporter(operator, doc=operator)(lambda _node, torch, x, f=function: torch.call(f, x))


def symbols(rows: Mapping[str, str]) -> None:
    """Register operators that are one of Python's each, between two operands."""
    for operator, symbol in rows.items():
        exporter(operator, doc=operator)(lambda _node, torch, a, b, s=symbol: torch.binary(s, a, b))
