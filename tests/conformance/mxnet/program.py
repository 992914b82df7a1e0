"""Builds every network of `cases` in MXNet 1.9.1, saves it and runs it; a program for MXNet's interpreter.

    python program.py FOLDER

Each gets a folder with the files of a checkpoint and `golden.npz`, as in `helpers.mxnet.corpus`, or
`error.txt`.
"""

import json
import os
import re
import sys
import zlib

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"
os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"

import mxnet as mx
import numpy as np
from cases import EXPRESSIONS, all_cases


def corners(rng, shape):
    """Boxes by their corners."""
    ends = np.sort(rng.rand(int(np.prod(shape[:-1])), 2, 2), axis=1)
    return ends.reshape(shape)


def regions(rng, shape):
    """Regions: a picture, and corners in pixels."""
    return np.array([[0, 1, 2, 9, 12], [1, 4, 0, 14, 11]], np.float32)[: shape[0]]


def scores(rng, shape):
    """Numbers between 0 and 1, no two alike."""
    return (rng.permutation(int(np.prod(shape))).reshape(shape) + 1.0) / (np.prod(shape) + 2)


def positive_definite(rng, shape):
    half = rng.randn(*shape)
    return half.dot(half.T) + shape[0] * np.eye(shape[0])


KINDS = {
    "": lambda rng, shape: rng.randn(*shape),
    "p": lambda rng, shape: rng.rand(*shape) + 0.5,
    "u": lambda rng, shape: rng.rand(*shape) * 1.8 - 0.9,
    "a": lambda rng, shape: rng.rand(*shape) + 1.1,
    "o": lambda rng, shape: rng.randint(0, 2, shape),
    "t": lambda rng, shape: np.ones(shape),
    "n": lambda rng, shape: -rng.rand(*shape) - 0.5,
    "m": lambda rng, shape: (
        np.resize([16.0, 16.0, 1.0], shape) if shape[-1] == 3 else -np.ones(shape)
    ),
    "q": lambda rng, shape: rng.randint(-99, 99, shape),
    "r": regions,
    "s": scores,
    "c": corners,
    "h": positive_definite,
}


def array(text, rng):
    """An input by its description."""
    letters, sizes, bound = re.match(r"([a-z]*)([\d,]*)(?:<(\d+))?$", text).groups()
    shape = tuple(int(size) for size in sizes.split(","))
    letters = letters.replace("w", "")
    kind = {"d": "int32", "q": "int8", "t": "bool"}.get(letters[:1], "float32")
    letters = letters.replace("d", "")
    least = 1 if letters == "l" else 0
    made = rng.randint(least, int(bound), shape) if bound else KINDS[letters](rng, shape)
    return np.asarray(made).astype(kind)


def symbol_of(operator, arrays, attributes):
    """A graph of one operator, with all its outputs."""
    nodes = [
        {"op": "null", "name": name, "attrs": {"__dtype__": TYPES[str(given.dtype)]}, "inputs": []}
        for name, given in arrays.items()
    ]
    count = len(nodes)
    inputs = [[i, 0, 0] for i in range(count)]
    nodes.append({"op": operator, "name": "layer", "attrs": attributes, "inputs": inputs})
    graph = {
        "nodes": nodes,
        "arg_nodes": list(range(count)),
        "node_row_ptr": list(range(count + 2)),
        "heads": [[count, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }
    one = mx.sym.load_json(json.dumps(graph))
    visible = len(
        [name for name in one.get_internals().list_outputs() if name.startswith("layer_")]
    )
    if operator in VISIBLE:
        visible = VISIBLE[operator]
    graph["heads"] = [[count, i, 0] for i in range(visible)]
    return mx.sym.load_json(json.dumps(graph))


TYPES = {"float32": "0", "int32": "4", "int8": "5", "bool": "7"}
VISIBLE = {
    **dict.fromkeys(
        ("BatchNorm", "BatchNorm_v1", "_contrib_BatchNormWithReLU", "_contrib_SyncBatchNorm"), 1
    ),
    **dict.fromkeys(
        ("LayerNorm", "GroupNorm", "InstanceNorm", "L2Normalization", "LRN", "Dropout"), 1
    ),
    **dict.fromkeys(("Correlation", "ROIPooling", "SpatialTransformer", "BilinearSampler"), 1),
    **dict.fromkeys(("GridGenerator", "_contrib_Proposal", "_contrib_MultiProposal"), 1),
}
"""How many outputs are for others; the rest is what training needs."""


def work(folder, operator, inputs, attributes, expression=""):
    rng = np.random.RandomState(zlib.crc32(os.path.basename(folder).encode()))
    arrays = {f"x{i}": array(text, rng) for i, text in enumerate(inputs)}
    weights = {f"x{i}" for i, text in enumerate(inputs) if text.startswith("w")}
    if expression:
        x, y, z = (mx.sym.var(name) for name in ("x0", "x1", "x2"))
        made = eval("mx.sym." + expression, {"mx": mx, "x": x, "y": y, "z": z})
        flat = []
        for part in made if isinstance(made, (list, tuple)) else [made]:
            flat += part if isinstance(part, (list, tuple)) else [part]
        symbol = mx.sym.Group(flat)
    else:
        if "num_args" not in attributes and operator in {"add_n"}:
            attributes = dict(attributes, num_args=str(len(inputs)))
        symbol = symbol_of(operator, arrays, attributes)
    given = {name: mx.nd.array(value, dtype=value.dtype) for name, value in arrays.items()}
    states = set(symbol.list_auxiliary_states())
    executor = symbol.bind(
        mx.cpu(),
        {name: given[name] for name in symbol.list_arguments()},
        aux_states={name: given[name] for name in states},
        grad_req="null",
    )
    outputs = [one.asnumpy() for one in executor.forward(is_train=False)]
    symbol.save(os.path.join(folder, "net-symbol.json"))
    kept = {("aux:" if name in states else "arg:") + name: given[name] for name in weights | states}
    if kept:
        mx.nd.save(os.path.join(folder, "net-0000.params"), kept)
    golden = {f"output/{i}": value for i, value in enumerate(outputs)}
    golden.update({f"input/{n}": v for n, v in arrays.items() if n not in weights | states})
    np.savez(os.path.join(folder, "golden.npz"), **golden)


def main(root):
    jobs = dict(all_cases())
    for name, (expression, inputs) in EXPRESSIONS.items():
        jobs[name] = (name, inputs.split(), {}, expression)
    for name, job in sorted(jobs.items()):
        folder = os.path.join(root, name.replace(":", "_"))
        os.mkdir(folder)
        try:
            with mx.util.np_shape(name.startswith("_np")):
                work(folder, *job)
        except Exception as error:  # noqa: BLE001 - each failure is told
            with open(os.path.join(folder, "error.txt"), "w") as file:
                file.write(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
