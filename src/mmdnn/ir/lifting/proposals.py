"""A layer that a group may have come from: imported, compared, and put in the group's place."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Generic, Protocol, TypeVar

import onnx_ir as ir

from mmdnn.errors import Error
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.builder import NeedsStatic
from mmdnn.ir.lifting.equivalents import FORMS
from mmdnn.ir.lifting.groups import GiveUp, Group, groups
from mmdnn.ir.lifting.matching import Handed, Match

NOT_IT = (
    *(GiveUp, Error, NeedsStatic),
    *(IndexError, AttributeError, KeyError, TypeError, ValueError),
)
"""What goes wrong with a proposal that is wrong."""


class Proposal(Protocol):
    """A layer of the framework.

    Attributes:
        bottoms: The group's values that it reads.
    """

    bottoms: list[ir.Value]

    @property
    def weights(self) -> list[ir.Value]:
        """The group's initializers that are its blobs."""

    def imported(self, bottoms: Sequence[ir.Value], tops: int) -> tuple[list[ir.Value], Handed]:
        """What the framework's importer makes of it, and of stand-ins for its weights.

        Args:
            bottoms: What it is to read, in a graph of its own.
            tops: How many results are wanted.
        """


P = TypeVar("P", bound=Proposal)


class Lifted(Generic[P]):
    """The layers that nodes of a domain stand for.

    Args:
        domain: The nodes' domain, the framework's own (see `Exporter`).
        propose: The layer that a group may have been.
    """

    def __init__(self, domain: str, propose: Callable[[Group], P]) -> None:
        self.domain = domain
        self.propose = propose
        self.layers: dict[str, P] = {}

    def __getitem__(self, node: ir.Node) -> P:
        return self.layers[str(node.name)]

    def lift(self, model: ir.Model, types: Container[str]) -> None:
        """Replace the groups of these types by single nodes where the layer is the source, in place."""
        for group in groups(model, types):
            try:
                proposal = self.propose(group)
            except NOT_IT:
                continue
            if is_source(proposal, group):
                name = f"lifted {len(self.layers)}"
                self.layers[name] = proposal
                replace(model.graph, group, proposal, self.domain, name)

    def close(self, model: ir.Model) -> bool:
        """Work out the shapes of these nodes that were open, where those of what they read are known.

        Returns:
            Whether one was.
        """
        closed = False
        for node in model.graph:
            if node.domain != self.domain or all(map(_is_known, node.outputs)):
                continue
            layer = self[node]
            bottoms = [value for value in node.inputs[: len(layer.bottoms)] if value is not None]
            if not all(map(_is_known, bottoms)):
                continue
            try:
                results, _ = layer.imported(bottoms, len(node.outputs))
            except (Error, NeedsStatic):
                continue
            for output, result in zip(node.outputs, results, strict=False):
                output.shape = result.shape
            closed |= all(map(_is_known, node.outputs))
        return closed


def _is_known(value: ir.Value) -> bool:
    return value.shape is not None and value.shape.is_static()


def is_source(proposal: Proposal, group: Group) -> bool:
    """Whether a layer gives the group's nodes; where it has two bottoms, in the order that does."""
    orders = [proposal.bottoms]
    if len(proposal.bottoms) == 2:
        orders.append(proposal.bottoms[::-1])
    for proposal.bottoms in orders:
        try:
            if _gives(proposal, group):
                return True
        except NOT_IT:
            continue
    return False


def _gives(proposal: Proposal, group: Group) -> bool:
    stand_ins = {
        value: ir.Value(name=f"bottom {index}", shape=value.shape, type=value.type)
        for index, value in enumerate(dict.fromkeys(proposal.bottoms))
    }
    bottoms = [stand_ins[value] for value in proposal.bottoms]
    results, handed = proposal.imported(bottoms, len(group.tops))
    match = Match(stand_ins, proposal.weights, handed, FORMS)
    return len(results) >= len(group.tops) and all(
        match.values(top, result) or match.values(_behind_identity(top, group), result)
        for top, result in zip(group.tops, results, strict=False)
    )


def _behind_identity(top: ir.Value, group: Group) -> ir.Value:
    node = top.producer()
    if node is not None and node.op_type == "Identity" and node in group.nodes:
        assert node.inputs[0] is not None
        return node.inputs[0]
    return top


def replace(graph: ir.Graph, group: Group, proposal: Proposal, domain: str, name: str) -> None:
    """Make a group one node, in place; its inputs are the layer's bottoms, then its weights."""
    outputs = [ir.Value(name=top.name, shape=top.shape, type=top.type) for top in group.tops]
    node = ir.node(
        group.type,
        [*proposal.bottoms, *proposal.weights],
        domain=domain,
        outputs=outputs,
        name=name,
        metadata_props={LAYER: group.name, TYPE: group.type},
    )
    graph.insert_after(group.nodes[-1], node)
    for top, output in zip(group.tops, outputs, strict=True):
        group.values[str(top.name)] = output
        top.replace_all_uses_with(output, replace_graph_outputs=True)
    graph.remove(reversed(group.nodes), safe=True)
