"""Damages files at random, and reads what is left of them."""

from __future__ import annotations

import random
from pathlib import Path

from mmdnn.errors import Error
from mmdnn.frameworks.cntk import importer, reader
from mmdnn.registry import Source


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, cut out or doubled."""
    made = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place, length = rng.randrange(len(made)), rng.randrange(1, 9)
        how = rng.randrange(5)
        if how == 0:
            made[place] ^= 1 << rng.randrange(8)
        elif how == 1:
            made[place] = rng.choice([0, 1, 2, 127, 128, 255])
        elif how == 2:
            made[place : place + length] = rng.choice([bytes(length), b"\xff" * length])
        elif how == 3 and len(made) > length + 8:
            del made[place : place + length]
        else:
            made[place:place] = made[place : place + length]
    return bytes(made)


def survives(path: Path) -> None:
    """Read it and bring it to the IR: whatever is wrong is one of our own errors."""
    try:
        importer.to_ir(reader.read(Source(network=path)))
    except Error:
        return
