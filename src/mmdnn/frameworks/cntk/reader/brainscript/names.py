"""Nodes' names: BrainScript's own, or those that CNTK 2 makes of a uid and a name.

CNTKInternalNodeNameFromUidAndName in Source/CNTKv2LibraryDll/Utils.h of CNTK 2.7.
"""

from __future__ import annotations

import re

from mmdnn.frameworks.cntk.graph import BATCH, DYNAMIC, SEQUENCE, Axis

_MADE = re.compile(r"__v2libuid__(.*?)__v2libname__(.*)", re.DOTALL)
_NO_SEQUENCE = "__noSequenceAxis"
_SEQUENCE = "*"


def identity(name: str) -> tuple[str, str]:
    """A node's uid and its name; BrainScript's nodes have one for both."""
    made = _MADE.search(name)
    return (made[1], made[2]) if made and made[1] else (name, name)


def is_made(name: str) -> bool:
    """Whether CNTK 2 has made a node's name."""
    return _MADE.search(name) is not None


def axes(name: str) -> tuple[Axis, ...]:
    """The dynamic axes that a name stands for, batch first; "" is the usual sequence."""
    if name.startswith(_NO_SEQUENCE):
        return (BATCH,)
    if not name or name.startswith(_SEQUENCE):
        return (BATCH, SEQUENCE)
    return (BATCH, Axis(DYNAMIC, name, ordered=True))
