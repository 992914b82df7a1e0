"""IR values that are nothing in CNTK: shapes known when the model runs, lengths of sequences, masks.

CNTK keeps shapes and lengths itself. What is computed from them alone is one of these, until an operator
knows what it stands for; a function that would read one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from mmdnn.frameworks.cntk.exporter.operand import Operand
from mmdnn.frameworks.cntk.graph import BATCH, Axis
from mmdnn.ir.exporting import ExportedNode


@dataclass(eq=False)
class Unknown(Operand):
    """What only a running model knows, and CNTK never tells.

    Attributes:
        origin: The node that asks for it.
    """

    origin: ExportedNode | None = None

    def refuse(self) -> None:
        """Stop, naming the layer that asks for it."""
        assert self.origin is not None
        self.origin.refuse("a shape is read that is known only when the model runs")


@dataclass(eq=False)
class Lengths(Unknown):
    """The lengths of an axis's sequences."""

    of: Axis = field(default=BATCH)


@dataclass(eq=False)
class Inside(Unknown):
    """Whether the frame so many ahead is inside its sequence."""

    count: int = 0


@dataclass(eq=False)
class Buffer(Unknown):
    """The last frames of a loop's state; the oldest is what a delay gives."""

    oldest: Operand | None = None


TAKING = frozenset(
    {"Reshape", "Expand", "Where", "Gather", "LSTM", "GRU", "RNN", "Scan", "MaxUnpool"}
)
"""Operators that may read such a value, besides the local functions."""

PASSING = frozenset({"Identity", "Cast", "Squeeze", "Unsqueeze"})


def unknown(origin: ExportedNode) -> Unknown:
    """What nothing is known of."""
    return Unknown((), (), ir.DataType.FLOAT, origin=origin)


def told(node: ExportedNode, inputs: Sequence[Operand | None]) -> list[Operand] | None:
    """What a node makes of such values without a function of CNTK's; None where it needs one."""
    found = [one for one in inputs if isinstance(one, Unknown)]
    if not found or node.node.domain or node.type in TAKING:
        return None
    if node.type in PASSING and found[0] is inputs[0]:
        return [found[0]]
    return [unknown(found[0].origin or node) for _ in node.node.outputs]
