"""A file of CNTK 1: its nodes, what they read, and which of them are for what.

ComputationNetwork::SaveToFileImpl and ::Read in Source/ComputationNetworkLib of CNTK 2.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx_ir as ir

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.cntk.reader.brainscript import fields
from mmdnn.frameworks.cntk.reader.brainscript.fields import Fields
from mmdnn.frameworks.cntk.reader.brainscript.stream import PRECISIONS, Stream
from mmdnn.tensors.wire import Mapped

_MATRIX = re.compile(re.escape("BMAT\0".encode("utf-16-le")) + rb"(.)\0{7}", re.DOTALL)
_WIDTHS = {b"\4": ir.DataType.FLOAT, b"\10": ir.DataType.DOUBLE}
_TYPED = 7
"""The version since which each node says its numbers' type."""

FEATURES, LABELS, CRITERIA, EVALUATION, OUTPUTS = (
    "Feature",
    "Label",
    "Criterion",
    "Eval",
    "Output",
)
_GROUPS = {
    FEATURES: ("FeatureNodes",),
    LABELS: ("LabelNodes",),
    CRITERIA: ("CriterionNodes", "CriteriaNodes"),
    "": ("NodesReqMultiSeqHandling",),
    EVALUATION: ("EvalNodes",),
    OUTPUTS: ("OutputNodes",),
    "Pair": ("PairNodes",),
}
"""Groups of nodes in the file's order, and what their sections are called; each may be missing."""


@dataclass(eq=False)
class Node:
    """A node of a network.

    Attributes:
        kind: What it does: "Times", "LearnableParameter", ...
        name: Its name, of its own in the file.
        dtype: Its numbers' type.
        fields: What `fields` has read of it.
        inputs: The nodes that it reads, in CNTK 1's order.
    """

    kind: str
    name: str
    dtype: ir.DataType
    fields: Fields
    inputs: list[Node] = field(default_factory=list)


@dataclass
class Network:
    """A file's nodes by name, in the file's order, and its groups of nodes."""

    nodes: dict[str, Node]
    groups: dict[str, list[Node]]


def load(path: Path) -> Network:
    """Read a file.

    Raises:
        FormatError: It is damaged, or newer than any CNTK.
        UnsupportedError: It has a node that is not known here.
    """
    with Mapped(path) as view:
        return _read(Stream(view, path))


def _read(file: Stream) -> Network:
    file.marker("BCN")
    if file.try_marker("BVersion"):
        file.version = file.size()
        file.marker("EVersion")
    if not 1 <= file.version <= fields.NEWEST:
        raise file.fail(f"a model of the unknown version {file.version}")
    if file.version < _TYPED:
        file.precision = _guessed(file)
    count = file.size()
    file.marker("BNodeList")
    found: dict[str, Node] = {}
    for _ in range(count):
        node = _node(file)
        if node.name in found or not node.name:
            raise FormatError("there are two nodes of this name", layer=node.name)
        found[node.name] = node
    file.marker("ENodeList")
    file.marker("BRelation")
    for _ in range(count):
        node = _named(file, found)
        if node.inputs:
            raise FormatError("its inputs are given twice", layer=node.name)
        node.inputs = list(_several(file, found))
    file.marker("ERelation")
    groups = _groups(file, found)
    file.marker("ECN")
    return Network(found, groups)


def _guessed(file: Stream) -> ir.DataType:
    """The numbers' type of an old file: that of its first matrix."""
    first = _MATRIX.search(file.view)
    return _WIDTHS.get(first[1], ir.DataType.FLOAT) if first else ir.DataType.FLOAT


def _node(file: Stream) -> Node:
    if file.version >= _TYPED:
        types = file.text().split(",")
        if not set(types) <= PRECISIONS.keys():
            raise file.fail(f"a node's numbers are of the unknown type {types}")
        file.precision = PRECISIONS[types[0]]  # the other one is that of some input
    kind, name = file.text(), file.text()
    try:
        return Node(kind, name, file.precision, fields.load(kind, name, file))
    except (FormatError, UnsupportedError) as error:
        error.layer, error.operator = name, kind
        raise


def _named(file: Stream, known: dict[str, Node]) -> Node:
    name = file.text()
    if name not in known:
        raise file.fail(f"there is no node '{name}'")
    return known[name]


def _several(file: Stream, known: dict[str, Node]) -> Iterator[Node]:
    for _ in range(file.size()):
        yield _named(file, known)


def _groups(file: Stream, known: dict[str, Node]) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    file.marker("BRootNodes")
    for group, names in _GROUPS.items():
        begun = file.try_marker(*(f"B{name}" for name in names))
        found[group] = list(_several(file, known)) if begun else []
        if begun or group == LABELS:  # CNTK wants the labels' end even where they are missing
            file.marker(*(f"E{name}" for name in names))
    if found["Pair"]:
        raise UnsupportedError("pairs of nodes, which CNTK itself has given up", file=file.path)
    file.marker("ERootNodes")
    return found
