"""The table of PyTorch's operators, and what an importing function is given.

    @importer("conv2d", doc=f"{F}.conv2d")
    def conv2d(node, op, x, weight, bias, *, stride, padding, dilation, groups): ...

The same function serves all overloads of an operator, and its in-place form. Keyword-only are arguments by
their names in ATen's schema, None where an overload has no such argument; the others come in the schema's
order. What a function does not take must be as it is by default. Tensors are `ir.Value`; sizes that are
known when the model runs are, too, of rank 0.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.pytorch._programs import SCALAR_TYPES, Stored
from mmdnn.frameworks.pytorch._schema import Argument, Signature, overload, signatures
from mmdnn.frameworks.pytorch.importer.aliases import COPIES, STRIDED, VIEWS, Tensor
from mmdnn.ir import importing
from mmdnn.ir.builder import Builder, Op
from mmdnn.ir.operators import Entry
from mmdnn.tensors import references

NN = "https://docs.pytorch.org/docs/stable/nn.html"
F = "https://docs.pytorch.org/docs/stable/nn.functional.html"
TORCH = "https://docs.pytorch.org/docs/stable/torch.html"

Value = ir.Value

importer = importing.Importer("PyTorch")
"""Registers a function `(node, op, *inputs) -> output or outputs` for an operator."""

_IGNORED = {
    "memory_format", "layout", "device", "pin_memory", "non_blocking", "requires_grad", "copy",
    "generator", "cudnn_enabled", "cudnn_enable", "benchmark", "deterministic", "allow_tf32",
    "enable_gqa", "scale_grad_by_freq", "sparse", "momentum",
}  # fmt: skip
"""Arguments that do not change the numbers of an inference."""


class NeedsIntegers(Exception):  # noqa: N818 - a signal between functions and importer, not an error
    """An input is used as an index."""


class GraphImporter(importing.GraphImporter):
    """A program on its way in.

    Attributes:
        weights: Of the tensors of the file, their values.
        integers_wanted: The types of inputs that are used as indices, which TorchScript does not say.
    """

    def __init__(self, builder: Builder, file: Any) -> None:
        super().__init__(builder, file)
        self.weights: dict[Any, Tensor] = {}
        self.integers_wanted: dict[str, ir.DataType] = {}

    def weight(self, stored: Stored, name: str) -> Tensor:
        """A tensor of the file; tensors that are one stay one."""
        key = stored.storage or id(stored)
        if key not in self.weights:
            self.weights[key] = Tensor(self.root.initializer(name, stored.tensor))
        return self.weights[key]

    def permuted(self, value: ir.Value, order: Sequence[int]) -> ir.Value | None:
        """A weight with its axes in another order, by reference; None if it is no weight."""
        tensor = value.const_value
        if tensor is None:
            return None
        made = references.permuted(tensor, order)
        source = self.sources.get(value)
        if source is not None and made is source.const_value:
            return source

        def initializer() -> ir.Value:
            derived = self.root.initializer(f"{value.name}_transposed", made, like=value)
            self.sources[derived] = value
            return derived

        return self.once((value, tuple(order)), initializer)

    def call(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        which: str | None = None,
    ) -> Any:
        """What an operator gives for arguments that hold `Tensor`s; one in place changes its first.

        Args:
            name: The operator, as `add_`.
            args: Positional arguments.
            kwargs: Arguments by name.
            which: The overload; None: the first that fits.
        """
        in_place = name.endswith("_") and not name.endswith("__")
        plain = name[:-1] if in_place else name
        signature, bound = self._bound(plain, args, kwargs, which)
        found = self._run(plain, signature, bound)
        if not in_place:
            return self._views(plain, signature, bound, found)
        target = next(iter(bound.values()))
        value = target.read(self.builder.op)
        fresh = found.read(self.builder.op)
        if fresh.dtype != value.dtype:
            fresh = self.builder.op.Cast(fresh, to=value.dtype)
        target.write(self.builder.op, fresh)
        return target

    def _bound(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], which: str | None
    ) -> tuple[Signature, dict[str, Any]]:
        choices = signatures(name) if which is None else [overload(name, which)]
        for signature in choices:
            bound = signature.bind(args, kwargs) if signature is not None else None
            if (
                signature is not None
                and bound is not None
                and (which is not None or _fits(signature, bound))
            ):
                return signature, bound
        if not choices or choices == [None]:
            raise UnsupportedError(f"its operator {name} is not known here", file=self.file)
        raise FormatError(f"the arguments of {name} do not fit it", file=self.file)

    def _run(self, name: str, signature: Signature, bound: Mapping[str, Any]) -> Any:
        node = ImportedCall(name, signature, bound, self)
        with self.errors_of(node):
            if name not in importer:
                raise UnsupportedError(f"{name} is not read from PyTorch")
            entry = importer.entry(name)
            outputs = [_wrapped(each) for each in node.call(entry, node.inputs(entry))]
            return outputs[0] if len(outputs) == 1 and not node.several else outputs

    def _views(self, name: str, signature: Signature, bound: Mapping[str, Any], found: Any) -> Any:
        """Results of views as views of their base."""
        base = next(iter(bound.values()), None)
        same = isinstance(found, Tensor) and isinstance(base, Tensor) and found.value is base.value
        if not isinstance(base, Tensor) or not (name in VIEWS or same):
            return found
        if name in {"to", "type_as", "float"} and not same:
            return found
        first = next(iter(bound))

        def replay(place: int | None) -> Callable[[ir.Value], ir.Value]:
            def again(value: ir.Value) -> ir.Value:
                made = self._run(name, signature, {**bound, first: Tensor(value)})
                made = made if place is None else made[place]
                result: ir.Value = made.read(self.builder.op)
                return result

            return again

        several = isinstance(found, list)
        made = [
            Tensor(each.value, base, replay(place if several else None))
            for place, each in enumerate(found if several else [found])
        ]
        for each in made:
            each.strided = not same and (base.strided or name in STRIDED)
            each.unsure = not same and base.strided and name in COPIES
        return made if several else made[0]


class ImportedCall(importing.ImportedLayer):
    """A call of an operator on its way in.

    Attributes:
        arguments: The arguments by name, tensors being values.
        several: Whether the operator gives a list, even of one.
    """

    inputs_are = "arguments"
    parameter_is = "argument"
    graph: GraphImporter

    def __init__(
        self, name: str, signature: Signature, bound: Mapping[str, Any], graph: GraphImporter
    ) -> None:
        super().__init__(graph.builder._layer or name, name, graph)
        self.signature = signature
        self.schema = {argument.name: argument for argument in signature.arguments}
        op = graph.builder.op
        tensors = [value for value in bound.values() if isinstance(value, Tensor)]
        if any(tensor.wrapped is None for tensor in tensors):
            bound = {key: _unwrapped(value) for key, value in bound.items()}
        self.arguments = {
            key: _typed(self.schema[key], _read(op, value)) for key, value in bound.items()
        }
        self.taken: set[str] = set()
        self.several = False

    def inputs(self, entry: Entry) -> list[Any]:
        """What the function's positional parameters are given."""
        parameters = list(inspect.signature(entry.function).parameters.values())[2:]
        rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        count = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        others = entry.keywords.unused | entry.keywords.names.keys()
        names = [name for name in self.arguments if name not in others]
        names = names if rest else names[:count]
        self.taken.update(names)
        return [self.arguments[name] for name in names]

    def integers(self, index: ir.Value) -> ir.Value:
        """An index; an input whose type no file says is one of integers, if it is used so.

        Raises:
            NeedsIntegers: It was taken to be of floats.
        """
        if index.is_graph_input() and index.dtype == ir.DataType.FLOAT:
            raise NeedsIntegers(str(index.name))
        return index

    def parameter(self, name: str) -> Any:
        """An argument by its name; None where this overload has none."""
        self.taken.add(name)
        return self.arguments.get(name)

    def unread(self) -> dict[str, object]:
        """The arguments that are not as they are by default, and that nobody has taken."""
        return {
            name: value
            for name, value in self.arguments.items()
            if name not in self.taken and name not in _IGNORED and not self._is_default(name, value)
        }

    def _is_default(self, name: str, value: Any) -> bool:
        default = self.schema[name].default
        return value is default or (type(value) is type(default) and value == default)


def _unwrapped(value: Any) -> Any:
    return value if not isinstance(value, Tensor) or value.wrapped is None else value.wrapped


def _read(op: Op, value: Any) -> Any:
    """A value without its wrapping, and of lists their items'."""
    if isinstance(value, Tensor):
        return value.read(op)
    if isinstance(value, (list, tuple)):
        return type(value)(_read(op, each) for each in value)
    return value


def _typed(argument: Argument, value: Any) -> Any:
    """c10's numbers of element types as those types; a number for a list as one."""
    if argument.kind == "ScalarType" and type(value) is int:
        return ir.DataType[SCALAR_TYPES[value]]
    if argument.kind in {"int[]", "float[]"} and isinstance(value, (int, float)):
        length = argument.type[argument.type.index("[") + 1 :].split("]")[0]
        return [value] * int(length or 1)
    return list(value) if isinstance(value, tuple) else value


class Number:
    """A number that a function gives, which is no tensor."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _wrapped(value: Any) -> Any:
    if isinstance(value, Number):
        return value.value
    return Tensor(value) if isinstance(value, ir.Value) else value


def _is_symbol(value: Any) -> bool:
    return isinstance(value, ir.Value)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda v: isinstance(v, Tensor) or type(v).__name__ in {"Packed", "Quantized"},
    "Scalar": lambda v: isinstance(v, (int, float, complex)) or _is_symbol(v),
    "number": lambda v: isinstance(v, (int, float, complex)) or _is_symbol(v),
    "int": lambda v: (isinstance(v, int) and not isinstance(v, bool)) or _is_symbol(v),
    "float": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "bool": lambda v: isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "ScalarType": lambda v: isinstance(v, (int, ir.DataType)) and not isinstance(v, bool),
}


def _fits(signature: Signature, bound: Mapping[str, Any]) -> bool:
    """Whether an overload's types are those of the arguments."""
    return all(_is_of(argument, bound[argument.name]) for argument in signature.arguments)


def _is_of(argument: Argument, value: Any) -> bool:
    if value is None:
        return argument.is_optional or argument.kind in {"Device", "Layout", "Generator"}
    kind = argument.kind
    if kind.endswith("[]"):
        check = _CHECKS.get(kind[:-2].removesuffix("?"))
        if isinstance(value, (list, tuple)):
            return check is None or all(
                check(each) or (each is None and "?" in kind) for each in value
            )
        return (
            argument.type.removesuffix("?")[-2:-1].isdigit() and check is not None and check(value)
        )
    check = _CHECKS.get(kind)
    return check is None or check(value)
