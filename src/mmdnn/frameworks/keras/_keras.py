"""Runs a model in Keras 3 or Keras 2.2; a program of its own, started by `engine` in Keras's interpreter.

    python _keras.py FOLDER [FOLDER ...]

A folder holds the model's files, `in.npz` with the inputs as `arr_0`, ..., and `job.json`: {"inputs":
[names], "file": the model's, "weights": theirs or "", "backend": of Keras 3}. It gets `out.npz` with every
layer's outputs, and `out.json` with their names; or `error.json` with Keras's reason. It needs nothing but
Keras and runs in Python 3.6 and newer.
"""

import json
import os
import sys
from typing import Any

os.environ.update(TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

import numpy as np


def load(keras: Any, folder: str, job: Any) -> Any:
    """The model; no Python code that is in its file is run."""
    path = os.path.join(folder, job["file"])
    if not path.endswith(".json"):
        return keras.models.load_model(path, compile=False)
    with open(path) as file:
        model = keras.models.model_from_json(file.read())
    if job["weights"]:
        model.load_weights(os.path.join(folder, job["weights"]))
    return model


def flat(value: Any) -> Any:
    """The leaves of lists, tuples and dictionaries, these by their keys."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in flat(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in flat(each)]
    return [value]


def calls(model: Any) -> Any:
    """Every call of every layer: its name, layer, inputs and outputs."""
    own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    new = hasattr(model, "operations")
    for layer in model.operations if new else model.layers:
        found = [node for node in layer._inbound_nodes if id(node) in own]
        first = layer._inbound_nodes.index(found[0]) if found and not new else 0
        for index, node in enumerate(found, first):
            name = layer.name + (f"@{index}" if index else "")
            yield name, layer, flat(node.input_tensors), flat(node.output_tensors)


def compute(keras: Any, model: Any, feeds: Any, prefix: str) -> Any:
    """Arrays by names: what each call gives, models inside included."""
    model = getattr(model, "_functional", None) or getattr(model, "model", None) or model
    inputs = flat(model.inputs)
    wanted: Any = {}
    found = list(calls(model))
    for _, _, reads, gives in found:
        wanted.update((id(tensor), tensor) for tensor in reads + gives)
    keys = [key for key in wanted if key not in {id(tensor) for tensor in inputs}]
    values = dict(zip([id(tensor) for tensor in inputs], feeds))  # noqa: B905 - Python 3.6 too
    outputs = evaluate(keras, model, inputs, [wanted[key] for key in keys], feeds)
    values.update(zip(keys, outputs))  # noqa: B905
    named = {}
    for name, layer, reads, gives in found:
        arrays = [values[id(tensor)] for tensor in gives]
        for index, array in enumerate(arrays):
            named[prefix + name + (f".{index}" if len(arrays) > 1 else "")] = array
        if hasattr(layer, "layers") and hasattr(layer, "inputs") and reads:
            named.update(compute(keras, layer, [values[id(t)] for t in reads], prefix + name + "/"))
    return named


def evaluate(keras: Any, model: Any, inputs: Any, outputs: Any, feeds: Any) -> Any:
    """What tensors are for these inputs, as when a model is not trained."""
    if not outputs:
        return []
    if not hasattr(model, "operations"):
        backend = keras.backend
        run = backend.function([*inputs, backend.learning_phase()], outputs)
        return run([*feeds, 0])
    found = keras.Model(inputs, outputs)(feeds, training=False)
    return [np.asarray(keras.ops.convert_to_numpy(each)) for each in flat(found)]


def run(keras: Any, folder: str) -> None:
    """Run the job in that folder."""
    with open(os.path.join(folder, "job.json")) as file:
        job = json.load(file)
    try:
        model = load(keras, folder, job)
        with np.load(os.path.join(folder, "in.npz")) as arrays:
            feeds = [arrays[f"arr_{index}"] for index in range(len(job["inputs"]))]
        names = [tensor.name.split(":")[0] for tensor in flat(model.inputs or [])]
        given = dict(zip(job["inputs"], feeds))  # noqa: B905
        feeds = [given[name] for name in names] if set(names) == set(given) else feeds
        named = compute(keras, model, feeds, "")
    except Exception as error:  # noqa: BLE001 - whatever Keras raises is its reason
        reason = " ".join(str(error).split())[:1000] or type(error).__name__
        with open(os.path.join(folder, "error.json"), "w") as file:
            json.dump({"stage": "running", "reason": reason}, file)
        return
    np.savez(os.path.join(folder, "out.npz"), *[as_numpy(array) for array in named.values()])
    with open(os.path.join(folder, "out.json"), "w") as file:
        json.dump(list(named), file)


def as_numpy(array: Any) -> Any:
    """An array that can be stored."""
    array = np.asarray(array)
    return array if array.dtype.kind in "biufcSU" else array.astype("float32")


def main(folders: Any) -> None:
    """Run every job."""
    with open(os.path.join(folders[0], "job.json")) as file:
        os.environ["KERAS_BACKEND"] = json.load(file)["backend"]
    import keras

    for folder in folders:
        run(keras, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
