"""Keras's files to a `graph.Model`: the config of any generation as one form, arrays where they are.

.keras          a zip of config.json, metadata.json and model.weights.h5 (Keras 3, tf.keras 2.12 to 2.15)
.h5, .hdf5      config and arrays
.json, .yaml    the config alone; the arrays in .h5, .weights.h5, or shards listed by a .weights.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.errors import Error, FormatError, MissingExtraError, UsageError
from mmdnn.frameworks.keras.graph import Generation, Model
from mmdnn.frameworks.keras.reader import config, keras1, older, weights
from mmdnn.frameworks.keras.reader.hdf5 import Node, Store
from mmdnn.registry import Source
from mmdnn.tensors import archive

_ZIP = b"PK\x03\x04"
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MOST_TEXT = 1 << 30
"""Bytes of a file of json."""


def read(source: Source) -> Model:
    """Read a model from its files.

    Args:
        source: The files, and the shapes of inputs.

    Raises:
        FormatError: A file is damaged, or has no architecture.
        UsageError: A file is missing.
        MissingExtraError: h5py is not installed.
    """
    path = source.network
    if path is None:
        raise UsageError(
            "there are weights and no architecture",
            file=source.weights,
            hint="Give the model's json as well: model.to_json().",
        )
    for each in source.files:
        if not each.is_file():
            raise UsageError("there is no such file", file=each)
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(_ZIP):
            model = _archive(path, source)
        elif path.suffix.lower() in {".json", ".yaml", ".yml"}:
            model = _texts(path, source)
        else:
            model = _whole(path, source)
    except RecursionError:
        raise FormatError("it is nested too deeply", file=path) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FormatError(f"its config is damaged ({error})", file=path) from error
    except Error as error:
        error.file = error.file or path
        raise
    older.convert(model)
    return model


def _archive(path: Path, source: Source) -> Model:
    with archive.opened(path) as file:
        data = _json(file.text(_CONFIG))
        said = _json(file.text(_METADATA)) if _METADATA in file.members else {}
        place = file.place(_WEIGHTS)
        model = _model(data, source, str(said.get("keras_version") or "3"), "")
    store = Store(place)
    return _loaded(model, store, store.root(), path)


def _whole(path: Path, source: Source) -> Model:
    store = Store.of(path)
    root = store.root()
    text = root.attrs.get("model_config")
    if not text:
        raise FormatError(
            "it holds weights and no architecture",
            hint="Give the model's json as well: model.to_json().",
        )
    version, backend = (root.attrs.get(key, "") for key in ("keras_version", "backend"))
    model = _model(_json(text.encode()), source, version, backend)
    model.weights = path
    group = root.member("model_weights")
    if group is not None:
        weights.load(model, group, store)
    return model


def _texts(path: Path, source: Source) -> Model:
    if path.stat().st_size > _MOST_TEXT:
        raise FormatError(f"{path.stat().st_size} bytes of text")
    text = path.read_bytes()
    data = _json(text) if path.suffix.lower() == ".json" else _yaml(text)
    version, backend = (str(data.get(key) or "") for key in ("keras_version", "backend"))
    stores = source.weights
    if stores is None:
        return _model(data, source, version, backend)
    if stores.suffix == ".json":
        return _shards(_model(data, source, version, backend), stores)
    store = Store.of(stores)
    root = store.root()
    version = version or root.attrs.get("keras_version", "")
    backend = backend or root.attrs.get("backend", "")
    return _loaded(_model(data, source, version, backend), store, root, stores)


def _loaded(model: Model, store: Store, root: Node, path: Path) -> Model:
    model.weights = path
    weights.load(model, root.member("model_weights") or root, store)
    return model


def _shards(model: Model, index: Path) -> Model:
    """Arrays in several files, which a json says of each group."""
    places = _json(index.read_bytes()).get("weight_map")
    if not isinstance(places, dict):
        raise FormatError("it has no weight_map", file=index)
    model.weights = index
    roots: dict[Path, tuple[Store, Node | None]] = {}

    def variables(path: str) -> dict[str, ir.TensorProtocol]:
        found: dict[str, ir.TensorProtocol] = {}
        said = places.get(path) or []
        for name in [said] if isinstance(said, str) else said:
            shard = index.parent / Path(str(name)).name
            if not shard.is_file():
                raise UsageError("there is no such file", file=shard)
            store, root = roots.setdefault(shard, (Store.of(shard), None))
            roots[shard] = store, (root := root or store.root())
            group = root.member(path)
            found |= {} if group is None else weights.tensors(group, store)
        return dict(
            sorted(found.items(), key=lambda item: int(item[0]) if item[0].isdigit() else 0)
        )

    weights.by_tree(model.network, variables)
    return model


def _model(data: Mapping[str, Any], source: Source, version: str, backend: str) -> Model:
    generation = _generation(data, version)
    network = config.network(data, generation)
    inner = data.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    formats = [layer.config.get("data_format") for layer in network.walk()]
    return Model(
        network,
        str(name or "model"),
        generation,
        version,
        theano=backend == "theano",
        channels_first="channels_first" in formats and "channels_last" not in formats,
        files=source,
    )


def _generation(data: Mapping[str, Any], version: str) -> Generation:
    """Who has saved a model; where no file says it, the words it uses."""
    if version:
        first, _, rest = version.partition(".")
        if first == "2":
            second = rest.partition(".")[0]
            is_tf = "-tf" in version or (second.isdigit() and int(second) >= 4)
            return Generation.TF if is_tf else Generation.KERAS2
        return Generation.KERAS1 if first in {"0", "1"} else Generation.KERAS3
    if "module" in data or "registered_name" in data:
        return Generation.KERAS3
    text = json.dumps(data)
    if any(f'"{word}"' in text for word in keras1.ONLY):
        return Generation.KERAS1
    return Generation.TF if '"class_name": "Functional"' in text else Generation.KERAS2


def _json(text: bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
        while isinstance(data, str):
            data = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"its json is damaged: {error}") from None
    if not isinstance(data, dict):
        raise FormatError("its json is no model")
    return data


def _yaml(text: bytes) -> dict[str, Any]:
    """The yaml of Keras 1 and 2, whose tuples have a tag of Python's; no other tag is known."""
    try:
        import yaml
    except ImportError:
        raise MissingExtraError("pyyaml", "keras") from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Knows tuples."""

    Loader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node, True)
    )
    try:
        data = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FormatError(f"its yaml is damaged: {error}") from None
    if not isinstance(data, dict):
        raise FormatError("its yaml is no model")
    return data
