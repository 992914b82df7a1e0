"""Messages of protobuf's wire format with big payloads put in: the inverse of `wire.carve`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmdnn.tensors.wire import LEN, Path_, encode, records


def weave(message: bytes, sizes: Mapping[Path_, int]) -> list[bytes | Path_]:
    """The inverse of `carve`: a message with payloads put in, as a recipe for writing it.

    Args:
        message: A message without the payloads.
        sizes: Path, as `carve` gives it, to the size of the payload that shall stand there.

    Returns:
        What to write one after the other: bytes as they are, and in the place of each path its
        payload. `woven_size` tells the sum.
    """
    tree: dict[Any, Any] = {}
    for path, size in sizes.items():
        inner = tree
        for step in path[:-1]:
            inner = inner.setdefault(step, {})
        inner[path[-1]] = size
    recipe, _ = _weave(memoryview(message), 0, len(message), tree, ())
    return _joined(recipe)


def woven_size(recipe: Sequence[bytes | Path_], sizes: Mapping[Path_, int]) -> int:
    """How many bytes a recipe of `weave` makes."""
    return sum(len(part) if isinstance(part, bytes) else sizes[part] for part in recipe)


def _weave(
    view: memoryview, start: int, end: int, tree: Mapping[Any, Any], path: Path_
) -> tuple[list[bytes | Path_], int]:
    inner = {step: below for step, below in tree.items() if isinstance(step, tuple)}
    numbers = {number for number, _ in inner}
    recipe: list[bytes | Path_] = []
    seen: dict[int, int] = {}
    size, kept = end - start, start
    for record in records(view, start, end) if inner else ():
        if record.number not in numbers or record.wire_type != LEN:
            continue
        index = seen.get(record.number, 0)
        seen[record.number] = index + 1
        step = (record.number, index)
        if step in inner:
            parts, length = _weave(view, record.start, record.end, inner[step], (*path, step))
            head = encode(record.number << 3 | LEN) + encode(length)
            recipe += [bytes(view[kept : record.begin]), head, *parts]
            size += len(head) + length - (record.end - record.begin)
            kept = record.end
    recipe.append(bytes(view[kept:end]))
    for number, length in tree.items():
        if isinstance(number, int):
            head = encode(number << 3 | LEN) + encode(length)
            recipe += [head, (*path, number)]
            size += len(head) + length
    return recipe, size


def _joined(recipe: Sequence[bytes | Path_]) -> list[bytes | Path_]:
    joined: list[bytes | Path_] = []
    waiting: list[bytes] = []
    for part in (*recipe, ()):
        if isinstance(part, bytes):
            waiting.append(part)
            continue
        if text := b"".join(waiting):
            joined.append(text)
        waiting.clear()
        if part:
            joined.append(part)
    return joined
