"""Windows made explicit give what onnxruntime gives for the shorthands."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from mmdnn.ir import IR_VERSION
from mmdnn.ir.builder import NeedsStatic
from mmdnn.ir.passes.canonical import canonical
from mmdnn.ir.passes.windows import same

MODES = ("SAME_UPPER", "SAME_LOWER", "VALID")
POOLS = ("AveragePool", "LpPool", "MaxPool")
Sizes = tuple[int | str, ...]


def model(op: str, sizes: Sizes, kernel: list[int], **attributes: Any) -> ir.Model:
    x = ir.val("x", ir.DataType.FLOAT, ["N", 2, *sizes])
    y = ir.val("y", ir.DataType.FLOAT)
    inputs, weights = [x], []
    if op in POOLS:
        attributes["kernel_shape"] = kernel
    else:
        shape = (2, 3, *kernel) if op == "ConvTranspose" else (3, 2, *kernel)
        data = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
        weights.append(ir.val("w", const_value=ir.tensor(data, name="w")))
        weights[0].type, weights[0].shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(shape)
    node = ir.node(op, [*inputs, *weights], attributes, outputs=[y])
    graph = ir.Graph(
        inputs, [y], nodes=[node], initializers=weights, opset_imports={"": 22}, name="windows"
    )
    return ir.Model(graph, ir_version=IR_VERSION)


def run(model: ir.Model, sizes: tuple[int, ...]) -> np.ndarray:
    x = np.random.default_rng(2).standard_normal((1, 2, *sizes)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    (y,) = session.run(None, {"x": x})
    return np.asarray(y)


def explicit(model: ir.Model) -> dict[str, Any]:
    """The attributes in canonical form, where all shorthands are gone."""
    (node,) = canonical(model).graph
    found = {name: attribute.value for name, attribute in node.attributes.items()}
    assert found["auto_pad"] == "NOTSET"
    assert "output_shape" not in found
    return found


def holds(raw: ir.Model, *sizes: int) -> None:
    made = canonical(raw)
    explicit(raw)
    y = run(raw, sizes)
    np.testing.assert_allclose(run(made, sizes), y, rtol=1e-5, atol=1e-5)
    shape = made.graph.outputs[0].shape
    assert shape is not None
    if made.graph.inputs[0].shape[2:] == sizes:  # type: ignore[index]
        assert shape[1:] == y.shape[1:]


def overtakes(mode: str, kernel: int, stride: int, dilation: int) -> bool:
    """Where onnxruntime is known to be wrong: it cuts the input, or forgets a dilation."""
    return mode != "VALID" and (stride > kernel or dilation > 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("op", ["Conv", *POOLS])
def test_direct(op: str, mode: str) -> None:
    more: dict[str, Any] = {} if op == "Conv" else {"ceil_mode": 1}
    if op == "AveragePool":
        more["count_include_pad"] = 1
    for size, k, s, d in product((5, 8, 9), (1, 2, 3, 4), (1, 2, 3), (1, 2)):
        if (k - 1) * d < size and not overtakes(mode, k, s, d):
            attributes = {"auto_pad": mode, "strides": [s], "dilations": [d]}
            holds(model(op, (size,), [k], **attributes), size)
            holds(model(op, (size,), [k], **attributes, **more), size)


@pytest.mark.parametrize("mode", MODES)
def test_transposed(mode: str) -> None:
    for size, k, s, d, more in product((4, 5), (1, 2, 3, 4), (1, 2, 3), (1, 2), (0, 1)):
        if more < s:
            attributes = {"strides": [s], "dilations": [d], "output_padding": [more]}
            holds(model("ConvTranspose", (size,), [k], auto_pad=mode, **attributes), size)


@pytest.mark.parametrize("mode", ["NOTSET", *MODES])
def test_output_shape(mode: str) -> None:
    for k, s, more, wanted in product((2, 3, 4), (1, 2, 3), (0, 1), range(5, 13)):
        full = 3 * s + k + more
        if more < s and (wanted <= full or more + wanted - full < s):
            attributes = {"strides": [s], "output_padding": [more], "output_shape": [wanted]}
            holds(model("ConvTranspose", (4,), [k], auto_pad=mode, **attributes), 4)


@pytest.mark.parametrize(
    ("op", "size", "attributes", "pads"),
    [
        ("Conv", 4, {"kernel": [1], "strides": [5]}, [0, 0]),  # onnxruntime begins within
        ("AveragePool", 4, {"kernel": [1], "strides": [5]}, [0, 0]),
        ("MaxPool", 4, {"kernel": [2], "dilations": [2]}, [1, 1]),  # onnxruntime makes 3
        ("LpPool", 5, {"kernel": [2], "dilations": [3], "strides": [2]}, [1, 2]),
        ("Conv", 5, {"kernel": [3], "dilations": [2]}, [2, 2]),  # onnxruntime has no such
    ],
)
def test_by_the_text_of_the_standard(
    op: str, size: int, attributes: dict[str, Any], pads: list[int]
) -> None:
    kernel = attributes.pop("kernel")
    raw = model(op, (size,), kernel, auto_pad="SAME_UPPER", **attributes)
    assert list(explicit(raw)["pads"]) == pads
    shape = canonical(raw).graph.outputs[0].shape
    assert shape is not None
    assert shape[2] == -(-size // attributes.get("strides", [1])[0])


@pytest.mark.parametrize("op", ["Conv", *POOLS, "ConvTranspose"])
@pytest.mark.parametrize("mode", MODES)
def test_padding_that_no_size_changes_is_known_of_open_sizes(op: str, mode: str) -> None:
    raw = model(op, ("H", "W"), [3, 2], auto_pad=mode, strides=[1, 1])
    holds(raw, 5, 6)
    holds(raw, 8, 4)


@pytest.mark.parametrize("op", POOLS)
@pytest.mark.parametrize("pads", [[0, 0], [0, 1], [1, 0]])
def test_an_image_smaller_than_the_kernel_has_a_window(op: str, pads: list[int]) -> None:
    for size, stride in ((1, 2), (2, 2), (2, 3), (1, 3)):
        if 0 < 3 - size - sum(pads) < stride:
            raw = model(op, (size,), [3], pads=pads, strides=[stride])
            holds(raw, size)
            assert sum(explicit(raw)["pads"]) == 3 - size


def test_padding_that_depends_on_an_open_size_stays_a_word() -> None:
    raw = model("Conv", ("H", 8), [3, 3], auto_pad="SAME_UPPER", strides=[2, 2])
    (node,) = canonical(raw).graph
    assert node.attributes.get_string("auto_pad") == "SAME_UPPER"
    assert "pads" not in node.attributes
    assert list(node.attributes["kernel_shape"].as_ints()) == [3, 3]


def test_a_size_that_is_asked_for_stays_a_word_where_the_input_is_open() -> None:
    raw = model("ConvTranspose", ("L",), [3], strides=[2], output_shape=[9])
    (node,) = canonical(raw).graph
    assert list(node.attributes["output_shape"].as_ints()) == [9]


def test_what_the_file_leaves_out_is_filled_in() -> None:
    found = explicit(model("Conv", (6, 6), [3, 2]))
    filled = {name: list(found[name]) for name in ("kernel_shape", "strides", "dilations", "pads")}
    assert filled == {
        "kernel_shape": [3, 2], "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0]
    }  # fmt: skip


def test_rows_and_columns_are_padded_each_for_itself() -> None:
    found = explicit(model("MaxPool", (7, 8), [3, 2], auto_pad="SAME_LOWER", strides=[2, 1]))
    assert list(found["pads"]) == [1, 1, 1, 0]


def test_a_declared_size_that_forgets_the_output_padding_is_corrected() -> None:
    raw = model(
        "ConvTranspose", (4, 4), [3, 3], auto_pad="SAME_UPPER", strides=[2, 2],
        output_padding=[1, 1],
    )  # fmt: skip
    raw.graph.outputs[0].shape = ir.Shape(["N", 3, 9, 9])
    shape = canonical(raw).graph.outputs[0].shape
    assert shape is not None
    assert shape.numpy()[1:] == (3, 8, 8) if shape.is_static() else shape[1:] == (3, 8, 8)


@pytest.mark.parametrize(("span", "stride"), [(2, 3), (1, 2), (3, 2)])
def test_same_of_an_open_size_is_said_where_engines_agree(span: int, stride: int) -> None:
    """Where windows leave gaps, onnxruntime's poolings pad less than none: the size must be known."""
    x = ir.val("x", ir.DataType.FLOAT, ["N", 2, "h", 9])
    if span == 1:
        assert same(x, [1, 1], [stride, stride]) == {}
    elif span < stride:
        with pytest.raises(NeedsStatic) as needed:
            same(x, [span, span], [stride, stride])
        assert needed.value.symbols == {"h"}
    else:
        assert same(x, [span, span], [stride, stride]) == {"auto_pad": "SAME_UPPER"}


def test_same_of_known_sizes_is_pads_the_odd_one_behind() -> None:
    x = ir.val("x", ir.DataType.FLOAT, ["N", 2, 8, 9])
    assert same(x, [3, 2], [2, 3]) == {"pads": [0, 0, 1, 0]}
