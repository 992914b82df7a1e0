"""LSTM, GRU and RNN: torch's own layers where they compute the same, else a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter
from mmdnn.frameworks.pytorch.graph import Code, Statement, Variable
from mmdnn.tensors.references import lazy

ACTIVATIONS: dict[str, tuple[float, ...]] = {
    "Sigmoid": (),
    "Tanh": (),
    "Relu": (),
    "Softsign": (),
    "Softplus": (),
    "Affine": (1.0, 0.0),
    "LeakyRelu": (0.01,),
    "ThresholdedRelu": (1.0,),
    "ScaledTanh": (1.0, 1.0),
    "HardSigmoid": (0.2, 0.5),
    "Elu": (1.0,),
}
"""ONNX's activation functions, with the defaults of alpha and beta."""

Activation = tuple[str, float, float]


@dataclass(frozen=True)
class Kind:
    """What tells the three layers apart.

    Attributes:
        name: Its name, for `helpers/recurrent.py`, which does what torch has no layer for.
        activations: The default ones.
        order: torch's gates, by their place in ONNX.
    """

    name: str
    activations: tuple[str, ...]
    order: tuple[int, ...]


LSTM = Kind("LSTM", ("Sigmoid", "Tanh", "Tanh"), (0, 2, 3, 1))
GRU = Kind("GRU", ("Sigmoid", "Tanh"), (1, 0, 2))
RNN = Kind("RNN", ("Tanh",), (0,))


@dataclass
class Layer:
    """One node, its inputs sorted and its attributes read."""

    kind: Kind
    x: Variable
    weight: Variable
    recurrence: Variable
    bias: Variable | None
    lengths: Variable | None
    states: tuple[Variable | None, ...]
    peepholes: Variable | None
    direction: str
    activations: list[Activation]
    clip: float | None
    batch_first: bool
    variant: bool = False

    @property
    def directions(self) -> int:
        """How many there are."""
        return 2 if self.direction == "bidirectional" else 1


@exporter("LSTM", doc="LSTM")
def lstm(
    node: Exporting,
    torch: Writing,
    x: Variable,
    weight: Variable,
    recurrence: Variable,
    bias: Variable | None = None,
    lengths: Variable | None = None,
    hidden: Variable | None = None,
    memory: Variable | None = None,
    peepholes: Variable | None = None,
) -> list[Any]:
    layer = _read(
        node, torch, LSTM, x, weight, recurrence, bias, lengths, (hidden, memory), peepholes
    )
    layer.variant = bool(node.attribute("input_forget", 0))
    torch_has = peepholes is None and not layer.variant
    return _write(node, torch, layer, "nn.LSTM" if torch_has else None)


@exporter("GRU", doc="GRU")
def gru(
    node: Exporting,
    torch: Writing,
    x: Variable,
    weight: Variable,
    recurrence: Variable,
    bias: Variable | None = None,
    lengths: Variable | None = None,
    hidden: Variable | None = None,
) -> list[Any]:
    layer = _read(node, torch, GRU, x, weight, recurrence, bias, lengths, (hidden,))
    layer.variant = bool(node.attribute("linear_before_reset", 0))
    return _write(node, torch, layer, "nn.GRU" if layer.variant else None)


@exporter("RNN", doc="RNN")
def rnn(
    node: Exporting,
    torch: Writing,
    x: Variable,
    weight: Variable,
    recurrence: Variable,
    bias: Variable | None = None,
    lengths: Variable | None = None,
    hidden: Variable | None = None,
) -> list[Any]:
    layer = _read(node, torch, RNN, x, weight, recurrence, bias, lengths, (hidden,))
    return _write(node, torch, layer, "nn.RNN")


def _read(
    node: Exporting,
    torch: Writing,
    kind: Kind,
    x: Variable,
    weight: Variable,
    recurrence: Variable,
    bias: Variable | None,
    lengths: Variable | None,
    states: tuple[Variable | None, ...],
    peepholes: Variable | None = None,
) -> Layer:
    node.ignore("hidden_size")
    direction = node.attribute("direction", "forward")
    count = 2 if direction == "bidirectional" else 1
    names = node.attribute("activations", list(kind.activations) * count)
    alphas, betas = node.attribute("activation_alpha", []), node.attribute("activation_beta", [])
    activations = [_activation(node, name, alphas, betas) for name in names]
    batch_first = bool(node.attribute("layout", 0))
    static = torch.static(lengths)
    length = torch.size(x, 1 if batch_first else 0)
    if static is not None and isinstance(length, int) and (static == length).all():
        lengths = None
    states = tuple(None if _is_zero(torch, state) else state for state in states)
    return Layer(
        kind, x, weight, recurrence, bias, lengths, states, peepholes, direction, activations,
        node.attribute("clip"), batch_first,
    )  # fmt: skip


def _is_zero(torch: Writing, state: Variable | None) -> bool:
    known = torch.static(state)
    return known is not None and not known.any()


def _activation(node: Exporting, name: str, alphas: list[float], betas: list[float]) -> Activation:
    """An activation with its parameters, which take the next of each list."""
    found = next((key for key in ACTIVATIONS if key.lower() == name.lower()), None)
    if found is None:
        node.refuse(f"the activation {name} is unknown")
    given = [
        float(str(np.float32(values.pop(0)))) if values else default
        for values, default in zip((alphas, betas), ACTIVATIONS[found], strict=False)
    ]
    alpha, beta = [*given, 0.0, 0.0][:2]
    return found, alpha, beta


def _write(node: Exporting, torch: Writing, layer: Layer, type_: str | None) -> list[Any]:
    fixed = [layer.weight, layer.recurrence, *([layer.bias] if layer.bias else [])]
    names = [name for name, _, _ in layer.activations]
    plain = list(layer.kind.activations) * layer.directions
    nonlinearity: dict[str, Any] = {}
    if type_ == "nn.RNN" and names == ["Relu"] * layer.directions:
        nonlinearity, plain = {"nonlinearity": "relu"}, names
    if (
        type_ is None
        or any(value.constant is None for value in fixed)
        or names != plain
        or layer.clip is not None
        or (layer.lengths is not None and layer.direction == "reverse")
    ):
        return _by_helper(torch, layer)
    return _by_module(torch, layer, type_, nonlinearity)


def _by_helper(torch: Writing, layer: Layer) -> list[Any]:
    kind = layer.kind
    first: Any = torch.method(layer.x, "transpose", 0, 1) if layer.batch_first else layer.x
    states = [_batch_second(torch, layer, state) for state in layer.states]
    arguments: dict[str, Any] = {
        "bias": layer.bias,
        "lengths": layer.lengths,
        **dict(zip(("hidden", "memory"), states, strict=False)),
        "peepholes": layer.peepholes,
        "clip": layer.clip,
        "activations": tuple(layer.activations),
    }
    if layer.direction != "forward":
        arguments["direction"] = layer.direction
    if layer.variant:
        arguments["variant"] = True
    given = {key: value for key, value in arguments.items() if value is not None}
    code = torch.helper("recurrent", kind.name, first, layer.weight, layer.recurrence, **given)
    y, *finals = _unpack(torch, ["y", "h", "c"], code)
    return _laid_out(torch, layer, y, finals[: len(states)])


def _laid_out(torch: Writing, layer: Layer, y: Any, finals: Sequence[Any]) -> list[Any]:
    if not layer.batch_first:
        return [y, *finals]
    return [
        torch.method(y, "permute", 2, 0, 1, 3),
        *(torch.method(f, "transpose", 0, 1) for f in finals),
    ]


def _batch_second(torch: Writing, layer: Layer, state: Variable | None) -> Any:
    return torch.method(state, "transpose", 0, 1) if state and layer.batch_first else state


def _unpack(torch: Writing, hints: list[str], code: Code, form: str = "") -> list[Variable]:
    variables = [Variable(hint) for hint in hints]
    torch.scope.statements.append(Statement(variables, code, form=form))
    return variables


def _by_module(torch: Writing, layer: Layer, type_: str, options: dict[str, Any]) -> list[Any]:
    assert layer.weight.constant is not None
    assert layer.recurrence.constant is not None
    size = layer.recurrence.constant.shape.numpy()[2]
    if layer.bias is None:
        options["bias"] = False
    if layer.batch_first:
        options["batch_first"] = True
    if layer.directions > 1:
        options["bidirectional"] = True
    inputs = layer.weight.constant.shape.numpy()[2]
    module = torch.module(type_, inputs, size, **options, tensors=_tensors(layer, size))
    time = 1 if layer.batch_first else 0
    x: Any = layer.x
    if layer.direction == "reverse":
        x = torch.method(x, "flip", time)
    if layer.lengths is not None:
        extra: dict[str, Any] = {"batch_first": True} if layer.batch_first else {}
        x = torch.call(
            "nn.utils.rnn.pack_padded_sequence", x, torch.method(layer.lengths, "long"),
            **extra, enforce_sorted=False,
        )  # fmt: skip
    y, finals = _run(torch, layer, module, x)
    if layer.lengths is not None:
        extra["total_length"] = torch.size(layer.x, time)
        (y, _) = _unpack(
            torch, ["y", "lengths"], torch.call("nn.utils.rnn.pad_packed_sequence", y, **extra)
        )
    y_code: Any = torch.method(y, "flip", time) if layer.direction == "reverse" else y
    if layer.directions == 1:
        y_code = torch.method(y_code, "unsqueeze", 2 if layer.batch_first else 1)
    else:
        y_code = torch.method(y_code, "unflatten", 2, (2, size))
        if not layer.batch_first:
            y_code = torch.method(y_code, "transpose", 1, 2)
    if layer.batch_first:
        finals = [torch.method(final, "transpose", 0, 1) for final in finals]
    return [y_code, *finals]


def _run(torch: Writing, layer: Layer, module: Any, x: Any) -> tuple[Variable, list[Any]]:
    """Call the layer with its initial states, of which missing ones are zero."""
    given = [_batch_second(torch, layer, state) for state in layer.states]
    present = [state for state in given if state is not None]
    if present and len(given) == 2:
        zeros = [torch.call("torch.zeros_like", present[0]) if s is None else s for s in given]
        code = module(x, tuple(zeros))
    else:
        code = module(x, *present)
    if len(given) == 2:
        y, h, c = _unpack(torch, ["y", "h", "c"], code, "{0}, ({1}, {2})")
        return y, [h, c]
    y, h = _unpack(torch, ["y", "h"], code)
    return y, [h]


def _tensors(layer: Layer, size: int) -> dict[str, ir.TensorProtocol]:
    """The state dict of torch's layer; the weights of each direction, their gates in torch's order."""
    found: dict[str, ir.TensorProtocol] = {}
    order = [g * size + row for g in layer.kind.order for row in range(size)]
    gates = len(order)
    for d in range(layer.directions):
        end = "_reverse" if d else ""
        for name, source in (("weight_ih_l0", layer.weight), ("weight_hh_l0", layer.recurrence)):
            tensor = source.constant
            assert tensor is not None
            shape = [gates, tensor.shape.numpy()[2]]
            found[name + end] = lazy(tensor, partial(_rows, d, order), shape=shape)
        for half, name in enumerate(("bias_ih_l0", "bias_hh_l0") if layer.bias else ()):
            tensor = layer.bias.constant  # type: ignore[union-attr]
            assert tensor is not None
            rows = [half * gates + row for row in order]
            found[name + end] = lazy(tensor, partial(_rows, d, rows), shape=[gates])
    return found


def _rows(direction: int, rows: list[int], array: np.ndarray) -> np.ndarray:
    return array[direction][rows]
