"""What runs a model, and choosing it.

A runner is the engine of the model's own framework on the model's own files; else the independent
reference (`mmdnn.verify.reference`), where there is one for the framework. Where neither can be had, the
IR on onnxruntime stands in, and the report says so.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn import registry
from mmdnn.errors import Error, MismatchError, MissingExtraError, UnsupportedError
from mmdnn.ir.preprocessing import Steps, apply
from mmdnn.opening import Opened
from mmdnn.verify.feeds import Feed, Feeds
from mmdnn.verify.proof import Runs
from mmdnn.verify.spill import View

Values: TypeAlias = Mapping[str, np.ndarray]
Run: TypeAlias = Callable[[Feeds], Values]
Many: TypeAlias = Callable[[Sequence[Feeds]], Sequence[Values | Error]]

TOGETHER = 8 << 20
"""Bytes of inputs up to which several sets are run together: what comes out of all is in memory then."""


class NothingRunsError(Error):
    """No engine can run a model; the message has every reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            "a model has to be run for this, and nothing here can\n"
            + "\n".join(f"  {each}" for each in reasons)
        )


@dataclass(frozen=True)
class Runner:
    """What runs a model.

    Attributes:
        title: In words, e.g. "OpenCV's dnn on net.prototxt".
        run: From input name and array to every layer's output by value name.
        kind: Whether it is an engine, the reference, or our own code.
        many: The same for several sets of inputs, or the error of each, where they run better together.
        rename: The model's own names to those of the other side, where they differ.
        before: What is done to the inputs.
        after: What is done to the outputs.
        floats: Whether it gives whole numbers and truth values as floats, as it has nothing else.
        overwrites: Whether it may give values as they were when something had been written over them.
    """

    title: str
    run: Run
    kind: Runs = Runs.ENGINE
    many: Many | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Callable[[Feeds], Feeds], ...] = ()
    after: tuple[Callable[[Values], Values], ...] = ()
    floats: bool = False
    overwrites: bool = False

    def __call__(self, values: Feeds) -> Values:
        """Run on inputs named as on the other side, giving outputs named as there.

        Raises:
            Error: Whatever goes wrong in the engine.
        """
        try:
            result = self.run(self._fed(values))
        except Error:
            raise
        except Exception as error:  # engines run code that is not ours
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise Error(f"{self.title} failed: {reason}") from error
        return self._named(values, result)

    def each(self, feeds: Sequence[Feeds]) -> Iterator[Values | Error]:
        """Run on several sets of inputs, together where that is better; what came out, or the error."""
        together = (
            self.many is not None
            and sum(x.nbytes for feed in feeds for x in feed.values()) < TOGETHER
        )
        if together and self.many is not None and feeds:
            found = self.many([self._fed(values) for values in feeds])
            for values, result in zip(feeds, found, strict=True):
                yield result if isinstance(result, Error) else self._named(values, result)
            return
        for values in feeds:
            try:
                yield self(values)
            except Error as error:
                yield error

    def _fed(self, values: Feeds) -> Feeds:
        own = {theirs: ours for ours, theirs in self.rename.items()}
        fed = {own.get(name, name): value for name, value in values.items()}
        for step in self.before:
            fed = step(fed)
        return fed

    def _named(self, values: Feeds, result: Values) -> Values:
        for step in self.after:
            result = step(result)
        names = {self.rename.get(name, name): name for name in result}
        return View(result, {name: own for name, own in names.items() if name not in values})


def engine(framework: registry.Framework, source: registry.Source) -> Runner:
    """The framework's own engine on the model's files.

    Raises:
        MissingExtraError: The engine's package is not installed.
        UsageError: The framework has no engine here.
    """
    try:
        room = framework.room("engine")
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), framework.extra) from None
    title = f"{getattr(room, 'TITLE', framework.title)} on {_names(source)}"
    return Runner(
        title,
        _session(room, source),
        many=_together(room, source),
        floats=bool(getattr(room, "FLOATS_ONLY", False)),
        overwrites=bool(getattr(room, "OVERWRITES", False)),
    )


def _session(room: ModuleType, model: Any) -> Run:
    """Runs a model that is loaded once, when it is first asked for, where the room can."""
    load = getattr(room, "load", None)
    if load is None:
        return lambda values: room.run(model, values)
    loaded: list[Run] = []

    def run(values: Feeds) -> Values:
        if not loaded:
            loaded.append(load(model))
        return loaded[0](values)

    return run


def _together(room: ModuleType, source: registry.Source) -> Many | None:
    run_many = getattr(room, "run_many", None)
    if run_many is None:
        return None
    return lambda feeds: run_many([(source, values) for values in feeds])


def reference(framework: registry.Framework, source: registry.Source) -> Runner | None:
    """The framework's documentation in numpy, on the model's files; None where there is none."""
    name = f"mmdnn.verify.reference.{framework.name}"
    if importlib.util.find_spec(name) is None:
        return None
    room = importlib.import_module(name)
    title = f"the reference for {framework.title} on {_names(source)}"
    return Runner(title, _session(room, source), Runs.REFERENCE)


def of_ir(model: ir.Model) -> Runner:
    """The IR on onnxruntime.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    onnx = registry.framework("onnx")
    try:
        room = onnx.room("engine")
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "verify") from None
    room.runtime()  # asked for before anything is run
    run = _session(room, model)
    return Runner("onnxruntime on the IR", lambda values: run(_typed(model, values)), Runs.IR)


def _names(source: registry.Source) -> str:
    return ", ".join(path.name for path in source.files)


def _typed(model: ir.Model, values: Feeds) -> dict[str, np.ndarray]:
    """Whole numbers as floats where the model takes floats, as Caffe's inputs are."""
    floats = {str(value.name) for value in model.graph.inputs if value.dtype == ir.DataType.FLOAT}
    return {
        name: array.astype(np.float32) if name in floats and array.dtype.kind in "iub" else array
        for name, array in values.items()
    }


def named_by_order(runner: Runner, outputs: Sequence[str]) -> Runner:
    """The runner, its outputs by these names where it only numbers them: `output_0`, `output_1`, ..."""

    def renamed(result: Values) -> Values:
        if not result.keys().isdisjoint(outputs):
            return result
        names = {f"output_{index}": name for index, name in enumerate(outputs)}
        return View(result, {names.get(name, name): name for name in result})

    return replace(runner, after=(*runner.after, renamed))


def preprocessed(runner: Runner, steps: Steps) -> Runner:
    """The runner, fed with what the preprocessing makes of the inputs.

    Args:
        runner: What runs a model that preprocessing was taken out of.
        steps: That preprocessing, by the model's own names for its inputs.
    """
    if not steps:
        return runner
    return replace(runner, before=(*runner.before, lambda values: apply(steps, values)))


def of_source(
    framework: registry.Framework, source: registry.Source, model: ir.Model | None
) -> Iterator[tuple[Runner | None, str]]:
    """What may run a model, the best first, each with what the user should know about it.

    Args:
        framework: Whose model it is.
        source: Its files.
        model: Its IR, if it can be read.

    Yields:
        A runner and a note ("" for the framework's own engine), or None and why there is none.
    """
    try:
        yield engine(framework, source), ""
    except Error as error:
        yield None, f"The source is not run in {framework.title} itself: {sentence(error)}"
    independent = reference(framework, source)
    if independent is not None:
        yield independent, ""
    if model is None:
        return
    try:
        yield of_ir(model), ""
    except MissingExtraError as error:
        yield None, f"The IR cannot stand in for it: {sentence(error)}"


def of_result(
    framework: registry.Framework,
    staged: registry.Source,
    feed: Feed,
    around: Callable[[Runner], Runner] = lambda runner: runner,
) -> tuple[Runner, Values, tuple[str, ...]]:
    """What runs a result: its framework, its reference, or the files read back where neither can be had.

    Args:
        framework: For which it was written.
        staged: Its files.
        feed: What it is tried on.
        around: Makes of what runs the files what takes the feed; see `layouts.as_written`.

    Returns:
        The runner, what it gave, and what the user should know about it.

    Raises:
        MismatchError: The engine is there, and refuses the result.
    """
    try:
        runner = around(engine(framework, staged))
        found = runner(feed.values)
    except (MissingExtraError, UnsupportedError) as error:
        if not framework.has("importer"):
            raise
        why = f"The result is not run in {framework.title} itself: {sentence(error)}"
    except Error as error:
        raise MismatchError(
            f"the source runs with the input '{feed.kind}', the result does not: {error}"
        ) from error
    else:
        return runner, found, ()
    independent = reference(framework, staged)
    if independent is not None:
        independent = around(independent)
        try:
            found = independent(feed.values)
        except UnsupportedError as error:
            why = f"{why} {independent.title}: {sentence(error)}"
        else:
            return independent, found, (why,)
    back = _read_back(framework, staged)
    return back, back(feed.values), (f"{why}; it was read back",)


def _read_back(framework: registry.Framework, staged: registry.Source) -> Runner:
    """The IR of a result's files, its outputs by the names that the engine would give them."""
    runner = of_ir(Opened(framework, staged).model())
    try:
        named = getattr(framework.room("engine"), "named", None)
    except ModuleNotFoundError:
        return runner
    if named is None:
        return runner
    return replace(runner, after=(*runner.after, lambda found: named(staged, found)))


def first_that_runs(
    runners: Iterator[tuple[Runner | None, str]], feed: Feed
) -> tuple[Runner, Values, list[str]]:
    """The first that runs on these inputs, what it gave, and what the user should know about it.

    Raises:
        NothingRunsError: There is none.
        MismatchError: An engine is there, and refuses the model.
    """
    notes: list[str] = []
    for runner, note in runners:
        notes += [note] if note else []
        if runner is None:
            continue
        try:
            found = runner(feed.values)
        except (MissingExtraError, UnsupportedError) as error:
            notes.append(f"{runner.title}: {sentence(error)}")
        except Error as error:
            if runner.kind is Runs.ENGINE:
                raise MismatchError(
                    f"{runner.title} refuses the model: {sentence(error)}"
                ) from error
            notes.append(f"{runner.title}: {sentence(error)}")
        else:
            return runner, found, notes
    raise NothingRunsError(notes)


def sentence(error: Error) -> str:
    """An error in one line, what to do about it in brackets."""
    text = " ".join(str(error).removesuffix(f"\n  {error.hint}").split())
    return f"{text} ({error.hint})" if error.hint else text
