"""What the user should know of a model that was read: it goes with the model, and into no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx_ir as ir

SHOWN = 8
"""How many names a list shows."""
_NOTES = "mmdnn.notes"


def add(model: ir.Model, *notes: str) -> ir.Model:
    """Note something of a model, which is returned."""
    model.meta[_NOTES] = (*of(model), *(note for note in notes if note))
    return model


def of(model: ir.Model) -> tuple[str, ...]:
    """What was noted."""
    return tuple(model.meta.get(_NOTES, ()))


def listed(names: Iterable[str]) -> str:
    """Names, the first of them where they are many."""
    known = list(dict.fromkeys(names))
    more = f", and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"{', '.join(known[:SHOWN])}{more}"


def missing(names: Sequence[str], unused: Sequence[str]) -> str:
    """Names that a file does not have, each with the nearest ones that are in it and that nobody uses."""
    import difflib

    near = [difflib.get_close_matches(name, unused, 2, 0.5) for name in names]
    told = [f"{a} (it has {' and '.join(b)})" if b else a for a, b in zip(names, near, strict=True)]
    return listed(told)
