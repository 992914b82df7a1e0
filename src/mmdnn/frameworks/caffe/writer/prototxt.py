"""A network as a prototxt: protobuf's text format, of the V2 fields alone, as people write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import text_format

from mmdnn.frameworks.caffe.graph import Layer, Network, Unknown

_INDENT = "  "
_WIDTH = 90


def text(network: Network) -> str:
    """The network's structure; its weights are the caffemodel's."""
    head = f'name: "{_escaped(network.name)}"\n' if network.name else ""
    return head + "".join(_layer(layer) for layer in network.layers)


def _layer(layer: Layer) -> str:
    known = text_format.MessageToString(layer.message, as_utf8=True).splitlines()
    lines = [*_joined(known), *_unknown(layer.unknown)]
    return "layer {\n" + "".join(f"{_INDENT}{line}\n" for line in lines) + "}\n"


def _joined(lines: list[str]) -> list[str]:
    """Blocks that hold a shape, on one line: `input_param { shape { dim: 1 dim: 3 } }`."""
    made: list[str] = []
    for line in lines:
        made.append(line)
        if line.strip() != "}":
            continue
        start = next(i for i in range(len(made) - 1, -1, -1) if made[i].endswith("{"))
        inner = [each.strip() for each in made[start + 1 : -1]]
        if len(inner) == 1 or made[start].strip() == "shape {":
            whole = " ".join([made[start], *inner, "}"])
            made[start:] = [whole] if len(whole) <= _WIDTH else made[start:]
    return made


def _unknown(fields: Unknown) -> Iterator[str]:
    """Fields of forks, as the reader keeps them."""
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield f"{name} {{"
                yield from (f"{_INDENT}{line}" for line in _unknown(each))
                yield "}"
            else:
                yield f"{name}: {_scalar(each)}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
