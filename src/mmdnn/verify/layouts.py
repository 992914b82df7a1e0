"""Values whose axes lie otherwise in a model's files than in its IR; see `mmdnn.ir.layout`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mmdnn.ir import FRAMEWORK, layout
from mmdnn.ir.layout import Arrangement
from mmdnn.ir.preprocessing import Steps
from mmdnn.opening import Opened
from mmdnn.registry import Framework, Source
from mmdnn.verify import runners
from mmdnn.verify.feeds import Feeds
from mmdnn.verify.proof import Runs
from mmdnn.verify.runners import Runner, Values


def of_source(
    framework: Framework, source: Source, model: ir.Model | None
) -> Iterator[tuple[Runner | None, str]]:
    """`runners.of_source`, with values as the IR has them."""
    for runner, note in runners.of_source(framework, source, model):
        yield runner and _as_read(runner, framework, model), note


def of_opened(
    opened: Opened, model: ir.Model | None, steps: Steps | None = None
) -> Iterator[tuple[Runner | None, str]]:
    """`of_source` of a model's files, fed with what preprocessing makes of the inputs."""
    framework = opened.framework
    for runner, note in runners.of_source(framework, opened.source, model):
        fed = runner and runners.preprocessed(runner, steps or {})
        yield fed and _as_read(fed, framework, model), note


def reference_of(
    opened: Opened, model: ir.Model | None, steps: Steps | None = None
) -> Runner | None:
    """The reference on a model's files, fed with what preprocessing makes of the inputs."""
    runner = runners.reference(opened.framework, opened.source)
    if runner is None:
        return None
    return _as_read(runners.preprocessed(runner, steps or {}), opened.framework, model)


def _as_read(runner: Runner, framework: Framework, model: ir.Model | None) -> Runner:
    own = model is not None and model.metadata_props.get(FRAMEWORK) == framework.name
    if model is None or not own or runner.kind is Runs.IR:
        return runner
    known = layout.arrangements(model)
    if not known:
        return runner

    def fed(values: Feeds) -> Feeds:
        return {name: known[name].source(x) if name in known else x for name, x in values.items()}

    def here(values: Values) -> Values:
        return {name: _turned(known.get(name), "here", x) for name, x in values.items()}

    return replace(runner, before=(*runner.before, fed), after=(here, *runner.after))


def as_written(
    runner: Runner, framework: Framework, model: ir.Model, options: Mapping[str, str] | None = None
) -> Runner:
    """What runs the files that a model was written to, with values as the model has them.

    Args:
        runner: It.
        framework: For which the model was written.
        model: The model.
        options: What the exporter was told.
    """
    if not framework.images_last or runner.kind is Runs.IR:
        return runner
    written = framework.room("exporter").from_ir(model, **(options or {}))
    known: Mapping[str, Arrangement] = written.arrangements
    own = {theirs: ours for ours, theirs in written.values.items()}

    def fed(values: Feeds) -> Feeds:
        return {own.get(k, k): known[k].here(x) if k in known else x for k, x in values.items()}

    def back(values: Values) -> Values:
        named = {written.values.get(name, name): array for name, array in values.items()}
        return {name: _turned(known.get(name), "source", x) for name, x in named.items()}

    return replace(runner, before=(*runner.before, fed), after=(back, *runner.after))


def _turned(known: Arrangement | None, how: str, array: np.ndarray) -> np.ndarray:
    """The value; as it stands where it has another shape, which the comparison says."""
    try:
        return array if known is None else getattr(known, how)(array)
    except ValueError:
        return array
