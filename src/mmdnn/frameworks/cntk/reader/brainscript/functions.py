"""Nodes of CNTK 1 as functions of CNTK 2 with the same meaning.

As Source/CNTKv2LibraryDll/BackCompat.cpp of CNTK 2.7 has them, and where it gives up or forgets
(dilations, strides of slices, permutations) as the nodes themselves compute
(Source/ComputationNetworkLib). A node that needs several functions is their last; the others have
uids of their own.

What a model's outputs are: the nodes the file calls so, and those that nothing reads; not what a
network is trained and judged by, unless there is nothing else.
"""

from __future__ import annotations

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import COMBINE, Function, Kind, Model, Variable
from mmdnn.frameworks.cntk.reader.brainscript import layers, leaves, network, shapes, table
from mmdnn.frameworks.cntk.reader.brainscript.names import identity
from mmdnn.frameworks.cntk.reader.brainscript.network import Network, Node
from mmdnn.frameworks.cntk.reader.brainscript.table import Making
from mmdnn.names import take

CRITERIA = frozenset(
    """
    ClassBasedCrossEntropyWithSoftmax ClassificationError CosDistanceWithNegativeSamples
    CrossEntropy CrossEntropyWithSoftmax DummyCriterion EditDistanceError ErrorPrediction
    ForwardBackward LambdaRank LatticeSequenceWithSoftmax Logistic MatrixL1Reg MatrixL2Reg
    NCEBasedCrossEntropyWithSoftmax NDCG1Eval SequenceWithSoftmax SquareError
    """.split()  # noqa: SIM905
)
"""Nodes that a network is trained and judged by."""


def model(found: Network) -> Model:
    """The model of a file.

    Raises:
        FormatError: The file contradicts itself.
        UnsupportedError: CNTK 2 has nothing for a node.
    """
    wanted = _outputs(found)
    needed = _behind(wanted)
    made = _Graph(found, needed)
    made.connect(needed)
    outputs = [made.variable(one) for one in wanted]
    if not outputs:
        raise FormatError("it has no outputs")
    root = Function(COMBINE, made.free("Combine"), inputs=list(dict.fromkeys(outputs)))
    functions = graph.reachable([*made.functions.values(), root])
    read = {one: None for each in functions for one in each.inputs if one.kind != Kind.OUTPUT}
    return Model(root, functions, {one.uid: one for one in read})


def _outputs(found: Network) -> list[Node]:
    read = {one for node in found.nodes.values() for one in node.inputs}
    criteria = [one for one in found.nodes.values() if one.kind in CRITERIA]
    groups = found.groups
    judging = dict.fromkeys([*groups[network.CRITERIA], *groups[network.EVALUATION], *criteria])
    last = [one for one in found.nodes.values() if one not in read and not leaves.is_leaf(one)]
    wanted = dict.fromkeys([*groups[network.OUTPUTS], *last])
    kept = [one for one in wanted if one not in judging] or [*(wanted | judging)]
    if kept or not all(map(leaves.is_leaf, found.nodes.values())):
        return kept
    return [one for one in found.nodes.values() if one.kind in leaves.INPUTS]


def _behind(nodes: list[Node]) -> set[Node]:
    """Nodes and everything that they depend on."""
    found: set[Node] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += node.inputs
    return found


class _Graph:
    """The functions and variables that nodes become.

    Attributes:
        functions: Of nodes that compute something.
        leaves: Variables of nodes that do not.
    """

    def __init__(self, found: Network, needed: set[Node]) -> None:
        self.functions: dict[Node, Function] = {}
        self.leaves: dict[Node, Variable] = {}
        self.uids: set[str] = set()
        precomputed = leaves.shapes(found)
        sequences = leaves.have_sequences(needed)
        for node in found.nodes.values():
            uid, name = identity(node.name)
            if node.kind in leaves.NOTHING:
                continue
            if uid in self.uids:
                raise FormatError("there are two nodes of this uid", layer=uid)
            self.uids.add(uid)
            if leaves.is_leaf(node):
                self.leaves[node] = leaves.variable(
                    node, precomputed.get(node), sequences=sequences
                )
            elif node.kind != table.MULTIPLEXER:
                self.functions[node] = Function("", uid, name)

    def variable(self, node: Node) -> Variable:
        """What a node gives.

        Raises:
            FormatError: It gives nothing.
        """
        if node in self.leaves:
            return self.leaves[node]
        if node in self.functions:
            return self.functions[node].output()
        if node.kind == table.MULTIPLEXER and len(node.inputs) == 1:
            owner = self.functions.get(node.inputs[0])
            if owner is not None:
                return owner.output(table.place(node))
        raise FormatError("it gives nothing", layer=node.name, operator=node.kind)

    def connect(self, needed: set[Node]) -> None:
        """Say what each node's function is; what is not needed may be one that CNTK 2 has not.

        Raises:
            FormatError: A node has other inputs than it should have.
            UnsupportedError: CNTK 2 has nothing for nodes that are needed, all listed at once.
        """
        refused = []
        for node, function in self.functions.items():
            inputs = [self.variable(one) for one in node.inputs]
            try:
                table.make(Making(node, function, inputs, self.free))
            except (FormatError, UnsupportedError) as error:
                error.layer, error.operator = function.label, node.kind
                if isinstance(error, FormatError):
                    raise
                function.op, function.inputs = node.kind, inputs
                refused += [error] if node in needed else []
        if len(refused) == 1:
            raise refused[0]
        if refused:
            names = [(str(one.operator), str(one.layer)) for one in refused]
            raise UnsupportedError.listing(names, action="read from a file of CNTK 1")

    def free(self, uid: str) -> str:
        """A uid that nothing has."""
        return take(uid, self.uids)


__all__ = ["CRITERIA", "layers", "model", "shapes"]
