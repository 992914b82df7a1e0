"""CNTK's files to a `graph.Model`: those of CNTK 2 and, by their magic, those of BrainScript."""

from __future__ import annotations

from pathlib import Path

from mmdnn.errors import Error, UsageError
from mmdnn.frameworks.cntk import BRAINSCRIPT
from mmdnn.frameworks.cntk.graph import Model
from mmdnn.registry import Source


def read(source: Source) -> Model:
    """Read a model.

    Raises:
        FormatError: The file is damaged, or no model of CNTK's. With file, and function or byte.
        UsageError: There is no such file.
    """
    path = source.network
    if path is None or not path.is_file():
        raise UsageError("there is no such file", file=path)
    try:
        model = _read(path)
    except Error as error:
        error.file = error.file or path
        raise
    model.files = source
    return model


def _read(path: Path) -> Model:
    with path.open("rb") as file:
        head = file.read(len(BRAINSCRIPT))
    if head == BRAINSCRIPT:
        from mmdnn.frameworks.cntk.reader.brainscript import read as read_brainscript

        return read_brainscript(path)
    from mmdnn.frameworks.cntk.reader import dictionary, functions

    return functions.model(dictionary.read(path))
