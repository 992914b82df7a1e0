"""The function that builds the network: a statement for each layer, operations within the expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.keras import _schema
from mmdnn.frameworks.keras.codegen.blocks import Blocks
from mmdnn.frameworks.keras.graph import Layer, Model, Tensor
from mmdnn.python.expressions import ATOM, Code, binary, call, code, unary
from mmdnn.python.layout import INDENT, lay_out
from mmdnn.python.literals import Raw, docstring, literal
from mmdnn.python.names import identifier
from mmdnn.python.statements import Printer, Statement, arrange, name_variables
from mmdnn.tensors import references

LARGEST = 4096
"""Numbers of a constant that stands in source code, at most."""

RESERVED = {"keras", "layers", "ops", "np", "network", "load", "weights", "model", "name"}
"""What variables are not called."""

_INFIX = {
    "Add": "+",
    "Subtract": "-",
    "Multiply": "*",
    "Divide": "/",
    "Power": "**",
    "Matmul": "@",
    "Greater": ">",
    "GreaterEqual": ">=",
    "Less": "<",
    "LessEqual": "<=",
}
_SPECIAL = {"TopK": "top_k", "LogSoftmax": "log_softmax", "OneHot": "one_hot", "Det": "linalg.det"}
"""Functions of `keras.ops` that are called otherwise than their class in snake case."""

_AFTER = {
    "BroadcastTo": ("shape",),
    "Cast": ("dtype",),
    "Clip": ("x_min", "x_max"),
    "ExpandDims": ("axis",),
    "OneHot": ("num_classes",),
    "Pad": ("pad_width",),
    "Repeat": ("repeats",),
    "Reshape": ("newshape",),
    "Split": ("indices_or_sections",),
    "Tile": ("repeats",),
    "TopK": ("k",),
    "Transpose": ("axes",),
}
"""Parameters that a function takes by position behind the tensor."""


@dataclass(eq=False)
class Variable:
    """A tensor, as the source refers to it."""

    layer: Layer
    place: int


class Source:
    """A model's text.

    Attributes:
        uses_numpy: Whether there are arrays in it.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.uses_numpy = False
        self.variables: dict[Tensor, Variable] = {}

    def lines(self) -> list[str]:
        """The functions, line by line."""
        network = self.model.network
        outputs = [self._variable(tensor) for tensor in network.outputs]
        made = [self._statement(layer) for layer in network.layers]
        blocks = Blocks(made, outputs, Variable(Layer("", "x"), 0))
        statements = blocks.fold()
        inputs = [self._variable(tensor) for tensor in network.inputs]

        def name(inlined: list[Statement]) -> dict[Any, str]:
            ends = [*inputs, *outputs]
            return name_variables(inlined, inputs, ends, _wish, set(RESERVED), ("x", "h"))

        arranged, names = arrange(
            statements, outputs, name, movable=lambda s: s.node.is_operation and len(s.targets) == 1
        )
        printer = Printer(names.__getitem__)
        ends = [names[value] for value in (*inputs, *outputs)]
        first, last = ends[: len(inputs)], ends[len(inputs) :]
        result = f"keras.Model({_row(first)}, {_row(last)}, name={literal(self.model.name)})"
        return [
            *blocks.lines(_wish),
            "def network():",
            docstring("The model, its weights not set.", 4),
            *printer.lines(arranged, INDENT),
            *lay_out(f"{INDENT}return {result}"),
        ]

    def _variable(self, tensor: Tensor) -> Variable:
        key = Tensor(tensor.layer, 0, tensor.output)
        return self.variables.setdefault(key, Variable(tensor.layer, tensor.output))

    def _statement(self, layer: Layer) -> Statement:
        targets = [self._variable(Tensor(layer, 0, place)) for place in range(_count(layer))]
        if layer.type == "InputLayer":
            return Statement(targets, self._input(layer), node=layer)
        each = layer.calls[0]
        args = [self._operand(x, layer) for x in each.args]
        kwargs = {key: self._operand(x, layer) for key, x in each.kwargs.items()}
        if layer.is_operation:
            return Statement(targets, _operation(layer, args, kwargs), node=layer)
        return Statement(targets, call(construct(layer), *args, **kwargs), node=layer)

    @staticmethod
    def _input(layer: Layer) -> Code:
        batch, *shape = layer.config["batch_shape"] or [None]
        options = {} if batch is None else {"batch_size": batch}
        kind = layer.config["dtype"]
        options |= {} if kind == "float32" else {"dtype": kind}
        return call("layers.Input", tuple(shape), **options, name=layer.name)

    def _operand(self, x: Any, layer: Layer) -> Any:
        if isinstance(x, Tensor):
            return self._variable(x)
        if isinstance(x, list):
            return [self._operand(each, layer) for each in x]
        if isinstance(x, (np.ndarray, ir.TensorProtocol)):
            return self._array(x, layer)
        return x

    def _array(self, x: np.ndarray | ir.TensorProtocol, layer: Layer) -> Any:
        array = x if isinstance(x, np.ndarray) else references.read(x)
        if array.size > LARGEST:
            raise UnsupportedError(
                f"a constant of {array.size:,} numbers is too large for source code",
                layer=layer.name,
                operator=layer.said,
                hint="A .keras file holds it.",
            )
        self.uses_numpy = True
        first = array.reshape(-1)[:1]
        if array.size > 1 and (array == first).all():
            return call("np.full", array.shape, first[0], str(array.dtype))
        return call("np.array", literal_of(array), str(array.dtype))


def literal_of(array: np.ndarray) -> Raw:
    """An array's numbers."""
    return Raw(literal(array))


def _row(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _wish(variable: Variable) -> str:
    name = identifier(variable.layer.name)
    return f"{name}_{variable.place}" if variable.place else name


def _count(layer: Layer) -> int:
    """How many outputs a layer has."""
    config = layer.config
    if layer.type == "ops.Split":
        said = config["indices_or_sections"]
        return said if isinstance(said, int) else len(said) + 1
    if config.get("return_state"):
        return 3 if layer.type == "LSTM" else 2
    return 2 if layer.type == "ops.TopK" else 1


def construct(layer: Layer) -> Code:
    """The call that makes a layer."""
    row = _schema.table()["layers"][layer.type]
    args = [_short(layer.config[name]) for name in row["needed"]]
    optional = _schema.defaults(layer.type)
    said = {k: x for k, x in layer.config.items() if k not in row["needed"]}
    if said.get("strides") == said.get("pool_size") is not None:
        del said["strides"]
    if layer.type.endswith(("Pooling1D", "Pooling2D", "Pooling3D")) and "pool_size" in said:
        args.append(_short(said.pop("pool_size")))
    kwargs = {
        key: _short(x) for key, x in said.items() if key not in optional or optional[key] != x
    }
    return call(f"layers.{layer.type}", *args, **kwargs, name=layer.name)


def _short(x: Any) -> Any:
    """Equal numbers for each axis as one number."""
    if isinstance(x, list) and len(x) > 1 and len(set(map(str, x))) == 1 and isinstance(x[0], int):
        return x[0]
    return (
        tuple(_short(each) if isinstance(each, list) else each for each in x)
        if isinstance(x, list)
        else x
    )


def _operation(layer: Layer, args: list[Any], kwargs: dict[str, Any]) -> Code:
    kind = layer.said
    if kind in _INFIX:
        return binary(_INFIX[kind], *args)
    if kind == "Negative":
        return unary("-", *args)
    if kind == "GetItem":
        x, key = args
        return code(f"{{0}}[{', '.join(map(_index, key))}]", x, binds=ATOM, needs=(ATOM,))
    function = _SPECIAL.get(kind, _schema.snake(kind))
    config = {
        k: _plain(x)
        for k, x in layer.config.items()
        if _schema.defaults(layer.type).get(k, ...) != x
    }
    if kind == "Einsum":
        return call("ops.einsum", config.pop("subscripts"), *args)
    behind = [config.pop(name) for name in _AFTER.get(kind, ()) if name in config]
    return call(f"ops.{function}", *args, *behind, **config, **kwargs)


def _plain(x: Any) -> Any:
    return tuple(_plain(each) for each in x) if isinstance(x, list) else x


def _index(x: Any) -> str:
    if not isinstance(x, slice):
        return literal(x)
    parts = ["" if each is None else literal(each) for each in (x.start, x.stop)]
    step = "" if x.step is None else f":{x.step}"
    return ":".join(parts) + step


__all__ = ["Source", "construct"]
