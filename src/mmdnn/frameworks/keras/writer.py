"""A Keras 3 model to a `.keras` archive, or to `.h5`, which Keras 2 reads too where it has only its layers.

.keras      config.json, metadata.json and model.weights.h5 in a zip
.h5         the config as an attribute, the arrays by the names of layers and weights
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import MissingExtraError
from mmdnn.frameworks.keras import _legacy, _schema, codegen
from mmdnn.frameworks.keras._order import ordered
from mmdnn.frameworks.keras.graph import Call, Layer, Model, Network, Tensor
from mmdnn.frameworks.keras.reader.config import numbered
from mmdnn.tensors import references

VERSION = "3.15.1"
MODULES = {
    **dict.fromkeys(("TopK", "Logsumexp", "Rsqrt", "Erf", "Erfinv"), "math"),
    **dict.fromkeys(("Cast", "Scatter", "ScatterUpdate", "Slice", "StopGradient"), "core"),
    **dict.fromkeys(("Celu", "DepthToSpace", "Gelu", "LogSoftmax", "OneHot"), "nn"),
    **dict.fromkeys(("Softmax", "SpaceToDepth"), "nn"),
    **dict.fromkeys(("Det", "Inv", "Norm"), "linalg"),
}
"""Where operations stand that are not NumPy's."""


def write(
    model: Model,
    target: Path,
    *,
    weights: Path | None = None,
    progress: Callable[[int], None] = lambda _size: None,
) -> list[Path]:
    """Write a model's file, or its source code with the weights.

    Args:
        model: The network; its arrays are read one by one.
        target: A path that ends with `.keras`, `.h5` or `.hdf5`, or `.py`.
        weights: The weights' file for a `.py`; beside it, with `.weights.h5`, unless given.
        progress: Told of the bytes of each array.

    Returns:
        The files, the main one first.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsupportedError: The file cannot hold such a network.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "keras") from None
    if target.suffix == ".py":
        stored = weights or target.with_suffix(".weights.h5")
        target.write_text(codegen.source(model, weights=stored.name), encoding="utf-8")
        with h5py.File(stored, "w") as store:
            _store(model.network, store, progress)
        return [target, stored]
    if target.suffix.lower() != ".keras":
        with h5py.File(target, "w") as file:
            _legacy.write(model, file, progress)
        return [target]
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mmdnn-") as folder:
        arrays = Path(folder, "model.weights.h5")
        with h5py.File(arrays, "w") as file:
            _store(model.network, file, progress)
        texts = {"metadata.json": {"keras_version": VERSION}, "config.json": config(model)}
        with zipfile.ZipFile(target, "w") as archive:
            for name, data in texts.items():
                archive.writestr(_member(name), json.dumps(data))
            member = archive.open(_member(arrays.name), "w", force_zip64=True)
            with member, arrays.open("rb") as data_set:
                shutil.copyfileobj(data_set, member, 1 << 22)
    return [target]


def _member(name: str) -> zipfile.ZipInfo:
    """A member of the archive, always of one date, as files of one network are equal."""
    return zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))


def config(model: Model) -> dict[str, Any]:
    """What `config.json` holds."""
    network = model.network
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": model.name,
            "trainable": True,
            "layers": [_layer(layer) for layer in ordered(network)],
            "input_layers": [_place(tensor) for tensor in network.inputs],
            "output_layers": [_place(tensor) for tensor in network.outputs],
        },
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }


def _place(tensor: Tensor) -> list[Any]:
    return [tensor.layer.name, tensor.call, tensor.output]


def _layer(layer: Layer) -> dict[str, Any]:
    kind = layer.type.removeprefix("ops.")
    module = f"keras.src.ops.{MODULES.get(kind, 'numpy')}" if layer.is_operation else "keras.layers"
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": layer.name, **layer.config},
        "registered_name": kind if layer.is_operation else None,
        "name": layer.name,
        "inbound_nodes": [_call(call) for call in layer.calls if layer.type != "InputLayer"],
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "args": _argument(call.args),
        "kwargs": {k: _argument(x) for k, x in call.kwargs.items()},
    }


def _argument(x: Any) -> Any:
    """What a layer is called with, as Keras writes it."""
    if isinstance(x, Tensor):
        said = {
            "shape": [None],
            "dtype": "float32",
            "keras_history": _place(x),
        }  # Keras reads the last
        return {"class_name": "__keras_tensor__", "config": said}
    if isinstance(x, slice):
        return {
            "class_name": "__slice__",
            "config": {"start": x.start, "stop": x.stop, "step": x.step},
        }
    if isinstance(x, (list, tuple)):
        return [_argument(each) for each in x]
    if isinstance(x, np.ndarray) or hasattr(x, "dtype"):
        array = x if isinstance(x, np.ndarray) else references.read(x)
        return {
            "class_name": "__numpy__",
            "config": {"value": array.tolist(), "dtype": str(array.dtype)},
        }
    return x


def _store(network: Network, root: Any, progress: Callable[[int], None]) -> None:
    """Arrays by classes and numbers, in the order of the layers."""
    layers = [layer for layer in ordered(network) if not layer.is_operation]
    for key, layer in zip(numbered([layer.type for layer in layers]), layers, strict=True):
        group = root.create_group(f"layers/{key}")
        own = group.create_group("vars")
        own.attrs["name"] = layer.name
        for path, tensor in variables(layer):
            _write(group, path, tensor, progress)


def variables(layer: Layer) -> Iterator[tuple[str, ir.TensorProtocol]]:
    """The arrays of a layer, by their paths below it."""
    inside = Layer(_schema.CELLS.get(layer.type, layer.type), layer.name, layer.config)
    before = "cell/vars" if layer.type in _schema.CELLS else "vars"
    names = [name for name, _ in _schema.variables(inside)]
    for place, name in enumerate(name for name in names if name in layer.weights):
        yield f"{before}/{place}", layer.weights[name]
    if layer.type == "Dropout" and layer.config.get("rate"):
        yield "seed_generator/vars/0", ir.tensor(np.array([1337, 0], np.uint32))


def _write(
    group: Any, path: str, tensor: ir.TensorProtocol, progress: Callable[[int], None]
) -> None:
    array = references.read(tensor)
    group.create_dataset(path, data=array)
    progress(array.nbytes)
