"""Builds every network of `layer_cases`, saves it, and runs it; a program for CNTK's interpreter.

    python layer_runner.py FOLDER

Each network gets a folder with `net.model`, and `golden.npz` as the corpus has it, where it can be run.
"""

import json
import os
import sys

import cntk as C  # noqa: N812 - as the expressions call it
import cntk.layers as L  # noqa: N812 - as the expressions call it
import numpy as np
from layer_cases import NOT_RUN, all_cases

S = C.sequence
LENGTHS = (5, 3, 4)


def numbers(rng, *shape):
    return np.asarray(rng.randn(*shape), np.float32)


def loop(shape, step):
    """What a step makes of what it has made before."""
    place = C.placeholder(shape)
    function = step(place)
    return function.replace_placeholders({place: function.output})


def randomize(function, rng):
    for one in function.parameters:
        one.value = np.asarray(numbers(rng, *one.shape) * 0.5, np.float32).reshape(one.shape)
    for one in function.constants:
        if one.name == "aggregate_variance":
            one.value = np.asarray(np.abs(numbers(rng, *one.shape)) + 0.5, np.float32)
        elif one.name == "aggregate_mean":
            one.value = numbers(rng, *one.shape)


def build(text, shapes, sequence, rng):
    """The function, and what it is fed."""
    make = C.sequence.input_variable if sequence else C.input_variable
    inputs = {name: make(shape, name=name) for name, shape in shapes.items()}
    known = {"C": C, "S": S, "L": L, "np": np, "LOOP": loop}
    known["P"] = lambda *shape: C.parameter(shape, init=numbers(rng, *shape))
    known.update(inputs)
    function = eval(text, known)
    feeds = {}
    for variable in inputs.values():
        many = [numbers(rng, length, *variable.shape) for length in LENGTHS]
        feeds[variable] = many if sequence else numbers(rng, 2, *variable.shape)
    return function, feeds


def rows(name, value, sequence):
    """An array, or one for each sequence."""
    if not sequence:
        return {name: np.asarray(value)}
    return {f"{name}/seq{i}": np.asarray(one) for i, one in enumerate(value)}


def tell(folder, outputs):
    with open(os.path.join(folder, "case.json"), "w") as file:
        json.dump({"outputs": [{"key": key} for key in outputs]}, file)


def work(folder, text, x, y, sequence, seed):
    rng = np.random.RandomState(seed)
    shapes = {"x": x} if y is None else {"x": x, "y": y}
    function, feeds = build(text, shapes, sequence, rng)
    randomize(function, rng)
    function.save(os.path.join(folder, "net.model"))
    arrays = {}
    for variable, value in feeds.items():
        arrays.update(rows("input/" + variable.name, value, sequence))
    used = {variable: value for variable, value in feeds.items() if variable in function.arguments}
    if os.path.basename(folder) in NOT_RUN:
        tell(folder, [])
        return
    found = function.eval(used)
    found = found if len(function.outputs) > 1 else {function.outputs[0]: found}
    for variable, value in found.items():
        key = "output/" + (variable.name or variable.uid)
        arrays.update(rows(key, value, len(variable.dynamic_axes) > 1))
    np.savez(os.path.join(folder, "golden.npz"), **arrays)
    tell(folder, [one.name or one.uid for one in found])


def main(root):
    C.device.try_set_default_device(C.device.cpu())
    for seed, (name, (text, x, y, sequence)) in enumerate(sorted(all_cases().items())):
        folder = os.path.join(root, name)
        os.mkdir(folder)
        try:
            work(folder, text, x, y, sequence, seed)
        except Exception as error:  # noqa: BLE001 - each failure is told
            with open(os.path.join(folder, "error.txt"), "w") as file:
                file.write(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
