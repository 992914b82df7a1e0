"""Writes files of CNTK 1, of any version, so that tests have some that no CNTK of today writes.

Written from the nodes' `Save` and `Load` (Source/ComputationNetworkLib of CNTK 2.7), not from the
reader; CNTK 2.7 itself loads what is written here (`test_cntk_brainscript_versions`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LEGACY_TIME = 8
"""Since which version inputs name their dynamic axis."""


def flag(value: bool) -> bytes:
    return struct.pack("<B", value)


def i32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def i64(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def size(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def single(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def double(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def text(value: str) -> bytes:
    return value.encode("utf-16-le") + b"\0\0"


def shape(*dims: int) -> bytes:
    """Column-major, as the file has it."""
    return u32(len(dims), *dims)


def flags(*values: bool) -> bytes:
    return size(len(values)) + bytes(values)


class File:
    """A file in the making.

    Args:
        version: Its version; 1 has none written.
        dtype: Its numbers' type.
    """

    def __init__(self, version: int, dtype: type = np.float32) -> None:
        self.version = version
        self.dtype = np.dtype(dtype)
        self.nodes: list[tuple[str, str, bytes, Sequence[str]]] = []
        self.groups: dict[str, Sequence[str]] = {}
        self.axes: set[str] = set()

    def node(self, kind: str, name: str, *inputs: str, payload: bytes = b"") -> str:
        self.nodes.append((kind, name, payload, inputs))
        return name

    def element(self, value: float) -> bytes:
        return np.array(value, self.dtype.newbyteorder("<")).tobytes()

    def input(
        self,
        name: str,
        *dims: int,
        axis: str = "*",
        kind: str = "InputValue",
        oldest: bool = False,
    ) -> str:
        """An input of a column-major shape, written as the oldest files have it if one asks for it."""
        rows = int(np.prod(dims))
        if oldest:  # width, height, channels
            channels, width, height = dims
            payload = size(rows, 1) + size(width, height, channels)
        else:
            payload = size(rows if self.version < 3 else 0, 0) + shape(*dims)
        if self.version >= LEGACY_TIME:
            payload += u32(1) + text(axis)
            self.axes.add(axis)
        if self.version >= 10:
            payload += single(0)
        return self.node(kind, name, payload=payload)

    def matrix(self, array: np.ndarray) -> bytes:
        """A matrix whose rows are the file's first axis."""
        array = np.asarray(array, self.dtype)
        columns = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
        head = b"d" + text("BMAT") + size(self.dtype.itemsize) + text("unnamed") + i32(0)
        body = columns.astype(self.dtype.newbyteorder("<")).tobytes()
        return head + size(columns.shape[1], columns.shape[0]) + body + text("EMAT")

    def parameter(self, name: str, array: np.ndarray, rate: float = 1) -> str:
        """A parameter of the array's shape, reversed."""
        array = np.asarray(array, self.dtype)
        dims = tuple(reversed(array.shape))
        if self.version >= 3:
            return self.node(
                "LearnableParameter",
                name,
                payload=single(rate) + shape(*dims) + self.matrix(array),
            )
        if len(dims) == 2:
            head = flag(bool(rate)) + size(*dims)
        elif len(dims) == 1:
            head, array = flag(bool(rate)) + size(dims[0], 1), array.reshape(1, -1)
        else:
            head = flag(bool(rate)) + size(0, dims[-1]) + shape(*dims[:-1])
        return self.node("LearnableParameter", name, payload=head + self.matrix(array))

    def bytes(self) -> bytes:
        precision = {4: "float", 8: "double", 2: "half"}[self.dtype.itemsize]
        made = [text("BCN")]
        if self.version > 1:
            made += [text("BVersion"), size(self.version), text("EVersion")]
        nodes = [*self.nodes, *(("DynamicAxis", axis, b"", ()) for axis in sorted(self.axes))]
        if not any(kind == "LearnableParameter" for kind, *_ in nodes):
            unused = File(self.version, self.dtype.type)  # which CNTK tells an old file's type by
            unused.parameter("unused", np.zeros(1))
            nodes += unused.nodes
        made += [size(len(nodes)), text("BNodeList")]
        for kind, name, payload, _ in nodes:
            made += [text(precision)] if self.version >= 7 else []
            made += [text(kind), text(name), payload]
        made += [text("ENodeList"), text("BRelation")]
        for _, name, _, inputs in nodes:
            made += [text(name), size(len(inputs)), *map(text, inputs)]
        made += [text("ERelation"), text("BRootNodes")]
        sections = ["Feature", "Label", "Criterion", "Eval", "Output"]
        if self.version < 4:
            sections[2] = "Criteria"
            sections.insert(3, "NodesReqMultiSeqHandling")
        for section in sections:
            word = section if section.endswith("Handling") else f"{section}Nodes"
            names = self.groups.get(section.replace("Criteria", "Criterion"), ())
            made += [text(f"B{word}"), size(len(names)), *map(text, names), text(f"E{word}")]
        return b"".join([*made, text("ERootNodes"), text("ECN")])

    def write(self, path: Path) -> Path:
        path.write_bytes(self.bytes())
        return path
