"""Small networks that CNTK itself builds and saves; for tests, and a program for CNTK's interpreter.

    python networks.py FOLDER NAME...

gives each network as `FOLDER/<name>.model`, with inputs for it as `FOLDER/<name>.npz`, as the engine is
fed them: [batch, time, *static], lengths beside as `<input>.lengths`, random and always the same; or what
the network says. A network is one function with `@network` that returns a CNTK function, or that and some
inputs. In tests, `make("name", folder)` and `make_many` run this program.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

NETWORKS = {}
LEGACY = set()
BATCH, LENGTHS, FREE = 3, (4, 1, 3), 5


def network(build):
    NETWORKS[build.__name__] = build
    return build


def legacy(build):
    """One that is saved as CNTK 1 did; values have the names that its values had."""
    LEGACY.add(build.__name__)
    return network(build)


def ramp(*shape):
    """Weights that a test can compute with."""
    return (np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 7 - 3) / 4


def dense(cntk, x, size, activation=None, name=""):
    """A layer whose weights are the ramp."""
    layer = cntk.layers.Dense(size, activation, bias=False, name=name)
    y = layer(x)
    layer.W.value = ramp(*layer.W.shape)
    return y


@network
def layers(cntk):
    x = cntk.input_variable(3, name="x")
    hidden = dense(cntk, x, 4, cntk.relu, name="hidden")
    return dense(cntk, cntk.dropout(hidden, 0.5), 2, name="z")


@network
def nested(cntk):
    """Blocks in a block, one called twice, their functions numbered from the first number on."""

    @cntk.BlockFunction("Inner", "inner")
    def inner(x):
        return cntk.tanh(x) * 2

    @cntk.BlockFunction("Outer", "outer")
    def outer(x):
        return inner(x) + inner(x + 1)

    return outer(cntk.input_variable(3, name="x"))


@network
def looped(cntk):
    """A real recurrence: a frame's state is the sum of all frames so far."""
    x = cntk.sequence.input_variable(2, name="x")

    @cntk.Function
    def step(state, frame):
        return cntk.plus(state, frame, name="sum")

    return cntk.sequence.last(cntk.layers.Recurrence(step, initial_state=0)(x), name="last")


@network
def lstm(cntk):
    x = cntk.sequence.input_variable(3, name="x")
    return cntk.layers.Recurrence(cntk.layers.LSTM(4), name="lstm")(x)


@network
def criteria(cntk):
    x, label = (
        cntk.input_variable(3, name="x"),
        cntk.input_variable(2, is_sparse=True, name="label"),
    )
    z = dense(cntk, x, 2, name="z")
    loss = cntk.cross_entropy_with_softmax(z, label, name="loss")
    return cntk.combine([z, loss, cntk.reduce_sum(loss, name="total")])


@network
def sparse_values(cntk):
    """Sparse frames in and, as they are, out; rows without any number."""
    x = cntk.sequence.input_variable(6, is_sparse=True, name="x")
    feeds = np.zeros((BATCH, max(LENGTHS), 6), np.float32)
    feeds[0, 1, 2], feeds[0, 3, 5], feeds[2, 0, 1] = 1, -2, 3
    outputs = [cntk.alias(x, "same"), cntk.times(x, ramp(6, 2), name="product")]
    return cntk.combine(outputs), {"x": feeds, "x.lengths": np.array(LENGTHS)}


@network
def sparse_matrix(cntk):
    x = cntk.input_variable((2, 6), is_sparse=True, name="x")
    feeds = np.zeros((BATCH, 2, 6), np.float32)
    feeds[0, 1, 2], feeds[2, 0, 5] = 1, -2
    return cntk.times(x, ramp(6, 3), name="product"), {"x": feeds}


@network
def unbound(cntk):
    """A placeholder that nothing is bound to, and nothing known of it."""
    feeds = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    return cntk.relu(cntk.placeholder(name="p"), name="r"), {"p": feeds}


@network
def unbound_sequence(cntk):
    feeds = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    value = cntk.relu(cntk.placeholder((2,), name="p"), name="r")
    return value, {"p": feeds, "p.lengths": np.array([3, 2])}


@network
def same_names(cntk):
    x = cntk.input_variable(2, name="x")
    return cntk.plus(cntk.relu(x, name="twice"), cntk.tanh(x, name="twice"), name="x")


@network
def double(cntk):
    x = cntk.input_variable((2, 3), dtype=np.float64, name="x")
    return cntk.reduce_sum(x, axis=0, name="y")


@network
def half(cntk):
    x = cntk.input_variable(3, dtype=np.float16, name="x")
    return cntk.relu(x, name="y")


@network
def batchless(cntk):
    x = cntk.input_variable((2, 3), dynamic_axes=[], name="x")
    return cntk.times(x, ramp(3, 4), name="y")


@network
def free_size(cntk):
    x = cntk.input_variable((1, cntk.FreeDimension, 4), name="x")
    return cntk.reduce_mean(x, axis=1, name="y")


@network
def two_inputs(cntk):
    return cntk.plus(cntk.input_variable(2, name="a"), cntk.input_variable(2, name="b"), name="y")


@network
def dilated(cntk):
    """What CNTK refuses on the CPU."""
    x = cntk.input_variable((2, 8, 8), name="x")
    return cntk.convolution(cntk.parameter((3, 2, 3, 3)), x, dilation=(2, 2), name="y")


@legacy
def brainscript(cntk):
    x = cntk.sequence.input_variable(3, name="x")
    past = cntk.sequence.past_value(x, initial_state=2)
    return cntk.plus(cntk.tanh(x), past, name="y")


def inputs(function):
    """Random numbers for every argument."""
    found = {}
    for each in function.arguments:
        name, axes = each.name or each.uid, len(each.dynamic_axes)
        rng = np.random.RandomState(len(found))
        shape = [BATCH, max(LENGTHS)][:axes] + [FREE if size < 0 else size for size in each.shape]
        array = rng.uniform(-1, 1, shape)
        if each.is_sparse:
            array = (array == array.max(-1, keepdims=True)).astype(float)
        found[name] = array.astype(each.dtype)
        if axes == 2:
            found[name + ".lengths"] = np.array(LENGTHS)
    return found


def build(cntk, name, folder):
    made = NETWORKS[name](cntk)
    function, feeds = made if isinstance(made, tuple) else (made, None)
    path = os.path.join(folder, name + ".model")
    if name in LEGACY:
        cntk.cntk_py.save_as_legacy_model(function, path)
    else:
        function.save(path)
    np.savez(os.path.join(folder, name + ".npz"), **(inputs(function) if feeds is None else feeds))


def make_many(names, folder):
    """Each network's file and inputs, by name; skips where there is no CNTK."""
    import pytest

    from mmdnn.errors import MissingExtraError
    from mmdnn.frameworks.cntk import engine

    try:
        python = engine.interpreter()
    except MissingExtraError as error:
        pytest.skip(f"CNTK is not installed: {error.message}")
    command = [python, "-W", "ignore", __file__, str(folder), *names]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: (Path(folder, name + ".model"), _loaded(folder, name)) for name in names}


def make(name, folder):
    """A network's file and inputs; skips where there is no CNTK."""
    return make_many([name], folder)[name]


def _loaded(folder, name):
    with np.load(os.path.join(folder, name + ".npz")) as arrays:
        return dict(arrays)


if __name__ == "__main__":
    import cntk

    for each in sys.argv[2:]:
        build(cntk, each, sys.argv[1])
