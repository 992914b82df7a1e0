"""What a network needs to be trained: a loss with a label for each output."""

from __future__ import annotations

from dataclasses import dataclass

from mmdnn.frameworks.mxnet._schema import LABELS
from mmdnn.frameworks.mxnet.graph import Entry, Model


@dataclass(frozen=True)
class Loss:
    """A loss layer.

    Attributes:
        op: Its operator.
        name: Its name.
        input: What it reads.
        head: The output that it is for.
        params: Its parameters, as source.
        replaces: Whether that output's layer is part of the loss.
    """

    op: str
    name: str
    input: Entry
    head: Entry
    params: tuple[str, ...] = ()
    replaces: bool = False

    @property
    def label(self) -> str:
        """The variable that it is held against."""
        return f"{self.name}_label"


def losses(model: Model) -> list[Loss]:
    """Cross entropy for outputs that a softmax makes, squared error for others.

    A network whose outputs are losses already has all it needs. One whose only output is no softmax is
    taken for a classifier without it.
    """
    heads = list(dict.fromkeys(model.symbol.heads))
    if any(head.node.type in LABELS or head.node.is_variable for head in heads):
        return []
    made = [head for head in heads if head.node.type == "softmax"]
    if not made and len(heads) == 1:
        return [Loss("SoftmaxOutput", "softmax", heads[0], heads[0])]
    found = []
    for head in heads:
        node = head.node
        if node.type != "softmax" or node.param("axis") not in {1, -1}:
            name = f"{node.output_name(head.output).removesuffix('_output')}_error"
            found.append(Loss("LinearRegressionOutput", name, head, head))
            continue
        readers = [n for n in model.symbol.operators for e in n.inputs if e.node is node]
        axis, matrix = node.param("axis"), node.inputs[0].node.type == "FullyConnected"
        params = ("multi_output=True",) if axis == 1 and not matrix else ()
        found.append(
            Loss("SoftmaxOutput", node.name, node.inputs[0], head, params, replaces=not readers)
        )
    return found
