"""Runs a model in MXNet 1.9; a program of its own, started by `engine` in MXNet's interpreter.

    python _mxnet.py FOLDER [FOLDER ...]

A folder holds `net-symbol.json`, `net.params` where there are any, `in.npz` with the inputs as
`arr_0`, ..., and `job.json`: {"inputs": [names], "numpy": whether shapes follow NumPy}. It gets
`out.npz` with every operator's outputs, and `out.json` with their names; or `error.json` with MXNet's
reason if it refuses. It needs nothing but MXNet
and runs in Python 3.6 and newer.
"""

import json
import os
import sys
from typing import Any

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"  # each operator by itself, so that each is seen
os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"

import numpy as np


def load(mx: Any, folder: str) -> Any:
    """The symbol and its arrays by name, dense."""
    symbol = mx.sym.load(os.path.join(folder, "net-symbol.json"))
    path = os.path.join(folder, "net.params")
    saved = mx.nd.load(path) if os.path.exists(path) else {}
    arrays = {}
    for name, array in dict(saved or {}).items():
        kind, colon, own = name.partition(":")
        array = array.tostype("default") if hasattr(array, "tostype") else array
        arrays[own if colon and kind in ("arg", "aux") else name] = array
    return symbol, arrays


def compute(mx: Any, folder: str, job: Any) -> Any:
    """Names and arrays of everything that is computed."""
    symbol, arrays = load(mx, folder)
    with np.load(os.path.join(folder, "in.npz")) as feeds:
        for index, name in enumerate(job["inputs"]):
            feed = feeds[f"arr_{index}"]
            arrays[name] = mx.nd.array(feed, dtype=feed.dtype)
    if job.get("fusion"):
        return differing(mx, symbol, arrays), []
    symbol = ended(mx, symbol, job["outputs"])
    variables = set(symbol.list_arguments()) | set(symbol.list_auxiliary_states())
    internals = symbol.get_internals()
    places = [i for i, name in enumerate(internals.list_outputs()) if name not in variables]
    return forward(mx, mx.sym.Group([internals[i] for i in places]), arrays)


def differing(mx: Any, symbol: Any, arrays: Any) -> Any:
    """The outputs that are others where MXNet fuses operators, as it does unless it is told not to."""
    names, plain = forward(mx, symbol, arrays)
    os.environ.pop("MXNET_SUBGRAPH_BACKEND", None)
    _, fused = forward(mx, symbol, arrays)
    os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"
    found = []
    for name, one, other in zip(names, plain, fused):  # noqa: B905 - Python 3.6 too
        if one.shape != other.shape or one.dtype.kind != "f":
            continue
        was, now = one.astype("f8"), other.astype("f8")
        finite = was[np.isfinite(was)]
        rms = np.sqrt(np.mean(finite**2)) if finite.size else 0.0
        if not np.allclose(now, was, rtol=1e-3, atol=1e-4 * max(1.0, rms), equal_nan=True):
            found.append(name)
    return found


def forward(mx: Any, group: Any, arrays: Any) -> Any:
    """A symbol's outputs: names and arrays."""
    names = group.list_outputs()
    argument_names, state_names = group.list_arguments(), group.list_auxiliary_states()
    known = {name: arrays[name] for name in argument_names if name in arrays}
    arg_shapes, _, aux_shapes = group.infer_shape(**{n: a.shape for n, a in known.items()})
    if arg_shapes is None:
        return names, dynamic(mx, group, arrays)
    arg_types, _, aux_types = group.infer_type(**{n: a.dtype for n, a in known.items()})

    def given(name: str, shape: Any, dtype: Any) -> Any:
        """What the model has, or zeros for a label."""
        return arrays[name] if name in arrays else mx.nd.zeros(shape, dtype=dtype)

    executor = group.bind(
        mx.cpu(),
        list(map(given, argument_names, arg_shapes, arg_types)),
        grad_req="null",
        aux_states=list(map(given, state_names, aux_shapes, aux_types)),
    )
    return names, [array.asnumpy() for array in executor.forward(is_train=False)]


def ended(mx: Any, symbol: Any, outputs: Any) -> Any:
    """The symbol up to these outputs, by their names or their nodes'; all of it where none are named."""
    internals = symbol.get_internals()
    known = internals.list_outputs()
    names = [
        next((full for full in (name, name + "_output", name + "_output0") if full in known), None)
        for name in outputs
    ]
    return mx.sym.Group([internals[name] for name in names]) if names and all(names) else symbol


def dynamic(mx: Any, group: Any, arrays: Any) -> Any:
    """Outputs of a symbol whose shapes depend on numbers: loops with an end, masks."""
    outputs = mx.nd.CachedOp(group)(*[arrays[name] for name in group.list_inputs()])
    return [each.asnumpy() for each in (outputs if isinstance(outputs, list) else [outputs])]


def run(mx: Any, folder: str) -> None:
    """Run the job in that folder."""
    with open(os.path.join(folder, "job.json")) as file:
        job = json.load(file)
    try:
        with mx.util.np_shape(job["numpy"]):
            names, outputs = compute(mx, folder, job)
    except (mx.base.MXNetError, ValueError, TypeError, AssertionError, KeyError) as error:
        reason = " ".join(str(error).split("Stack trace")[0].split()) or type(error).__name__
        with open(os.path.join(folder, "error.json"), "w") as file:
            json.dump({"stage": "running", "reason": reason}, file)
        return
    np.savez(os.path.join(folder, "out.npz"), *outputs)
    with open(os.path.join(folder, "out.json"), "w") as file:
        json.dump(names, file)


def main(folders: Any) -> None:
    """Run every job."""
    import mxnet as mx

    for folder in folders:
        run(mx, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
