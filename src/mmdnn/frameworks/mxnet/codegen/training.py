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
        label: The variable that it is held against.
        params: Its parameters, as source.
        head: The output that it is for.
        replaces: Whether that output's layer is part of the loss.
    """

    op: str
    name: str
    input: Entry
    label: str
    params: tuple[str, ...]
    head: Entry
    replaces: bool


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
        return [_softmax(heads[0], heads[0], "softmax", (), replaces=False)]
    found = []
    for head in heads:
        node = head.node
        if node.type != "softmax" or node.param("axis") not in {1, -1}:
            found.append(_regression(head))
            continue
        readers = [n for n in model.symbol.operators for e in n.inputs if e.node is node]
        axis, matrix = node.param("axis"), node.inputs[0].node.type == "FullyConnected"
        params = ("multi_output=True",) if axis == 1 and not matrix else ()
        found.append(_softmax(head, node.inputs[0], node.name, params, replaces=not readers))
    return found


def _softmax(
    head: Entry, source: Entry, name: str, params: tuple[str, ...], *, replaces: bool
) -> Loss:
    return Loss("SoftmaxOutput", name, source, f"{name}_label", params, head, replaces)


def _regression(head: Entry) -> Loss:
    name = f"{head.node.output_name(head.output).removesuffix('_output')}_error"
    return Loss("LinearRegressionOutput", name, head, f"{name}_label", (), head, replaces=False)
