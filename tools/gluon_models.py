"""Networks of Gluon's model zoo with numbers that matter; a program for MXNet's interpreter.

    python gluon_models.py FOLDER

`job.json` in that folder says which: {name: [network, pixels, classes]}. Each gets a folder with
`net-symbol.json` and `net-0000.params`, as `net.export` writes them, and `golden.npz` with an input,
`data`, and every operator's output, `arr_0`, ..., whose names are in `golden.json`.
"""

import json
import os
import sys
from zlib import crc32

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"  # each operator by itself, so that each is seen

import mxnet as mx
import numpy as np
from mxnet.gluon.model_zoo import vision


def numbers(name, shape, random):
    """A parameter's numbers: each kind matters, and no layer's values vanish or explode."""
    if name.endswith("running_var"):
        return random.uniform(0.8, 2.0, shape)
    if name.endswith("gamma"):
        return random.uniform(0.6, 1.2, shape)
    if name.endswith("weight"):
        return random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return random.standard_normal(shape) * 0.2


def make(network, pixels, classes, folder):
    """One network: its files, and what MXNet computes with them."""
    random = np.random.default_rng(crc32(network.encode()))
    net = getattr(vision, network)(classes=classes)
    net.initialize()
    net.hybridize()
    data = random.standard_normal((2, 3, pixels, pixels)).astype(np.float32)
    net(mx.nd.array(data))
    for name, parameter in net.collect_params().items():
        parameter.set_data(mx.nd.array(numbers(name, parameter.shape, random)))
    prefix = os.path.join(folder, "net")
    net.export(prefix)
    symbol, arguments, states = mx.model.load_checkpoint(prefix, 0)
    internals = symbol.get_internals()
    known = {*arguments, *states, "data"}
    places = [i for i, name in enumerate(internals.list_outputs()) if name not in known]
    group = mx.sym.Group([internals[i] for i in places])
    executor = group.bind(
        mx.cpu(), {**arguments, "data": mx.nd.array(data)}, aux_states=states, grad_req="null"
    )
    outputs = [array.asnumpy() for array in executor.forward(is_train=False)]
    np.savez(os.path.join(folder, "golden.npz"), *outputs, data=data)
    with open(os.path.join(folder, "golden.json"), "w") as file:
        json.dump(group.list_outputs(), file)


def main(root):
    with open(os.path.join(root, "job.json")) as file:
        job = json.load(file)
    for name, (network, pixels, classes) in job.items():
        folder = os.path.join(root, name)
        os.makedirs(folder)
        make(network, pixels, classes, folder)


if __name__ == "__main__":
    main(sys.argv[1])
