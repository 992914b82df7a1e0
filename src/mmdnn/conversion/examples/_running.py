"""Running a network on a picture, in its own framework where that runs here.

Source code is not executed: the model that it stands for is written again from the intermediate
representation (`mmdnn.cli.generated`), and the framework's engine runs that. The exception is a framework
that cannot be read, whose files the user trusts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmdnn import opening, registry, saving
from mmdnn.cli import generated
from mmdnn.errors import Error, ShapeError, UsageError
from mmdnn.ir.builder import shape
from mmdnn.outputs import outputs
from mmdnn.progress import Silent
from mmdnn.shapes import OpenShape
from mmdnn.verify import layouts, runners
from mmdnn.verify.feeds import Feed
from mmdnn.verify.tables import inputs

if TYPE_CHECKING:
    import onnx_ir as ir

Size = tuple[int, int]
Fit = Callable[[Sequence[int | None] | None], np.ndarray]
"""Gives the input, float32[1, ...], for the shape that the network's input has, None where it is open. What
is not known at all is None."""


@dataclass(frozen=True)
class Network:
    """The files of a network, or what they stand for.

    Attributes:
        framework: Whose it is.
        opened: What is read.
        given: The files that the user gave.
        code: Whether they are source code, which was made from what is read.
    """

    framework: registry.Framework
    opened: opening.Opened
    given: tuple[Path, ...]
    code: bool = False


@dataclass(frozen=True)
class Answer:
    """What a network says of a picture.

    Attributes:
        title: What ran it.
        outputs: Output name to array, one picture's, without the batch.
        notes: What the user should know of the run.
    """

    title: str
    outputs: dict[str, np.ndarray]
    notes: list[str]


def find(framework: str, network: Path | None, weights: Path | None, *, trust: bool) -> Network:
    """A network by its files: generated source code (with or without its suffix), or native files.

    Args:
        framework: Whose it is.
        network: Its structure, or everything.
        weights: Its weights, where they stand apart.
        trust: Whether source code of a framework that cannot be read may be executed.

    Raises:
        UsageError: They are not there, or are no such network.
    """
    to = registry.framework(framework)
    if network is not None and not network.exists():
        code = network.with_name(f"{network.name}.py")
        network = code if code.is_file() else network
    files = tuple(path for path in (network, weights) if path is not None)
    if network is not None and network.suffix == ".py" and (to.can_read(network) or not trust):
        to.room("codegen")
        return Network(to, generated.opened(network, weights, to), files, code=True)
    for path in files:
        if not path.exists():
            raise UsageError("there is no such file", file=path)
    whose = "onnx" if _is_ir(files) else to.name
    return Network(to, opening.open_model(files, whose), files)


def _is_ir(files: Sequence[Path]) -> bool:
    """Whether these are the IR's own files, whatever framework they are for."""
    own = bool(files) and files[0].suffix == ".pb"
    return own and registry.framework("onnx").arrange(files) is not None


def ask(network: Network, folder: Path, fit: Fit, size: Size | None) -> Answer:
    """Run a network on a picture.

    Args:
        network: As `find` gives it.
        folder: An empty one to work in.
        fit: Gives the input.
        size: Of pictures, where it is asked for: networks whose files do not say it are read with it.

    Raises:
        UsageError: The network has not one input.
        Error: Nothing runs it; every reason is said.
    """
    model, opened = _model(network, size)
    value = _input(model)
    fed = _batched(fit(_dims(value)), value)
    feed = Feed("picture", {str(value.name): fed})
    if network.code or opened.framework is not network.framework:
        target = _rewritten(network, model, folder)
    else:
        target = opened.source
    names = [str(output.name) for output in model.graph.outputs]
    candidates = _named(_candidates(network, target, model), names)
    runner, values, notes = runners.first_that_runs(candidates, feed)
    found = {name: _first(values[name], len(fed)) for name in names if name in values}
    if not found:
        raise Error(f"{runner.title} gives none of the outputs {', '.join(names)}")
    return Answer(runner.title, found, notes)


def _candidates(
    network: Network, target: registry.Source, model: ir.Model
) -> Iterator[tuple[runners.Runner | None, str]]:
    """What may run it, with values as the IR has them."""
    to = network.framework
    if target is network.opened.source:
        yield from layouts.of_source(to, target, model)
        return
    for runner, note in runners.of_source(to, target, model):
        yield runner and layouts.as_written(runner, to, model), note


def ask_trusted(network: Network, fit: Fit) -> Answer:
    """Run files that cannot be read here, only executed: whoever calls this trusts them.

    Which of the values are outputs is not known then: the last one is taken.
    """
    source = network.opened.source
    picture = fit(None)
    runner = runners.engine(network.framework, source)
    values = network.framework.room("engine").run(source, _OneInput(picture))
    name, value = list(values.items())[-1]
    return Answer(runner.title, {name: _first(value, 1)}, [])


class _OneInput(Mapping[str, np.ndarray]):
    """The picture, by whatever name the network's one input has."""

    def __init__(self, picture: np.ndarray) -> None:
        self.picture = picture

    def __getitem__(self, name: str) -> np.ndarray:
        return self.picture

    def __iter__(self) -> Iterator[str]:
        return iter(["input"])

    def __len__(self) -> int:
        return 1


def _model(network: Network, size: Size | None) -> tuple[ir.Model, opening.Opened]:
    """The IR; where the files do not say how large pictures are, they are taken to be as wanted."""
    opened = network.opened
    try:
        return opened.model(), opened
    except ShapeError:
        if size is None or opened.source.input_shapes:
            raise
    width, height = size
    source = opened.source
    files = [path for path in (source.network, source.weights) if path is not None]
    shape = {"": (3, height, width)}
    told = opening.open_model(files, opened.framework.name, shape)
    return told.model(), told


def _input(model: ir.Model) -> ir.Value:
    """The network's one input."""
    values = inputs(model)
    if len(values) != 1:
        names = ", ".join(str(value.name) for value in values) or "none"
        raise UsageError(f"the network has {len(values)} inputs ({names}), not one for a picture")
    return values[0]


def _dims(value: ir.Value) -> OpenShape | None:
    return None if value.shape is None else shape(value)


def _batched(picture: np.ndarray, value: ir.Value) -> np.ndarray:
    """The picture as often as the network's batch has it, of the input's type."""
    batch = value.shape[0] if value.shape is not None else 1
    times = batch if isinstance(batch, int) else 1
    dtype = value.dtype.numpy() if value.dtype is not None else picture.dtype
    return np.repeat(picture, times, axis=0).astype(dtype)


def _rewritten(network: Network, model: ir.Model, folder: Path) -> registry.Source:
    """The model that source code, or the IR, stands for, as files of its framework."""
    to = network.framework
    target = folder / f"network{to.writes[0]}"
    with outputs() as place:
        written = saving.write(model, to, target, None, place, Silent())
    source = to.arrange([final for final, _ in written])
    if source is None:
        raise UsageError(f"{to.title} cannot run what is written for it")
    return source


def _named(
    candidates: Iterator[tuple[runners.Runner | None, str]], names: list[str]
) -> Iterator[tuple[runners.Runner | None, str]]:
    for runner, note in candidates:
        yield runner and runners.named_by_order(runner, names), note


def _first(value: np.ndarray, batch: int) -> np.ndarray:
    """One picture's share of an output."""
    return value[0] if value.ndim > 1 and len(value) == batch else value
