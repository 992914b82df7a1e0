"""Proving what a conversion wrote."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn import saving
from mmdnn.errors import Error, MismatchError, MissingExtraError, ShapeError
from mmdnn.ir.preprocessing import Steps, apply
from mmdnn.opening import Opened
from mmdnn.progress import Silent
from mmdnn.registry import Framework, Source
from mmdnn.shapes import closed, slip
from mmdnn.verify import environments, layouts, opinions, run, runners
from mmdnn.verify.check import Check
from mmdnn.verify.compare import Tolerance
from mmdnn.verify.feeds import Feed, Filler, candidates, has_free_batch
from mmdnn.verify.proof import Runs, level
from mmdnn.verify.report import Report
from mmdnn.verify.runners import Runner

SOURCE_CODE = (
    "The source code itself is not run: compared is the model file that is made of the same graph."
)

NATURAL = ("random", "half zeros", "ties", "large", "tiny", "zeros")
"""Kinds of inputs that decide about a node that was told something else."""
FIXED = "The result takes no other batch than its files say, and is compared with that."

Verdict = tuple[Report | None, tuple[str, ...]]


@contextmanager
def runnable(
    written: Sequence[Path], model: ir.Model, to: Framework, options: Mapping[str, str] | None
) -> Iterator[tuple[Source | None, tuple[str, ...]]]:
    """What an engine can be asked to run.

    Args:
        written: The files that a conversion wrote.
        model: What they were written of.
        to: For which framework.
        options: What its exporter was told.

    Yields:
        The files; or, where these are source code that the framework's engine does not run, a model file
        made of the same graph, and a note that says so.
    """
    staged = to.arrange(written)
    if staged is not None or not to.has("engine"):
        yield staged, ()
        return
    with tempfile.TemporaryDirectory(prefix="mmdnn-") as folder:
        target = Path(folder, f"{written[0].stem}{to.writes[0]}")
        files = saving.write(model, to, target, None, Path, Silent(), options)
        yield to.arrange([path for _, path in files]), (SOURCE_CODE,)


def verified(
    opened: Opened,
    model: ir.Model,
    to: Framework,
    staged: Source | None,
    *,
    steps: Steps,
    check: Check,
    progress: Silent,
) -> Verdict:
    """The comparison of a conversion's two sides, or why there is none.

    Args:
        opened: What was converted.
        model: Its IR.
        to: For which framework.
        staged: What was written; see `runnable`.
        steps: Preprocessing that was taken out on the way.
        check: How it is to be proved.
        progress: Told of each run.
    """
    if staged is None or not to.has("engine"):
        return None, (f"Not proved: {to.title} has no engine here.",)
    try:
        settled = _settled_somewhere(
            opened, model, to, staged, steps=steps, check=check, progress=progress
        )
    except MismatchError as error:
        if opened.source.input_shapes and error.report is None:
            error.hint = slip(opened.source.input_shapes)
        raise
    except MissingExtraError as error:
        return None, (f"Not proved: {runners.sentence(error)}",)
    except runners.NothingRunsError as error:
        return None, (f"Not proved: {error}",)
    reading, writing = settled.source.kind, settled.target.kind
    report = replace(
        settled.report,
        level=level(reading, writing, own_copy=to.name == "onnx"),
        hint=_hint(opened.framework, reading, to, writing),
    )
    if not steps:
        report = _with_graph(report, model, to, staged, check)
    return report, report.notes


def _settled_somewhere(
    opened: Opened, model: ir.Model, to: Framework, staged: Source, *, check: Check, **how: Any
) -> opinions.Settled:
    """Both sides compared; at the sizes of the result's files, where it takes no others."""
    try:
        return _settled(opened, model, to, staged, check=check, **how)
    except (MismatchError, ShapeError) as error:
        compared = isinstance(error, MismatchError) and error.report is not None
        shapes = None if compared else _fixed(model, to, staged)
        if shapes is None:
            raise
    return _settled(opened, model, to, staged, check=replace(check, shapes=shapes), **how)


def _fixed(model: ir.Model, to: Framework, staged: Source) -> dict[str, tuple[int, ...]] | None:
    """The sizes of the result's inputs, where they are fixed and the source leaves its batch open."""
    if not has_free_batch(model) or not to.has("importer"):
        return None
    try:
        inputs = Opened(to, staged).model().graph.inputs
    except Error:
        return None
    sizes = {str(value.name): closed(value.shape or ("?",)) for value in inputs}
    known = {name: shape for name, shape in sizes.items() if shape is not None}
    return known if len(known) == len(inputs) else None


def _settled(
    opened: Opened,
    model: ir.Model,
    to: Framework,
    staged: Source,
    *,
    steps: Steps,
    check: Check,
    progress: Silent,
) -> opinions.Settled:
    """Both sides run and compared, by the reference where an engine disagrees that has one beside it."""
    asked = model, check.shapes, check.given
    found = run.run_source(layouts.of_opened(opened, model), *asked)
    fed = replace(found.feed, values=apply(steps, found.feed.values))

    def around(runner: Runner) -> Runner:
        return layouts.as_written(runner, to, model, check.options)

    runner, now, notes = runners.of_result(to, staged, fed, around)
    told = (FIXED,) if check.shapes is not None else ()
    said = _remarks(to, staged, fed) if runner.kind is Runs.ENGINE else ()
    found = replace(found, notes=(*found.notes, *told, *notes, *said))
    names = [str(value.name) for value in model.graph.outputs]

    def as_target(runner: Runner) -> Runner:
        before = (lambda values: apply(steps, values), *runner.before) if steps else runner.before
        return runners.named_by_order(replace(runner, before=before), names)

    target = as_target(runner)
    for step in target.after[len(runner.after) :]:
        now = step(now)

    def compare(source: run.Found, result: Runner) -> Report:
        given = now if source is found and result is target else None
        return run.verify(source, result, model, check, progress=progress, now=given)

    return opinions.settle(
        found,
        target,
        compare,
        model=model,
        rerun=lambda other: run.run_source(iter([(other, "")]), *asked),
        references=(
            lambda: layouts.reference_of(opened, model),
            lambda: (other := runners.reference(to, staged)) and as_target(around(other)),
        ),
    )


def _remarks(to: Framework, staged: Source, feed: Feed) -> Sequence[str]:
    """What the engine says of the result besides."""
    remarks = getattr(to.room("engine"), "remarks", None)
    return remarks(staged, feed.values) if remarks is not None else ()


def _hint(source: Framework, reading: Runs, to: Framework, writing: Runs) -> str:
    """The one command that would prove more."""
    for framework, kind in ((to, writing), (source, reading)):
        if kind is Runs.IR and environments.lacking(framework.name):
            return f"mmengine install {framework.name}"
    return ""


def _with_graph(
    report: Report, model: ir.Model, to: Framework, staged: Source, check: Check
) -> Report:
    """The report, with what reading the result back and comparing the graphs tells.

    A node that was told something else is at fault where any input of the model shows it.
    """
    if not Opened(to, staged).readable:
        return report
    from mmdnn.verify import decisions, graphs

    try:
        back = Opened(to, staged).model()
        comparison, matcher = graphs.compare(model, back)
    except Error:
        return report
    shown: dict[graphs.Pair, str] = {}
    if check.tolerance in (None, Tolerance()):
        for pair in comparison.pairs:
            found = pair.told and decisions.reached(matcher, pair, _natural(model, check))
            if found and found.shown:
                shown[pair] = f"{pair}; on inputs of the model: {found.shown}"
    return replace(
        report,
        same_graph=comparison.same,
        faults=(*report.faults, *shown.values()),
        differences=tuple(str(pair) for pair in comparison.pairs if pair not in shown),
    )


def _natural(model: ir.Model, check: Check) -> Iterator[Mapping[str, np.ndarray]]:
    """Inputs such as a model gets."""
    filler, sizes = Filler(model, check.shapes), candidates(model)[0]
    return (filler.feed(kind, sizes).values for kind in NATURAL)
