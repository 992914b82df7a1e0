"""LSTM, GRU and RNN: torch's own layers where they compute the same, else a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.ir.recurrent.nodes import Recurrent, read
from mmdnn.ir.recurrent.packing import CUDNN, ONNX, reordered
from mmdnn.ir.recurrent.views import Inputs, View, Views
from mmdnn.ir.values import is_zero
from mmdnn.python.expressions import Code
from mmdnn.python.statements import Statement
from mmdnn.tensors.references import lazy


@dataclass
class Layer:
    """One node, its inputs sorted and its attributes read."""

    said: Recurrent
    x: Variable
    weight: Variable
    recurrence: Variable
    bias: Variable | None
    lengths: Variable | None
    states: tuple[Variable | None, ...]
    peepholes: Variable | None = None
    projection: Variable | None = None

    @property
    def batch_first(self) -> bool:
        """Whether the batch is the first axis."""
        return self.said.batch_first

    @property
    def is_reverse(self) -> bool:
        """Whether it goes backwards only."""
        return self.said.backwards == (True,)


@exporter("LSTM", doc="LSTM")
def lstm(
    node: ExportedNode, torch: Writer, *inputs: Variable | None, **_attributes: Any
) -> list[Any]:
    layer = _read(node, *inputs)
    plain = layer.peepholes is None and layer.said.is_usual
    return _write(torch, layer, "nn.LSTM" if plain else None)


@exporter("GRU", doc="GRU")
def gru(
    node: ExportedNode, torch: Writer, *inputs: Variable | None, **_attributes: Any
) -> list[Any]:
    layer = _read(node, *inputs)
    plain = layer.said.reset_after and layer.said.is_usual
    return _write(torch, layer, "nn.GRU" if plain else None)


@exporter("RNN", doc="RNN")
def rnn(
    node: ExportedNode, torch: Writer, *inputs: Variable | None, **_attributes: Any
) -> list[Any]:
    layer = _read(node, *inputs)
    said = layer.said
    if said.clip is None and said.names == [("Relu",)] * said.ways:
        return _write(torch, layer, "nn.RNN", nonlinearity="relu")
    return _write(torch, layer, "nn.RNN" if said.is_usual else None)


@exporter("mmdnn::ProjectedLSTM", doc="LSTM")
def projected(
    node: ExportedNode, torch: Writer, *inputs: Variable, **_attributes: Any
) -> list[Any]:
    """`nn.LSTM(..., proj_size=...)`; torch's projection makes the state smaller."""
    *gates, projection, hidden, memory = inputs
    layer = _read(node, *gates, None, hidden, memory)
    layer = replace(layer, projection=projection)
    dims = projection.shape or (0, 0, 0)
    return _write(torch, layer, "nn.LSTM" if dims[1] < dims[2] else None)  # type: ignore[operator]


def _read(node: ExportedNode, *inputs: Variable | None) -> Layer:
    """A node, of the inputs that ONNX lists: those left out are None."""
    said, given = read(node.node), Inputs.of(inputs)
    states = given.states(said.kind)
    known = tuple(None if state and is_zero(state.value) else state for state in states)
    return Layer(said, given.x, given.w, given.r, given.b, given.lengths, known, given.p)


def _write(torch: Writer, layer: Layer, type_: str | None, **options: Any) -> list[Any]:
    fixed = [layer.weight, layer.recurrence, layer.bias, layer.projection]
    computed = any(value is not None and value.constant is None for value in fixed)
    known = torch.static(layer.lengths)
    unpacked = layer.lengths is not None and layer.is_reverse
    unpacked |= known is not None and not known.all()
    if type_ is None or computed or unpacked:
        return _by_helper(torch, layer)
    return _by_module(torch, layer, type_, options)


def _by_helper(torch: Writer, layer: Layer) -> list[Any]:
    said = layer.said
    first: Any = torch.method(layer.x, "transpose", 0, 1) if layer.batch_first else layer.x
    states = [_batch_second(torch, layer, state) for state in layer.states]
    weights = {"input": layer.weight, "state": layer.recurrence}
    for name in ("bias", "peepholes", "projection"):
        weight = getattr(layer, name)
        weights |= {name: weight} if weight is not None else {}
    options: dict[str, Any] = {"activations": _activations(said)}
    if states != [None] * len(states):
        options["states"] = tuple(states)
    if layer.lengths is not None:
        options["lengths"] = layer.lengths
    if said.backwards != (False,):
        options["direction"] = "reverse" if layer.is_reverse else "bidirectional"
    kind = "coupled " * said.coupled + "reset-after " * said.reset_after + said.kind
    code = torch.helper("recurrent", kind, first, weights, **options)
    y, *finals = _unpack(torch, ["y", "h", "c"], code)
    return _laid_out(torch, layer, y, finals[: len(states)])


def _activations(said: Recurrent) -> tuple[tuple[Any, ...], ...]:
    """Each direction's functions, with their numbers; those of the gates have the clip."""
    gates = 1 if said.kind == "RNN" else 2
    found = []
    for way in said.activations:
        for place, (name, *numbers) in enumerate(way):
            clip = [said.clip] if said.clip is not None and place < gates else []
            found.append((name, *([*numbers, *clip] if clip or any(numbers) else [])))
    return tuple(found)


def _laid_out(torch: Writer, layer: Layer, y: Any, finals: Sequence[Any]) -> list[Any]:
    if not layer.batch_first:
        return [y, *finals]
    return [
        torch.method(y, "permute", 2, 0, 1, 3),
        *(torch.method(f, "transpose", 0, 1) for f in finals),
    ]


def _batch_second(torch: Writer, layer: Layer, state: Variable | None) -> Any:
    return torch.method(state, "transpose", 0, 1) if state and layer.batch_first else state


def _unpack(torch: Writer, hints: list[str], code: Code, form: str = "") -> list[Variable]:
    variables = [Variable(hint) for hint in hints]
    torch.scope.statements.append(Statement(variables, code, form=form))
    return variables


def _by_module(torch: Writer, layer: Layer, type_: str, options: dict[str, Any]) -> list[Any]:
    assert layer.weight.constant is not None
    assert layer.recurrence.constant is not None
    size = layer.recurrence.constant.shape.numpy()[2]
    if layer.bias is None:
        options["bias"] = False
    if layer.batch_first:
        options["batch_first"] = True
    if layer.said.ways > 1:
        options["bidirectional"] = True
    inputs = layer.weight.constant.shape.numpy()[2]
    rows = layer.weight.constant.shape.numpy()[1] // len(ONNX[layer.said.kind])
    if layer.projection is not None:
        options["proj_size"] = size
    module = torch.module(type_, inputs, rows, **options, tensors=_tensors(layer))
    time = 1 if layer.batch_first else 0
    x: Any = layer.x
    if layer.is_reverse:
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
    if layer.is_reverse:
        y = torch.let("y", torch.method(y, "flip", time))
    ways = layer.said.ways
    torch.scope.views[torch.node.output] = View(y, ways, size, layer.batch_first)
    y_code: Any = y
    if ways == 1:
        y_code = torch.method(y, "unsqueeze", 2 if layer.batch_first else 1)
    else:
        y_code = torch.method(y, "unflatten", 2, (2, size))
        if not layer.batch_first:
            y_code = torch.method(y_code, "transpose", 1, 2)
    if layer.batch_first:
        finals = [torch.method(final, "transpose", 0, 1) for final in finals]
    return [y_code, *finals]


def _run(torch: Writer, layer: Layer, module: Any, x: Any) -> tuple[Variable, list[Any]]:
    """Call the layer with its initial states, of which missing ones are zero."""
    given = [_batch_second(torch, layer, state) for state in layer.states]
    present = [state for state in given if state is not None]
    if present and len(given) == 2:
        zeros = [torch.call("torch.zeros_like", present[0]) if s is None else s for s in given]
        code = module(x, tuple(zeros))
    else:
        code = module(x, *present)
    if not (torch.node.wants(1) or torch.node.wants(2)):
        return _unpack(torch, ["y", "state"], code)[0], []
    if len(given) == 2:
        y, h, c = _unpack(torch, ["y", "h", "c"], code, "{0}, ({1}, {2})")
        return y, [h, c]
    y, h = _unpack(torch, ["y", "h"], code)
    return y, [h]


def _tensors(layer: Layer) -> dict[str, ir.TensorProtocol]:
    """The state dict of torch's layer; the weights of each direction, their gates in torch's order."""
    found: dict[str, ir.TensorProtocol] = {}
    matrices = {"weight_ih_l0": layer.weight, "weight_hh_l0": layer.recurrence}
    biases = ("bias_ih_l0", "bias_hh_l0") if layer.bias else ()
    for way in range(layer.said.ways):
        end = "_reverse" if way else ""
        for name, matrix in matrices.items():
            found[name + end] = _part(matrix, partial(_rows, layer.said.kind, way))
        if layer.projection is not None:
            found["weight_hr_l0" + end] = _part(layer.projection, partial(_one, way))
        for place, name in enumerate(biases):
            half = partial(_rows, layer.said.kind, way, half=place)
            found[name + end] = _part(layer.bias, half, halves=2)
    return found


def _part(
    x: Variable | None, function: Callable[[np.ndarray], np.ndarray], halves: int = 1
) -> ir.TensorProtocol:
    """One direction of a weight, or half of it."""
    assert x is not None
    assert x.constant is not None
    rows, *rest = x.constant.shape.numpy()[1:]
    return lazy(x.constant, function, shape=[rows // halves, *rest])


def _rows(kind: str, way: int, array: np.ndarray, half: int | None = None) -> np.ndarray:
    rows = array[way] if half is None else np.split(array[way], 2)[half]
    return reordered(rows, ONNX[kind], CUDNN[kind])


def _one(way: int, array: np.ndarray) -> np.ndarray:
    return np.asarray(array[way])


def turned_back(node: ir.Node, views: Views[Variable]) -> Variable | Code | None:
    """Torch's output, where all that a node does is to turn the axes of ONNX's back; else None."""
    view = views.of(node)
    if view is None:
        return None
    if view.joined:
        return view.flat
    text = f"{{0}}.unflatten(2, ({view.ways}, {view.size}))"
    return Code(text if view.ways > 1 else "{0}.unsqueeze(2)", (view.flat,))
