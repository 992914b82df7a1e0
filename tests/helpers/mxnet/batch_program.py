"""Runs many models in one MXNet process, which takes long to start; a program for MXNet's interpreter.

    python batch_program.py FOLDER

Each folder in it that standard input names holds `net-symbol.json`, `net-0000.params`, `net.py` and
`in.npz`, and gets `out.npz`, or `error.txt` where MXNet refuses something: the files, loaded as a
checkpoint; the source code, whose outputs and weights must be the same; or a step of training what the
code gives for that.
"""

import importlib.util
import logging
import os
import sys

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"
os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"
os.environ["OMP_NUM_THREADS"] = "1"

import mxnet as mx
import numpy as np


def outputs(symbol, parameters, states, feeds):
    arrays = dict(parameters)
    arrays.update({name: mx.nd.array(feed, dtype=feed.dtype) for name, feed in feeds.items()})
    names = symbol.list_arguments()
    if not set(names) <= set(arrays):
        shapes, _, _ = symbol.infer_shape(**{n: arrays[n].shape for n in names if n in arrays})
        for name, shape in zip(names, shapes):  # noqa: B905 - Python 3.8 has none
            arrays.setdefault(name, mx.nd.zeros(shape))
    executor = symbol.bind(
        mx.cpu(),
        {name: arrays[name] for name in names},
        aux_states={name: states[name] for name in symbol.list_auxiliary_states()},
        grad_req="null",
    )
    return [array.asnumpy() for array in executor.forward(is_train=False)]


def code(folder):
    spec = importlib.util.spec_from_file_location("net", os.path.join(folder, "net.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "load"):
        return module, (module.network(), {}, {})
    return module, module.load(os.path.join(folder, "net-0000.params"))


def train(module, parameters, states, feeds):
    """One step forwards and backwards."""
    symbol = module.network(train=True)
    known = {
        **{n: a.shape for n, a in parameters.items()},
        **{n: f.shape for n, f in feeds.items()},
    }
    known = {name: shape for name, shape in known.items() if name in symbol.list_arguments()}
    types = {name: feed.dtype for name, feed in feeds.items() if name in known}
    types.update({name: parameters[name].dtype for name in parameters if name in known})
    requests = {n: "write" if n in parameters else "null" for n in symbol.list_arguments()}
    executor = symbol.simple_bind(mx.cpu(), grad_req=requests, type_dict=types, **known)
    executor.copy_params_from(
        {name: parameters[name] for name in parameters if name in known},
        states,
        allow_extra_params=True,
    )
    for name in feeds:
        if name in executor.arg_dict:
            executor.arg_dict[name][:] = mx.nd.array(feeds[name], dtype=feeds[name].dtype)
    executor.forward(is_train=True)
    executor.backward()
    for array in executor.outputs:
        array.wait_to_read()


def work(folder, trained):
    loaded = mx.model.load_checkpoint(os.path.join(folder, "net"), 0)
    with np.load(os.path.join(folder, "in.npz")) as data:
        feeds = {name: data[name] for name in data.files if name in loaded[0].list_arguments()}
    found = outputs(*loaded, feeds)
    module, built = code(folder)
    assert set(built[0].list_arguments()) == set(loaded[0].list_arguments())
    for ours, theirs in zip(outputs(*built, feeds), found):  # noqa: B905
        np.testing.assert_array_equal(ours, theirs)
    if trained:
        train(module, built[1], built[2], feeds)
    np.savez(os.path.join(folder, "out.npz"), *found)


def main(root, trained):
    logging.disable(logging.WARNING)
    for name in sys.stdin.read().splitlines():
        folder = os.path.join(root, name)
        try:
            work(folder, trained)
        except Exception as error:  # noqa: BLE001 - each failure is told
            text = " ".join(str(error).split("Stack trace")[0].split())
            with open(os.path.join(folder, "error.txt"), "w") as file:
                file.write(type(error).__name__ + ": " + text[-400:])


if __name__ == "__main__":
    main(sys.argv[1], "train" in sys.argv[2:])
