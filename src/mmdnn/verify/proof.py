"""What a comparison proves, in three words for three things.

* *Proved*: source and result ran in engines that are not ours (`engines`), or one of them in the independent
  reference that shares no code with an importer (`reference`).
* *Written proved, reading not* (`written`): the intermediate representation stood in for the source.
* *Not proved*: our own code stood on both sides, or nothing ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from mmdnn.errors import Error


class Runs(StrEnum):
    """What runs a model."""

    ENGINE = "engine"
    """The framework itself, or another program that is not ours."""
    REFERENCE = "reference"
    """`mmdnn.verify.reference`: the framework's documentation in numpy."""
    IR = "ir"
    """The intermediate representation, on onnxruntime."""


class Proof(StrEnum):
    """How much is proved, the most first."""

    ENGINES = "engines"
    REFERENCE = "reference"
    WRITTEN = "written"


ORDER = tuple(Proof)
WORDS = {
    Proof.ENGINES: "Proved",
    Proof.REFERENCE: "Proved",
    Proof.WRITTEN: "Written proved, reading not",
    None: "Not proved",
}


class UnprovedError(Error):
    """Less is proved than was required; the command ends with an exit code of its own.

    Attributes:
        proof: What is proved.
    """

    exit_code = 3

    def __init__(self, message: str, proof: Proof | None, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.proof = proof


def level(source: Runs, target: Runs, *, own_copy: bool = False) -> Proof | None:
    """What agreement of two runs would prove.

    Args:
        source: What ran the source.
        target: What ran the result.
        own_copy: Whether the result is the intermediate representation in its own format, so that it
            is compared with itself where that stands in for the source.
    """
    if target is Runs.IR or (source is Runs.IR and own_copy):
        return None
    if source is Runs.IR:
        return Proof.WRITTEN
    return Proof.REFERENCE if Runs.REFERENCE in (source, target) else Proof.ENGINES


def require(wanted: Proof | str | None, found: Proof | None, why: Sequence[str] = ()) -> None:
    """Hold what is proved against what the user demands.

    Raises:
        UnprovedError: It is less.
    """
    if wanted is None:
        return
    wanted = Proof(wanted)
    if found is not None and ORDER.index(found) <= ORDER.index(wanted):
        return
    reasons = "".join(f"\n    {reason}" for reason in why)
    raise UnprovedError(
        f"'{wanted}' is required, and this is {WORDS[found].lower()}"
        f"{f' ({found})' if found else ''}{reasons}",
        found,
    )
