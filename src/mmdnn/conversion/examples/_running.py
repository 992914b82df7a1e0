"""Running a network on a picture, in its own framework where that runs here.

Source code is not executed: the model that it stands for is written again from the intermediate
representation (`mmdnn.cli.generated`), and the framework's engine runs that. The exception is a framework
that cannot be read, whose files the user trusts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmdnn import opening, registry, saving
from mmdnn.cli import generated
from mmdnn.errors import ShapeError, UsageError
from mmdnn.outputs import outputs
from mmdnn.progress import Silent
from mmdnn.verify import sides
from mmdnn.verify.feeds import Feed, inputs

if TYPE_CHECKING:
    import onnx_ir as ir

Size = tuple[int, int]
Picture = Callable[[Size], np.ndarray]
"""Gives the input for a width and a height: float32[1, channels, height, width]."""
CHANNELS_FIRST = 4


@dataclass(frozen=True)
class Network:
    """The files of a network, or what they stand for.

    Attributes:
        framework: Whose it is.
        opened: What is read.
        code: Whether it is source code, which `opened` was made into.
    """

    framework: registry.Framework
    opened: opening.Opened
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


def find(framework: str, network: Path | None, weights: Path | None) -> Network:
    """A network by its files: generated source code (with or without its suffix), or native files.

    Raises:
        UsageError: They are not there, or are no such network.
    """
    to = registry.framework(framework)
    if network is not None and not network.exists():
        code = network.with_name(f"{network.name}.py")
        network = code if code.is_file() else network
    if network is not None and network.suffix == ".py" and to.has("exporter"):
        return Network(to, generated.opened(network, weights, to), code=True)
    files = [path for path in (network, weights) if path is not None]
    for path in files:
        if not path.exists():
            raise UsageError("there is no such file", file=path)
    whose = "onnx" if _is_ir(files) else to.name
    return Network(to, opening.open_model(files, whose, None, registry.Source()))


def _is_ir(files: list[Path]) -> bool:
    """Whether these are the IR's own files, whatever framework they are for."""
    own = files[:1] and files[0].suffix == ".pb"
    return bool(own) and registry.framework("onnx").arrange(files) is not None


def ask(network: Network, folder: Path, picture: Picture, size: Size | None) -> Answer:
    """Run a network on a picture.

    Args:
        network: As `find` gives it.
        folder: An empty one to work in.
        picture: Gives the input for a size.
        size: Which size is wanted; else the network's own.

    Raises:
        UsageError: The network is not for pictures of that size, or for no picture.
        Error: Nothing runs it; every reason is said.
    """
    model, opened = _model(network, size)
    value, wanted = _input(model, size)
    fed = _batched(picture(wanted), value)
    feed = Feed("picture", {str(value.name): fed})
    if network.code or opened.framework is not network.framework:
        target = _rewritten(network, model, folder)
    else:
        target = opened.source
    names = [str(output.name) for output in model.graph.outputs]
    candidates = _named(sides.source_sides(network.framework, target, model), names)
    side, notes = sides.first_that_runs(candidates, feed)
    values = side(feed.values)
    return Answer(side.title, {name: _first(values[name], len(fed)) for name in names}, notes)


def ask_trusted(network: Network, picture: Picture, size: Size | None) -> Answer:
    """Run files that cannot be read here, only executed: whoever calls this trusts them."""
    if size is None:
        raise UsageError("the network's own size of pictures is not known", hint="Give --size.")
    side = sides.engine_side(network.framework, network.opened.source)
    fed = _OneInput(picture(size))
    values = network.framework.room("engine").run(network.opened.source, fed)
    found = {name: _first(value, len(fed["input"])) for name, value in values.items()}
    return Answer(side.title, found, [])


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
    told = opening.open_model(files, opened.framework.name, shape, registry.Source())
    return told.model(), told


def _input(model: ir.Model, size: Size | None) -> tuple[ir.Value, Size]:
    """The network's one input, and the size of pictures for it."""
    values = inputs(model)
    if len(values) != 1:
        names = ", ".join(str(value.name) for value in values) or "none"
        raise UsageError(f"the network has {len(values)} inputs ({names}), not one for a picture")
    shape = values[0].shape
    dims = [None] * CHANNELS_FIRST if shape is None else list(shape)
    if len(dims) != CHANNELS_FIRST or dims[1] not in (3, None):
        text = "x".join(str(dim) for dim in dims)
        raise UsageError(f"the network's input is {text}, no coloured picture")
    own = dims[3], dims[2]
    known = tuple(dim for dim in own if isinstance(dim, int))
    if size is None and len(known) != 2:
        raise UsageError("the network takes pictures of any size", hint="Give --size, e.g. 224.")
    if size is None:
        return values[0], (known[0], known[1])
    if any(isinstance(dim, int) and dim != want for dim, want in zip(own, size, strict=True)):
        raise UsageError(
            f"the network takes pictures of {_text(own)}, and these are {_text(size)}",
            hint="--size sets it." if len(known) != 2 else f"Give --size {known[0]}x{known[1]}.",
        )
    return values[0], size


def _text(size: tuple[object, object]) -> str:
    return "x".join(str(dim) if isinstance(dim, int) else "any" for dim in size)


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
    candidates: Iterator[tuple[sides.Side | None, str]], names: list[str]
) -> Iterator[tuple[sides.Side | None, str]]:
    for side, note in candidates:
        yield side and sides.named_by_order(side, names), note


def _first(value: np.ndarray, batch: int) -> np.ndarray:
    """One picture's share of an output."""
    return value[0] if value.ndim > 1 and len(value) == batch else value
