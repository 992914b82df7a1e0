"""Runs models in CNTK 2.7; a program of its own, started by `engine` in CNTK's interpreter.

    python _cntk.py FOLDER...

Each folder is a job. It holds `net.model`, `in.npz` with the feeds as `arr_0`, ..., and `job.json`:
{"inputs": [their names], "outputs": [names or uids of the values wanted, or none]}. It gets `out.npz`
with `v0`, `v1`, ... and, of sequences, their lengths as `l0`, ...; and `out.json`, the names of each.
Else it gets `error.json`: {"stage": "reading", "asking" or "running", "reason": why}.
It needs nothing but CNTK and runs in Python 3.6.

The functions inside a block read its placeholders and can't be asked for. So each block is cloned beside
itself, reading what the block reads, and the clone is asked. Nothing reads the clones: the model's outputs
are computed by the model as it is.
"""

import json
import os
import re
import sys
from collections import Counter
from typing import Any

import numpy as np

NUMBER = re.compile(r"(\d+)$")
MOST = 20000000
"""How far functions may be numbered for blocks to be cloned: numbers are taken one by one."""
CRITERIA = {
    *("CrossEntropyWithSoftmax", "ClassificationError", "SquaredError", "Logistic"),
    *("LambdaRank", "NDCG", "EditDistanceError", "ForwardBackward", "BinaryCrossEntropy"),
    *("WeightedBinaryCrossEntropy", "CosDistanceWithNegativeSamples"),
    *("LatticeSequenceWithSoftmax", "Cosine distance with negative samples"),
}
"""What a model is trained and judged by; labels are read by nothing else."""
OLD = "BCN\0".encode("utf-16-le")
"""What files of CNTK 1 begin with."""
UNKNOWN = -2
"""The only size in a shape of which not even the rank is known."""


class RequestError(Exception):
    """What is asked or fed does not fit the model."""


class NoSuchValueError(RequestError):
    """A value is asked for by a name that nothing has."""


def walk(variables: Any, twins: Any) -> Any:
    """Pairs of functions of two equal graphs."""
    seen = set()
    todo = list(zip(variables, twins))
    while todo:
        one, other = todo.pop()
        if not one.is_output or one.owner.uid in seen:
            continue
        function, twin = one.owner, other.owner
        if function.op_name != twin.op_name:
            raise RequestError(f"the clone of {function.uid} is a {twin.op_name}")
        seen.add(function.uid)
        yield function, twin
        todo.extend(zip(function.inputs, twin.inputs))


def opened(cntk: Any, block: Any) -> Any:
    """The outputs of a block's insides, cloned to read what the block reads."""
    inside = cntk.combine(block.block_root.outputs)
    bound = dict(block.block_arguments_mapping)
    return inside.clone("share", {each: bound[each] for each in inside.placeholders}).outputs


def number_beyond(cntk: Any, outputs: Any) -> None:
    """Have new functions numbered beyond the model's: one network can't have two of one uid."""
    highest, todo = 0, [outputs]
    while todo:
        variables = todo.pop()
        for function, _ in walk(variables, variables):
            found = NUMBER.search(function.uid)
            highest = max(highest, int(found.group()) if found else 0)
            if function.is_block:
                todo.append(function.block_root.outputs)
    if highest > MOST:
        raise RequestError(f"its functions are numbered up to {highest}")
    while int(cntk.cntk_py.new_unique_id()) <= highest:
        pass


def every_value(cntk: Any, outputs: Any) -> Any:
    """Uid to name and variable, of whatever is computed, inside blocks too.

    What is a block's output has that one's name, if any: it does not take it from it.
    """
    number_beyond(cntk, outputs)
    found = model_outputs(cntk, outputs)
    taken = {}  # type: Any
    todo = [(outputs, outputs)]
    while todo:
        for function, twin in walk(*todo.pop()):
            for one, other in zip(function.outputs, twin.outputs):
                name = "" if one.name == taken.get(one.uid) else one.name
                found.setdefault(one.uid, (name, other))
            if function.is_block:
                inner = function.block_root.outputs
                taken.update((each.uid, out.name) for each, out in zip(inner, function.outputs))
                todo.append((inner, opened(cntk, twin)))
    return found


def outer_values(cntk: Any, outputs: Any) -> Any:
    """The same without what is inside blocks."""
    found = model_outputs(cntk, outputs)
    for function, _ in walk(outputs, outputs):
        found.update({each.uid: (each.name, each) for each in function.outputs})
    return found


def model_outputs(cntk: Any, outputs: Any) -> Any:
    """The same of the model's outputs alone."""
    return {each.uid: (each.name, each) for each in outputs}


def keys(found: Any, arguments: Any) -> Any:
    """The uid of each, and its name where nothing else has it."""
    times = Counter([name for name, _ in found.values()] + [each.name for each in arguments])
    return [
        [uid, name] if name and times[name] == 1 and name not in found else [uid]
        for uid, (name, _) in found.items()
    ]


def dependents(variables: Any, roots: Any) -> Any:
    """These uids, and those of whatever reads them, over any number of functions."""
    readers = {}  # type: Any
    for function, _ in walk(variables, variables):
        for each in function.inputs:
            readers.setdefault(each.uid, []).extend(out.uid for out in function.outputs)
    reached, todo = set(), list(roots)
    while todo:
        uid = todo.pop()
        if uid not in reached:
            reached.add(uid)
            todo.extend(readers.get(uid, ()))
    return reached


def needed(outputs: Any, losses: bool) -> Any:
    """The uids of the inputs that outputs are made of, other than through losses."""
    found, seen, todo = set(), set(), list(outputs)
    while todo:
        each = todo.pop()
        if each.is_input:
            found.add(each.uid)
        elif each.is_output and each.owner.uid not in seen:
            seen.add(each.owner.uid)
            todo.extend(each.owner.inputs if losses or each.owner.op_name not in CRITERIA else ())
    return found


def called(found: Any, name: str) -> Any:
    """The values of that name, or of that uid, or of the function of that uid."""
    values = [
        value
        for uid, (own, value) in found.items()
        if name in (uid, own, uid.rpartition("_Output_")[0])
    ]
    if not values:
        raise NoSuchValueError(f"it has no value '{name}'")
    return values


def computable(found: Any, unfed: Any, outputs: Any, wanted: Any) -> Any:
    """What can be computed without some inputs: labels, but nothing that outputs are made of."""
    ends = [value for name in wanted for value in called(found, name)] or outputs
    needs = needed(ends, losses=bool(wanted))
    missing = [f"'{each.name or each.uid}'" for each in unfed if each.uid in needs]
    if missing:
        raise RequestError(f"there are no numbers for its input {', '.join(missing)}")
    lost = dependents([value for _, value in found.values()], [each.uid for each in unfed])
    return {uid: pair for uid, pair in found.items() if pair[1].uid not in lost}


def bind(cntk: Any, model: Any, feeds: Any) -> None:
    """Put inputs, of the shape that is fed, where placeholders are that nothing is bound to."""
    bound = {}
    for each in model.placeholders:
        key = each.uid if each.uid in feeds else each.name
        if key not in feeds:
            raise RequestError(f"there are no numbers for its input '{each.name or each.uid}'")
        feed, axes = feeds[key], each.dynamic_axes
        if axes == cntk.Axis.unknown_dynamic_axes():
            frames = UNKNOWN not in each.shape and feed.ndim == len(each.shape) + 2
            axes = [cntk.Axis.default_batch_axis(), cntk.Axis.default_dynamic_axis()]
            axes = axes[: 1 + (frames or key + ".lengths" in feeds)]
        shape = feed.shape[len(axes) :] if UNKNOWN in each.shape else each.shape
        dtype = each.dtype or (feed.dtype.type if feed.dtype.kind == "f" else np.float32)
        bound[each] = cntk.input_variable(shape, dtype, dynamic_axes=axes, name=key)
    if bound:
        model.replace_placeholders(bound)


def csr(cntk: Any, array: Any) -> Any:
    """A dense array as CNTK's sparse one, which must have an entry."""
    from scipy.sparse import csr_matrix

    rows = csr_matrix(array.reshape(-1, array.shape[-1]))
    if rows.nnz == 0:
        ends = np.minimum(np.arange(rows.shape[0] + 1), 1)
        rows = csr_matrix((np.zeros(1, array.dtype), np.zeros(1, int), ends), rows.shape)
    return cntk.NDArrayView.from_csr(rows, cntk.cpu(), shape=array.shape)


def dense(cntk: Any, array: Any) -> Any:
    """A dense array as CNTK's."""
    return cntk.NDArrayView.from_dense(array, cntk.cpu())


def fed(cntk: Any, variable: Any, feed: Any, lengths: Any) -> Any:
    """An input's value from [batch, time, *static], without those axes that it has not."""
    axes = len(variable.dynamic_axes)
    label = f"input '{variable.name or variable.uid}'"
    shape = ["batch", "time"][:axes] + ["*" if size < 0 else str(size) for size in variable.shape]
    fits = all(size in (str(given), "*") for size, given in zip(shape[axes:], feed.shape[axes:]))
    if feed.ndim != len(shape) or not fits:
        raise RequestError(f"{label} is [{', '.join(shape)}], and {list(feed.shape)} is given")
    view = csr if variable.is_sparse else dense
    feed = np.ascontiguousarray(feed, variable.dtype).reshape(feed.shape)
    if axes < 2:
        if lengths is not None:
            raise RequestError(f"{label} has no sequences, and lengths are given")
        return cntk.Value(view(cntk, feed))
    ends = [feed.shape[1]] * len(feed) if lengths is None else lengths.astype(int).ravel().tolist()
    if len(ends) != len(feed) or not all(0 < end <= feed.shape[1] for end in ends):
        raise RequestError(f"{label}: lengths {ends} are given for {list(feed.shape)}")
    views = [view(cntk, np.ascontiguousarray(each[:end])) for each, end in zip(feed, ends)]
    return cntk.cntk_py.Value_create(feed.shape[2:], views, [], cntk.cpu(), False, True)


def is_frame(variable: Any, feed: Any) -> bool:
    """Whether an input of CNTK 1, which all have a time, is given without: one frame a sample."""
    return len(variable.dynamic_axes) == 2 and feed.ndim == 1 + len(variable.shape)


def numbers(cntk: Any, variable: Any, value: Any) -> Any:
    """An array, zero behind the ends of sequences, and their lengths where it has them."""
    if value.is_sparse:
        axes, shape, dtype = variable.dynamic_axes, variable.shape, variable.dtype
        given = cntk.input_variable(shape, dtype, is_sparse=True, dynamic_axes=axes)
        product = cntk.times(given, np.eye(shape[-1], dtype=dtype))
        _, values = product.forward({given: value}, product.outputs, as_numpy=False)
        value = values[product.output]
    array = value.data.asarray()
    if len(variable.dynamic_axes) < 2:
        return array, None
    if cntk.cntk_py.Value.mask(value) is None:
        return array, np.full(len(array), array.shape[1], np.int64)
    valid = np.asarray(value.mask) != cntk.cntk_py.MaskKind_Invalid
    array[~valid] = 0
    counts = valid.sum(1).astype(np.int64)
    return array[:, : counts.max()], counts


def lengths(arguments: Any, given: Any, feeds: Any) -> Any:
    """The lengths of each input's sequences: its own, or those of another with the same axis."""
    own = {each: feeds.get(given[each] + ".lengths") for each in arguments}
    axes = {each: each.dynamic_axes[1].name for each in arguments if len(each.dynamic_axes) > 1}
    shared = {axes[each]: own[each] for each in axes if own[each] is not None}
    return {e: shared.get(axes.get(e)) if own[e] is None else own[e] for e in arguments}


def compute(cntk: Any, model: Any, job: Any, feeds: Any, values: Any) -> Any:
    """Keys, arrays and lengths of what can be computed."""
    found = values(cntk, model.outputs)
    arguments = cntk.combine([value for _, value in found.values()]).arguments
    given = {each: each.uid if each.uid in feeds else each.name for each in arguments}
    unfed = [each for each, key in given.items() if key not in feeds]
    names = keys(found, arguments)
    found = computable(found, unfed, model.outputs, job["outputs"])
    network = cntk.combine([value for _, value in found.values()])
    if arguments and not network.arguments:
        raise RequestError("there are no numbers for its inputs")
    frames = [e for e in network.arguments if job["old"] and is_frame(e, feeds[given[e]])]
    feeds = dict(feeds, **{given[each]: feeds[given[each]][:, None] for each in frames})
    ends = lengths(network.arguments, given, feeds)
    fills = {each: fed(cntk, each, feeds[given[each]], ends[each]) for each in network.arguments}
    _, results = network.forward(fills, network.outputs, as_numpy=False)
    arrays = {each.uid: numbers(cntk, each, value) for each, value in results.items()}
    if frames:
        arrays = {key: (v if n is None else v[:, 0], None) for key, (v, n) in arrays.items()}
    names = [each for each in names if each[0] in found]
    return names, [arrays[found[uid][1].uid] for uid, *_ in names]


def answer(cntk: Any, folder: str, model: Any) -> Any:
    """The same; less of it where CNTK can't give all of it together.

    Raises whatever CNTK says when asked for the least.
    """
    with open(os.path.join(folder, "job.json")) as file:
        job = json.load(file)
    with open(os.path.join(folder, "net.model"), "rb") as file:
        job["old"] = file.read(8) == OLD
    with np.load(os.path.join(folder, "in.npz")) as arrays:
        feeds = {name: arrays[f"arr_{index}"] for index, name in enumerate(job["inputs"])}
    bind(cntk, model, feeds)
    problem = None  # type: Any
    for values in (every_value, outer_values, model_outputs):
        try:
            return compute(cntk, model, job, feeds, values)
        except NoSuchValueError as error:
            problem = problem or error
        except Exception as error:  # noqa: BLE001 - CNTK raises whatever its bindings do
            problem = error
    raise problem


def run(cntk: Any, folder: str) -> None:
    """Run the job in that folder."""
    stage = "reading"
    try:
        model = cntk.load_model(os.path.join(folder, "net.model"))
        stage = "running"
        names, found = answer(cntk, folder, model)
    except Exception as error:  # noqa: BLE001 - CNTK raises whatever its bindings do
        reason = " ".join(str(error).split("[CALL STACK]")[0].split()) or type(error).__name__
        stage = "asking" if isinstance(error, RequestError) else stage
        with open(os.path.join(folder, "error.json"), "w") as file:
            json.dump({"stage": stage, "reason": reason}, file)
        return
    arrays = {f"v{index}": array for index, (array, _) in enumerate(found)}
    lengths = {f"l{index}": each for index, (_, each) in enumerate(found) if each is not None}
    np.savez(os.path.join(folder, "out.npz"), **arrays, **lengths)
    with open(os.path.join(folder, "out.json"), "w") as file:
        json.dump(names, file)


def main(folders: Any) -> None:
    """Run every job on the CPU."""
    import cntk

    cntk.device.try_set_default_device(cntk.device.cpu())
    for folder in folders:
        run(cntk, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
