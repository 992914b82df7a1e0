"""What the IR of a CNTK model keeps of it besides, for the way back. What is computed never depends on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

FIXED = "mmdnn.cntk.constant"
"""Metadata of an initializer that CNTK does not train: a Constant, not a Parameter."""
TRAINING = "mmdnn.cntk.training"
"""Metadata of a node: what only training reads, as JSON."""


def keep(value: ir.Value, said: Mapping[str, bool | int | float]) -> None:
    """Note on the node that makes a value what CNTK said of it besides."""
    node = value.producer()
    if node is not None and said:
        node.metadata_props[TRAINING] = json.dumps(dict(sorted(said.items())))


def kept(node: ir.Node, like: Mapping[str, Any]) -> dict[str, Any]:
    """What was noted, of these names and types; else what is given."""
    try:
        found = json.loads(node.metadata_props.get(TRAINING, "{}"))
    except ValueError:
        found = {}
    if not isinstance(found, dict):
        return dict(like)
    return {
        name: found[name] if type(found.get(name)) is type(value) else value
        for name, value in like.items()
    }
