"""TorchScript's operators on numbers, lists and dictionaries, and what it asks of tensors.

A tensor of rank 0 whose number is known (`NumToTensor` of a size) is computed here, in its type.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch._programs import SCALAR_TYPES
from mmdnn.frameworks.pytorch.importer import dtypes, numbers, sizes
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.table import GraphImporter
from mmdnn.ir.builder import rank

_CODES = {name: code for code, name in sorted(SCALAR_TYPES.items(), reverse=True)}


class Counted(Tensor):
    """A tensor of rank 0 whose number is known.

    Attributes:
        number: The number, in its type.
    """

    def __init__(self, graph: GraphImporter, number: Any) -> None:
        self.number = np.asarray(number)
        super().__init__(graph.builder.constant(self.number))


def _set_item(items: Any, key: Any, value: Any) -> Any:
    items[key] = value
    return items


def _append(items: list[Any], value: Any) -> list[Any]:
    items.append(value)
    return items


def _floor_divide(a: Any, b: Any) -> Any:
    return math.floor(a / b) if isinstance(a, float) or isinstance(b, float) else a // b


_PLAIN: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": _floor_divide, "remainder": operator.mod, "pow": operator.pow, "neg": operator.neg,
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt,
    "ge": operator.ge, "__and__": operator.and_, "__or__": operator.or_, "__xor__": operator.xor,
    "__not__": operator.not_, "__is__": operator.is_, "__isnot__": operator.is_not,
    "__contains__": lambda items, item: item in items, "len": len, "append": _append,
    "__getitem__": operator.getitem, "_set_item": _set_item, "keys": lambda d: list(d),
    "values": lambda d: list(d.values()), "items": lambda d: list(d.items()), "list": list,
    "ceil": math.ceil, "floor": math.floor, "sqrt": math.sqrt, "abs": abs, "round": round,
    "format": lambda text, *args: text, "warn": lambda *_args: None, "extend": lambda a, b: a.extend(b),
    "__range_length": lambda a, b, c: len(range(a, b, c)), "__derive_index": lambda i, a, c: a + i * c,
    "slice": lambda items, start=None, end=None, step=1: items[start:end:step],
    "min": min, "max": max, "log": math.log, "exp": math.exp, "copy": lambda x: x.copy(),
    "get": lambda d, key, default=None: d.get(key, default), "insert": lambda a, i, v: a.insert(i, v),
    "pop": lambda a, *i: a.pop(*i), "reverse": lambda a: a.reverse(), "str": str, "ord": ord,
    "floor_divide": _floor_divide, "fmod": math.fmod, "truediv": operator.truediv, "sum": sum,
    "__upper_bound": max, "any": any, "all": all, "dict": dict, "mod": operator.mod,
}  # fmt: skip
_CONTAINERS = {
    "__is__", "__isnot__", "len", "append", "__getitem__", "_set_item", "keys", "values", "items",
    "__contains__", "list", "extend", "insert", "pop", "reverse", "get", "slice", "format", "warn",
    "copy", "add",
}  # fmt: skip


def call(graph: GraphImporter, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operator gives, for tensors or for what Python has."""
    known = [each for each in args if isinstance(each, Counted)]
    if name in _ASKED:
        return _ASKED[name](graph, *args)
    tensors = [each for each in args if isinstance(each, Tensor)]
    container = bool(args) and isinstance(args[0], (list, tuple, dict, str)) and name in _CONTAINERS
    if (
        name in {"__is__", "__isnot__"}
        or container
        or (name in _PLAIN and not tensors and not kwargs and not _of_tensors(name, args))
    ):
        return _python(graph, name, args)
    if known and len(known) == len(tensors):
        found = _counted(graph, name, args, kwargs.get("rounding_mode"))
        if found is not None:
            return found
    return graph.call(name, list(args), dict(kwargs))


def _of_tensors(name: str, args: Sequence[Any]) -> bool:
    return (
        bool(args)
        and name not in _CONTAINERS
        and isinstance(args[0], (list, tuple))
        and any(isinstance(x, Tensor) for x in args[0])
    )


def _python(graph: GraphImporter, name: str, args: Sequence[Any]) -> Any:
    if any(isinstance(each, ir.Value) for each in args) and name not in _CONTAINERS - {"add"}:
        names = {
            "remainder": "mod",
            "div": "truediv",
            "__and__": "and_",
            "__or__": "or_",
            "__not__": "sym_not",
        }
        return numbers.symbolic(graph.builder.op, names.get(name, name), args)
    try:
        found = _PLAIN[name](*args)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnsupportedError(f"{name} fails: {error}", file=graph.file) from None
    return found


_COUNTED: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "floor_divide": np.floor_divide,
    "floor": np.floor, "ceil": np.ceil, "neg": np.negative, "remainder": np.remainder,
    "detach": lambda x: x, "clone": lambda x: x, "rsub": lambda a, b: b - a,
}  # fmt: skip


def _counted(
    graph: GraphImporter, name: str, args: Sequence[Any], rounding: str | None = None
) -> Counted | None:
    """Arithmetic of tensors whose numbers are known; None where it is not known here."""
    operands = [each.number if isinstance(each, Counted) else each for each in args]
    if name == "to":
        codes = [each for each in args[1:] if type(each) is int]
        kind = ir.DataType[SCALAR_TYPES[codes[0]]].numpy() if codes else operands[0].dtype
        return Counted(graph, operands[0].astype(kind))
    if not all(isinstance(each, (np.ndarray, int, float)) for each in operands):
        return None
    if name in {"add", "sub", "rsub"}:
        operands = operands[:2] if operands[2:] in ([], [1]) else []
    if name == "div" and len(operands) == 2 and rounding is not None:
        found = (np.floor if rounding == "floor" else np.trunc)(np.divide(*operands))
        return Counted(graph, found.astype(_common(operands)))
    if name == "div" and len(operands) == 2:
        if all(np.asarray(each).dtype.kind == "i" for each in operands):
            return None
        return Counted(graph, np.asarray(operands[0] / operands[1], np.float32))
    if name not in _COUNTED or not operands:
        return None
    found = np.asarray(_COUNTED[name](*operands))
    kind = _common(operands)
    return Counted(graph, found.astype(kind))


def _common(operands: Sequence[Any]) -> Any:
    """Torch's type: the widest of tensors, unless a number is of a higher category."""
    kind = np.result_type(*(x for x in operands if isinstance(x, np.ndarray)))
    floats = any(isinstance(x, float) for x in operands)
    return np.float32 if floats and kind.kind in "iub" else kind


def of_tensor(graph: GraphImporter, tensor: Tensor, kind: type) -> Any:
    """The number in a tensor, as this type."""
    if isinstance(tensor, Counted):
        return kind(tensor.number)
    return numbers.of_tensor(graph.builder.op, tensor, kind)


def number(graph: GraphImporter, value: Any, kind: type) -> Any:
    """A number of this type."""
    if isinstance(value, Tensor):
        return of_tensor(graph, value, kind)
    if isinstance(value, ir.Value):
        target = {int: dtypes.INT64, float: dtypes.DOUBLE, bool: dtypes.BOOL}[kind]
        return value if value.dtype == target else graph.builder.op.Cast(value, to=target)
    return kind(value)


def implied(graph: GraphImporter, tensor: Tensor, kind: str) -> Any:
    """A tensor that code takes for a number."""
    if kind == "number":
        return _item(graph, tensor)
    kinds = {"int": int, "float": float, "bool": bool}
    return number(graph, tensor, kinds[kind]) if kind in kinds else tensor


def _item(graph: GraphImporter, tensor: Any) -> Any:
    if not isinstance(tensor, Tensor):
        return tensor
    dtype = dtypes.of(tensor.read(graph.builder.op))
    kind = {0: bool, 1: int, 2: float}[dtypes.category(dtype)]
    return of_tensor(graph, tensor, kind)


def _size(graph: GraphImporter, tensor: Tensor, dim: Any = None) -> Any:
    op = graph.builder.op
    value = tensor.read(op)
    if dim is None:
        return [sizes.size(op, value, axis) for axis in range(rank(value))]
    return sizes.size(op, value, dim)


def _numel(graph: GraphImporter, tensor: Tensor) -> Any:
    return graph.call("numel", [tensor], {})


def _code(graph: GraphImporter, tensor: Tensor) -> int:
    return _CODES[dtypes.of(tensor.read(graph.builder.op)).name]


def _num_to_tensor(graph: GraphImporter, value: Any) -> Tensor:
    if isinstance(value, ir.Value):
        return Tensor(value)
    return Counted(graph, np.asarray(value, dtypes.of(value).numpy()))


def _tensor(graph: GraphImporter, data: Any, *rest: Any) -> Any:
    leaves = np.asarray(data)
    if leaves.dtype == object:
        raise UnsupportedError("a tensor is made of what is known when it runs", file=graph.file)
    kind = leaves.astype(np.float32) if leaves.dtype == np.float64 else leaves
    code = rest[0] if rest and type(rest[0]) is int else None
    if code is not None:
        kind = kind.astype(ir.DataType[SCALAR_TYPES[code]].numpy())
    return Tensor(graph.builder.op.Identity(kind))


_ASKED: dict[str, Callable[..., Any]] = {
    "dim": lambda graph, x: rank(x.read(graph.builder.op)),
    "size": _size,
    "numel": _numel,
    "item": _item,
    "ScalarImplicit": _item,
    "IntImplicit": lambda graph, x: number(graph, x, int),
    "FloatImplicit": lambda graph, x: number(graph, x, float),
    "Int": lambda graph, x: number(graph, x, int),
    "Float": lambda graph, x: number(graph, x, float),
    "Bool": lambda graph, x: number(graph, x, bool),
    "is_floating_point": lambda graph, x: dtypes.is_float(x.read(graph.builder.op)),
    "is_complex": lambda graph, x: False,
    "device": lambda graph, *_args: "cpu",
    "get_device": lambda graph, *_args: -1,
    "is_grad_enabled": lambda graph: False,
    "manual_seed": lambda graph, *_args: None,
    "tensor": _tensor,
    "as_tensor": lambda graph, x, *rest: x if isinstance(x, Tensor) else _tensor(graph, x, *rest),
    "__not__": lambda graph, x: (
        numbers.symbolic(graph.builder.op, "sym_not", [x]) if isinstance(x, ir.Value) else not x
    ),
}


def _raise(graph: GraphImporter, text: Any, *_rest: Any) -> Any:
    raise UnsupportedError(f"its code raises an error for these inputs: {text}", file=graph.file)


_PRIM: dict[str, Callable[..., Any]] = {
    "NumToTensor": _num_to_tensor,
    "RaiseException": _raise,
    "dtype": _code,
    "device": lambda graph, *_args: "cpu",
    "shape": _size,
    "min": lambda graph, *args: _python(
        graph, "sym_min" if any(isinstance(a, ir.Value) for a in args) else "min", args
    ),
    "max": lambda graph, *args: _python(
        graph, "sym_max" if any(isinstance(a, ir.Value) for a in args) else "max", args
    ),
    "layout": lambda graph, *_args: 0,
    "is_cuda": lambda graph, *_args: False,
    "is_quantized": lambda graph, *_args: False,
    "requires_grad": lambda graph, *_args: False,
    "data": lambda graph, x: x,
    "type": lambda graph, *_args: "cpu",
    "unchecked_unwrap_optional": lambda graph, x: x,
    "isinstance": lambda graph, *_args: True,
    "abs": lambda graph, x: abs(x),
    "rangelist": lambda graph, n: list(range(n)),
}


def prim(graph: GraphImporter, name: str, args: Sequence[Any]) -> Any:
    """What an operator of TorchScript itself gives.

    Raises:
        UnsupportedError: It is not known here.
    """
    if name not in _PRIM:
        raise UnsupportedError(f"prim::{name} is not read from PyTorch", file=graph.file)
    return _PRIM[name](graph, *args)


def attribute(graph: GraphImporter, tensor: Tensor, name: str) -> Any:
    """What a tensor is asked by a dot."""
    if name in {"T", "mT", "H", "mH", "real"}:
        return graph.call(name, [tensor], {})
    return prim(graph, name, [tensor])
