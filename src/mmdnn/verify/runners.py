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

import numpy as np
import onnx_ir as ir

from mmdnn import registry
from mmdnn.errors import Error, MismatchError, MissingExtraError, UnsupportedError
from mmdnn.ir.preprocessing import Steps, apply
from mmdnn.opening import Opened
from mmdnn.verify.feeds import Feed, Feeds
from mmdnn.verify.proof import Runs

Run = Callable[[Feeds], Mapping[str, np.ndarray]]


class NothingRunsError(Error):
    """No engine can run a model; the message has every reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("no engine can run it.\n" + "\n".join(f"  {each}" for each in reasons))


@dataclass(frozen=True)
class Runner:
    """What runs a model.

    Attributes:
        title: In words, e.g. "OpenCV's dnn on net.prototxt".
        run: From input name and array to every layer's output by value name.
        kind: Whether it is an engine, the reference, or our own code.
        rename: The model's own names to those of the other side, where they differ.
        floats: Whether it gives whole numbers and truth values as floats, as it has nothing else.
        overwrites: Whether it may give values as they were when something had been written over them.
    """

    title: str
    run: Run
    kind: Runs = Runs.ENGINE
    rename: Mapping[str, str] = field(default_factory=dict)
    floats: bool = False
    overwrites: bool = False

    def __call__(self, values: Feeds) -> dict[str, np.ndarray]:
        """Run on inputs named as on the other side, giving outputs named as there.

        Raises:
            Error: Whatever goes wrong in the engine.
        """
        own = {theirs: ours for ours, theirs in self.rename.items()}
        try:
            result = self.run({own.get(name, name): value for name, value in values.items()})
        except Error:
            raise
        except Exception as error:  # engines run code that is not ours
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise Error(f"{self.title} failed: {reason}") from error
        named = {self.rename.get(name, name): value for name, value in result.items()}
        return {name: value for name, value in named.items() if name not in values}


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
        lambda values: room.run(source, values),
        floats=bool(getattr(room, "FLOATS_ONLY", False)),
        overwrites=bool(getattr(room, "OVERWRITES", False)),
    )


def reference(framework: registry.Framework, source: registry.Source) -> Runner | None:
    """The framework's documentation in numpy, on the model's files; None where there is none."""
    name = f"mmdnn.verify.reference.{framework.name}"
    if importlib.util.find_spec(name) is None:
        return None
    room = importlib.import_module(name)
    title = f"the reference for {framework.title} on {_names(source)}"
    return Runner(title, lambda values: room.run(source, values), Runs.REFERENCE)


def of_ir(model: ir.Model) -> Runner:
    """The IR on onnxruntime.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    onnx = registry.framework("onnx")
    try:
        room = onnx.room("engine")
        import onnxruntime  # noqa: F401 - asked for before anything is run
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "verify") from None
    return Runner(
        "onnxruntime on the IR", lambda values: room.run(model, _typed(model, values)), Runs.IR
    )


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

    def run(values: Feeds) -> Mapping[str, np.ndarray]:
        result = runner.run(values)
        if not result.keys().isdisjoint(outputs):
            return result
        names = {f"output_{index}": name for index, name in enumerate(outputs)}
        return {names.get(name, name): value for name, value in result.items()}

    return replace(runner, run=run)


def preprocessed(runner: Runner, steps: Steps) -> Runner:
    """The runner, fed with what the preprocessing makes of the inputs.

    Args:
        runner: What runs a model that preprocessing was taken out of.
        steps: That preprocessing, by the model's own names for its inputs.
    """
    if not steps:
        return runner
    return replace(runner, run=lambda values: runner.run(apply(steps, values)))


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
    framework: registry.Framework, staged: registry.Source, feed: Feed
) -> tuple[Runner, tuple[str, ...]]:
    """What runs a result: its framework, its reference, or the files read back where neither can be had.

    Args:
        framework: For which it was written.
        staged: Its files.
        feed: What it is tried on.

    Returns:
        The runner, and what the user should know about it.

    Raises:
        MismatchError: The engine is there, and refuses the result.
    """
    try:
        runner = engine(framework, staged)
        runner(feed.values)
    except (MissingExtraError, UnsupportedError) as error:
        if not framework.has("importer"):
            raise
        why = f"The result is not run in {framework.title} itself: {sentence(error)}"
    except Error as error:
        raise MismatchError(
            f"the source runs with the input '{feed.kind}', the result does not: {error}"
        ) from error
    else:
        return runner, ()
    independent = reference(framework, staged)
    if independent is not None:
        try:
            independent(feed.values)
        except UnsupportedError as error:
            why = f"{why} {independent.title}: {sentence(error)}"
        else:
            return independent, (why,)
    return _read_back(framework, staged), (f"{why} It was read back.",)


def _read_back(framework: registry.Framework, staged: registry.Source) -> Runner:
    """The IR of a result's files, its outputs by the names that the engine would give them."""
    runner = of_ir(Opened(framework, staged).model())
    try:
        named = getattr(framework.room("engine"), "named", None)
    except ModuleNotFoundError:
        return runner
    if named is None:
        return runner
    return replace(runner, run=lambda values: named(staged, runner.run(values)))


def of_opened(
    opened: Opened, model: ir.Model | None, steps: Steps | None = None
) -> Iterator[tuple[Runner | None, str]]:
    """`of_source` of a model's files, fed with what preprocessing makes of the inputs."""
    for runner, note in of_source(opened.framework, opened.source, model):
        yield runner and preprocessed(runner, steps or {}), note


def first_that_runs(
    runners: Iterator[tuple[Runner | None, str]], feed: Feed
) -> tuple[Runner, list[str]]:
    """The first that runs on these inputs, and what the user should know about it.

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
            runner(feed.values)
        except (MissingExtraError, UnsupportedError) as error:
            notes.append(f"{runner.title}: {sentence(error)}")
        except Error as error:
            if runner.kind is Runs.ENGINE:
                raise MismatchError(
                    f"{runner.title} refuses the model: {sentence(error)}"
                ) from error
            notes.append(f"{runner.title}: {sentence(error)}")
        else:
            return runner, notes
    raise NothingRunsError(notes)


def sentence(error: Error) -> str:
    """An error in one line, what to do about it in brackets."""
    text = " ".join(str(error).removesuffix(f"\n  {error.hint}").split())
    return f"{text} ({error.hint})" if error.hint else text
