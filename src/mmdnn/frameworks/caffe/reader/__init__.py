"""Caffe's files to a `graph.Network`: parsed, upgraded, filtered by phase, weights found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdnn.errors import FormatError, UsageError
from mmdnn.frameworks.caffe import graph, is_hdf5
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.frameworks.caffe.reader import hdf5, prototxt, rules, training, upgrade, weights
from mmdnn.frameworks.caffe.reader.upgrade import Draft
from mmdnn.registry import Source

_BINARY = {".caffemodel", ".binaryproto"}


def read(source: Source) -> Network:
    """Read a network from its files.

    They are a prototxt, with or without weights; a caffemodel alone, which holds the structure too;
    or a binaryproto (a mean image), which becomes a network of one Parameter layer, "mean".

    Args:
        source: The files; the phase and stages for the file's rules.

    Raises:
        FormatError: A file is damaged, or says what Caffe refuses. With file, and line or layer.
        UsageError: A file is missing, or alone is not enough.
        MissingExtraError: The weights are HDF5 and h5py is not installed.
    """
    path = source.network
    if path is None:
        raise UsageError(
            "there are weights and no network",
            file=source.weights,
            hint="Give the .prototxt as well.",
        )
    if not path.is_file():
        raise UsageError("there is no such file", file=path)
    if path.suffix.lower() == ".binaryproto":
        return _mean(path, source)
    if is_hdf5(path):
        raise UsageError(
            "HDF5 holds weights and no network", file=path, hint="Give the .prototxt as well."
        )
    binary = path.suffix.lower() in _BINARY
    net, drafts, given = (_from_binary if binary else _from_text)(path)
    state = rules.State(
        rules.TRAIN if source.phase.lower() == "train" else rules.TEST,
        frozenset(source.stages).union(net.state.stage),
    )
    drafts = rules.applied(drafts, state, path, saved=binary)
    if binary:
        given = _unwritten(drafts)
    rules.check(drafts, given, path)
    store = weights.Store(drafts, path)
    if binary:
        store.explain(path)
    if source.weights is not None:
        _load(store, source.weights)
    return _network(net, drafts, store, given, state, source, saved=binary)


def _from_text(path: Path) -> tuple[Any, list[Draft], list[str]]:
    parsed = prototxt.read(path)
    net = parsed.net
    if not (net.layer or net.layers or net.input):
        raise FormatError("no layers in it", file=path)
    layer = [
        Draft(message, weights.from_text(message, message.blobs, path), unknown)
        for message, unknown in zip(net.layer, parsed.layer, strict=True)
    ]
    layers = [
        Draft(message, weights.from_text(message, _blobs_of(message), path), unknown)
        for message, unknown in zip(net.layers, parsed.layers, strict=True)
    ]
    return net, *upgrade.upgrade(net, layer, layers, path)


def _blobs_of(message: Any) -> Any:
    return message.layer.blobs if message.HasField("layer") else message.blobs


def _from_binary(path: Path) -> tuple[Any, list[Draft], list[str]]:
    net, layer, layers = weights.read(path)
    return net, *upgrade.upgrade(net, layer, layers, path)


def _unwritten(drafts: list[Draft]) -> list[str]:
    """Blobs that are read before anything writes them: a saved network's inputs."""
    written: set[str] = set()
    missing: dict[str, None] = {}
    for draft in drafts:
        missing.update(dict.fromkeys(b for b in draft.message.bottom if b not in written))
        written.update(draft.message.bottom, draft.message.top)
    return list(missing)


def _load(store: weights.Store, path: Path) -> None:
    if not path.is_file():
        raise UsageError("there is no such file", file=path)
    if is_hdf5(path):
        hdf5.load(store, path)
        return
    net, layer, layers = weights.read(path)
    source, _ = upgrade.upgrade(net, layer, layers, path)
    store.load_all(source, path)


def _network(
    net: Any,
    drafts: list[Draft],
    store: weights.Store,
    given: list[str],
    state: rules.State,
    source: Source,
    *,
    saved: bool,
) -> Network:
    places = {id(draft): index for index, draft in enumerate(drafts)}
    left, shapes = training.for_inference(drafts)
    layers = []
    if given:
        layers.append(_layer(training.input_draft("input", given), [], frozenset(), state.phase))
        shapes = {**dict.fromkeys(given, None), **shapes}
    for draft in left:
        place = places.get(id(draft))
        blobs, permissive = store.blobs(place) if place is not None else ([], frozenset[int]())
        layers.append(_layer(draft, blobs, permissive, state.phase))
    held = source.weights or (source.network if saved else None)
    unused = tuple(dict.fromkeys(store.unused))
    asked = {**shapes, **source.shapes_of(shapes)}
    judges = tuple(training.judged_only(drafts, left))
    return Network(net.name, layers, asked, source, held, unused, judges)


def _layer(draft: Draft, blobs: list[graph.Blob], permissive: frozenset[int], phase: int) -> Layer:
    message = draft.message
    return Layer.of(
        message,
        blobs=blobs,
        phase="TRAIN" if (message.phase if message.HasField("phase") else phase) == 0 else "TEST",
        unknown=draft.unknown,
        permissive=permissive,
        note=draft.note,
    )


def _mean(path: Path, source: Source) -> Network:
    tensor = weights.read_blob(path)
    shape = {"shape": {"dim": tensor.shape.numpy()}}
    message = new_layer("Parameter", shape, name="mean", tops=["mean"])
    return Network("mean", [Layer.of(message, blobs=[tensor])], {}, source)
