"""Nets that CNTK 2.7 saves both in CNTK 1's format and in its own: the same functions and weights.

`brainscript_nets` makes them, where there is a CNTK.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import onnx_ir as ir
import pytest

from helpers import HELPERS
from helpers.cntk import corpus as cntk_corpus
from mmdnn.errors import Error
from mmdnn.frameworks.cntk import arrange, engine, importer, reader
from mmdnn.frameworks.cntk.graph import COMBINE, Model

PROGRAM = HELPERS / "cntk" / "brainscript_nets.py"

REFUSED = {
    "constant_op": "ConstantOp x2",
    "conv_groups": "a kernel for 2 channels over 4",
    "edit_distance": "EditDistanceError x1",
    "forward_backward": "LabelsToGraph x1",
    "lambda_rank": "LambdaRank x1",
    "one_hot": "has not saved how many classes it has",
    "pad_constant": "has not saved how much it pads",
    "random": "has not saved its distribution",
    "random_sample": "RandomSample x1",
    "top_k": "has not saved how many it takes",
    "top_k_places": "has not saved how many it takes",
}
"""What CNTK's old format has no room for, criteria, and what is another one each time."""
UNSAVED = {"binary_cosine", "conv_dilated"}
"""Nets that CNTK does not save in its old format."""
UNRUN = {"rnn_stack"}
"""Nets that run on graphics cards only."""
OTHERWISE = {"squeeze", "unary_alias"}
"""A Squeeze is a Reshape there, and an alias is nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        python = engine.interpreter()
    except Error as error:
        pytest.skip(str(error))
    made = tmp_path_factory.mktemp("saved")
    subprocess.run([str(python), "-W", "ignore", PROGRAM, made], check=True, capture_output=True)
    return made


def nets(folder: Path) -> dict[str, Path]:
    return {one.name: one for one in sorted(folder.iterdir()) if (one / "v1.model").exists()}


def read(path: Path) -> Model:
    found = arrange([path])
    assert found is not None
    return reader.read(found)


def functions(model: Model) -> Counter[str]:
    return Counter(one.op for one in model.walk() if one.block is None and one.op != COMBINE)


def weights(model: Model) -> list[tuple[tuple[int, ...], bytes]]:
    used = {one for function in model.walk() for one in function.inputs}
    found = [one.value for one in model.variables.values() if one in used and one.value is not None]
    return sorted((tuple(one.shape.numpy()), one.tobytes()) for one in found)


def inputs(model: Model) -> dict[str, object]:
    return {one.uid: (one.name, one.shape, one.axes, one.dtype, one.sparse) for one in model.inputs}


def test_all_nets_are_saved(folder: Path) -> None:
    names = {one.name for one in folder.iterdir()}
    assert names - nets(folder).keys() == UNSAVED
    assert len(names) > 170


def test_functions_and_weights_are_those_of_the_new_format(folder: Path) -> None:
    for name, place in nets(folder).items():
        if name in REFUSED.keys() | OTHERWISE:
            continue
        old, new = read(place / "v1.model"), read(place / "v2.model")
        assert functions(old) == functions(new), name
        assert weights(old) == weights(new), name
        assert inputs(old) == inputs(new), name


def results(model: ir.Model, known: cntk_corpus.Golden) -> list[str]:
    """What is wrong; CNTK 1's files have lost the names of outputs, and their order."""
    found = cntk_corpus.run(model, known)
    names = [str(one.name) for one in model.graph.outputs]
    return [
        f"{key}: none of {names}"
        for key, array in known.outputs.items()
        if all(
            list(cntk_corpus._compare(key, array, found[name], known.lengths.get(key)))
            for name in names
        )
    ]


def test_they_compute_what_cntk_computed(folder: Path) -> None:
    wrong: dict[str, list[str]] = {}
    for name, place in nets(folder).items():
        if name in REFUSED.keys() | UNRUN:
            continue
        model = importer.to_ir(read(place / "v1.model"))
        wrong[name] = results(model, cntk_corpus.golden(place))
    assert not {name: found for name, found in wrong.items() if found}


def test_cntks_engine_runs_them_as_what_they_are(folder: Path) -> None:
    """CNTK's own loader forgets that axes are not kept, permutations, strides and offsets."""
    names = [
        *("reduce_no_keep", "reduce_all_static", "transpose", "slice_stride", "crop", "gather"),
        *("unary_elu", "to_batch", "no_axes", "half", "resnet", "lstm", "sequence_slice"),
    ]
    known = [cntk_corpus.golden(folder / name) for name in names]
    jobs = []
    for name, one in zip(names, known, strict=True):
        place = arrange([folder / name / "v1.model"])
        assert place is not None
        lengths = {f"{key}.lengths": each for key, each in one.lengths.items() if key in one.inputs}
        jobs.append((place, {**one.inputs, **lengths}))
    for name, one, found in zip(names, known, engine.run_many(jobs), strict=True):
        assert isinstance(found, Mapping), found
        for key, array in one.outputs.items():
            compared = (
                list(cntk_corpus._compare(key, array, each, one.lengths.get(key)))
                for each in found.values()
            )
            assert not all(compared), f"{name}: {key}"


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, folder: Path) -> None:
    with pytest.raises(Error, match=REFUSED[name]):
        importer.to_ir(read(folder / name / "v1.model"))
