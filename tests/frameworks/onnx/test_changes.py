"""Each change between opsets has a case: a model of the opset before it gives the same after it.

What the old model gives is said by onnxruntime on the old model, or, where that knows no such opset, by a
formula that follows the operator's text in https://github.com/onnx/onnx/blob/main/docs/Changelog.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.onnx import engine
from mmdnn.frameworks.onnx.importer import to_ir
from mmdnn.frameworks.onnx.importer.rewriting import CHANGES
from mmdnn.ir import OPSET

Formula = Callable[..., Any]


class Case(NamedTuple):
    """A model of an old opset.

    Attributes:
        change: The operator, and the opset that changed it.
        body: Its nodes; y is the output.
        inputs: Its inputs, as ONNX's text has them.
        wanted: What it gives of its inputs; None where onnxruntime runs it.
        type: Of what it gives.
    """

    change: tuple[str, int]
    body: str
    inputs: str = "float[2, 3, 4] x"
    wanted: Formula | None = None
    type: str = "float"

    @property
    def model(self) -> ir.Model:
        """The model, at the last opset before the change."""
        text = self.body.replace("'", '"')
        head = f'<ir_version: 8, opset_import: ["" : {self.change[1] - 1}]>'
        proto = onnx.parser.parse_model(
            f"{head} g ({self.inputs}) => ({self.type}[] y) {{ {text} }}"
        )
        return ir.serde.deserialize_model(proto)


def _binary(operator: str, function: Formula, kind: str, type_: str) -> Case:
    return Case(
        (operator, 7),
        f"y = {operator} <axis = 1, broadcast = 1> (x, b)",
        f"{kind}[2, 3, 4] x, {kind}[3] b",
        lambda x, b: function(x, b[:, None]),
        type_,
    )


def _softmax(x: np.ndarray) -> np.ndarray:
    flat = np.exp(x.reshape(2, -1))
    return (flat / flat.sum(1, keepdims=True)).reshape(x.shape)


def _reduced(operator: str) -> Case:
    return Case((operator, 18), f"a = Abs (x) y = {operator} <axes = [0, 2], keepdims = 0> (a)")


def _recurrent(operator: str, gates: int) -> Case:
    weights = f"float[1, {2 * gates}, 3] w, float[1, {2 * gates}, 2] r"
    body = f"y = {operator} <hidden_size = 2, output_sequence = 1> (x, w, r)"
    return Case((operator, 7), body, f"float[4, 1, 3] x, {weights}", _recurrent_formula(operator))


def _recurrent_formula(operator: str) -> Formula:
    """By the same node without the word, which onnxruntime runs."""

    def run(**feeds: np.ndarray) -> np.ndarray:
        (case,) = (case for case in CASES if case.change == (operator, 7))
        model = case.model
        model.opset_imports[""] = 7
        for node in model.graph:
            node.attributes.pop("output_sequence")
        return engine.run(model, feeds)["y"]

    return run


NORMALISED = "float[2, 3, 2] x, float[3] s, float[3] b, float[3] m, float[3] v"


def _normalised(x: Any, s: Any, b: Any, m: Any, v: Any) -> np.ndarray:
    s, b, m, v = (a[:, None] for a in (s, b, m, v))
    return (x - m) / np.sqrt(v + 1e-5) * s + b


CASES = [
    *(
        _binary(name, function, "float", "float")
        for name, function in {
            "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide,
            "Pow": lambda x, b: np.power(x, b),
        }.items()
    ),
    *(
        _binary(name, function, "bool", "bool")
        for name, function in {
            "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
        }.items()
    ),
    _binary("Equal", np.equal, "int64", "bool"),
    _binary("Greater", np.greater, "float", "bool"),
    _binary("Less", np.less, "float", "bool"),
    Case(("PRelu", 7), "y = PRelu (x, s)", "float[2, 3, 4] x, float[3] s",
         lambda x, s: np.where(x < 0, x * s[:, None], x)),
    Case(("BatchNormalization", 7), "y = BatchNormalization <is_test = 1> (x, s, b, m, v)",
         NORMALISED, _normalised),
    Case(("BatchNormalization", 9), "y = BatchNormalization <spatial = 0> (x, s, b, m, v)",
         "float[2, 3] x, float[3] s, float[3] b, float[3] m, float[3] v",
         lambda x, s, b, m, v: (x - m) / np.sqrt(v + 1e-5) * s + b),
    Case(("BatchNormalization", 14), "y, a, c = BatchNormalization (x, s, b, m, v)",
         NORMALISED, _normalised),
    Case(("GroupNormalization", 21), "y = GroupNormalization <num_groups = 2> (x, s, b)",
         "float[1, 4, 5] x, float[2] s, float[2] b"),
    Case(("Softmax", 13), "y = Softmax (x)", wanted=_softmax),
    Case(("LogSoftmax", 13), "y = LogSoftmax (x)", wanted=lambda x: np.log(_softmax(x))),
    Case(("Hardmax", 13), "y = Hardmax (x)"),
    *(
        _reduced(f"Reduce{name}")
        for name in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
    ),
    Case(("ReduceSum", 13), "y = ReduceSum <axes = [-1], keepdims = 0> (x)"),
    Case(("Squeeze", 13), "y = Squeeze <axes = [1]> (x)", "float[2, 1, 4] x"),
    Case(("Unsqueeze", 13), "y = Unsqueeze <axes = [0, 3]> (x)"),
    Case(("Cast", 6), "y = Cast <to = 'INT32'> (x)", wanted=lambda x: x.astype(np.int32),
         type="int32"),
    Case(("Clip", 11), "y = Clip <min = -0.5, max = 0.25> (x)"),
    Case(("Concat", 4), "y = Concat (x, x)", wanted=lambda x: np.concatenate([x, x], 1)),
    Case(("DFT", 20), "y = DFT (x)", "float[2, 5, 3, 1] x"),
    Case(("Dropout", 7), "y = Dropout <is_test = 1, ratio = 0.3> (x)", wanted=lambda x: x),
    Case(("Dropout", 12), "y = Dropout <ratio = 0.3> (x)"),
    Case(("Gemm", 7), "y = Gemm <broadcast = 1> (x, w, c)", "float[2, 3] x, float[3, 4] w, float[4] c",
         lambda x, w, c: x @ w + c),
    Case(("GridSample", 20), "y = GridSample <mode = 'bilinear'> (x, g)",
         "float[1, 2, 3, 4] x, float[1, 2, 2, 2] g"),
    Case(("LpPool", 2), "y = LpPool <kernel_shape = [2], p = 2.0> (x)",
         wanted=lambda x: np.sqrt(x[..., :-1] ** 2 + x[..., 1:] ** 2)),
    Case(("GlobalLpPool", 2), "y = GlobalLpPool <p = 2.0> (x)",
         wanted=lambda x: np.sqrt((x**2).sum(-1, keepdims=True))),
    _recurrent("LSTM", 4),
    _recurrent("GRU", 3),
    _recurrent("RNN", 1),
    Case(("Pad", 2), "y = Pad <paddings = [0, 0, 1, 0, 2, 1], value = 3.0> (x)",
         wanted=lambda x: np.pad(x, ((0, 0), (0, 2), (1, 1)), constant_values=3)),
    Case(("Pad", 11), "y = Pad <pads = [0, 0, 1, 0, 2, 1], value = 3.0> (x)"),
    Case(("Reshape", 5), "y = Reshape <shape = [0, -1]> (x)", wanted=lambda x: x.reshape(2, -1)),
    Case(("RoiAlign", 16), "i = Constant <value = int64[1] {0}> () "
         "y = RoiAlign <output_height = 2, output_width = 2> (x, r, i)",
         "float[1, 2, 6, 6] x, float[1, 4] r"),
    Case(("Scatter", 11), "i = Constant <value = int64[1, 1, 2] {2, 0}> () "
         "u = Constant <value = float[1, 1, 2] {9, 8}> () y = Scatter <axis = 2> (x, i, u)"),
    Case(("Slice", 10), "y = Slice <starts = [1, -3], ends = [9, -1], axes = [1, 2]> (x)"),
    Case(("Split", 13), "z, y = Split <axis = 2, split = [1, 3]> (x)"),
    Case(("Split", 18), "z, y = Split <axis = 2> (x)"),
    Case(("Tile", 6), "n = Constant <value = float {3}> () a = Constant <value = float {1}> () "
         "y = Tile (x, n, a)", wanted=lambda x: np.tile(x, (1, 3, 1))),
    Case(("TopK", 10), "y, i = TopK <axis = 2, k = 2> (x)"),
    Case(("Upsample", 7), "y = Upsample <height_scale = 2.0, width_scale = 3.0, mode = 'nearest'> (x)",
         "float[1, 2, 2, 2] x", lambda x: x.repeat(2, 2).repeat(3, 3)),
    Case(("Upsample", 9), "y = Upsample <scales = [1.0, 1.0, 2.0, 3.0]> (x)", "float[1, 2, 2, 2] x"),
    Case(("Upsample", 10), "s = Constant <value = float[4] {1, 1, 2, 3}> () "
         "y = Upsample <mode = 'linear'> (x, s)", "float[1, 2, 2, 2] x"),
    Case(("Resize", 11), "s = Constant <value = float[4] {1, 1, 0.5, 0.5}> () y = Resize (x, s)",
         "float[1, 2, 4, 4] x"),
    Case(("Resize", 13), "r = Constant <value = float[0] {}> () "
         "s = Constant <value = float[4] {1, 1, 2, 2}> () "
         "y = Resize <coordinate_transformation_mode = 'tf_half_pixel_for_nn', nearest_mode = 'floor'> "
         "(x, r, s)", "float[1, 2, 2, 2] x"),
]  # fmt: skip

REFUSED = [
    Case(
        ("Scan", 9),
        "y = Scan <num_scan_inputs = 1, body = b (float[4] e) => (float[4] f) { f = Identity (e) }> "
        "(, x)",
    ),
]
"""Changes that no model is brought over."""


def feeds(model: ir.Model) -> dict[str, np.ndarray]:
    """Random ones; positive behind the first, as variances and exponents must be."""
    random = np.random.default_rng(3)
    found = {}
    for place, value in enumerate(model.graph.inputs):
        assert value.shape is not None
        assert value.dtype is not None
        array = random.standard_normal(value.shape.numpy())
        if place:
            array = np.abs(array) + 0.1
        if value.dtype == ir.DataType.BOOL:
            array = array > 0.5
        found[str(value.name)] = array.astype(value.dtype.numpy())
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.change[0]}-{case.change[1]}")
def test_a_model_of_the_opset_before_means_the_same(case: Case) -> None:
    given = feeds(case.model)
    if case.wanted is None:
        wanted = engine.run(case.model, given)["y"]
    else:
        with np.errstate(invalid="ignore"):
            wanted = np.asarray(case.wanted(**given))
    model = to_ir(case.model)
    assert model.opset_imports[""] == OPSET
    found = engine.run(model, given)["y"]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.change[0])
def test_or_is_refused(case: Case) -> None:
    with pytest.raises(UnsupportedError, match="of opset 8"):
        to_ir(case.model)


def test_every_change_has_a_case() -> None:
    changes = {(name, version) for name, found in CHANGES.items() for version, _ in found}
    assert {case.change for case in [*CASES, *REFUSED]} == changes
