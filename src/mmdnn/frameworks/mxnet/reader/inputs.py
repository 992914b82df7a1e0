"""Shapes of inputs, as far as the files say them.

A variable may carry `__shape__`. Else the first operator that reads it and has parameters says how
many axes it takes, and how many channels: MXNet infers shapes backwards in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mmdnn.errors import FormatError
from mmdnn.frameworks.mxnet import _attributes
from mmdnn.frameworks.mxnet._rows import RECURRENT
from mmdnn.frameworks.mxnet.graph import Model, Node
from mmdnn.frameworks.mxnet.reader import sizes
from mmdnn.ir.recurrent.packing import Packing
from mmdnn.shapes import OpenShape

STATES = (2, 3)
"""The places of states among the inputs of RNN."""
PICTURE = 4
"""Axes of a picture: batch, channels, height, width."""

_SAME = frozenset(
    {
        *("_copy", "_minus_scalar", "_plus_scalar", "_mul_scalar", "_div_scalar", "_rminus_scalar"),
        *("Cast", "BlockGrad", "Activation", "relu", "BatchNorm", "LeakyReLU", "Dropout", "clip"),
        *("broadcast_mul", "broadcast_sub", "broadcast_add", "broadcast_div", "Pooling"),
    }
)
"""Operators whose output has as many axes, and channels, as their first input."""


def shapes(model: Model, names: Sequence[str]) -> dict[str, OpenShape]:
    """What is known of these variables; `model.needed` must be."""
    found: dict[str, OpenShape] = {}
    for variable in model.symbol.variables:
        name = variable.name
        if name in names:
            shape = _said(model, variable) or model.needed.get(name)
            if shape is not None:
                found[name] = _sized(model, name, shape)
    return found


def needed(model: Model, names: Sequence[str]) -> dict[str, OpenShape]:
    """What the first operators that read these variables say of their shapes."""
    return _all_told(model, names, _TELLING)


def _sized(model: Model, name: str, shape: OpenShape) -> OpenShape:
    """A picture's size, where the dense layers behind tell it."""
    if len(shape) != PICTURE or shape[1] is None or shape[2:] != (None, None):
        return shape
    side = sizes.side(model, name, shape[1])
    return (*shape[:2], side, side)


def _readers(model: Model) -> dict[Node, list[tuple[Node, int]]]:
    readers: dict[Node, list[tuple[Node, int]]] = {}
    for node in model.symbol.operators:
        for place, entry in enumerate(node.inputs):
            readers.setdefault(entry.node, []).append((node, place))
    return readers


def _said(model: Model, variable: Node) -> OpenShape | None:
    """`__shape__`; a size of 0 (of -1 in NumPy's shapes) is open."""
    text = variable.attrs.get("__shape__")
    if text is None:
        return None
    try:
        sizes = _attributes.parse("ints", text)
    except ValueError as error:
        raise FormatError(f"__shape__: {error}", layer=variable.name) from None
    least = 0 if model.numpy else 1
    return tuple(size if size is not None and size >= least else None for size in sizes)


def assumed(model: Model, names: Sequence[str]) -> dict[str, OpenShape]:
    """What is taken for the shape of an input where nobody says it: a dense layer's is a matrix.

    It would take any number of axes, and flatten them.
    """
    return _all_told(model, names, _ASSUMING)


def _all_told(
    model: Model,
    names: Sequence[str],
    table: Mapping[str, Callable[[Model, Node], OpenShape | None]],
) -> dict[str, OpenShape]:
    variables = [node for node in model.symbol.variables if node.name in names]
    readers = _readers(model)
    told = {node.name: _told(model, node, readers, table) for node in variables}
    return {name: shape for name, shape in told.items() if shape is not None}


def _told(
    model: Model,
    start: Node,
    readers: dict[Node, list[tuple[Node, int]]],
    table: Mapping[str, Callable[[Model, Node], OpenShape | None]],
) -> OpenShape | None:
    """Walk to the first operators that say what they take."""
    seen, todo = {start}, [start]
    while todo:
        for node, place in readers.get(todo.pop(0), ()):
            tell = table.get(node.type)
            shape = tell(model, node) if tell and place == 0 else None
            if node.type == "RNN" and place in STATES:
                shape = _state(node)
            if shape is not None:
                return shape
            if node.type in _SAME and place == 0 and node not in seen:
                seen.add(node)
                todo.append(node)
    return None


def _weight(model: Model, node: Node, place: int = 1) -> tuple[int, ...] | None:
    if place >= len(node.inputs):
        return None
    tensor = model.params.get(node.inputs[place].node.name)
    return tuple(tensor.shape.numpy()) if tensor is not None else None


def _convolution(model: Model, node: Node) -> OpenShape | None:
    weight = _weight(model, node)
    layout = node.param("layout")
    if weight is None or (layout and layout[1] != "C"):
        return None
    return (None, weight[1] * node.param("num_group"), *[None] * (len(weight) - 2))


def _deconvolution(model: Model, node: Node) -> OpenShape | None:
    weight = _weight(model, node)
    return None if weight is None else (None, weight[0], *[None] * (len(weight) - 2))


def _dense(model: Model, node: Node) -> OpenShape | None:
    weight = _weight(model, node)
    if weight is None or len(weight) != 2 or not node.param("flatten"):
        return None
    return (None, weight[1])


def _state(node: Node) -> OpenShape:
    """Layers in each direction, batch, size."""
    ways = 2 if node.param("bidirectional") else 1
    return (node.param("num_layers") * ways, None, node.param("state_size"))


def _recurrent(model: Model, node: Node) -> OpenShape | None:
    """Time, batch, features: those are what is left of the parameters' number."""
    vector = _weight(model, node)
    size, ways = node.param("state_size"), 2 if node.param("bidirectional") else 1
    if vector is None or len(vector) != 1 or node.param("projection_size") or not size:
        return (None, None, None)
    kind, layers = RECURRENT[node.param("mode")], node.param("num_layers")
    none, each = (Packing(kind, count, size, layers, ways).total for count in (0, 1))
    features, over = divmod(vector[0] - none, each - none)
    return (None, None, None if over or features < 1 else features)


_TELLING: dict[str, Callable[[Model, Node], OpenShape | None]] = {
    "Convolution": _convolution,
    "Convolution_v1": _convolution,
    "Deconvolution": _deconvolution,
    "RNN": _recurrent,
}
_ASSUMING = {"FullyConnected": _dense}
