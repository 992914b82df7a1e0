"""Channels-first and channels-last: a graph with as few Transposes as there can be.

An importer of a channels-last framework puts a Transpose before and behind each operator that the IR knows
channels-first only; `channels_first` then chooses the order of axes in which each value is stored, so that
the fewest are left (`choice`). Axes in attributes, paddings, reductions and broadcast constants follow
(`operators`), and weights behind a flattened image are permuted while they are written. `channels_last` is
for an exporter to such a framework: operators over images become functions `mmdnn.channels_last::Conv`,
whose body is the operator between two Transposes, and the rest follows them.

Numbers stay what they are. Inputs and outputs get the new layout where operators over images bring it,
unless they are to be kept; how the source has what is otherwise than there stands in the metadata of values
(`LAYOUT`, read by `Arrangement`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from mmdnn.ir import notes, values
from mmdnn.ir.layout.choice import Choice
from mmdnn.ir.layout.factors import Factoring
from mmdnn.ir.layout.functions import to_functions
from mmdnn.ir.layout.operators import Otherwise, rules
from mmdnn.ir.layout.operators import channels_last as rule_channels_last
from mmdnn.ir.layout.order import LAYOUT, Arrangement, arranged_tensor, plain
from mmdnn.ir.layout.rewrite import Rewriter
from mmdnn.ir.layout.rules import Boundary, Port, Rule

ROUNDS = 16
"""Times that parts of merged axes are looked for, at most."""


def channels_first(model: ir.Model, *, keep: bool = False) -> ir.Model:
    """Choose the order of every value, for operators over images as ONNX has them.

    Args:
        model: A model in which Transposes say all; it is changed in place, and returned.
        keep: Whether inputs and outputs stay as they are.
    """
    _Layout(model, model.graph, last=False, keep=keep).rewrite()
    return notes.add(model, note(model))


def channels_last(model: ir.Model, *, keep: bool = False) -> ir.Model:
    """Choose the order of every value, for operators over images whose channels are the last axis.

    Those operators become functions of the domain `mmdnn.channels_last`, recurrent ones too, whose batch
    comes first then. What is recorded of orders is relative to the model given.

    Args:
        model: A model in canonical form; it is changed in place, and returned.
        keep: Whether inputs and outputs stay as they are.
    """
    for value in _values(model.graph):
        value.metadata_props.pop(LAYOUT, None)
    _Layout(model, model.graph, last=True, keep=keep).rewrite()
    return model


def arrangements(model: ir.Model) -> dict[str, Arrangement]:
    """By the names of the values that are otherwise than in the source: how they are there."""
    found = {str(value.name): Arrangement.read(value) for value in _values(model.graph)}
    return {name: arrangement for name, arrangement in found.items() if arrangement is not None}


def note(model: ir.Model) -> str:
    """What the user should know of inputs and outputs that are otherwise than in the source, or ""."""
    known = [v for v in (*model.graph.inputs, *model.graph.outputs) if Arrangement.read(v)]
    shapes = [f"{v.name} is [{', '.join(str(d) for d in v.shape or ())}]" for v in known]
    return (
        f"Images are channels-first now: {notes.listed(shapes)} (--keepLayout keeps them)."
        if shapes
        else ""
    )


def fitting(model: ir.Model, name: str, array: np.ndarray) -> np.ndarray:
    """An input that the user gives as the source has it, as the IR has it."""
    known = arrangements(model).get(name)
    value = next(value for value in model.graph.inputs if value.name == name)
    if known is None or _fits(array, value):
        return array
    try:
        turned = known.here(array)
    except ValueError:
        return array
    return turned if _fits(turned, value) else array


def _fits(array: np.ndarray, value: ir.Value) -> bool:
    dims = list(value.shape or ())
    return len(dims) == array.ndim and all(
        not isinstance(dim, int) or dim == size for dim, size in zip(dims, array.shape, strict=True)
    )


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    for node in graph:
        yield from node.outputs


class _Layout:
    """One graph's."""

    def __init__(self, model: ir.Model, graph: ir.Graph, *, last: bool, keep: bool) -> None:
        self.model = model
        self.graph = graph
        self.last = last
        self.keep = keep
        for node in graph:
            for inner in _graphs(node):
                _name_outputs(inner)
                _Layout(model, inner, last=last, keep=True).rewrite()
        self.views: dict[ir.Value, tuple[ir.Value, tuple[int, ...]]] = {}
        self.known = {v for v in _values(graph) if values.constant(v) is None}
        self.nodes = list(self._look_through())
        self.rules: dict[ir.Node, list[Rule]] = {
            node: list(self._rules(node)) for node in self.nodes
        }
        self.inputs = [self._boundary(v, -1) for v in graph.inputs if v in self.known]
        self.outputs = {
            i: self._boundary(v, 0) for i, v in enumerate(graph.outputs) if v in self.known
        }
        self.flat: list[Rule] = [*self.inputs, *(r for n in self.nodes for r in self.rules[n])]
        self.flat += self.outputs.values()

    def _look_through(self) -> Iterator[ir.Node]:
        """The nodes that are not Transposes; what those give is taken down."""
        for node in list(self.graph):
            x = node.inputs[0] if node.op_type == "Transpose" and not node.domain else None
            if x is None or x.shape is None:
                yield node
                continue
            given = node.attributes.get("perm")
            perm = tuple(given.as_ints()) if given is not None else tuple(range(len(x.shape)))[::-1]
            tensor, output = values.constant(x), node.outputs[0]
            if tensor is None:
                value, axes = self.views.get(x, (x, tuple(range(len(x.shape)))))
                self.views[output] = value, tuple(axes[axis] for axis in perm)
                self.known.add(output)
            elif output.is_graph_output():
                yield node
            else:
                self._fold(output, x, tensor, perm)

    def _fold(
        self, output: ir.Value, x: ir.Value, tensor: ir.TensorProtocol, perm: tuple[int, ...]
    ) -> None:
        """A transposed constant is a constant."""
        sizes = tuple((size,) for size in tensor.shape.numpy())
        turned = arranged_tensor(tensor, sizes, plain(perm))
        new = ir.Value(name=output.name, const_value=turned, type=x.type)
        new.shape = ir.Shape(turned.shape.numpy())
        new.metadata_props.update(x.metadata_props)
        node = output.producer()
        assert node is not None
        output.replace_all_uses_with(new)
        self.graph.remove(node, safe=True)
        turned.name = new.name
        self.graph.register_initializer(new)
        self.known.discard(output)

    def _rules(self, node: ir.Node) -> Iterator[Rule]:
        ports = list(self._ports(node))
        last = rule_channels_last(node, ports) if self.last else None
        yield from [last] if last is not None else rules(node, ports)

    def _ports(self, node: ir.Node) -> Iterator[Port]:
        for place, value in enumerate(node.inputs):
            if value in self.known and value is not None:
                yield self._port(value, place, ((node, place),))
        for graph in _graphs(node):
            for inner in ir.traversal.RecursiveGraphIterator(graph):
                for place, value in enumerate(inner.inputs):
                    if value in self.known and value is not None:
                        yield self._port(value, len(node.inputs), ((inner, place),))
        for place, value in enumerate(node.outputs):
            yield self._port(value, -1 - place)

    def _port(
        self, value: ir.Value, place: int, uses: tuple[tuple[ir.Node, int], ...] = ()
    ) -> Port:
        before, axes = self.views.get(value, (value, tuple(range(len(value.shape or ())))))
        return Port(place, before, axes, uses)

    def _boundary(self, value: ir.Value, place: int) -> Boundary:
        port = self._port(value, place)
        rank = port.rank
        if self.keep or rank < 3:
            return Boundary(port)
        return Boundary(
            port, [0, *range(2, rank), 1] if self.last else [0, rank - 1, *range(1, rank - 1)]
        )

    def rewrite(self) -> None:
        """Choose, and change the graph."""
        factoring = Factoring()
        for _ in range(ROUNDS):
            if not sum(rule.relate(factoring) for rule in self.flat):
                break
        values_ = {port.value for rule in self.flat for port in rule.ports}
        factors = {value: factoring.of(value) for value in values_}
        for rule in self.flat:
            for port in rule.ports:
                port.factors = tuple(factors[port.value][axis] for axis in port.view)
        choice = Choice(self.flat)
        choice.improve()
        modes = {id(rule): mode for rule, mode in zip(self.flat, choice.modes, strict=True)}
        writer = Rewriter(self.graph, factors, self.views)
        for rule in self.inputs:
            writer.made(rule.ports[0], modes[id(rule)][0])
        for node in self.nodes:
            writer.write(self.rules[node], [modes[id(rule)] for rule in self.rules[node]])
        for place, rule in self.outputs.items():
            writer.output(place, rule.ports[0], modes[id(rule)][0])
        writer.finish()
        self._clean()
        if self.last:
            firsts = {node: self.rules[node][0] for node in self.nodes}
            others = {n: r.orders for n, r in firsts.items() if isinstance(r, Otherwise)}
            to_functions(self.model, others)

    def _clean(self) -> None:
        """Take out the Transposes that were looked through, and weights that nothing reads."""
        for view in reversed(self.views):
            node = view.producer()
            assert node is not None
            self.graph.remove(node, safe=True)
        for name, value in list(self.graph.initializers.items()):
            if not value.uses() and not value.is_graph_output():
                del self.graph.initializers[name]


def _graphs(node: ir.Node) -> list[ir.Graph]:
    kind = ir.AttributeType.GRAPH
    return [each.as_graph() for each in node.attributes.values() if each.type == kind]


def _name_outputs(graph: ir.Graph) -> None:
    """Let a graph within a node give nothing from outside but by a node of its own."""
    inside = {*_values(graph), *graph.initializers.values()}
    for place, value in enumerate(graph.outputs):
        if value not in inside:
            node = ir.node("Identity", [value], name=f"{value.name}_within")
            node.outputs[0].name = f"{value.name}_within"
            node.outputs[0].type, node.outputs[0].shape = value.type, value.shape
            graph.append(node)
            graph.outputs[place] = node.outputs[0]


__all__ = [
    "LAYOUT",
    "Arrangement",
    "arrangements",
    "channels_first",
    "channels_last",
    "fitting",
]
