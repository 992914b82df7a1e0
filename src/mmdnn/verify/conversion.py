"""Proving what a conversion wrote."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import onnx_ir as ir

from mmdnn import saving
from mmdnn.errors import MissingExtraError
from mmdnn.ir.preprocessing import Steps, apply
from mmdnn.opening import Opened
from mmdnn.progress import Silent
from mmdnn.registry import Framework, Source
from mmdnn.verify import run, sides
from mmdnn.verify.compare import Tolerance
from mmdnn.verify.report import Report

SOURCE_CODE = (
    "The source code itself is not run: verified is the model file that is made of the same graph."
)

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
    tolerance: Tolerance | None,
    progress: Silent,
) -> Verdict:
    """The comparison of a conversion's two sides, or why there is none.

    Args:
        opened: What was converted.
        model: Its IR.
        to: For which framework.
        staged: What was written; see `runnable`.
        steps: Preprocessing that was taken out on the way.
        tolerance: What floats may differ by.
        progress: Told of each run.
    """
    if staged is None or not to.has("engine"):
        return None, (f"Not verified: {to.title} has no engine here.",)
    try:
        found = run.run_source(sides.of_opened(opened, model), model, progress=progress)
        first = found.results[0][0]
        fed = replace(first, values=apply(steps, first.values))
        side, notes = sides.result_side(to, staged, fed)
        found = replace(found, notes=(*found.notes, *notes))
        names = [str(value.name) for value in model.graph.outputs]
        target = sides.named_by_order(sides.preprocessed(side, steps), names)
        report = run.verify(
            found, target, model, whole=True, tolerance=tolerance, progress=progress
        )
    except MissingExtraError as error:
        return None, (f"Not verified: {' '.join(str(error).split())}",)
    except sides.NothingRunsError as error:
        return None, (f"Not verified: {error}",)
    return report, report.notes
