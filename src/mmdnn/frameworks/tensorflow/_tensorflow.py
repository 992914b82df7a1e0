"""Runs a graph in TensorFlow 2; a program of its own, started by `engine` in TensorFlow's interpreter.

    python _tensorflow.py FOLDER [FOLDER ...]

A folder holds the model's files, `in.npz` with the inputs as `arr_0`, ..., and `job.json`: {"inputs": names,
"file": the model's, "feeds": {input: its tensor}, "outputs": {output: its tensor}, "fetches": tensors,
"checkpoint": prefix or "", "signature": of a SavedModel, "prefix": what names of its tensors begin with}. It
gets `out.npz` with the tensors, and `out.json` with their names; or `error.json` with TensorFlow's reason. It
needs nothing but TensorFlow.
"""

import json
import os
import sys
from typing import Any

os.environ.update(TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

import numpy as np

KINDS = "biufc"
UNWANTED = {"Const", "Placeholder", "Assign", "NoOp"}


def config(tf: Any) -> Any:
    """A session that changes nothing of a graph."""
    made = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1)
    rewriting = made.graph_options.rewrite_options
    rewriting.disable_meta_optimizer = True
    made.graph_options.optimizer_options.opt_level = -1
    return made


def graph_of(tf: Any, path: str) -> Any:
    """A frozen graph."""
    graph = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".pbtxt"):
        from google.protobuf import text_format

        text_format.Parse(data, graph)
    else:
        graph.ParseFromString(data)
    return graph


def meta_of(tf: Any, path: str) -> Any:
    """A meta graph without the shapes that were inferred, which other versions infer otherwise."""
    meta = tf.compat.v1.MetaGraphDef()
    with open(path, "rb") as file:
        meta.ParseFromString(file.read())
    for node in meta.graph_def.node:
        node.attr.pop("_output_shapes", None)
    return meta


def frozen(tf: Any, folder: str, job: Any) -> Any:
    """A SavedModel's signature as a frozen graph, functions put in place; None where it cannot be loaded."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2 as freeze,
    )

    try:
        loaded = tf.saved_model.load(os.path.join(folder, job["file"]))
    except AttributeError:  # an optimizer of another version
        return None
    function = loaded.signatures[job["signature"]]
    made = freeze(function, lower_control_flow=False)
    specs = function.structured_input_signature[1]
    job["feeds"] = {name: f"{spec.name}:0" for name, spec in specs.items()}
    names = sorted(function.structured_outputs)
    job["outputs"] = {name: tensor.name for name, tensor in zip(names, made.outputs)}  # noqa: B905
    return made.graph.as_graph_def()


def wanted(tf: Any, graph: Any, names: Any) -> Any:
    """The tensors of a graph that may be fetched: outside of loops and branches of TensorFlow 1."""
    inside = set()
    changed = True
    while changed:
        changed = False
        for op in graph.get_operations():
            if op.name in inside or op.type in {"Exit", "RefExit"}:
                continue
            flows = op.type in {
                "Enter",
                "RefEnter",
                "NextIteration",
                "LoopCond",
                "Switch",
                "RefSwitch",
            }
            if flows or any(tensor.op.name in inside for tensor in op.inputs):
                inside.add(op.name)
                changed = True
    numbers = {
        each.as_datatype_enum for each in (tf.float32, tf.float64, tf.int32, tf.int64, tf.bool)
    }
    numbers |= {
        each.as_datatype_enum for each in (tf.float16, tf.uint8, tf.int8, tf.int16, tf.bfloat16)
    }
    for op in graph.get_operations():
        if (
            op.name in inside
            or op.type in {"Const", "Placeholder", "Assign", "NoOp"}
            or "save" in op.name.split("/")
        ):
            continue
        for tensor in op.outputs:
            plain = tensor.name[:-2] if tensor.name.endswith(":0") else tensor.name
            if tensor.dtype.as_datatype_enum in numbers and plain.split(":")[0] in names:
                yield plain, tensor


def compute(tf: Any, folder: str, job: Any, feeds: Any) -> Any:
    """Arrays by the names of tensors."""
    path, names = os.path.join(folder, job["file"]), set(job["fetches"])
    made = frozen(tf, folder, job) if job["signature"] else None
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph, config=config(tf)) as session:
        if made is not None:
            tf.import_graph_def(made, name="")
            names = {op.name for op in graph.get_operations()}
        elif path.endswith(".meta"):
            saver = tf.compat.v1.train.import_meta_graph(meta_of(tf, path), clear_devices=True)
            saver.restore(session, os.path.join(folder, job["checkpoint"]))
        elif os.path.isdir(path):
            tf.compat.v1.saved_model.load(session, ["serve"], path)
        else:
            tf.import_graph_def(graph_of(tf, path), name="")
        given = {job["feeds"][name]: array for name, array in feeds.items()}
        ends = {name: graph.get_tensor_by_name(t) for name, t in job["outputs"].items()}
        prefix = job["prefix"] if made is not None else ""
        inner = {prefix + name: tensor for name, tensor in wanted(tf, graph, names)}
        try:
            return session.run({**inner, **ends}, given)
        except tf.errors.OpError:
            return session.run(ends, given)


def run(tf: Any, folder: str) -> None:
    """Run the job in that folder."""
    with open(os.path.join(folder, "job.json")) as file:
        job = json.load(file)
    try:
        with np.load(os.path.join(folder, "in.npz")) as arrays:
            feeds = {name: arrays[f"arr_{index}"] for index, name in enumerate(job["inputs"])}
        named = compute(tf, folder, job, feeds)
    except Exception as error:  # noqa: BLE001 - whatever TensorFlow raises is its reason
        reason = " ".join(str(error).split())[:1000] or type(error).__name__
        with open(os.path.join(folder, "error.json"), "w") as file:
            json.dump({"stage": "running", "reason": reason}, file)
        return
    arrays = [np.asarray(array) for array in named.values()]
    arrays = [array if array.dtype.kind in KINDS else array.astype("float32") for array in arrays]
    np.savez(os.path.join(folder, "out.npz"), *arrays)
    with open(os.path.join(folder, "out.json"), "w") as file:
        json.dump(list(named), file)


def main(folders: Any) -> None:
    """Run every job."""
    import tensorflow as tf

    for folder in folders:
        run(tf, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
