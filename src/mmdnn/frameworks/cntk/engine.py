"""Running CNTK's own files in CNTK 2.7, which is of 2019 and wants Python 3.6.

It runs through `_cntk.py`, in the interpreter that `mmdnn.verify.environments` finds ("mmengine install
cntk" makes it).

Arrays are row-major. A value has the axes [batch, time, *static], without those that it has not: no
dynamic axis, no batch. Time is as long as the longest sequence, with zeros behind the end of shorter
ones; their lengths are an int64 array [batch], called as the value with `.lengths` behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmdnn.errors import Error, FormatError, MissingExtraError, ShapeError, UnsupportedError
from mmdnn.frameworks.cntk import BRAINSCRIPT, reader, writer
from mmdnn.frameworks.cntk.reader.brainscript.loading import is_understood
from mmdnn.ir.sequences import lengths_name
from mmdnn.registry import Source
from mmdnn.verify import environments, isolated
from mmdnn.verify.spill import Chain, View

TITLE = "CNTK 2.7"
FLOATS_ONLY = True
"""Whole numbers and truth values are floats in CNTK."""
RUNNER = Path(__file__).with_name("_cntk.py")
TIMEOUT = 600
"""Seconds after which CNTK is taken to hang."""
MISSING = MissingExtraError("cntk==2.7.post2", hint="mmengine install cntk")
LACKS = (
    *("supported on CPU", "supported on GPU", "implemented on CPU", "on GPU only"),
    *("on CPU is not yet implemented", "Feature Not Implemented"),
)
"""What CNTK says of what it has for graphics cards only."""
REFUSALS: dict[str, tuple[type[Error], str]] = {
    "reading": (FormatError, "CNTK cannot read it: "),
    "asking": (ShapeError, ""),
    "running": (ShapeError, "CNTK refuses it: "),
}

Job = tuple[Source, Mapping[str, np.ndarray]]


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Run a model and return what every function computes, inside blocks too.

    Args:
        source: A file of CNTK 2, or of BrainScript.
        feeds: Input name, or uid, to array. `<input>.lengths` are its sequences' lengths, where they
            are not all full. Sparse inputs are given as dense arrays. Values that need an input that
            is not fed, such as a loss its label, are left out.

    Returns:
        The feeds, and arrays by the uid of the variable (`Plus12_Output_0`), and by its name where
        nothing else in the model has that. `source.outputs` are there, or else at least one of the
        model's outputs; other values that CNTK can't give together with them are not.

    Raises:
        MissingExtraError: There is no CNTK.
        FormatError: CNTK can't read the file, or ends its process, or does not end.
        ShapeError: The inputs are not the model's, or CNTK refuses it, with its own reason.
    """
    return isolated.only(run_many([(source, feeds)]))


def run_many(jobs: Sequence[Job]) -> list[Mapping[str, np.ndarray] | Error]:
    """What `run` would return or raise for each, in as few processes as possible.

    Raises:
        MissingExtraError: There is no CNTK.
    """
    command = [interpreter(), "-W", "ignore", str(RUNNER)]
    asked = [_job(*job) for job in jobs]
    answers = isolated.run(command, asked, missing=MISSING, timeout=TIMEOUT)
    return [_values(answer, *job) for answer, job in zip(answers, jobs, strict=True)]


def interpreter() -> str:
    """The Python that has CNTK.

    Raises:
        MissingExtraError: There is none.
    """
    return environments.interpreter("cntk")


def _job(source: Source, feeds: Mapping[str, np.ndarray]) -> isolated.Job:
    return isolated.Job(
        feeds, lambda folder: _prepare(source, folder), {"outputs": list(source.outputs)}
    )


def _prepare(source: Source, folder: Path) -> None:
    assert source.network is not None
    if not _translated(source, folder / "net.model"):
        isolated.link(source.network, folder / "net.model")


def _translated(source: Source, target: Path) -> bool:
    """Write a file of CNTK 1 as one of CNTK 2 where CNTK 2.7 would not take it as what it is."""
    assert source.network is not None
    with source.network.open("rb") as file:
        old = file.read(len(BRAINSCRIPT)) == BRAINSCRIPT
    try:
        if not old or is_understood(source.network):
            return False
        writer.write(reader.read(source), target)
    except Error:
        target.unlink(missing_ok=True)
        return False
    return True


def _values(
    answer: isolated.Answer | isolated.Failure, source: Source, feeds: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray] | Error:
    if isinstance(answer, isolated.Failure):
        if not answer.stage:
            return FormatError(f"CNTK {answer.reason}", file=source.network)
        kind, text = REFUSALS[answer.stage]
        kind = UnsupportedError if any(x in answer.reason for x in LACKS) else kind
        return kind(text + answer.reason, file=source.network)
    places = {}
    for index, names in enumerate(answer.says):
        for name in names:
            places[name] = f"v{index}"
            if f"l{index}" in answer.arrays:
                places[lengths_name(name)] = f"l{index}"
    return Chain(View(answer.arrays, places), feeds)
