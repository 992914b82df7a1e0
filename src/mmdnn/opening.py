"""A model's files: whose they are, which is which, and how they become an IR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import onnx_ir as ir

from mmdnn import recognition, registry, shapes
from mmdnn.errors import FormatError, ShapeError, UsageError
from mmdnn.registry import Framework, Source
from mmdnn.shapes import Given

PathLike: TypeAlias = str | Path
Files: TypeAlias = PathLike | Sequence[PathLike]


@dataclass(frozen=True)
class Opened:
    """A model's files, the framework they are of, and how the user wants them read.

    Attributes:
        framework: Whose they are.
        source: The files that are read, and what the user said of them.
        made: Files that were made of it before, which the user gave in its place.
    """

    framework: Framework
    source: Source
    made: tuple[Path, ...] = ()

    @property
    def network(self) -> Path:
        """The file with the structure, or the first there is."""
        return self.source.files[0]

    @property
    def readable(self) -> bool:
        """Whether it can become an IR."""
        return self.framework.can_read(self.network)

    def model(self) -> ir.Model:
        """Read the files and bring them to the IR.

        Raises:
            UnsupportedError: They are in a format that is not read yet.
        """
        if not self.readable:
            raise recognition.unread(self.framework.name, self.network) or UsageError(
                f"{self.framework.title} models are not read here", file=self.network
            )
        try:
            model: ir.Model = self.framework.room("reader").read(self.source)
            if self.framework.has("importer"):
                model = self.framework.room("importer").to_ir(model)
        except (FormatError, ShapeError) as error:
            if self.source.input_shapes:
                hint = shapes.slip(self.source.input_shapes)
                error.hint = f"{error.hint}\n  {hint}" if error.hint else hint
            raise
        if self.source.outputs:
            graph = model.graph
            graph.inputs[:] = [v for v in graph.inputs if v.uses() or v.is_graph_output()]
        return model


def open_model(
    files: Sequence[Path],
    framework: str | None = None,
    input_shapes: Mapping[str, Sequence[int | str | None]] | None = None,
    said: Source = Source(),  # noqa: B008 - it never changes
) -> Opened:
    """Find out whose files these are, and which is which.

    Args:
        files: The model's files in any order.
        framework: Whose, if the user said it.
        input_shapes: As the user said them.
        said: The rest of what the user said; its files are ignored.
    """
    if not files:
        raise UsageError("there is no model to read", hint="Give its files.")
    chosen, source = _arranged(files, framework)
    source = replace(said, network=source.network, weights=source.weights)
    opened = Opened(chosen, source)
    if not input_shapes:
        return opened
    wanted: dict[str, Given] = {
        name: shape if isinstance(shape, tuple) else tuple(shape)
        for name, shape in input_shapes.items()
    }
    if not opened.readable:
        return replace(opened, source=replace(source, input_shapes=wanted))
    native = chosen.room("reader").read(replace(source, outputs=()))
    importer = chosen.room("importer") if chosen.has("importer") else None
    known = getattr(importer, "input_shapes", shapes.of_inputs)(native)
    return Opened(chosen, replace(source, input_shapes=shapes.resolved(wanted, known)))


def _arranged(files: Sequence[Path], framework: str | None) -> tuple[Framework, Source]:
    for path in files:
        recognition.check(path)
    if framework is None:
        found = registry.detect(files)
        if found is None:
            names = ", ".join(path.name for path in files)
            raise recognition.of(files) or UsageError(
                f"cannot tell which framework saved {names}",
                hint="Say it with -sf/--srcFramework; 'mmlist' shows the formats.",
            )
        return found
    try:
        chosen = registry.framework(framework)
    except UsageError as error:
        raise recognition.unread(framework, files[0]) or error from None
    source = chosen.arrange(files)
    if source is None:
        registry.check_one_of_a_kind(files, chosen)
    if source is None and len(files) > 2:
        raise UsageError(f"these are not the files of one {chosen.title} model")
    return chosen, source or Source(files[0], files[1] if len(files) > 1 else None)


def paths_of(*groups: Files | None) -> list[Path]:
    """All files given, in order."""
    paths: list[Path] = []
    for group in groups:
        if isinstance(group, (str, Path)):
            paths.append(Path(group))
        elif group is not None:
            paths.extend(Path(file) for file in group)
    return paths
