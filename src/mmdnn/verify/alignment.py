"""Which value of one model is which of another: by name, by order, by what they are made of.

A batch normalization may have been folded into the layer before it, whose value then is what was the
normalization's. Names of which the other model knows nothing are found by the graphs: the same operators
on the same constants make the same values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from mmdnn.errors import Error
from mmdnn.verify.graphs import Matcher
from mmdnn.verify.tables import inputs

_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_AFFINE = frozenset({"BatchNormalization", "Mul", "Add", "Sub", "Div"})
_NOTE = "'{}' has the batch normalization in it on one side, and is compared with '{}'."


@dataclass(frozen=True)
class Alignment:
    """How values of one model are called in another.

    Attributes:
        names: The one's own names to those of the other, where they differ.
        notes: What the user should know about it.
    """

    names: dict[str, str]
    notes: tuple[str, ...] = ()


def aligned(model: ir.Model | None, onto: ir.Model) -> Alignment:
    """What a model's values are called in another.

    Args:
        model: The one, where it can be read.
        onto: The other.
    """
    if model is None:
        return Alignment({})
    names, notes = _ends(model, onto), []
    for layer, normalized in _folded(onto, model):
        names.setdefault(layer, normalized)
        notes.append(_NOTE.format(layer, normalized))
    for layer, normalized in _folded(model, onto):
        names.setdefault(normalized, layer)
        names.setdefault(layer, f"{layer} before {normalized}")
        notes.append(_NOTE.format(layer, normalized))
    return Alignment({**_made_alike(model, onto, names), **names}, tuple(notes))


def _ends(model: ir.Model, onto: ir.Model) -> dict[str, str]:
    """Inputs and outputs of other names, by their order."""
    pairs: dict[str, str] = {}
    ends = ((inputs(model), inputs(onto)), (model.graph.outputs, onto.graph.outputs))
    for own, other in ends:
        names, theirs = ([str(value.name) for value in values] for values in (own, other))
        if set(names) != set(theirs) and len(names) == len(theirs):
            pairs |= {name: new for name, new in zip(names, theirs, strict=True) if name != new}
    return pairs


def _folded(whole: ir.Model, short: ir.Model) -> Iterator[tuple[str, str]]:
    """Layers of both, which the first model normalizes, and the second has that in them.

    Yields:
        The layer's name, and that of the normalized value, which the second lacks.
    """
    own, others = _values(whole), _values(short)
    for name, value in own.items():
        other = others.get(name)
        if other is None or _scaled(other) or not (_is_layer(value) and _is_layer(other)):
            continue
        after = [str(each.name) for each in _chain(value)]
        if after and after[-1] not in others:
            yield name, after[-1]


def _values(model: ir.Model) -> dict[str, ir.Value]:
    return {str(value.name): value for node in model.graph for value in node.outputs}


def _is_layer(value: ir.Value) -> bool:
    """Whether it comes of a layer with weights, its bias added or not."""
    node = value.producer()
    if node is not None and node.op_type == "Add" and _constants(node):
        first = next((v for v in node.inputs if v is not None and v.const_value is None), None)
        node = first.producer() if first is not None else None
    return node is not None and node.op_type in _LAYERS


def _chain(value: ir.Value) -> Iterator[ir.Value]:
    """What becomes of a value by constants alone, as long as nothing else reads it."""
    after = _scaled(value)
    while after is not None:
        yield after
        after = _scaled(after)


def _scaled(value: ir.Value) -> ir.Value | None:
    """What its only reader makes of it, where that is scaling and shifting by constants."""
    readers = value.uses()
    if len(readers) != 1 or value.is_graph_output():
        return None
    ((node, _),) = readers
    if node.op_type not in _AFFINE or node.domain:
        return None
    return node.outputs[0] if _constants(node) else None


def _constants(node: ir.Node) -> bool:
    return any(value is not None and value.const_value is not None for value in node.inputs)


def _made_alike(model: ir.Model, onto: ir.Model, known: Mapping[str, str]) -> dict[str, str]:
    """Values that are the same by the graphs, where neither model knows the other's name for it."""
    mine, theirs = _values(model), _values(onto)
    if all(name in theirs or name in known for name in mine):
        return {}
    try:
        matcher = Matcher(onto, model)
        matcher.classify()
    except Error:
        return {}
    taken = {*known.values(), *(name for name in mine if name not in known)}
    free = {
        matcher.classes[0][value]: name
        for name, value in _values(matcher.models[0]).items()
        if name in theirs and name not in taken
    }
    own = {
        name: matcher.classes[1][value]
        for name, value in _values(matcher.models[1]).items()
        if name in mine and name not in theirs and name not in known
    }
    return {name: free.pop(number) for name, number in own.items() if number in free}
