"""Frameworks: how they are declared, found and told apart.

A framework is a package with the rooms `graph`, `reader`, `writer`, `importer`, `exporter`,
`codegen` and `engine`; it may lack a room and never has another one. Its `__init__` declares a
`Framework` and imports nothing heavy. Frameworks are found through the entry-point group
`mmdnn.frameworks`, so another package can add one.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

from mmdnn.errors import UsageError

OURS = ("caffe", "cntk", "keras", "mxnet", "onnx", "pytorch", "tensorflow", "tflite")
ROOMS = ("graph", "reader", "writer", "importer", "exporter", "codegen", "engine")


def head(path: Path, size: int) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


@dataclass(frozen=True)
class Source:
    """The files of one model, and what the user said about them.

    Attributes:
        network: The file with the structure, or with everything.
        weights: The file with the weights, where they stand apart.
        input_shapes: Input name to shape; a name of "" gives inputs in order ("", "1", "2", ...). A size
            left open is None, or its name.
        phase: "test" or "train", for formats whose one file describes both.
        stages: Named stages, for formats that have them (Caffe's NetStateRule).
        outputs: Names of the values to end at; empty for the model's own outputs.
        keep_layout: Whether inputs and outputs keep their axes in the order that they have there.
        inputs: Names of the values to begin at, for formats that can (TensorFlow); empty for its own.
        signature: Which of its signatures, for formats that have them.
    """

    network: Path | None = None
    weights: Path | None = None
    input_shapes: Mapping[str, tuple[int | str | None, ...]] = field(default_factory=dict)
    phase: str = "test"
    stages: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    keep_layout: bool = False
    inputs: tuple[str, ...] = ()
    signature: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files given, structure first."""
        return tuple(path for path in (self.network, self.weights) if path is not None)

    def shapes_of(self, inputs: Iterable[str]) -> dict[str, tuple[int | str | None, ...]]:
        """The shapes that the user gave, by the names of inputs, which may be given by place.

        Raises:
            UsageError: There is no such input.
        """
        names, found = list(inputs), {}
        for key, shape in self.input_shapes.items():
            place = 0 if key == "" else int(key) if key.isdigit() else len(names)
            if key not in names and place >= len(names):
                known = ", ".join(names) or "none"
                raise UsageError(
                    f"there is no input '{key}'",
                    file=self.network,
                    hint=f"The inputs are: {known}.",
                )
            found[key if key in names else names[place]] = tuple(shape)
        return found


@dataclass(frozen=True)
class Framework:
    """What the rest of the program knows of a framework.

    Attributes:
        name: Its name on the command line.
        title: Its name in sentences.
        package: The Python package with its rooms.
        extra: The extra of `mmdnn` that installs its engine, or "" where none is needed.
        arrange: Sorts files into a `Source`, or returns None where they are not this framework's.
        aliases: Other names users know it by.
        executes: Suffixes of the files that are code, and could be read by executing them only.
        writes: Suffixes of the files it writes, the usual one first, e.g. (".onnx",).
        help: Its files in a few words, for lists: "net.prototxt and net.caffemodel".
        images_last: Whether its images have their channels last.
    """

    name: str
    title: str
    package: str
    extra: str
    arrange: Callable[[Sequence[Path]], Source | None]
    aliases: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    help: str = ""
    images_last: bool = False

    @property
    def suffix(self) -> str:
        """What its main file's name ends with; nothing where it is made of several names.

        Raises:
            UsageError: It is read, and not written.
        """
        if not self.writes:
            raise UsageError(
                f"{self.title} models are read, and not written yet",
                hint="Choose another target: 'mmlist' shows which frameworks are written.",
            )
        return self.writes[0] if self.writes[:1] != (".json",) else ""

    def room(self, name: str) -> ModuleType:
        """Import one of the framework's rooms.

        Raises:
            UsageError: The framework has no such room.
        """
        if not self.has(name):
            raise UsageError(
                f"{self.title} has no {name} here", hint="'mmlist' shows what is supported."
            )
        return importlib.import_module(f"{self.package}.{name}")

    def can_read(self, path: Path) -> bool:
        """Whether a file of its can become an IR."""
        return self.has("reader") and path.suffix.lower() not in self.executes

    def has(self, name: str) -> bool:
        """Whether the framework has this room."""
        return importlib.util.find_spec(f"{self.package}.{name}") is not None


@cache
def _ours() -> dict[str, Framework]:
    """The frameworks of this package."""
    modules = [importlib.import_module(f"mmdnn.frameworks.{name}") for name in OURS]
    return {module.FRAMEWORK.name: module.FRAMEWORK for module in modules}


@cache
def frameworks() -> dict[str, Framework]:
    """All frameworks, by name."""
    from importlib.metadata import entry_points

    found = dict(_ours())
    for entry in sorted(entry_points(group="mmdnn.frameworks"), key=lambda entry: entry.name):
        found.setdefault(entry.name, entry.load())
    return dict(sorted(found.items()))


def _candidates() -> Iterator[Framework]:
    """All frameworks, ours first: looking for those of other packages takes a while."""
    yield from _ours().values()
    yield from (one for name, one in frameworks().items() if name not in _ours())


def framework(name: str) -> Framework:
    """The framework of that name or alias.

    Raises:
        UsageError: There is none.
    """
    for candidate in _candidates():
        if name.lower() in (candidate.name, *candidate.aliases):
            return candidate
    known = ", ".join(frameworks())
    raise UsageError(f"'{name}' is not a framework that mmdnn knows", hint=f"Known: {known}.")


def writer_of(target: Path) -> Framework:
    """The framework that writes files of this suffix.

    Raises:
        UsageError: There is none.
    """
    for candidate in _candidates():
        if target.suffix.lower() in candidate.writes:
            return candidate
    known = sorted(suffix for candidate in frameworks().values() for suffix in candidate.writes)
    raise UsageError(
        "cannot tell from its name for which framework it is",
        file=target,
        hint=f"Say it with -df/--dstFramework, or end it with one of {', '.join(known)}.",
    )


def detect(files: Sequence[Path]) -> tuple[Framework, Source] | None:
    """The framework that these files belong to, and which is which; None where none claims them."""
    for candidate in _candidates():
        source = candidate.arrange(files)
        if source is not None:
            return candidate, source
    for candidate in _candidates():
        check_one_of_a_kind(files, candidate)
    return None


def belongs(files: Sequence[Path]) -> bool:
    """Whether these are all the files of one model of a framework."""
    return any(each.arrange(files) is not None for each in _candidates())


def check_one_of_a_kind(files: Sequence[Path], framework: Framework) -> None:
    """Refuse files that would be a model's if there were one less of a kind.

    Raises:
        UsageError: They are such; those of a kind are named.
    """
    for path in files:
        rest = [other for other in files if other.suffix.lower() != path.suffix.lower()]
        alike = [other.name for other in files if other not in rest]
        if len(alike) > 1 and framework.arrange([*rest, path]) is not None:
            raise UsageError(
                f"{len(alike)} {path.suffix} files are given: {', '.join(alike)}",
                hint=f"A {framework.title} model has one of them: say which.",
            )
