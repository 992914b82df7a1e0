"""Running MXNet's own files in MXNet 1.9.1, which is of 2022 and wants a numpy before 1.24.

It runs through `_mxnet.py`, in an interpreter of its own: this one where MXNet can be imported in it, else
what `mmdnn.verify.environments` finds ("mmengine install mxnet" makes it).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mmdnn.errors import Error, FormatError, MissingExtraError, ShapeError, UnsupportedError
from mmdnn.frameworks.mxnet._schema import LABELS, canonical
from mmdnn.frameworks.mxnet._values import renamed
from mmdnn.frameworks.mxnet.graph import VARIABLE
from mmdnn.frameworks.mxnet.reader import archive, files, ndarray
from mmdnn.names import take
from mmdnn.registry import Source
from mmdnn.verify import environments, isolated
from mmdnn.verify.spill import Chain, View

TITLE = "MXNet 1.9"
RUNNER = Path(__file__).with_name("_mxnet.py")
TIMEOUT = 600
"""Seconds after which MXNet is taken to hang."""
MISSING = MissingExtraError("mxnet==1.9.1", hint="mmengine install mxnet")
LACKS = ("could not create a descriptor", "could not create a primitive", "not supported on CPU")
"""What MXNet says of operators that it has, and its library for this processor has not."""

Job: TypeAlias = tuple[Source, Mapping[str, np.ndarray]]


def run(source: Source, feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Run a model and return every operator's outputs.

    Args:
        source: A symbol with its parameters, or an archive.
        feeds: Input name to array.

    Returns:
        The feeds, and arrays by the names of `symbol.get_internals().list_outputs()`, and by those of the
        model that it was converted from. Where several nodes have one name, the later ones get a number.

    Raises:
        MissingExtraError: MXNet is not installed, neither here nor in an environment of its own.
        ShapeError: MXNet refuses the model or its inputs, with its own reason.
        UnsupportedError: MXNet has no means for an operator on this processor.
        FormatError: MXNet ends its process, or does not end.
    """
    return isolated.only(run_many([(source, feeds)]))


def run_many(jobs: Sequence[Job]) -> list[Mapping[str, np.ndarray] | Error]:
    """Run models one after the other in as few processes as possible.

    Returns:
        For each what `run` would return or raise.

    Raises:
        MissingExtraError: MXNet is not installed, neither here nor in an environment of its own.
    """
    command = [interpreter(), "-W", "ignore", str(RUNNER)]
    asked = [_job(*job) for job in jobs]
    answers = isolated.run(command, asked, missing=MISSING, timeout=TIMEOUT)
    return [_values(answer, *job) for answer, job in zip(answers, jobs, strict=True)]


def remarks(source: Source, feeds: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """What a user of the model should know of MXNet itself: whether its fusion computes something else."""
    job = _job(source, feeds)
    asked = replace(job, settings={**job.settings, "fusion": True})
    command = [interpreter(), "-W", "ignore", str(RUNNER)]
    [answer] = isolated.run(command, [asked], missing=MISSING, timeout=TIMEOUT)
    if isinstance(answer, isolated.Failure) or not answer.says:
        return ()
    return (
        f"MXNet fuses operators unless MXNET_SUBGRAPH_BACKEND=NONE is set, and then computes "
        f"{', '.join(answer.says)} otherwise.",
    )


def _values(
    answer: isolated.Answer | isolated.Failure, source: Source, feeds: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray] | Error:
    if isinstance(answer, isolated.Failure):
        if not answer.stage:
            return FormatError(f"MXNet {answer.reason}", file=source.network)
        kind = UnsupportedError if any(x in answer.reason for x in LACKS) else ShapeError
        return kind(f"MXNet refuses it: {answer.reason}", file=source.network)
    names = _numbered(answer.says, feeds)
    found = View(answer.arrays, {name: f"arr_{index}" for index, name in enumerate(names)})
    return Chain(named(source, found), feeds)


def _numbered(names: Sequence[str], feeds: Collection[str]) -> list[str]:
    """Names of outputs in order; where several nodes have one name, the later ones get a number."""
    taken, given = {*names, *feeds}, set[str]()
    found = []
    for name in names:
        found.append(take(name, taken) if name in given else name)
        given.add(name)
    return found


def named(source: Source, found: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """What a run gave, by the names of the model that the files were converted from too."""
    return renamed(files(source)[0], found)


def interpreter() -> str:
    """The Python that has MXNet.

    Raises:
        MissingExtraError: There is none.
    """
    if importlib.util.find_spec("mxnet") is not None and not hasattr(np, "exceptions"):
        return sys.executable  # numpy 1.25 brought `exceptions`; 1.24 dropped what MXNet uses
    return environments.interpreter("mxnet")


def _job(source: Source, feeds: Mapping[str, np.ndarray]) -> isolated.Job:
    _, weights = files(source)
    numpy = weights is not None and ndarray.read(*weights).numpy
    said = {"numpy": numpy, "outputs": list(source.outputs)}
    feeds = {name: np.atleast_1d(array) for name, array in feeds.items()}  # it has no scalars
    return isolated.Job(feeds, lambda folder: _prepare(source, folder), said)


def _with_labels(symbol: bytes) -> bytes:
    """A symbol whose labels are variables, also where it computes them of others: they are not fed."""
    found = json.loads(symbol)
    nodes, labels, read = found["nodes"], set[int](), {head[0] for head in found["heads"]}
    for node in nodes:
        for place, (index, *_) in enumerate(node["inputs"]):
            (labels if LABELS.get(canonical(node["op"])) == place else read).add(index)
    computed = [index for index in labels - read if nodes[index]["op"] != VARIABLE]
    for index in computed:
        nodes[index] = {"op": VARIABLE, "name": nodes[index]["name"], "inputs": []}
    return json.dumps(found).encode() if computed else symbol


def _prepare(source: Source, folder: Path) -> None:
    symbol, weights = files(source)
    (folder / "net-symbol.json").write_bytes(_with_labels(symbol))
    if weights is None:
        return
    path, start, size = weights
    target = folder / "net.params"
    if start == 0 and size == path.stat().st_size:
        isolated.link(path, target)
    else:
        archive.extract(weights, target)
