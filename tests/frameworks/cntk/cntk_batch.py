"""Runs many models in one CNTK process, which takes long to start; a program for CNTK's interpreter.

    python cntk_batch.py FOLDER

Each folder in it holds `net.model` and `in.npz`, and gets `out.npz` (an array for each output, by number,
or `<number>/seq<i>` for each sequence) and `names.txt`, or `error.txt` where CNTK refuses something.
"""

import os
import sys

import cntk as C  # noqa: N812 - as its users do
import numpy as np


def fed(function, data):
    """The arguments' values: arrays, or a list of sequences."""
    found = {}
    for key in data.files:
        name, _, number = key.rpartition("/seq")
        if name and number.isdigit():
            found.setdefault(name, {})[int(number)] = data[key]
        else:
            found[key] = data[key]
    values = {}
    for argument in function.arguments:
        value = found[argument.name or argument.uid]
        if isinstance(value, dict):
            value = [value[i].astype(argument.dtype) for i in range(len(value))]
        else:
            value = np.ascontiguousarray(value.astype(argument.dtype))
        values[argument] = sparse(argument, value) if argument.is_sparse else value
    return values


def sparse(argument, value):
    from scipy.sparse import csr_matrix

    if isinstance(value, list):
        return [csr_matrix(each) for each in value]
    return csr_matrix(value)


def work(folder):
    function = C.load_model(os.path.join(folder, "net.model"))
    outputs = list(function.outputs)
    with np.load(os.path.join(folder, "in.npz")) as data:
        found = C.combine(outputs).eval(fed(function, data), outputs=outputs)
    if not isinstance(found, dict):
        found = {outputs[0]: found}
    arrays = {}
    for index, output in enumerate(outputs):
        value = found[output]
        if isinstance(value, list):
            arrays.update({f"{index}/seq{i}": np.asarray(v) for i, v in enumerate(value)})
        else:
            arrays[str(index)] = np.asarray(value)
    np.savez(os.path.join(folder, "out.npz"), **arrays)
    with open(os.path.join(folder, "names.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(output.name or output.uid for output in outputs))


def main(root):
    C.try_set_default_device(C.cpu())
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        try:
            work(folder)
        except Exception as error:  # noqa: BLE001 - each failure is told
            text = " ".join(str(error).split("[CALL STACK]")[0].split())
            with open(os.path.join(folder, "error.txt"), "w", encoding="utf-8") as file:
                file.write(type(error).__name__ + ": " + text[-400:])


if __name__ == "__main__":
    main(sys.argv[1])
