"""Symbol files: JSON of MXNet 0.8 to 1.9, brought to the form of 1.9.

The form is nnvm's (src/pass/saveload_json.cc of TVM 0.6), what older files need is in
src/nnvm/legacy_json_util.cc of MXNet.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mmdnn.errors import FormatError
from mmdnn.frameworks.mxnet._schema import AUXILIARY
from mmdnn.frameworks.mxnet.graph import VARIABLE, Entry, Node, Symbol

OLDEST = 800
"""The version of a file that does not say it: 0.8.0."""
MOST_DEPTH = 8
"""Of subgraphs in subgraphs."""


def parse(text: bytes) -> Symbol:
    """Parse a symbol file.

    Raises:
        FormatError: It is no such file, or is damaged.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it is not JSON: {str(error) or type(error).__name__}") from None
    symbol = _symbol(data, 0)
    version = _version(symbol)
    for since, upgrade in _UPGRADES:
        if version < since:
            upgrade(symbol)
    return symbol


def _symbol(data: Any, depth: int) -> Symbol:
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        raise FormatError("it is not an MXNet symbol: it has no list of nodes")
    if depth > MOST_DEPTH:
        raise FormatError(f"subgraphs are {depth} deep")
    nodes: list[Node] = []
    for row in data["nodes"]:
        nodes.append(_node(row, nodes, depth))
    heads = _entries(data.get("heads"), nodes, "the heads")
    if not heads:
        raise FormatError("the symbol has no outputs")
    attrs = data.get("attrs", {})
    return Symbol(nodes, heads, attrs if isinstance(attrs, dict) else {})


def _node(row: Any, before: list[Node], depth: int) -> Node:
    place = f"node {len(before)}"
    if not isinstance(row, dict):
        raise FormatError(f"{place} is not an object")
    op, name = row.get("op"), row.get("name")
    if not isinstance(op, str) or not isinstance(name, str) or "\0" in name:
        raise FormatError(f"{place} has no operator and name")
    inputs = _entries(row.get("inputs", []), before, f"{place} '{name}'")
    subgraphs = row.get("subgraphs", [])
    control = row.get("control_deps", [])
    if not isinstance(subgraphs, list) or not isinstance(control, list):
        raise FormatError(f"{place} '{name}': subgraphs or control_deps are no list")
    if op == VARIABLE and inputs:
        raise FormatError(f"{place} '{name}' is a variable and has inputs")
    return Node(
        op,
        name,
        _attributes(row, f"{place} '{name}'"),
        inputs,
        [_symbol(each, depth + 1) for each in subgraphs],
        [before[_index(each, before, place)] for each in control],
    )


def _attributes(row: dict[str, Any], place: str) -> dict[str, str]:
    """`attrs` of 1.x; `param` and `attr` of 0.x, where users' attributes stand apart."""
    found: dict[str, str] = {}
    for key in ("attr", "param", "attrs"):
        part = row.get(key, {})
        if not isinstance(part, dict):
            raise FormatError(f"{place}: '{key}' is not an object")
        for name, value in part.items():
            if not isinstance(value, (str, int, float)):
                raise FormatError(f"{place}: attribute '{name}' is no text")
            found[name] = value if isinstance(value, str) else str(value)
    return found


def _entries(data: Any, nodes: list[Node], place: str) -> list[Entry]:
    """Pairs [node, output] of old files, or triples [node, output, version]."""
    if not isinstance(data, list):
        raise FormatError(f"{place}: no list of inputs")
    found = []
    for item in data:
        if not isinstance(item, list) or not 2 <= len(item) <= 3:
            raise FormatError(f"{place}: {str(item)[:40]} is not [node, output]")
        if not all(type(number) is int and number >= 0 for number in item[1:]):
            raise FormatError(f"{place}: {str(item)[:40]} is not [node, output]")
        found.append(Entry(nodes[_index(item[0], nodes, place)], *item[1:]))
    return found


def _index(number: Any, nodes: list[Node], place: str) -> int:
    if type(number) is not int or not 0 <= number < len(nodes):
        raise FormatError(f"{place} reads node {str(number)[:20]}, which does not come before it")
    return number


def _version(symbol: Symbol) -> int:
    said = symbol.attrs.get("mxnet_version")
    value = said[1] if isinstance(said, list) and len(said) == 2 else said
    return value if isinstance(value, int) else OLDEST


def _add_auxiliary(symbol: Symbol) -> None:
    """Files before 0.9 leave auxiliary states out; they are the operator's last inputs."""
    nodes = []
    for node in symbol.nodes:
        states = AUXILIARY.get(node.type, ())
        schema = node.schema
        if states and schema and len(node.inputs) == len(schema.inputs) - len(states):
            for state in states:
                variable = Node(VARIABLE, f"{node.name}_{state}" if node.name else state)
                nodes.append(variable)
                node.inputs.append(Entry(variable))
        nodes.append(node)
    symbol.nodes = nodes


def _default_axis(symbol: Symbol) -> None:
    """The default of argmax and argmin was an axis of -1 that meant none."""
    for node in symbol.nodes:
        if node.type in {"argmax", "argmin"} and node.attrs.get("axis") == "-1":
            del node.attrs["axis"]


_UPGRADES: tuple[tuple[int, Callable[[Symbol], None]], ...] = (
    (900, _add_auxiliary),
    (905, _default_axis),
)
"""What a file older than a version needs."""
