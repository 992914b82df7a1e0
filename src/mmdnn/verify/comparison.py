"""Comparing any two models: their runs, layer by layer, and their graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import onnx_ir as ir

from mmdnn.errors import Error, UsageError
from mmdnn.ir import layout, preprocessing
from mmdnn.ir.builder import dimensions
from mmdnn.ir.preprocessing import Steps
from mmdnn.opening import Opened
from mmdnn.progress import Silent
from mmdnn.shapes import closed
from mmdnn.verify import decisions, graphs, layouts, opinions, run, runners
from mmdnn.verify.alignment import aligned
from mmdnn.verify.check import Check
from mmdnn.verify.compare import Tolerance
from mmdnn.verify.proof import level
from mmdnn.verify.report import Report
from mmdnn.verify.runners import Runner
from mmdnn.verify.spill import Chain
from mmdnn.verify.tables import inputs


def compared(
    a: Opened, b: Opened, check: Check, *, steps: Steps | None, progress: Silent | None
) -> Report:
    """Run two models on the same inputs, compare every layer that both know, then the graphs.

    Args:
        a: The one that says what is right.
        b: The other.
        check: How they are compared.
        steps: Preprocessing that was taken out of b, where its files do not say so.
        progress: Told of each run.

    Raises:
        UsageError: Neither can be read.
        MismatchError: An engine refuses one of them.
    """
    models = [side.model() if side.readable else None for side in (a, b)]
    model = next((model for model in models if model is not None), None)
    if model is None:
        raise UsageError("mmdnn can read neither of the two, so it does not know what to feed them")
    steps_of = _preprocessing(models, steps)
    found, settled = _settled((a, b), models, model, steps_of, check, progress)
    kinds = settled.source.kind, settled.target.kind
    proves = level(*kinds, own_copy=b.framework.name == "onnx")
    faults = (*settled.report.faults, *_outputs(models))
    report = replace(settled.report, level=proves, faults=faults)
    if models[0] is None or models[1] is None or any(steps_of):
        return report
    return _with_graphs(report, models[0], models[1], found, check)


def _settled(
    sides: tuple[Opened, Opened],
    models: Sequence[ir.Model | None],
    model: ir.Model,
    steps: tuple[Steps | None, Steps | None],
    check: Check,
    progress: Silent | None,
) -> tuple[run.Found, opinions.Settled]:
    """Both run and compared, by the reference where an engine disagrees that has one beside it."""
    a, b = sides
    own, other = steps
    sizes = {name: closed(shape) for name, shape in a.source.input_shapes.items()}
    known = layout.arrangements(model)
    sizes = {name: known[name].shape(s) if s and name in known else s for name, s in sizes.items()}
    alignment = aligned(models[1], model)
    fixed = _fixed(models[1], model, alignment.names)
    said = fixed | {name: shape for name, shape in sizes.items() if shape is not None} or None
    found = run.run_source(layouts.of_opened(a, models[0], own), model, said, check.given)
    names = _names(model.graph.outputs)

    def as_target(side: Runner) -> Runner:
        return replace(runners.named_by_order(side, names), rename=alignment.names)

    target, now, notes = runners.first_that_runs(
        ((side and as_target(side), note) for side, note in layouts.of_opened(b, models[1], other)),
        found.feed,
    )
    found = replace(found, notes=(*found.notes, *alignment.notes, *notes))
    settled = opinions.settle(
        found,
        target,
        lambda source, result: run.verify(
            source,
            result,
            model,
            check,
            progress=progress,
            now=now if source is found and result is target else None,
        ),
        model=model,
        rerun=lambda side: run.run_source(iter([(side, "")]), model, said, check.given),
        references=(
            lambda: layouts.reference_of(a, models[0], own),
            lambda: (side := layouts.reference_of(b, models[1], other)) and as_target(side),
        ),
    )
    return found, settled


def _fixed(
    other: ir.Model | None, model: ir.Model, rename: Mapping[str, str]
) -> dict[str, tuple[int, ...]]:
    """The shapes of inputs that the other model does not leave open, where they fit what the model does."""
    found: dict[str, tuple[int, ...]] = {}
    if other is None or other is model or layout.arrangements(other):
        return found
    theirs = {rename.get(str(each.name), str(each.name)): each for each in inputs(other)}
    for value in inputs(model):
        name = str(value.name)
        shape = closed(dimensions(theirs[name])) if name in theirs else None
        mine = dimensions(value)
        fits = shape is not None and len(shape) == len(mine)
        if shape is None or not fits or closed(mine) is not None:
            continue
        if all(one == size for one, size in zip(mine, shape, strict=True) if isinstance(one, int)):
            found[name] = shape
    return found


def _with_graphs(
    report: Report, a: ir.Model, b: ir.Model, found: run.Found, check: Check
) -> Report:
    """The report, with what differs between the graphs, and whether that shows on any input to it."""
    try:
        comparison, matcher = graphs.compare(a, b)
    except Error:
        return report
    seen = Chain(found.feed.values, found.values)
    found_out = [
        decisions.decide(matcher, pair, seen, check.tolerance) for pair in comparison.pairs
    ]
    shown = tuple(
        f"{each.pair}; on inputs to it alone: {each.shown}" for each in found_out if each.shown
    )
    silent = tuple(
        f"{each.pair}; {f'no difference on {each.tried} kinds of inputs' if each.tried else 'not tried'}"
        for each in found_out
        if not each.shown
    )
    if check.tolerance not in (None, Tolerance()):  # what the user lets pass is not searched for
        shown, silent = (), (*shown, *silent)
    return replace(
        report, same_graph=comparison.same, faults=(*report.faults, *shown), differences=silent
    )


def _outputs(models: Sequence[ir.Model | None]) -> tuple[str, ...]:
    """Outputs that one of the two lacks."""
    a, b = models
    if a is None or b is None:
        return ()
    mine, theirs = _names(a.graph.outputs), _names(b.graph.outputs)
    if len(mine) == len(theirs):
        return ()
    lost = [name for name in mine if name not in theirs] or mine[len(theirs) :]
    new = [name for name in theirs if name not in mine] or theirs[len(mine) :]
    return (
        *(
            f"the second model does not have the output '{name}'"
            for name in lost
            if len(mine) > len(theirs)
        ),
        *(
            f"only the second model has the output '{name}'"
            for name in new
            if len(theirs) > len(mine)
        ),
    )


def _preprocessing(
    models: Sequence[ir.Model | None], said: Steps | None
) -> tuple[Steps | None, Steps | None]:
    """What is done to each model's inputs; nothing where the same was taken out of both."""
    one, other = (preprocessing.recorded(each) if each is not None else {} for each in models)
    other = said or other
    return (None, None) if one == other else (one, other)


def _names(values: Sequence[ir.Value]) -> list[str]:
    return [str(value.name) for value in values]
