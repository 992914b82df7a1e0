"""Preprocessing at a model's inputs, taken out of it: what its user must do to the data instead.

Preprocessing is what stands between a graph input and the first layer: sums, differences, products and
quotients with constant numbers, one for all elements or one for each channel (the second axis), and a
conversion of integers to floats before them. It is recorded in the model's metadata, as JSON:

    {"data": [{"operation": "subtract", "by": 127.5}, {"operation": "multiply", "by": [0.1, 0.2, 0.3]}]}
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

PREPROCESSING = "mmdnn.preprocessing"
"""The model's metadata."""
MOST = 1 << 16
"""Channels that are looked into, at most."""
FLOATS = (ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.FLOAT16)

CONVERT, SUBTRACT_FROM = "convert", "subtract from"

_OPERATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "add": operator.add,
    "subtract": operator.sub,
    SUBTRACT_FROM: lambda x, number: number - x,
    "multiply": operator.mul,
    "divide": operator.truediv,
}
_NODES = {("Add", 0): "add", ("Add", 1): "add", ("Sub", 0): "subtract", ("Sub", 1): SUBTRACT_FROM}
_NODES |= {("Mul", 0): "multiply", ("Mul", 1): "multiply", ("Div", 0): "divide"}
"""Operators by where their data comes in."""

_WORDS = {
    "add": "add {}",
    "subtract": "subtract {}",
    SUBTRACT_FROM: "subtract it from {}",
    "multiply": "multiply by {}",
    "divide": "divide by {}",
    CONVERT: "convert to {}",
}


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        operation: "add", "subtract", "subtract from" (`by - x`), "multiply", "divide" or "convert".
        by: A number, or one for each channel; for "convert" the name of NumPy's element type.
    """

    operation: str
    by: float | tuple[float, ...] | str

    def __call__(self, data: np.ndarray) -> np.ndarray:
        """Do it, in the data's own type: `data` has its channels in the second axis."""
        if isinstance(self.by, str):
            return data.astype(self.by)
        number = np.asarray(self.by, data.dtype)
        if number.ndim:
            number = number.reshape(-1, *[1] * (data.ndim - 2))
        return _OPERATIONS[self.operation](data, number)

    def __str__(self) -> str:
        if isinstance(self.by, tuple):
            by = f"({', '.join(map(_digits, self.by))}) by channel"
        else:
            by = self.by if isinstance(self.by, str) else _digits(self.by)
        return _WORDS[self.operation].format(by)


Steps: TypeAlias = Mapping[str, tuple[Step, ...]]
"""By input, what is done to it, in order."""


def split(model: ir.Model) -> tuple[ir.Model, Steps]:
    """Take the preprocessing out of a model.

    Args:
        model: Any IR model; it is not changed.

    Returns:
        A model without it, in whose metadata it is recorded after what may be recorded there, and what was
        taken out just now; the model itself where there is none.
    """
    result = model.clone()
    taken = {
        str(value.name): steps
        for value in list(result.graph.inputs)
        if value.name not in result.graph.initializers and (steps := _take(result.graph, value))
    }
    if not taken:
        return model, {}
    before = recorded(model)
    both = {name: (*before.get(name, ()), *taken.get(name, ())) for name in {**before, **taken}}
    result.metadata_props[PREPROCESSING] = json.dumps(to_json(both))
    return result, taken


def recorded(model: ir.Model) -> Steps:
    """What was taken out of a model before, by its metadata; nothing where that is not as written here."""
    try:
        found = json.loads(model.metadata_props.get(PREPROCESSING, "{}"))
        return {str(name): tuple(_step(**each) for each in steps) for name, steps in found.items()}
    except (ValueError, TypeError, AttributeError, KeyError):
        return {}


def apply(steps: Steps, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Preprocess a model's inputs.

    Args:
        steps: As `split` gives them.
        feeds: Input name to array; those without steps stay as they are.
    """
    done = dict(feeds)
    for name in steps.keys() & feeds.keys():
        for step in steps[name]:
            done[name] = step(done[name])
    return done


def sentences(steps: Steps) -> list[str]:
    """What to tell the user of what `split` took out, a line for each input."""
    if not steps:
        return ["No preprocessing found at the inputs: nothing is taken out."]
    return [
        f"Preprocessing taken out of input '{name}': {', '.join(map(str, each))}. "
        "Apply it yourself before feeding the model."
        for name, each in steps.items()
    ]


def reminders(model: ir.Model) -> list[str]:
    """What to tell the user of a model that preprocessing was taken out of before; nothing of others."""
    return sentences(steps) if (steps := recorded(model)) else []


def to_json(steps: Steps) -> dict[str, list[dict[str, Any]]]:
    """The steps as plain types for `json.dumps`."""
    return {
        name: [{"operation": step.operation, "by": step.by} for step in each]
        for name, each in steps.items()
    }


def _step(operation: str, by: Any) -> Step:
    if operation not in _WORDS or isinstance(by, str) != (operation == CONVERT):
        raise ValueError(operation)
    if isinstance(by, str):
        return Step(operation, np.dtype(by).name)
    return Step(operation, tuple(map(float, by)) if isinstance(by, list) else float(by))


def _take(graph: ir.Graph, value: ir.Value) -> tuple[Step, ...]:
    """Take out the preprocessing of one input."""
    chain = list(_chain(value))
    if all(step is None or step.operation == CONVERT for _, step in chain):
        return ()
    last = chain[-1][0].outputs[0]
    value.type = last.type
    last.replace_all_uses_with(value)
    for node, _ in reversed(chain):
        constants = [
            each for each in node.inputs if each is not None and each.const_value is not None
        ]
        graph.remove(node, safe=True)
        for each in constants:
            if not each.uses() and each.is_initializer():
                graph.initializers.pop(str(each.name))
    return tuple(step for _, step in chain if step is not None)


def _chain(value: ir.Value) -> Iterator[tuple[ir.Node, Step | None]]:
    """The nodes that read an input one after the other, each alone, while they are preprocessing."""
    while True:
        uses = list(value.uses())
        if len(uses) != 1 or value.is_graph_output():
            return
        node, place = uses[0]
        if node.domain or len(node.outputs) != 1 or node.outputs[0].is_graph_output():
            return
        step = None
        if node.op_type != "Identity":
            step = _read(node, place, value)
            if step is None:
                return
        yield node, step
        value = node.outputs[0]


def _read(node: ir.Node, place: int, value: ir.Value) -> Step | None:
    result = node.outputs[0]
    if node.op_type == "Cast":
        integer = value.dtype is not None and value.dtype.is_integer()
        floats = result.dtype if result.dtype in FLOATS else None
        return Step(CONVERT, floats.numpy().name) if integer and floats else None
    operation = _NODES.get((node.op_type, place))
    if operation is None or value.dtype is None or not value.dtype.is_floating_point():
        return None
    number = _number(node.inputs[1 - place], value)
    return None if number is None else Step(operation, number)


def _number(constant: ir.Value | None, value: ir.Value) -> float | tuple[float, ...] | None:
    """A constant that is the same for all elements, or for those of each channel."""
    tensor = constant.const_value if constant is not None else None
    if constant is None or tensor is None or constant.is_graph_input() or tensor.size > MOST:
        return None
    shape, rank = tensor.shape.numpy(), len(value.shape) if value.shape is not None else 0
    if len(shape) > rank:
        return None
    if tensor.size == 1:
        return float(tensor.numpy().reshape(()))
    wide = (1,) * (rank - len(shape)) + tuple(shape)
    assert value.shape is not None
    if rank < 2 or wide[1] != tensor.size or value.shape[1] != tensor.size:
        return None
    return tuple(map(float, tensor.numpy().reshape(-1)))


def _digits(number: float) -> str:
    """As many digits as a float32 has."""
    return (
        np.format_float_positional(np.float32(number), trim="-")
        if 1e-5 <= abs(number) < 1e7
        else (f"{np.float32(number)!s}")
    )
