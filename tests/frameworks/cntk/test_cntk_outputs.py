"""Which outputs a CNTK model keeps, what unbound placeholders are fed, and picking along an axis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from helpers.cntk.dictionary_files import a_block, function, model, parameter, variable, write
from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk import arrange, importer, reader
from mmdnn.frameworks.cntk.graph import Axis
from mmdnn.frameworks.onnx import engine
from mmdnn.ir import notes
from mmdnn.registry import Source

W = np.arange(12, dtype=np.float32).reshape(4, 3) / 4
X = np.arange(8, dtype=np.float32).reshape(2, 4) - 3


def _read(folder: Path, value: Mapping[str, Any], **said: Any) -> ir.Model:
    found = arrange([write(folder / "net.model", value)])
    assert found is not None
    return importer.to_ir(reader.read(Source(found.network, **said)))


def _judged(labels: str) -> dict[str, Any]:
    """x (4) halved; judged by x itself or by another input."""
    inputs = [variable("x", 0, (4,), name="x"), variable("y", 0, (4,), name="y")]
    inputs += [variable("p", 4, (4,)), variable("q", 4, (4,))]
    times = function("Times1", "Times", ["W", "x"], {"outputRank": 1}, name="h")
    bound = {"p": "Times1_Output_0", "q": labels}
    judge = {**a_block("Judge3", "Minus2", bound, "SquaredError"), "name": "score"}
    functions = [times, function("Minus2", "Minus", ["p", "q"]), judge]
    return model([*inputs, parameter("W", np.eye(4, dtype=np.float32) / 2)], functions)


def test_a_criterion_without_labels_is_an_output(tmp_path: Path) -> None:
    """An autoencoder's score for anomalies."""
    read = _read(tmp_path, _judged("x"))
    assert [value.name for value in read.graph.outputs] == ["score"]
    assert notes.of(read) == ()
    np.testing.assert_allclose(engine.run(read, {"x": X})["score"], -X / 2)


def test_a_criterion_that_needs_labels_is_left_out_and_told(tmp_path: Path) -> None:
    read = _read(tmp_path, _judged("y"))
    assert [value.name for value in read.graph.outputs] == ["h"]
    assert notes.of(read) == ("score is left out, as it judges by y; -node score gives it.",)
    asked = _read(tmp_path, _judged("y"), outputs=("score",))
    assert [value.name for value in asked.graph.outputs] == ["score"]
    assert notes.of(asked) == ()


@pytest.mark.parametrize("axis", [None, -1, 1])
def test_gather_along_the_first_axis(tmp_path: Path, axis: int | None) -> None:
    said = {} if axis is None else {"axis": Axis(axis)}
    places = variable("p", 0, (2,), name="p")
    read = _read(tmp_path, model([places, parameter("W", W)], [_gather(said)]))
    found = engine.run(read, {"p": np.array([[3, 0], [1, 1]], np.float32)})["out"]
    np.testing.assert_array_equal(found, W[[[3, 0], [1, 1]]])


def test_gather_along_another_axis_is_refused(tmp_path: Path) -> None:
    places = variable("p", 0, (2,), name="p")
    with pytest.raises(UnsupportedError, match="another axis"):
        _read(tmp_path, model([places, parameter("W", W)], [_gather({"axis": Axis(0)})]))


def _gather(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return function("Gather1", "Gather", ["p", "W"], attributes, name="out")


def test_the_identity_of_a_batch_of_rows(tmp_path: Path) -> None:
    eye = function("Eye1", "EyeLike", ["x"], {"OutputSparse": False}, name="out")
    read = _read(tmp_path, model([variable("x", 0, (4,), name="x")], [eye]))
    np.testing.assert_array_equal(engine.run(read, {"x": X})["out"], np.eye(2, 4))


def _unbound(shape: tuple[int, ...]) -> dict[str, Any]:
    open_ = {**variable("p", 4, shape), "dynamic_axis": [Axis((1 << 31) - 3)]}
    times = function("Times1", "Times", ["W", "p"], {"outputRank": 1}, name="out")
    return model([open_, parameter("W", W)], [times])


@pytest.mark.parametrize(
    ("shape", "given"), [((4,), {}), ((-2,), {"p": (4,)}), ((-2,), {"p": (1, 4)})]
)
def test_an_unbound_placeholder_is_an_input(tmp_path: Path, shape, given) -> None:
    read = _read(tmp_path, _unbound(shape), input_shapes=given)
    (fed,) = read.graph.inputs
    assert [str(dim) for dim in fed.shape] == ["batch", "4"]
    np.testing.assert_allclose(engine.run(read, {"p": X})["out"], X @ W, rtol=1e-6)


def test_of_an_unbound_placeholder_without_shape_it_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="--inputShape p:"):
        _read(tmp_path, _unbound((-2,)))
