"""What a node of ONNX's LSTM, GRU or RNN says, its attributes read and checked.

https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html, onnx__RNN.html. Gates are in the order
i o f c (LSTM) and z r h (GRU). Where the text leaves something open, onnxruntime decides: the clip bounds
what goes into the gates, not the cell state, and a sequence of length 0 ends in zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, NoReturn

import numpy as np
import onnx
import onnx_ir as ir

from mmdnn.errors import ShapeError, UnsupportedError
from mmdnn.ir import LAYER, OPSET, TYPE
from mmdnn.ir.builder import shape
from mmdnn.ir.passes.defaults import of_schema
from mmdnn.shapes import OpenShape

KINDS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
"""The operators, and their usual activations."""

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}

ACTIVATIONS = {
    **dict.fromkeys(("Sigmoid", "Tanh", "Relu", "Softsign", "Softplus"), ()),
    **dict.fromkeys(("LeakyRelu", "ThresholdedRelu", "Elu"), ("alpha",)),
    **dict.fromkeys(("Affine", "ScaledTanh", "HardSigmoid"), ("alpha", "beta")),
}
"""The activation functions and their parameters, whose defaults are those of the operators of these names."""

NO_DEFAULT = "ThresholdedRelu"
"""The function on whose default engines disagree."""

SCHEMAS = {kind: onnx.defs.get_schema(kind, OPSET).attributes for kind in KINDS}
ATTRIBUTES = tuple(dict.fromkeys(name for schema in SCHEMAS.values() for name in schema))

INPUTS = (
    ("X", "TNC", True),
    ("W", "DGC", True),
    ("R", "DGH", True),
    ("B", "DB", False),
    ("sequence_lens", "N", False),
    ("initial_h", "DNH", False),
    ("initial_c", "DNH", False),
    ("P", "DQ", False),
)
"""The inputs' names and axes: T steps, N streams, C numbers, D directions, H the state, G all gates' rows,
B twice as many, Q three times the state; and whether one must be there."""

PROJECTED = (
    ("X", "TNC", True),
    ("W", "DGC", True),
    ("R", "DGP", True),
    ("B", "DB", True),
    ("projection", "DPH", True),
    ("initial_h", "DNP", True),
    ("initial_c", "DNH", True),
)


class Activation(NamedTuple):
    """A function with its parameters, 0 where it has none."""

    name: str
    alpha: float = 0.0
    beta: float = 0.0


@dataclass(frozen=True)
class Recurrent:
    """A node.

    Attributes:
        kind: LSTM, GRU or RNN.
        size: The length of the hidden state; None where it is not known.
        backwards: Of each direction, whether it goes from the end to the beginning.
        activations: Of each direction, its functions.
        clip: The largest value that goes into an activation of a gate.
        batch_first: Whether the batch is the first axis, and the directions follow the steps.
        coupled: LSTM: whether the forget gate is 1 - i.
        reset_after: GRU: whether the reset gate multiplies the state's product, not the state.
    """

    kind: str
    size: int | None
    backwards: tuple[bool, ...]
    activations: tuple[tuple[Activation, ...], ...]
    clip: float | None
    batch_first: bool
    coupled: bool
    reset_after: bool

    @property
    def ways(self) -> int:
        """The number of directions."""
        return len(self.backwards)

    @property
    def names(self) -> list[tuple[str, ...]]:
        """The names of each direction's activations."""
        return [tuple(function.name for function in each) for each in self.activations]

    @property
    def is_usual(self) -> bool:
        """Whether it has the usual activations, without a clip and without coupled gates."""
        usual = all(names == KINDS[self.kind] for names in self.names)
        return usual and self.clip is None and not self.coupled


def read(node: ir.Node) -> Recurrent:
    """What the node says; one that is none of the three operators is an LSTM with a projection.

    Raises:
        UnsupportedError: It names activations that there are not, or lacks something.
        ShapeError: The shapes of its inputs, as far as they are known, do not fit.
    """
    kind = node.op_type if node.op_type in KINDS else "LSTM"
    found = {name: _value(node, name, attribute) for name, attribute in node.attributes.items()}
    direction = found["direction"]
    ways = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    if direction not in ways:
        refuse(node, f"the direction {direction} is unknown")
    clip = found.get("clip")
    if clip is not None and not clip > 0:
        refuse(node, f"its clip is {clip}")
    layer = Recurrent(
        kind,
        found.get("hidden_size"),
        ways[direction],
        _activations(node, kind, found, len(ways[direction])),
        None if clip is None else _decimal(clip),
        bool(found.get("layout")),
        kind == "LSTM" and bool(found.get("input_forget")),
        kind == "GRU" and bool(found.get("linear_before_reset")),
    )
    return replace(layer, size=_size(node, layer))


def _value(node: ir.Node, name: str, attribute: ir.Attr) -> Any:
    schema = SCHEMAS.get(node.op_type, SCHEMAS["LSTM"])
    if name not in schema:
        refuse(node, f"its attribute {name} is unknown")
    if attribute.type.value != getattr(schema[name].type, "value", None):
        refuse(node, f"its attribute {name} is of type {attribute.type.name.lower()}")
    return attribute.value


def _size(node: ir.Node, layer: Recurrent) -> int | None:
    """The length of the state, when all inputs fit."""
    known: dict[str, int] = {"D": layer.ways}
    if layer.size is not None:
        known["H"] = layer.size
    form = INPUTS if node.op_type in KINDS else PROJECTED
    given = [*node.inputs, *[None] * len(form)][: len(form)]
    for (name, wanted, needed), value in zip(form, given, strict=True):
        if value is None and needed:
            refuse(node, f"it has no {name}")
        if value is None or value.shape is None:
            continue
        if layer.batch_first and name in {"X", "initial_h", "initial_c"}:
            wanted = f"{wanted[1]}{wanted[0]}{wanted[2:]}"
        dims = shape(value)
        if len(dims) != len(wanted) or not _fits(dims, wanted, known, GATES[layer.kind]):
            raise ShapeError(
                f"its {name} has the shape {list(value.shape)}",
                layer=_layer(node),
                operator=node.metadata_props.get(TYPE) or node.op_type,
            )
    return known.get("H")


def _fits(dims: OpenShape, wanted: str, known: dict[str, int], gates: int) -> bool:
    """Whether sizes are those wanted, and what they say of others: G is the rows of all gates."""
    times = {"G": gates, "B": 2 * gates, "Q": 3}
    for dim, letter in zip(dims, wanted, strict=True):
        factor, name = times.get(letter, 1), "H" if letter in times else letter
        if dim is not None and (dim < 0 or dim % factor):
            return False
        if dim is not None and known.setdefault(name, dim // factor) != dim // factor:
            return False
    return known.get("H", 1) > 0


def refuse(node: ir.Node, reason: str) -> NoReturn:
    """Stop, naming the node's layer.

    Raises:
        UnsupportedError: Always.
    """
    raise UnsupportedError(
        reason, layer=_layer(node), operator=node.metadata_props.get(TYPE) or node.op_type
    )


def _layer(node: ir.Node) -> str:
    return node.metadata_props.get(LAYER) or node.name or str(node.outputs[0].name)


def _activations(
    node: ir.Node, kind: str, found: dict[str, Any], ways: int
) -> tuple[tuple[Activation, ...], ...]:
    names = found.get("activations") or KINDS[kind] * ways
    count = len(KINDS[kind])
    if len(names) != count * ways:
        refuse(node, f"it has {len(names)} activations and takes {count * ways}")
    given = [list(found.get(f"activation_{name}", ())) for name in ("alpha", "beta")]
    functions = [_activation(node, name, given) for name in names]
    return tuple(tuple(functions[way * count : (way + 1) * count]) for way in range(ways))


def _activation(node: ir.Node, name: str, given: list[list[float]]) -> Activation:
    """A function; its parameters are the next of each list."""
    title = next((known for known in ACTIVATIONS if known.lower() == str(name).lower()), None)
    if title is None:
        refuse(node, f"the activation {name} is unknown")
    numbers = []
    usual = {} if title == NO_DEFAULT else of_schema(title)
    for word, values in zip(ACTIVATIONS[title], given, strict=False):
        if not values and word not in usual:
            refuse(node, f"its activation {name} has no {word}")
        numbers.append(_decimal(values.pop(0) if values else usual[word].as_float()))
    return Activation(title, *numbers)


def _decimal(value: float) -> float:
    """The shortest decimal that is this number in float32."""
    return float(str(np.float32(value)))
