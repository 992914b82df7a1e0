# ruff: noqa: B905 - in Python 3.6 zip has no strict
"""Runs generated sources in CNTK 2.7, many in one process; Python 3.6, no part of the project.

    python generated_program.py jobs.json

A job has `source`, and may have `weights`, `saved` (where the network is saved), `model` (a file that
it is held against, with the same feeds) and `golden` (an .npz with feeds); or `fit`, how many steps it
is trained. What became of each is printed as JSON, under its key.
"""

import json
import sys
import traceback

import cntk as C  # noqa: N812 - as its users do
import numpy as np
import scipy.sparse


def build(job):
    """The network that a source makes."""
    space = {"__name__": "generated"}
    with open(job["source"], encoding="utf-8") as file:
        exec(compile(file.read(), job["source"], "exec"), space)
    made = space["load"](job["weights"]) if job.get("weights") else space["network"]()
    return made, space


def feeds(z, golden, random):
    """Feeds by name and place: those of the .npz, else some numbers; sequences of several lengths."""
    found = []
    names = [one.name for one in z.arguments]
    stored = np.load(golden) if golden else {}
    for one in z.arguments:
        key = "input/" + (one.name if names.count(one.name) == 1 and one.name else one.uid)
        whole = [stored[key]] if key in stored else []
        frames = [stored[k] for k in ordered(stored, key + "/seq")]
        sequential = any(axis.is_ordered for axis in one.dynamic_axes)
        if frames:
            value = frames
        elif whole:
            value = whole[0]
        else:
            shape = tuple(5 if dim < 0 else dim for dim in one.shape)
            lengths = [4, 2, 3] if sequential else [1, 1, 1]
            value = [random.rand(n, *shape).astype(one.dtype) for n in lengths]
            value = value if sequential else np.concatenate(value)
            value = value if one.dynamic_axes else value[0]
        if one.is_sparse:
            rows = value if sequential else [each[None] for each in value]
            value = [scipy.sparse.csr_matrix(each.reshape(len(each), -1)) for each in rows]
            value = value if sequential else scipy.sparse.vstack(value).tocsr()
        found.append(value)
    return found


def ordered(stored, prefix):
    keys = [key for key in stored if key.startswith(prefix)]
    return sorted(keys, key=lambda key: int(key[len(prefix) :]))


def outputs(z, fed_as, values):
    """The outputs' names and numbers; arguments are told by their names, else by their order."""
    names = [one.name for one in fed_as]
    places = dict(zip(names, values)) if len(set(names)) == len(names) else {}
    given = {one: places.get(one.name, value) for one, value in zip(z.arguments, values)}
    try:
        found = z.eval(given, as_numpy=True)
    except ValueError:
        if z.arguments:
            raise
        found = z.eval()
    if len(z.outputs) == 1:
        found = {z.outputs[0]: found}
    return [(one.name, found[one]) for one in z.outputs]


def dense(value):
    return np.asarray(value.toarray() if scipy.sparse.issparse(value) else value)


def same(one, other):
    if isinstance(one, list) or isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other))
    one, other = dense(one), dense(other)
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


def apart(one, other):
    """How far numbers are apart."""
    if isinstance(one, list):
        return max(apart(a, b) for a, b in zip(one, other))
    difference = np.abs(dense(one).astype(float) - dense(other).astype(float))
    return float(np.nanmax(difference)) if difference.size else 0.0


def fed(z):
    """A network with an input for each placeholder that stands for nothing."""
    inputs = {
        one: C.input_variable(one.shape, dynamic_axes=one.dynamic_axes, name=one.name)
        for one in z.placeholders
    }
    return z.replace_placeholders(inputs) if inputs else z


def fit(space, job):
    """What some steps of training on one minibatch do: the loss before and after, and statistics."""
    random = np.random.RandomState(3)
    before = space["load"](job["weights"])
    (argument,) = before.arguments
    data = random.rand(16, *argument.shape).astype(np.float32)
    labels = np.eye(before.shape[0], dtype=np.float32)[np.arange(16) % before.shape[0]]
    minibatch = {argument.name: data, "label": labels}
    after = space["fit"](job["weights"], [minibatch] * job["fit"], 0.02)
    moved = [
        float(np.abs(one.value - other.value).max())
        for one, other in zip(before.constants, after.constants)
        if one.name == "aggregate_mean"
    ]
    losses = [-np.log((z(data) * labels).sum(1)).mean() for z in (before, after)]
    return {"losses": [float(one) for one in losses], "moved": moved}


def run(job):
    made, space = build(job)
    if job.get("fit"):
        return fit(space, job)
    if job.get("saved"):
        made.save(job["saved"])
    found = {"built": True}
    if job.get("model"):
        original = fed(C.load_model(job["model"]))
        made = fed(made)
        values = feeds(original, job.get("golden"), np.random.RandomState(1))
        try:
            expected = outputs(original, original.arguments, values)
        except Exception as error:  # noqa: BLE001 - CNTK throws anything
            return dict(found, refused=str(error).strip().splitlines()[0])
        got = outputs(made, original.arguments, values)
        found["names"] = [name for name, _ in got] == [name for name, _ in expected]
        found["arguments"] = [a.name for a in made.arguments] == [
            a.name for a in original.arguments
        ]
        if len(got) == len(expected):
            found["apart"] = max(apart(a, b) for (_, a), (_, b) in zip(got, expected))
        found["equal"] = len(got) == len(expected) and all(
            same(a, b) for (_, a), (_, b) in zip(got, expected)
        )
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        jobs = json.load(file)
    found = {}
    for key, job in jobs.items():
        try:
            found[key] = run(job)
        except Exception:  # noqa: BLE001
            found[key] = {"error": traceback.format_exc()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
