"""Two graphs against each other, without inputs: where they are the same, they agree on every input.

Both are brought to canonical form, and every value gets a class: a value of the one and a value of the
other are in one class if they are made by the same operator, with the same attributes, of inputs of the
same classes; constants, if they are the same bits. Names and the order of nodes do not count. What is
left over are differences: pairs of nodes that would be the same but for something (`Pair.what`), and
pairs of values of one name that are made in two ways. `mmdnn.verify.decisions` looks for
inputs to these alone that show the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir.passes.canonical import canonical
from mmdnn.verify.exact import Exact, captured
from mmdnn.verify.tables import inputs

MOST = 40
"""Differences that are followed; a graph with more is another one."""
COMMUTING = frozenset(
    {"Add", "Mul", "Max", "Min", "Sum", "Mean", "And", "Or", "Xor", "Equal"}
    | {"BitwiseAnd", "BitwiseOr", "BitwiseXor"}
)
PASSING = frozenset({"Identity", "Dropout"})
VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})
"""Operators that only say another shape: equal where that is the same."""


@dataclass(frozen=True)
class Pair:
    """Two values that ought to be the same and are made in two ways.

    Attributes:
        a: The value in the one graph.
        b: Its counterpart in the other.
        what: What differs, in words: "epsilon 1e-05 became 1e-12".
        leaves: Values before them that are the same in both, as pairs.
        told: Whether the two are one operator on the same data that was told other numbers, as an epsilon
            is one: nothing behind it can make that good.
    """

    a: ir.Value
    b: ir.Value
    what: str
    leaves: tuple[tuple[ir.Value, ir.Value], ...] = ()
    told: bool = False

    def __str__(self) -> str:
        node = self.a.producer()
        return f"'{self.a.name}' ({node.op_type if node else 'input'}): {self.what}"


@dataclass(frozen=True)
class Comparison:
    """What comparing two graphs found.

    Attributes:
        pairs: The differences, in the order of the graph.
        nodes: How many nodes the first has.
    """

    pairs: tuple[Pair, ...]
    nodes: int

    @property
    def same(self) -> bool:
        """Whether the two compute the same for every input."""
        return not self.pairs


class Matcher:
    """Two graphs in canonical form, and the classes of their values."""

    def __init__(self, a: ir.Model, b: ir.Model) -> None:
        self.models = tuple(canonical(model) for model in (a, b))
        self.exact = tuple(Exact(model) for model in self.models)
        self.classes: list[dict[ir.Value, int]] = [{}, {}]
        self._table: dict[Any, int] = {}
        self._forced: dict[tuple[int, ir.Value], int] = {}
        self._digests: dict[ir.Value, Any] = {}
        self._number = 0

    def compare(self) -> Comparison:
        """Classes of all values, and what differs."""
        pairs: list[Pair] = []
        while len(pairs) < MOST:
            self.classify()
            pair = self._next()
            if pair is None:
                break
            pairs.append(pair)
            self._number += 1
            for side, value in enumerate((pair.a, pair.b)):
                self._forced[side, value] = -self._number
        a, _ = self.models
        return Comparison(tuple(pairs), len(a.graph))

    def classify(self) -> None:
        """Give every value of both its class."""
        for side, model in enumerate(self.models):
            found: dict[ir.Value, int] = {}
            self.classes[side] = found
            for place, value in enumerate(inputs(model)):
                found[value] = self._class(("input", place, value.dtype))
            for value in model.graph.initializers.values():
                found.setdefault(value, self._constant(value))
            for node in model.graph:
                self._node(side, node, found)

    def _node(self, side: int, node: ir.Node, found: dict[ir.Value, int]) -> None:
        reads = [self._of(value, found) for value in node.inputs]
        while reads and reads[-1] is None:
            reads.pop()
        if node.op_type in PASSING and not node.domain and len(reads):
            found[node.outputs[0]] = reads[0] or 0
        key = self._key(node, reads, found)
        for index, output in enumerate(node.outputs):
            forced = self._forced.get((side, output))
            if forced is not None:
                found[output] = forced
            elif output not in found:
                found[output] = self._class((*key, index))

    def _key(
        self, node: ir.Node, reads: list[int | None], found: dict[ir.Value, int]
    ) -> tuple[Any, ...]:
        if node.op_type in VIEWS and not node.domain and not _open(node.outputs[0]):
            return ("view", reads[0], _dims(node.outputs[0]))
        ordered: Sequence[Any] = reads
        if node.op_type in COMMUTING and not node.domain:
            ordered = sorted(reads, key=lambda read: (read is None, read or 0))
        outer = tuple(self._of(value, found) for value in captured(node))
        attributes = tuple(sorted(_attribute(a) for a in node.attributes.values()))
        return (node.domain, node.op_type, attributes, tuple(ordered), outer)

    def _of(self, value: ir.Value | None, found: dict[ir.Value, int]) -> int | None:
        if value is None:
            return None
        if value not in found:
            found[value] = self._constant(value) if value.const_value is not None else id(value)
        return found[value]

    def _constant(self, value: ir.Value) -> int:
        if value not in self._digests:
            tensor = value.const_value
            assert tensor is not None
            self._digests[value] = ("constant", *digest(tensor))
        return self._class(self._digests[value])

    def _class(self, key: Any) -> int:
        return self._table.setdefault(key, len(self._table) + 1)

    def _next(self) -> Pair | None:
        """The first difference in the order of the graph, if the outputs differ."""
        a, b = self.models
        ends = list(zip(a.graph.outputs, b.graph.outputs, strict=False))
        by_name = {str(v.name): v for v in b.graph.outputs}
        if {str(v.name) for v in a.graph.outputs} == set(by_name):
            ends = [(v, by_name[str(v.name)]) for v in a.graph.outputs]
        if all(self.classes[0].get(one) == self.classes[1].get(other) for one, other in ends):
            return None
        for pair in (self._alike, self._named):
            found = pair()
            if found is not None:
                return found
        for one, other in ends:
            if self.classes[0].get(one) != self.classes[1].get(other):
                return Pair(one, other, "it is made in another way", self._leaves(one, other))
        return None

    def _fresh(self, side: int) -> Iterator[ir.Node]:
        """Nodes whose outputs the other side has not, though it has what they read."""
        own, others = self.classes[side], set(self.classes[1 - side].values())
        for node in self.models[side].graph:
            if own[node.outputs[0]] in others:
                continue
            if all(v is None or v.const_value is not None or own[v] in others for v in node.inputs):
                yield node

    def _alike(self) -> Pair | None:
        """Two nodes of one operator on the same data, whose attributes or constants differ."""
        theirs: dict[Any, ir.Node] = {}
        for node in self._fresh(1):
            theirs.setdefault(self._data(1, node), node)
        for node in self._fresh(0):
            other = theirs.get(self._data(0, node))
            if other is not None and len(other.outputs) == len(node.outputs):
                a, b = node.outputs[0], other.outputs[0]
                return Pair(
                    a, b, _what(node, other), self._leaves(a, b), told=_is_told(node, other)
                )
        return None

    def _data(self, side: int, node: ir.Node) -> tuple[Any, ...]:
        own = self.classes[side]
        reads = [own[v] for v in node.inputs if v is not None and v.const_value is None]
        return (node.domain, node.op_type, *reads)

    def _named(self) -> Pair | None:
        """Two values of one name."""
        own, others = self.classes[0], set(self.classes[1].values())
        theirs = {str(v.name): v for node in self.models[1].graph for v in node.outputs}
        known = set(own.values())
        for node in self.models[0].graph:
            for value in node.outputs:
                other = theirs.get(str(value.name))
                if other is None or own[value] in others or self.classes[1][other] in known:
                    continue
                return Pair(value, other, "it is made in another way", self._leaves(value, other))
        return None

    def _leaves(self, a: ir.Value, b: ir.Value) -> tuple[tuple[ir.Value, ir.Value], ...]:
        """The nearest values before both that are in one class."""
        theirs: dict[int, ir.Value] = {}
        for known, number in self.classes[1].items():
            if known.const_value is None:
                theirs.setdefault(number, known)
        found: dict[ir.Value, ir.Value] = {}
        todo, seen = [a], {a}
        while todo:
            node = todo.pop().producer()
            for value in (*node.inputs, *captured(node)) if node is not None else ():
                if value is None or value in seen or value.const_value is not None:
                    continue
                seen.add(value)
                other = theirs.get(self.classes[0].get(value, 0))
                if other is not None:
                    found[value] = other
                else:
                    todo.append(value)
        return tuple(found.items())


def compare(a: ir.Model, b: ir.Model) -> tuple[Comparison, Matcher]:
    """Compare two models' graphs.

    Args:
        a: The one that is right; it is not changed.
        b: The other.

    Returns:
        What differs, and what `decide` needs.
    """
    matcher = Matcher(a, b)
    return matcher.compare(), matcher


def digest(tensor: ir.TensorProtocol) -> tuple[Any, ...]:
    """A tensor's type, shape and a hash of its bytes."""
    if tensor.dtype == ir.DataType.STRING:
        content: Any = repr(tensor.numpy().tolist()).encode()
    else:
        content = np.ascontiguousarray(tensor.numpy()).reshape(-1).view(np.uint8).data
    shape = tuple(int(size) for size in tensor.shape.numpy())
    return str(tensor.dtype), shape, blake2b(content, digest_size=16).digest()


def _attribute(attribute: ir.Attr) -> tuple[str, Any]:
    value = attribute.value
    if attribute.type == ir.AttributeType.GRAPH:
        return attribute.name, _text(attribute.as_graph())
    if attribute.type == ir.AttributeType.TENSOR:
        return attribute.name, repr(digest(value))
    if attribute.type == ir.AttributeType.FLOAT:
        return attribute.name, repr(float(np.float32(value)))
    if isinstance(value, (list, tuple)):
        return attribute.name, repr(tuple(value))
    return attribute.name, repr(value)


def _text(graph: ir.Graph) -> str:
    """A subgraph, its own values numbered, what it reads of others left to the node's key."""
    names: dict[ir.Value, str] = {value: f"in{i}" for i, value in enumerate(graph.inputs)}
    for value in graph.initializers.values():
        if value.const_value is not None:
            names.setdefault(value, repr(digest(value.const_value)))
    lines = []
    for place, node in enumerate(graph):
        reads = [names.get(v, "outer") if v is not None else "" for v in node.inputs]
        lines.append(repr((node.op_type, sorted(map(_attribute, node.attributes.values())), reads)))
        names |= {output: f"{place}.{index}" for index, output in enumerate(node.outputs)}
    return "\n".join((*lines, *(names.get(value, "outer") for value in graph.outputs)))


def _what(a: ir.Node, b: ir.Node) -> str:
    """What differs between two nodes of one operator."""
    found = []
    for name in sorted({*a.attributes, *b.attributes}):
        one, other = a.attributes.get(name), b.attributes.get(name)
        if one is None or other is None or _attribute(one) != _attribute(other):
            found.append(f"{name} {_shown(one)} became {_shown(other)}")
    for place in range(max(len(a.inputs), len(b.inputs))):
        one_, other_ = (n.inputs[place] if place < len(n.inputs) else None for n in (a, b))
        change = _constants(one_, other_)
        if change:
            found.append(f"its input {place + 1} {change}")
    return "; ".join(found) or "it reads its inputs in another order"


def _is_told(a: ir.Node, b: ir.Node) -> bool:
    """Whether all that differs between two nodes of one operator are numbers it is told."""
    names = {*a.attributes, *b.attributes}
    pairs = [(a.attributes.get(name), b.attributes.get(name)) for name in names]
    differ = [(x, y) for x, y in pairs if x is None or y is None or _attribute(x) != _attribute(y)]
    same = not any(_constants(x, y) for x, y in zip(a.inputs, b.inputs, strict=False))
    floats = all(x and y and x.type == y.type == ir.AttributeType.FLOAT for x, y in differ)
    return bool(differ) and floats and same


def _constants(a: ir.Value | None, b: ir.Value | None) -> str:
    one = a.const_value if a is not None else None
    other = b.const_value if b is not None else None
    if (a is None) != (b is None):
        return "is there on one side only"
    if one is None or other is None or digest(one) == digest(other):
        return ""
    was, now = one.numpy(), other.numpy()
    if was.shape != now.shape or was.dtype != now.dtype:
        return f"{was.dtype}{list(was.shape)} became {now.dtype}{list(now.shape)}"
    if was.size == 1:
        return f"{was.reshape(-1)[0]} became {now.reshape(-1)[0]}"
    with np.errstate(all="ignore"):
        return f"differs in {int((was != now).sum())} of {was.size} numbers"


def _shown(attribute: ir.Attr | None) -> str:
    if attribute is None:
        return "(nothing)"
    if attribute.type == ir.AttributeType.GRAPH:
        return "(a graph)"
    value = attribute.value
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _dims(value: ir.Value) -> tuple[int, ...]:
    """Its sizes, -1 for the one that may be open."""
    return tuple(dim if isinstance(dim, int) else -1 for dim in value.shape or ())


def _open(value: ir.Value) -> bool:
    """Whether its sizes do not say which view it is."""
    return value.shape is None or sum(not isinstance(dim, int) for dim in value.shape) > 1
