"""A file's Dictionary to functions and variables that refer to each other.

The keys are those of CompositeFunction::Serialize, PrimitiveFunction::Serialize and
Variable::Serialize (Source/CNTKv2LibraryDll of CNTK 2.7). A composite lists all functions flat,
those inside blocks too; a block names the function that is its root, and what its placeholders
stand for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk._operators import BY_DATA_TYPE, BY_NUMBER
from mmdnn.frameworks.cntk.graph import Axis, Block, Function, Kind, Model, Shape, Variable
from mmdnn.frameworks.cntk.reader.dictionary import Dictionary

_T = TypeVar("_T")
_OUTPUT = "_Output_"
_MAX_OUTPUT = 1 << 16
_DEEPEST = 100
_SHARED = 64


def model(found: Dictionary) -> Model:
    """The model of a file.

    Raises:
        FormatError: The file contradicts itself.
    """
    if "primitive_functions" not in found or "root" not in found:
        raise FormatError("no functions in it: this is not a model of CNTK 2")
    inputs: dict[str, Variable] = {}
    for one in _several(found, "inputs", dict):
        variable = _variable(one)
        if inputs.setdefault(variable.uid, variable) is not variable:
            raise FormatError("there are two variables of this uid", layer=variable.uid)
    described = _several(found, "primitive_functions", dict)
    files = _File(inputs, described)
    files.connect(described)
    root = files.function(_get(found, "root", str))
    name = found.get("name", "")
    outside = graph.reachable([root])
    return Model(root, outside, files.variables, name if isinstance(name, str) else "")


class _File:
    def __init__(self, variables: dict[str, Variable], described: list[Dictionary]) -> None:
        self.variables = variables
        self.functions: dict[str, Function] = {}
        for one in described:
            function = _function(one)
            if function.uid in self.functions:
                raise FormatError("there are two functions of this uid", layer=function.uid)
            self.functions[function.uid] = function
        for uid in [uid for uid, one in variables.items() if self._stands_for_output(one)]:
            del variables[uid]

    def _stands_for_output(self, variable: Variable) -> bool:
        """Whether it is a placeholder with an output's uid: the output, read before it is computed."""
        owner, separator, _ = variable.uid.rpartition(_OUTPUT)
        return variable.kind == Kind.PLACEHOLDER and bool(separator) and owner in self.functions

    def connect(self, described: list[Dictionary]) -> None:
        """Give every function its inputs, and every block its inside."""
        for one in described:
            function = self.function(_get(one, "uid", str))
            function.inputs = [self.variable(uid) for uid in _several(one, "inputs", str)]
            if function.op == graph.BLOCK:
                function.block = self.block(one)
        _check_nesting(self.functions.values())

    def function(self, uid: str) -> Function:
        if uid not in self.functions:
            raise FormatError(f"there is no function '{uid}'")
        return self.functions[uid]

    def variable(self, uid: str) -> Variable:
        if uid in self.variables:
            return self.variables[uid]
        owner, separator, index = uid.rpartition(_OUTPUT)
        if not separator or not index.isdecimal() or int(index) > _MAX_OUTPUT:
            raise FormatError(f"there is no variable '{uid}'")
        return self.function(owner).output(int(index))

    def block(self, found: Dictionary) -> Block:
        composite = _get(found, "block_function_composite", dict)
        keys = _several(found, "block_function_composite_arguments_map_keys", str)
        values = _several(found, "block_function_composite_arguments_map_values", str)
        if len(keys) != len(values):
            raise FormatError("a block has placeholders without arguments")
        arguments = {
            self.variable(key): self.variable(value)
            for key, value in zip(keys, values, strict=True)
        }
        return Block(
            _get(found, "block_function_op_name", str),
            self.function(_get(composite, "root", str)),
            arguments,
            _get(composite, "uid", str),
            str(composite.get("name", "")),
        )


def _check_nesting(functions: Collection[Function]) -> None:
    """Raise FormatError where a block is inside itself, or blocks cannot be told apart in time.

    A function stands in one block, or outside; some constants may be in several.
    """
    inner: dict[Function, list[Function]] = {}
    total = 0
    for one in functions:
        if one.block is not None:
            found = graph.inside(one.block)
            inner[one] = [each for each in found if each.block is not None]
            total += len(found)
            if total > _SHARED * len(functions):
                raise FormatError("blocks share too much of what is inside them", layer=one.label)
    depths: dict[Function, int] = {}
    for start in inner:
        path: set[Function] = set()
        pending: list[tuple[Function, bool]] = [(start, False)]
        while pending:
            function, leaving = pending.pop()
            if leaving:
                path.remove(function)
                depths[function] = 1 + max((depths[each] for each in inner[function]), default=0)
            elif function in path:
                raise FormatError("the block contains itself", layer=function.label)
            elif function not in depths:
                path.add(function)
                pending.append((function, True))
                pending += [(each, False) for each in inner[function]]
            if depths.get(function, 0) > _DEEPEST:
                raise FormatError("blocks are nested too deeply", layer=function.label)


def _function(found: Dictionary) -> Function:
    uid = _get(found, "uid", str)
    if found.get("type") != "PrimitiveFunction":
        raise UnsupportedError(
            f"the function is a {found.get('type')}: its code is not in the file", layer=uid
        )
    number = _get(found, "op", int)
    op = BY_NUMBER.get(number, f"operator {number}")
    name = found.get("name", "")
    attributes = found.get("attributes")
    return Function(
        op,
        uid,
        name if isinstance(name, str) else "",
        attributes=attributes if isinstance(attributes, dict) else {},
    )


def _variable(found: Dictionary) -> Variable:
    uid = _get(found, "uid", str)
    try:
        kind = Kind(_get(found, "kind", int))
    except ValueError:
        raise FormatError(f"a variable of the unknown kind {found['kind']}", layer=uid) from None
    shape = _get(found, "shape", Shape)
    axes = [axis for axis in _get(found, "dynamic_axis", list) if isinstance(axis, Axis)]
    value = found.get("value")
    if kind in (Kind.PARAMETER, Kind.CONSTANT):
        if not isinstance(value, ir.TensorProtocol):
            raise FormatError("it has no numbers", layer=uid)
        value.name = str(found.get("name") or uid)
    dtype = BY_DATA_TYPE.get(_get(found, "data_type", int), ir.DataType.UNDEFINED)
    return Variable(
        uid,
        kind,
        dtype,
        None if shape == graph.UNKNOWN_SHAPE else shape,
        tuple(reversed(axes)) if all(axis.is_dynamic for axis in axes) else None,
        str(found.get("name") or ""),
        sparse=bool(found.get("is_sparse")),
        trained=bool(found.get("needs_gradient")),
        value=value if isinstance(value, ir.TensorProtocol) else None,
    )


def _get(found: Dictionary, key: str, kind: type[_T]) -> _T:
    value = found.get(key)
    if not isinstance(value, kind):
        raise FormatError(f"it has no '{key}'", layer=str(found.get("uid", "")) or None)
    return value


def _several(found: Dictionary, key: str, kind: type[_T]) -> list[_T]:
    values = _get(found, key, list)
    if not all(isinstance(one, kind) for one in values):
        raise FormatError(f"'{key}' is not what it should be", layer=str(found.get("uid", "")))
    return values
