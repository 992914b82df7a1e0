"""Inputs, parameters and constants."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk.graph import BATCH, SEQUENCE, Kind, Shape, Variable
from mmdnn.frameworks.cntk.reader.brainscript.names import axes, identity, is_made
from mmdnn.frameworks.cntk.reader.brainscript.network import Network, Node
from mmdnn.tensors import references

NOTHING = frozenset({"DynamicAxis"})
"""Nodes that give no numbers."""
INPUTS = frozenset({"InputValue", "SparseInputValue"})
_PRECOMPUTED = frozenset({"Mean", "InvStdDev"})
_ALONG_TIME = frozenset(
    """
    ConvolutionSequenceShape Delay EditDistanceError ForwardBackward FutureValue GatherPacked
    LabelsToGraph OptimizedRNNStack PackedIndex PastValue RNN ReconcileDynamicAxis
    ReconcileMBLayout ScatterPacked SequenceWithSoftmax Shift ToSequence ToSequenceLike UnpackSequence Where
    """.split()  # noqa: SIM905
)
_TIME = -2
"""The axis that a reduction of a whole sequence takes."""
_FED = re.compile(r"Input\d+")


def is_leaf(node: Node) -> bool:
    """Whether a node has its numbers from outside, or from the file."""
    return node.kind in INPUTS | _PRECOMPUTED | NOTHING or node.kind == "LearnableParameter"


def is_fed(node: Node) -> bool:
    """Whether a parameter is an input of CNTK 2's without dynamic axes, which it saves so."""
    uid, name = identity(node.name)
    return uid != name and _FED.fullmatch(uid) is not None


def shapes(found: Network) -> dict[Node, Shape]:
    """What statistics are shaped like: the input that they are of."""
    return {
        node: node.inputs[0].fields["shape"]
        for node in found.nodes.values()
        if node.kind in _PRECOMPUTED and node.inputs and node.inputs[0].kind in INPUTS
    }


def have_sequences(nodes: Iterable[Node]) -> bool:
    """Whether some of them look along time; if none does, frames are samples of a batch."""
    return any(node.kind in _ALONG_TIME or _TIME in node.fields.get("axes", ()) for node in nodes)


def variable(node: Node, shape: Shape | None = None, *, sequences: bool = True) -> Variable:
    """The variable of a leaf.

    Every input of CNTK 1 has a time axis, an image's too. BrainScript's own do not keep it where
    nothing looks along it.

    Args:
        node: The leaf.
        shape: Of statistics, what they are shaped like, where that is known.
        sequences: Whether something in the network looks along time.

    Raises:
        UnsupportedError: It is a statistic that nobody has computed yet.
    """
    uid, name = identity(node.name)
    if node.kind in INPUTS:
        dynamic = axes(node.fields["axis"])
        if dynamic == (BATCH, SEQUENCE) and not sequences and not is_made(node.name):
            dynamic = (BATCH,)
        return Variable(
            uid,
            Kind.INPUT,
            node.dtype,
            node.fields["shape"],
            dynamic,
            name,
            sparse=node.kind == "SparseInputValue",
            trained=node.fields["rate"] != 0,
        )
    value = node.fields["value"]
    if value is None or not node.fields.get("computed", True):
        raise UnsupportedError(
            "a statistic that is still to be computed", layer=name, operator=node.kind
        )
    if shape is not None and math.prod(shape) == value.size:
        value = reshaped(value, shape)
    value.name = name or uid
    shape = Shape(value.shape.numpy())
    if is_fed(node):
        return Variable(uid, Kind.INPUT, node.dtype, shape, (), name)
    trained = node.fields.get("rate", 0.0) != 0
    kind = Kind.PARAMETER if trained else Kind.CONSTANT
    return Variable(uid, kind, node.dtype, shape, (), name, trained=trained, value=value)


def reshaped(tensor: ir.TensorProtocol, shape: Shape) -> ir.TensorProtocol:
    """A tensor's numbers, where they are, in another shape."""
    if isinstance(tensor, ir.ExternalTensor):
        offset, length = tensor.offset or 0, tensor.nbytes
        return references.external(tensor.path, offset, length, tensor.dtype, shape, "")
    return references.lazy(tensor, lambda array: array.reshape(shape), shape=shape)
