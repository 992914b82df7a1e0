"""What runs a model, and choosing it.

A side is the engine of the model's own framework on the model's own files. Where that engine is not
installed, or cannot be trusted with this model, the IR on onnxruntime stands in for it, and the
report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir

from mmdnn import registry
from mmdnn.errors import Error, MissingExtraError
from mmdnn.ir.preprocessing import Steps, apply
from mmdnn.opening import Opened
from mmdnn.verify.feeds import Feed, Feeds

Runner = Callable[[Feeds], Mapping[str, np.ndarray]]


class NothingRunsError(Error):
    """No engine can run a model; the message has every reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("no engine can run it.\n" + "\n".join(f"  {each}" for each in reasons))


@dataclass(frozen=True)
class Side:
    """What runs a model.

    Attributes:
        title: In words, e.g. "OpenCV's dnn on net.prototxt".
        run: From input name and array to every layer's output by value name.
        rename: The model's own names to those of the other side, where they differ.
        floats: Whether it gives whole numbers and truth values as floats, as it has nothing else.
    """

    title: str
    run: Runner
    rename: Mapping[str, str] = field(default_factory=dict)
    floats: bool = False

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


def engine_side(framework: registry.Framework, source: registry.Source) -> Side:
    """The framework's own engine on the model's files.

    Raises:
        MissingExtraError: The engine's package is not installed.
        UsageError: The framework has no engine here.
    """
    try:
        room = framework.room("engine")
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), framework.extra) from None
    names = ", ".join(path.name for path in source.files)
    title = f"{getattr(room, 'TITLE', framework.title)} on {names}"
    floats = bool(getattr(room, "FLOATS_ONLY", False))
    return Side(title, lambda values: room.run(source, values), floats=floats)


def ir_side(model: ir.Model) -> Side:
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
    return Side("onnxruntime on the IR", lambda values: room.run(model, _typed(model, values)))


def _typed(model: ir.Model, values: Feeds) -> dict[str, np.ndarray]:
    """Whole numbers as floats where the model takes floats, as Caffe's inputs are."""
    floats = {str(value.name) for value in model.graph.inputs if value.dtype == ir.DataType.FLOAT}
    return {
        name: array.astype(np.float32) if name in floats and array.dtype.kind in "iub" else array
        for name, array in values.items()
    }


def named_by_order(side: Side, outputs: Sequence[str]) -> Side:
    """The side, its outputs by these names where it only numbers them: `output_0`, `output_1`, ..."""

    def run(values: Feeds) -> Mapping[str, np.ndarray]:
        result = side.run(values)
        if not result.keys().isdisjoint(outputs):
            return result
        names = {f"output_{index}": name for index, name in enumerate(outputs)}
        return {names.get(name, name): value for name, value in result.items()}

    return replace(side, run=run)


def preprocessed(side: Side, steps: Steps) -> Side:
    """The side, fed with what the preprocessing makes of the inputs.

    Args:
        side: What runs a model that preprocessing was taken out of.
        steps: That preprocessing, by the model's own names for its inputs.
    """
    return replace(side, run=lambda values: side.run(apply(steps, values))) if steps else side


def source_sides(
    framework: registry.Framework, source: registry.Source, model: ir.Model | None
) -> Iterator[tuple[Side | None, str]]:
    """What may run a model, the best first, each with what the user should know about it.

    Args:
        framework: Whose model it is.
        source: Its files.
        model: Its IR, if it can be read.

    Yields:
        A side and a note ("" for the framework's own engine), or None and why there is none.
    """
    try:
        yield engine_side(framework, source), ""
    except Error as error:
        yield None, f"The source is not run in {framework.title} itself: {sentence(error)}"
    if model is None:
        return
    try:
        yield ir_side(model), ""
    except MissingExtraError as error:
        yield None, f"The IR cannot stand in for it: {sentence(error)}"


def result_side(
    framework: registry.Framework, staged: registry.Source, feed: Feed
) -> tuple[Side, tuple[str, ...]]:
    """What runs a result: its framework, or the files read back where that cannot be had.

    Args:
        framework: For which it was written.
        staged: Its files.
        feed: What it is tried on.

    Returns:
        The side, and what the user should know about it.
    """
    try:
        side = engine_side(framework, staged)
        if framework.has("importer"):
            side(feed.values)
    except Error as error:
        if not framework.has("importer"):
            raise
        why = f"The result is not run in {framework.title} itself, but read back: {sentence(error)}"
        return _read_back(framework, staged), (why,)
    return side, ()


def _read_back(framework: registry.Framework, staged: registry.Source) -> Side:
    """The IR of a result's files, its outputs by the names that the engine would give them."""
    side = ir_side(Opened(framework, staged).model())
    try:
        named = getattr(framework.room("engine"), "named", None)
    except ModuleNotFoundError:
        return side
    return replace(side, run=lambda values: named(staged, side.run(values))) if named else side


def of_opened(
    opened: Opened, model: ir.Model | None, steps: Steps | None = None
) -> Iterator[tuple[Side | None, str]]:
    """`source_sides` of a model's files, fed with what preprocessing makes of the inputs."""
    for side, note in source_sides(opened.framework, opened.source, model):
        yield side and preprocessed(side, steps or {}), note


def first_that_runs(sides: Iterator[tuple[Side | None, str]], feed: Feed) -> tuple[Side, list[str]]:
    """The first side that runs on these inputs, and what the user should know about it.

    Raises:
        NothingRunsError: There is none.
    """
    notes: list[str] = []
    for side, note in sides:
        notes += [note] if note else []
        if side is None:
            continue
        try:
            side(feed.values)
        except Error as error:
            notes.append(f"{side.title}: {sentence(error)}")
        else:
            return side, notes
    raise NothingRunsError(notes)


def sentence(error: Error) -> str:
    """An error in one line, what to do about it in brackets."""
    text = " ".join(str(error).removesuffix(f"\n  {error.hint}").split())
    return f"{text} ({error.hint})" if error.hint else text
