"""Microsoft CNTK 2: models saved by CNTK 2.x, and by BrainScript (CNTK 1), read without CNTK."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source, head

BRAINSCRIPT = "BCN".encode("utf-16-le")
"""What files of CNTK 1 begin with."""
LARGE = (0x636E746B).to_bytes(4, "little")
"""What files of 2 GB and more begin with; their numbers stand behind the message."""
_KEYS = ("inputs", "name", "primitive_functions", "root", "state", "type", "uid", "version")
_DICTIONARY = re.compile(
    rb"\x08[\x01-\x7f]\x12[\x80-\xff]{0,8}[\x01-\x7f]\x0a(?:%s)\x12"
    % b"|".join(bytes([len(key)]) + key.encode() for key in _KEYS)
)
"""How files of CNTK 2 begin: a Dictionary's version, and its first entry's key."""
_HEAD = 64


def arrange(files: Sequence[Path]) -> Source | None:
    """One file that begins as CNTK's do, whatever it is called.

    Returns:
        None where it is not CNTK's.
    """
    return Source(network=files[0]) if len(files) == 1 and _is_model(files[0]) else None


def _is_model(path: Path) -> bool:
    start = head(path, _HEAD)
    if start.startswith(LARGE):
        start = start[8:]
    return start.startswith(BRAINSCRIPT + b"\0\0") or _DICTIONARY.match(start) is not None


FRAMEWORK = Framework(
    name="cntk",
    title="CNTK",
    package="mmdnn.frameworks.cntk",
    extra="",
    arrange=arrange,
    aliases=("cognitivetoolkit",),
    writes=(".dnn", ".model", ".cmf"),
    help="net.model, net.dnn, net.cmf of CNTK 2; BrainScript's of CNTK 1",
)
