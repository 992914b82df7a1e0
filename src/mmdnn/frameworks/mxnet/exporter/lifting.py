"""Operators of MXNet that became nodes of the IR, made the same operators again (see `mmdnn.ir.lifting`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from mmdnn.frameworks.mxnet._schema import AUXILIARY, LABELS, PARAMETERS
from mmdnn.frameworks.mxnet.exporter.table import LIFTED, Array
from mmdnn.frameworks.mxnet.exporter.writer import Writer
from mmdnn.frameworks.mxnet.graph import Entry, Model, Node, Symbol
from mmdnn.ir import PARAMETERS as SAID
from mmdnn.ir.lifting.groups import GiveUp, Group
from mmdnn.ir.lifting.matching import Handed
from mmdnn.ir.lifting.proposals import Lifted
from mmdnn.ir.origin import parsed, recorded


@dataclass(eq=False)
class Proposal:
    """An operator that may be the one.

    Attributes:
        node: It, without inputs.
        order: Of each of its inputs, which of the bottoms or weights it is; None for a label.
        bottoms: The values that it reads and that are no constants.
        weights: Those that are.
        places: Which of its outputs the group's tops are.
    """

    node: Node
    order: list[tuple[bool, int] | None]
    bottoms: list[ir.Value]
    weights: list[ir.Value]
    places: list[int]

    @classmethod
    def of(cls, group: Group, model: ir.Model, text: str) -> Proposal:
        """The operator that a group was, as `described` says it.

        Raises:
            GiveUp: That is no operator's, or does not fit the group.
        """
        said = parsed(text)
        node = Node(said["op"], "proposal", {key: str(text) for key, text in said["attrs"].items()})
        if "target_shape" in node.attrs:
            raise GiveUp  # MXNet's library for CPUs has no means for it
        inputs = _inputs(group, model, said["inputs"], LABELS.get(node.type))
        kinds: tuple[list[ir.Value], list[ir.Value]] = ([], [])
        order: list[tuple[bool, int] | None] = []
        for value in inputs:
            if value is None:
                order.append(None)
                continue
            constant = value.const_value is not None
            order.append((constant, len(kinds[constant])))
            kinds[constant].append(value)
        names = [str(top.name) for top in group.tops]
        known = set(names) <= {*said["outputs"]}
        places = [said["outputs"].index(name) if known else i for i, name in enumerate(names)]
        return cls(node, order, *kinds, places)

    def placed(self, bottoms: Sequence[ir.Value], weights: Sequence[ir.Value]) -> list[ir.Value]:
        """What it reads, in its own order, labels left out."""
        given = bottoms, weights
        return [given[place[0]][place[1]] for place in self.order if place is not None]

    def imported(self, bottoms: Sequence[ir.Value], tops: int) -> tuple[list[ir.Value], Handed]:
        """What the importer makes of it."""
        from mmdnn.frameworks.mxnet.importer.table import GraphImporter, ImportedNode, importer

        del tops
        graph, handed = GraphImporter(Model(Symbol([], []))), {}
        stand_ins = []
        for index, weight in enumerate(self.weights):
            tensor = weight.const_value
            assert tensor is not None
            handed[id(tensor)] = index, tensor
            stand_ins.append(graph.builder.initializer(str(weight.name), tensor, like=weight))
        layer = ImportedNode(self.node, graph, len(self.node.outputs))
        with graph.builder.layer("proposal", layer.type):
            entry = importer.entry(layer.type)
            results = layer.call(entry, self.placed(bottoms, stand_ins))
        return [results[place] for place in self.places], handed

    def write(self, mx: Writer, arrays: Sequence[Array]) -> list[Array]:
        """The operator, of the node's inputs: its outputs in the order of the node's."""
        count, own = len(self.bottoms), AUXILIARY.get(self.node.type, ())
        given = arrays[:count], arrays[count:]
        inputs = [mx.label() if at is None else given[at[0]][at[1]] for at in self.order]
        schema = self.node.schema
        for array, role in zip(inputs, schema.inputs if schema is not None else (), strict=False):
            if role in PARAMETERS and array.constant is not None:
                mx.weight(array, role)
            if role in own:
                mx.scope.auxiliary.add(array.entry.node)
        entries = [array.entry for array in inputs]
        node = Node(self.node.op, "", dict(self.node.attrs), entries)
        mx.scope.made[node] = mx.node
        return [Array(Entry(node, place)) for place in self.places]


def _inputs(
    group: Group, model: ir.Model, names: Sequence[str], label: int | None
) -> list[ir.Value | None]:
    """The values of these names; where they have others now, what the group reads, in order."""
    weights = model.graph.initializers
    read = [place for place, name in enumerate(names) if place != label and name not in weights]
    if all(names[place] in group.values for place in read):
        bottoms = [group.values[names[place]] for place in read]
    elif len(read) == len(group.bottoms):
        bottoms = group.bottoms
    else:
        raise GiveUp
    found = dict(zip(read, bottoms, strict=True))
    return [found.get(place, weights.get(name)) for place, name in enumerate(names)]


def lifted(model: ir.Model) -> Lifted[Proposal]:
    """What may stand for the layers of a model, of which MXNet's files said something."""
    said = recorded(model.graph, SAID)
    return Lifted(LIFTED, lambda group: Proposal.of(group, model, said[group.name]))
