"""Microsoft CNTK 2: models saved by CNTK 2.x, and by BrainScript (CNTK 1), read without CNTK."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmdnn.registry import Framework, Source

BRAINSCRIPT = "BCN".encode("utf-16-le")
"""What files of CNTK 1 begin with."""
LARGE = (0x636E746B).to_bytes(4, "little")
"""What files of 2 GB and more begin with; their numbers stand behind the message."""
_DICTIONARY = b"\x08"
_SUFFIXES = {".model", ".dnn", ".cmf", ".save", ".cntk", ".v2", ".bin"}
_KEYS = (b"primitive_functions", b"CompositeFunction", b"uid")
_HEAD = 1 << 12


def arrange(files: Sequence[Path]) -> Source | None:
    """One file that begins as CNTK's do: BrainScript's magic, or a Dictionary with its keys.

    Returns:
        None where it is not CNTK's.
    """
    return Source(network=files[0]) if len(files) == 1 and _is_model(files[0]) else None


def _is_model(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    if head.startswith((BRAINSCRIPT, LARGE)):
        return True
    known = path.suffix.lower() in _SUFFIXES
    return head.startswith(_DICTIONARY) and (known or any(key in head for key in _KEYS))


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
