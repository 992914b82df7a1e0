"""Runs a model in TensorFlow Lite's interpreter; a program of its own, started by `engine`.

    python _tflite.py FOLDER [FOLDER ...]

A folder holds `model.tflite`, `in.npz` with the inputs as `arr_0`, ..., and `job.json`: {"inputs": names,
"places": the tensor that each input is, "tensors": those that are wanted}. It gets `out.npz` with tensors,
and `out.json` with their numbers; or `error.json` with the interpreter's reason. It needs nothing but the
interpreter, of `ai_edge_litert` or of TensorFlow: its optimised kernels, no delegates.
"""

import json
import os
import sys
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

import numpy as np

KINDS = "biuf"


def interpreter(path: str) -> Any:
    """The model in an interpreter that keeps every tensor."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        from tensorflow.lite.python.interpreter import Interpreter, OpResolverType
    return Interpreter(
        path,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def run(folder: str) -> None:
    """Run one job."""
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        job = json.load(file)
    with np.load(os.path.join(folder, "in.npz")) as data:
        feeds = [data[f"arr_{i}"] for i in range(len(job["inputs"]))]
    model = interpreter(os.path.join(folder, "model.tflite"))
    known = {each["index"]: each for each in model.get_input_details()}
    places = [job["places"][name] for name in job["inputs"]]
    for place, array in zip(places, feeds):  # noqa: B905
        if tuple(known[place]["shape"]) != array.shape:
            model.resize_tensor_input(place, array.shape)
    model.allocate_tensors()
    for place, array in zip(places, feeds):  # noqa: B905
        model.set_tensor(place, array.astype(known[place]["dtype"]))
    model.invoke()
    found = {}
    for number in job["tensors"]:
        try:
            array = np.asarray(model.get_tensor(number))
        except ValueError:  # a tensor of a kernel's own, without numbers
            continue
        if array.dtype.kind in KINDS:
            found[number] = array
    np.savez(os.path.join(folder, "out.npz"), *found.values())
    with open(os.path.join(folder, "out.json"), "w", encoding="utf-8") as file:
        json.dump(list(found), file)


def main() -> None:
    """Run every folder."""
    for folder in sys.argv[1:]:
        try:
            run(folder)
        except Exception as error:  # noqa: BLE001 - whatever the interpreter raises is its reason
            with open(os.path.join(folder, "error.json"), "w", encoding="utf-8") as file:
                json.dump({"stage": "run", "reason": f"{error}".strip()[:2000]}, file)


main()
