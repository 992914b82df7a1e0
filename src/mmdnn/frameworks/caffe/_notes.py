"""What layers and weights were before they were Caffe's, in a field of the caffemodel that Caffe passes over.

`caffe.proto` has no room for it, and a binary message may have fields that its reader does not know. Ours is
LayerParameter's number 20250, a text: JSON with `origin` (see `mmdnn.ir.origin`), the names of the `weights`,
and which of these are `computed`, numbers of the source's own code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmdnn.ir.origin import parsed
from mmdnn.tensors.wire import LEN, encode

FIELD = 20250
UNKNOWN = f"field {FIELD}"
"""What the reader calls it."""

NAME = "mmdnn.caffe.name"
COMPUTED = "mmdnn.caffe.computed"
"""Of a tensor, in `meta`: what the weight was called, and whether it was computed."""


@dataclass(frozen=True)
class Note:
    """What is known of a layer.

    Attributes:
        origin: The text of the layer's `Origin`.
        weights: What its blobs were called; "" for what was none.
        computed: The places of blobs that were no weights.
    """

    origin: str
    weights: tuple[str, ...] = ()
    computed: frozenset[int] = frozenset()


def note(origin: str, blobs: Sequence[Any]) -> Note | None:
    """What to write down of a layer and its blobs; None where it was none of another framework."""
    if not origin:
        return None
    metas = [getattr(blob, "meta", {}) for blob in blobs]
    computed = frozenset(place for place, meta in enumerate(metas) if meta.get(COMPUTED))
    return Note(origin, tuple(meta.get(NAME, "") for meta in metas), computed)


def packed(found: Note) -> bytes:
    """The field as it stands in a LayerParameter."""
    said = {"origin": found.origin, "weights": found.weights, "computed": sorted(found.computed)}
    text = json.dumps({key: value for key, value in said.items() if value}, ensure_ascii=False)
    data = text.encode("utf-8", "surrogateescape")
    return encode(FIELD << 3 | LEN) + encode(len(data)) + data


def unpacked(data: Any) -> Note | None:
    """What a file says; None for anything that is not ours."""
    try:
        said = parsed(bytes(data).decode("utf-8", "surrogateescape"))
        origin, weights = said["origin"], tuple(said.get("weights", ()))
        computed = frozenset(int(place) for place in said.get("computed", ()))
    except (ValueError, KeyError, TypeError):
        return None
    usual = all(isinstance(name, str) for name in (origin, *weights))
    return Note(origin, weights, computed) if usual else None
