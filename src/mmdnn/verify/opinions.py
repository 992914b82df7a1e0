"""A second opinion: an engine that disagrees may itself be wrong, where it is not the framework.

OpenCV runs Caffe's files and is not Caffe. Where it finds a disagreement, refuses an input or loses an
output, the reference runs in its stead, and what it says counts: it was held to real Caffe's own numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import onnx_ir as ir

from mmdnn.errors import Error, MismatchError
from mmdnn.verify.proof import Runs
from mmdnn.verify.report import Report
from mmdnn.verify.run import Found
from mmdnn.verify.runners import Runner, sentence
from mmdnn.verify.verdicts import Verdict

Compare = Callable[[Found, Runner], Report]
Asked = Callable[[], Runner | None]


@dataclass(frozen=True)
class Settled:
    """A comparison that counts, and what ran."""

    report: Report
    source: Runner
    target: Runner


def settle(
    found: Found,
    target: Runner,
    compare: Compare,
    *,
    model: ir.Model,
    rerun: Callable[[Runner], Found],
    references: tuple[Asked, Asked],
) -> Settled:
    """Compare; where an engine disagrees that has a reference beside it, compare with that.

    Args:
        found: The source, which runs.
        target: What runs the result.
        compare: Compares the two.
        model: The IR: a comparison without one of its outputs is not whole.
        rerun: Runs the source in another runner.
        references: What makes the reference for the source, and the one for the result.

    Raises:
        MismatchError: The result does not run.
    """
    outputs = {str(v.name) for v in model.graph.outputs if v.producer() is not None}
    report, refusal = _compared(compare, found, target)
    first = None if report is None else Settled(report, found.runner, target)
    if first is not None and _whole(first.report, outputs):
        return first
    said: list[str] = []
    for instead in _choices(references, (found.runner, target)):
        source, result = instead
        try:
            again = found if source is None else _with_notes(rerun(source), found)
            second = compare(again, result or target)
        except Error as error:
            said.append(sentence(error))
            continue
        if _whole(second, outputs):
            differs = _differs(first, found.runner if source else target)
            who = "the result" if source else "the source"
            note = f"{differs}; {_title(instead)} agrees with {who}, and counts."
            report = replace(second, notes=(*second.notes, note))
            return Settled(report, again.runner, result or target)
        if not second.ok:
            said.append(f"{_title(instead)} disagrees too: {second.summary()}")
    if first is None:
        assert refusal is not None
        raise refusal
    return replace(first, report=replace(first.report, notes=(*first.report.notes, *said)))


def _compared(
    compare: Compare, found: Found, target: Runner
) -> tuple[Report | None, MismatchError | None]:
    try:
        return compare(found, target), None
    except MismatchError as error:
        return None, error


def _whole(report: Report, outputs: set[str]) -> bool:
    """Whether both agree, on every output."""
    return report.ok and outputs <= {layer.value for layer in report.layers}


def _with_notes(again: Found, found: Found) -> Found:
    return replace(again, notes=tuple(dict.fromkeys((*found.notes, *again.notes))))


def _choices(
    references: tuple[Asked, Asked], runners: tuple[Runner, Runner]
) -> Iterator[tuple[Runner | None, Runner | None]]:
    """Which side's reference is asked: the source's, the result's, both. None of what is no engine."""
    source, result = (
        ask() if runner.kind is Runs.ENGINE else None
        for ask, runner in zip(references, runners, strict=True)
    )
    if source is not None:
        yield source, None
    if result is not None:
        yield None, result
    if source is not None and result is not None:
        yield source, result


def _title(instead: tuple[Runner | None, Runner | None]) -> str:
    return " and ".join(runner.title for runner in instead if runner is not None)


def _differs(first: Settled | None, wrong: Runner) -> str:
    """Where an engine differs."""
    layers = [] if first is None else first.report.layers
    at = [str(layer) for layer in layers if layer.verdict is Verdict.NO]
    if not at:
        return f"{wrong.title} does not give every output, or refuses an input"
    return f"{wrong.title} differs at {', '.join(at[:4])}{', ...' if len(at) > 4 else ''}"
