"""MXNet's files to a `graph.Model`: symbol parsed and upgraded, arrays found, inputs told."""

from __future__ import annotations

import codecs
from pathlib import Path

import onnx_ir as ir

from mmdnn.errors import Error, FormatError, UsageError
from mmdnn.frameworks.mxnet._schema import AUXILIARY
from mmdnn.frameworks.mxnet.graph import Model, Symbol, reachable
from mmdnn.frameworks.mxnet.reader import archive, inputs, ndarray, symbol
from mmdnn.registry import Source
from mmdnn.shapes import OpenShape
from mmdnn.tensors.archive import Place

_ARCHIVES = {".mar", ".model"}


def read(source: Source) -> Model:
    """Read a model from its files.

    They are a symbol file, with or without parameters, or a model archive.

    Args:
        source: The files, and the shapes of inputs.

    Raises:
        FormatError: A file is damaged. With file, and node or byte.
        UsageError: A file is missing, or alone is not enough.
    """
    path = source.network
    if path is None:
        raise UsageError(
            "there are parameters and no symbol",
            file=source.weights,
            hint="Give the -symbol.json as well.",
        )
    for each in source.files:
        if not each.is_file():
            raise UsageError("there is no such file", file=each)
    said: dict[str, OpenShape] = {}
    if path.suffix.lower() in _ARCHIVES:
        said = archive.read(path).inputs
    text, place = files(source)
    arrays = ndarray.read(*place) if place else ndarray.Arrays({}, numpy=False)
    try:
        return _model(symbol.parse(text), arrays, said, source, place[0] if place else None)
    except Error as error:
        error.file = error.file or path
        raise


def files(source: Source) -> tuple[bytes, Place | None]:
    """The symbol file's text without a byte order mark, and where the parameters lie.

    Raises:
        FormatError: They are in an archive that is damaged.
    """
    assert source.network is not None
    place: Place | None = None
    if source.network.suffix.lower() in _ARCHIVES:
        found = archive.read(source.network)
        text, place = found.symbol, found.weights
    else:
        text = source.network.read_bytes()
    if source.weights is not None:
        place = Place(source.weights, 0, source.weights.stat().st_size)
    return text.removeprefix(codecs.BOM_UTF8), place


def _model(
    graph: Symbol,
    arrays: ndarray.Arrays,
    said: dict[str, OpenShape],
    source: Source,
    weights: Path | None,
) -> Model:
    params, states = _by_name(arrays)
    heads = [head.node for head in graph.heads]
    every, needed = (set(reachable(heads, labels=labels)) for labels in (True, False))
    names = [node.name for node in graph.variables if node in needed]
    others = (node.name for node in graph.variables if node in every - needed)
    model = Model(
        graph,
        params=params,
        auxiliary=states | _auxiliary(graph),
        numpy=arrays.numpy,
        files=source,
        weights=weights,
        labels=tuple(name for name in dict.fromkeys(others) if name not in names),
    )
    free = [name for name in dict.fromkeys(names) if name not in params]
    model.unused = tuple(n for n in params if n not in {v.name for v in graph.walk()})
    model.needed = inputs.needed(model, free)
    shapes = inputs.shapes(model, free)
    model.inputs = {name: said.get(name, shapes.get(name)) for name in free}
    for name, shape in source.shapes_of(model.inputs).items():
        if any(isinstance(size, int) and size < 0 for size in shape):
            raise FormatError(f"the shape {list(shape)} of input '{name}'", file=source.network)
        model.inputs[name] = tuple(size if isinstance(size, int) else None for size in shape)
    model.assumed = inputs.assumed(model, [n for n, shape in model.inputs.items() if shape is None])
    return model


def _by_name(arrays: ndarray.Arrays) -> tuple[dict[str, ir.TensorProtocol], set[str]]:
    """Arrays without the prefixes that checkpoints have, and which are auxiliary."""
    params: dict[str, ir.TensorProtocol] = {}
    states = set()
    for name, tensor in arrays.tensors.items():
        kind, separator, own = name.partition(":")
        if not separator or kind not in {"arg", "aux"}:
            own = name
        elif kind == "aux":
            states.add(own)
        tensor.name = own
        params[own] = tensor
    return params, states


def _auxiliary(graph: Symbol) -> set[str]:
    return {
        entry.node.name
        for node in graph.operators
        if node.type in AUXILIARY
        for entry in node.inputs[-len(AUXILIARY[node.type]) :]
        if entry.node.is_variable
    }
