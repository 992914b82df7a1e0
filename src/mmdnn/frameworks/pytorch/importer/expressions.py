"""Expressions of TorchScript: names, attributes, calls of operators, modules and functions."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import Instance, Stored
from mmdnn.frameworks.pytorch.importer import scalars
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.control_flow import Nothing
from mmdnn.frameworks.pytorch.importer.table import GraphImporter


class Function:
    """A function of the archive, as a value."""

    def __init__(self, name: str) -> None:
        self.name = name


class Expressions:
    """What expressions are in a function that runs.

    Attributes:
        runner: What runs it.
        variables: Its local variables.
    """

    def __init__(self, runner: Any, variables: dict[str, Any]) -> None:
        self.runner = runner
        self.graph: GraphImporter = runner.graph
        self.variables = variables

    def value(self, node: ast.expr) -> Any:
        """The value of an expression."""
        method = _EXPRESSIONS.get(type(node))
        if method is None:
            raise FormatError(f"its code has a {type(node).__name__}", file=self.graph.file)
        return method(self, node)

    def _variable(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id in _NAMES:
            return _NAMES[node.id]
        raise FormatError(f"there is no variable {node.id}", file=self.graph.file)

    def _attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == "CONSTANTS":
            return self._constant(int(node.attr[1:]))
        path = _path(node)
        if path[:1] == ["__torch__"]:
            return Function(".".join(path))
        owner = self.value(node.value)
        return self._member(owner, node.attr)

    def _constant(self, place: int) -> Any:
        """A constant; of rank 0, its number is known."""
        value = self.runner.program.constants[place]
        if not isinstance(value, Stored) or value.tensor.shape.rank():
            return self._held(value, f"constant_{place}")
        found = scalars.Counted(self.graph, value.tensor.numpy())
        if found.number.dtype == np.float64:
            found.wrapped = float(found.number)
        return found

    def _member(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Tensor):
            return scalars.attribute(self.graph, owner, name)
        if not isinstance(owner, Instance):
            raise FormatError(f"a {type(owner).__name__} has no {name}", file=self.graph.file)
        if name in owner.attributes:
            path = f"{owner.path}.{name}" if owner.path else name
            return self._held(owner.attributes[name], path)
        described = self.runner.program.classes.get(owner.type)
        for part in described.body if described is not None else ():
            if (
                isinstance(part, ast.AnnAssign)
                and part.value is not None
                and ast.unparse(part.target) == name
            ):
                return self.value(part.value)
        raise FormatError(f"a {owner.type} has no {name}", file=self.graph.file)

    def _held(self, value: Any, name: str) -> Any:
        """An attribute: tensors of the file as weights."""
        if isinstance(value, Stored):
            return self.graph.weight(value, str(value.tensor.name or name))
        if isinstance(value, (list, tuple)) and any(isinstance(x, Stored) for x in value):
            return type(value)(self._held(x, f"{name}.{i}") for i, x in enumerate(value))
        return value

    def _subscript(self, node: ast.Subscript) -> Any:
        owner, index = self.value(node.value), self.value(node.slice)
        if isinstance(owner, Instance):
            return list(owner.attributes.values())[index]
        try:
            return owner[index]
        except (KeyError, IndexError, TypeError):
            raise FormatError(f"there is no [{index}]", file=self.graph.file) from None

    def _negative(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return -value
        if isinstance(node.op, ast.Not):
            return not value
        raise FormatError("its code has an operator", file=self.graph.file)

    def _dict(self, node: ast.Dict) -> Any:
        keys = [self.value(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(self.value, node.values), strict=True))

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and isinstance(
            self.variables.get(node.func.id), Function
        ):
            return self._function(self.variables[node.func.id].name, *self._arguments(node))
        if isinstance(node.func, ast.Name):
            return self._builtin(node.func.id, node)
        if not isinstance(node.func, ast.Attribute):
            raise FormatError("its code calls an expression", file=self.graph.file)
        path = _path(node.func)
        root = path[0] if path else ""
        if root in {"torch", "ops", "__torch__"} and root not in self.variables:
            args, kwargs = self._arguments(node)
            if root == "__torch__":
                return self._function(".".join(path), args, kwargs)
            return self._operator(path, args, kwargs)
        owner = self.value(node.func.value)
        args, kwargs = self._arguments(node)
        if isinstance(owner, Instance):
            return self._method(owner, node.func.attr, args, kwargs)
        raise FormatError(
            f"it calls {node.func.attr} of a {type(owner).__name__}", file=self.graph.file
        )

    def _arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        kwargs = {str(each.arg): self.value(each.value) for each in node.keywords}
        return [self.value(each) for each in node.args], kwargs

    def _method(self, owner: Instance, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        type_ = owner.type.rpartition(".")[2]
        with self.graph.builder.layer(owner.path or "forward", type_):
            return self.runner.call(f"{owner.type}.{name}", [owner, *args], kwargs)

    def _function(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        described = self.runner.program.classes.get(name)
        if described is None:
            return self.runner.call(name, args, kwargs)
        fields = [ast.unparse(p.target) for p in described.body if isinstance(p, ast.AnnAssign)]
        return Instance(name, dict(zip(fields, args, strict=False)) | kwargs)

    def _operator(self, path: Sequence[str], args: list[Any], kwargs: dict[str, Any]) -> Any:
        name = path[-1]
        if path[0] == "ops" and path[1] == "prim":
            return scalars.prim(self.graph, name, args)
        if path[0] == "ops" and path[1] != "aten":
            name = f"{path[1]}::{name}"
        return scalars.call(self.graph, name, args, kwargs)

    def _builtin(self, name: str, node: ast.Call) -> Any:
        if name in {"annotate", "unchecked_cast"}:
            value, kind = self.value(node.args[1]), ast.unparse(node.args[0])
            return scalars.implied(self.graph, value, kind) if isinstance(value, Tensor) else value
        if name == "uninitialized":
            return Nothing()
        args, _ = self._arguments(node)
        if name == "getattr":
            return self._member(args[0], args[1])
        if name in {"int", "float", "bool"}:
            return scalars.number(
                self.graph, args[0], {"int": int, "float": float, "bool": bool}[name]
            )
        if name == "range":
            if any(isinstance(each, ir.Value) for each in args):
                raise UnsupportedError(
                    "it loops over what is known when it runs", file=self.graph.file
                )
            return range(*args)
        raise FormatError(f"its code calls {name}", file=self.graph.file)


def _path(node: ast.expr) -> list[str]:
    """The names of a dotted path; none of another expression."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = _path(node.value)
        return [*before, node.attr] if before else []
    return []


_NAMES: dict[str, Any] = {
    "inf": math.inf,
    "nan": math.nan,
    "None": None,
    "True": True,
    "False": False,
}
_EXPRESSIONS: dict[type, Callable[[Expressions, Any], Any]] = {
    ast.Name: Expressions._variable,
    ast.Constant: lambda _frame, node: node.value,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.UnaryOp: Expressions._negative,
    ast.Call: Expressions._call,
    ast.List: lambda frame, node: [frame.value(each) for each in node.elts],
    ast.Tuple: lambda frame, node: tuple(frame.value(each) for each in node.elts),
    ast.Dict: Expressions._dict,
}
