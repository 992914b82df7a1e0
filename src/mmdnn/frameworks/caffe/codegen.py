"""A Caffe network as NetSpec source, the way pycaffe's users write networks.

https://nbviewer.org/github/BVLC/caffe/blob/master/examples/01-learning-lenet.ipynb; the rules are
those of python/caffe/net_spec.py: a layer is called by the name its first top is assigned to,
unless `name` says otherwise, and its own parameters need no block.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor as Field

from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.names import take
from mmdnn.python.layout import INDENT, lay_out
from mmdnn.python.literals import docstring, literal

WIDTH = 100
RESERVED = frozenset({"tops", "to_proto"})
"""Attributes that a NetSpec has itself."""

HEAD = '''{about}

import caffe
from caffe import layers as L
from caffe import params as P


def make_net(prototxt="net.prototxt"):
    """Write the network's structure."""
    n = caffe.NetSpec()
'''

TAIL = """    proto = n.to_proto()
    proto.name = {name}
    with open(prototxt, "w") as file:
        file.write(str(proto))


if __name__ == "__main__":
    make_net()
"""


def source(network: Network) -> str:
    """Python source that writes the network's prototxt, with pycaffe.

    Args:
        network: What the exporter made, or the reader.
    """
    keys = _Keys()
    body = [f"{line}\n" for layer in network.layers for line in _statement(layer, keys)]
    name = network.name or "network"
    about = f"{name}, as a Caffe network.\n\nRun this file to write net.prototxt."
    head = HEAD.replace("{about}", docstring(about))
    used = [line for line in head.splitlines(keepends=True) if _is_used(line, body)]
    return "".join([*used, *body, TAIL.replace("{name}", literal(name))])


def _is_used(line: str, body: list[str]) -> bool:
    return "params as P" not in line or any("P." in text for text in body)


class _Keys:
    """What blobs are called in the source; a blob changed in place has a new name each time."""

    def __init__(self) -> None:
        self.current: dict[str, str] = {}
        self.taken: set[str] = set()

    def read(self, blob: str) -> str:
        return _access(self.current[blob])

    def write(self, blob: str, wish: str) -> str:
        self.current[blob] = take(wish, self.taken)
        return self.current[blob]


def _access(key: str) -> str:
    plain = key.isidentifier() and key.isascii() and not keyword.iskeyword(key)
    special = key in RESERVED or key.startswith("__")
    return f"n.{key}" if plain and not special else f"n[{literal(key)}]"


def _statement(layer: Layer, keys: _Keys) -> list[str]:
    bottoms = [keys.read(blob) for blob in layer.bottoms]
    in_place = bool(layer.tops) and layer.tops == layer.bottoms
    if in_place or not layer.tops:
        targets = [keys.write(blob, layer.name) for blob in layer.tops[:1] or [""]]
    else:
        targets = [keys.write(blob, blob) for blob in layer.tops]
    settings = dict(_settings(layer))
    if targets[0] != layer.name:
        settings = {"name": literal(layer.name), **settings}
    if in_place:
        settings["in_place"] = "True"
    elif len(layer.tops) != 1:
        settings = {"ntop": str(len(layer.tops)), **settings}
    arguments = [*bottoms, *(f"{key}={value}" for key, value in settings.items())]
    call = f"L.{layer.type}({', '.join(arguments)})"
    return lay_out(f"{INDENT}{', '.join(map(_access, targets))} = {call}", width=WIDTH)


def _settings(layer: Layer) -> Iterator[tuple[str, str]]:
    """Keyword arguments: the layer's own parameters by name, others block by block."""
    for known, value in layer.message.ListFields():
        if known.name in {"name", "type", "bottom", "top", "blobs"}:
            continue
        if known.message_type is None or not _is_own(layer.type, known, value):
            yield known.name, _value(known, value)
        else:
            yield from ((inner.name, _value(inner, each)) for inner, each in value.ListFields())
    for name, value in layer.unknown.items():
        yield name, literal(value)


def _is_own(layer_type: str, known: Any, block: Any) -> bool:
    """Whether a block is the one that NetSpec finds by the layer's type."""
    if known.message_type.name != f"{layer_type}Parameter" or not known.name.endswith("_param"):
        return False
    return not any(inner.name.endswith("param") for inner, _ in block.ListFields())


def _value(known: Any, value: Any) -> str:
    if _is_list(value):
        items = [_one(known, each) for each in value]
        return items[0] if len(items) == 1 else f"[{', '.join(items)}]"
    return _one(known, value)


def _is_list(value: Any) -> bool:
    return hasattr(value, "extend")


def _one(known: Any, value: Any) -> str:
    if known.message_type is not None:
        inner = ", ".join(
            f"{field.name}={_value(field, each)}" for field, each in value.ListFields()
        )
        return f"dict({inner})"
    if known.enum_type is not None:
        owner = known.enum_type.containing_type
        name = known.enum_type.values_by_number[value].name
        return f"P.{owner.name.removesuffix('Parameter')}.{name}" if owner else str(value)
    if known.type == Field.TYPE_FLOAT:
        return literal(np.float32(value))
    return literal(value)
