"""The text format, held to what Caffe's own parser takes and refuses."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdnn.errors import FormatError
from mmdnn.frameworks.caffe.reader import prototxt
from mmdnn.frameworks.caffe.reader.prototxt import Parsed, parse


def layer(fields: str) -> Parsed:
    return parse(f"layer {{ {fields} }}")


def message(fields: str):
    return layer(fields).net.layer[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("0x1F", 31), ("017", 15), ("0", 0), ("4294967295", 2**32 - 1), ("0X0a", 10)],
)
def test_unsigned_integers(text, value):
    assert (
        message(f"inner_product_param {{ num_output: {text} }}").inner_product_param.num_output
        == value
    )


@pytest.mark.parametrize("text", ["-1", "4294967296", "1.0", "1e3", "08", "x", '"1"', "9" * 5000])
def test_what_is_no_unsigned_integer(text):
    with pytest.raises(FormatError, match="line 1, column"):
        layer(f"inner_product_param {{ num_output: {text} }}")


def test_negative_integers_may_stand_off_their_sign():
    assert message("softmax_param { axis: - 1 }").softmax_param.axis == -1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 1e-3),
        ("1.5f", 1.5),
        ("0x10", 16.0),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("1e999", math.inf),
    ],
)
def test_floats(text, value):
    slope = message(f"relu_param {{ negative_slope: {text} }}").relu_param.negative_slope
    assert slope == pytest.approx(value)


def test_not_a_number():
    assert math.isnan(message("relu_param { negative_slope: nan }").relu_param.negative_slope)


@pytest.mark.parametrize("text", ["true", "True", "t", "1", "01", "0x1"])
def test_true(text):
    assert message(f"concat_param {{}} scale_param {{ bias_term: {text} }}").scale_param.bias_term


@pytest.mark.parametrize("text", ["false", "False", "f", "0"])
def test_false(text):
    scale = message(f"scale_param {{ bias_term: {text} }}").scale_param
    assert scale.HasField("bias_term")
    assert not scale.bias_term


@pytest.mark.parametrize("text", ["TRUE", "2", "-1", "yes", '"true"'])
def test_what_is_no_bool(text):
    with pytest.raises(FormatError):
        layer(f"scale_param {{ bias_term: {text} }}")


def test_enums_by_name_and_number():
    assert message("pooling_param { pool: AVE }").pooling_param.pool == 1
    assert message("pooling_param { pool: 1 }").pooling_param.pool == 1
    with pytest.raises(FormatError, match="9 is no value of 'pool'"):
        layer("pooling_param { pool: 9 }")


def test_strings_are_concatenated_and_escaped():
    text = r"""name: "re" 'lu' "\x41\101\u00e9\n\"" """
    assert message(text).name == 'reluAAé\n"'
    assert message('name: "层 1"').name == "层 1"


@pytest.mark.parametrize("text", ['"a', '"a\nb"', r'"\q"', r'"\U00110000"', "a"])
def test_what_is_no_string(text):
    with pytest.raises(FormatError):
        layer(f"name: {text}\n")


def test_bytes_that_are_no_unicode_stay_apart():
    assert message(r'name: "\xff"').name != message(r'name: "\xfe"').name
    assert parse("name: '\udcff'").net.name == "\\xff"


def test_separators_brackets_lists_and_comments():
    parsed = parse(
        "# a comment\r\nlayer: < name: 'a'; top: ['x', 'y'], bottom: [] >\r\n"
        "layer [{ name: 'b' }, { name: 'c' }] # the end"
    )
    assert [one.name for one in parsed.net.layer] == ["a", "b", "c"]
    assert list(parsed.net.layer[0].top) == ["x", "y"]
    assert len(parsed.layer) == 3


@pytest.mark.parametrize(
    "text",
    [
        "layer { name: 'a' name: 'b' }",
        "layer { relu_param {} relu_param {} }",
        "layer { name 'a' }",
        "layer { name: ['a'] }",
        "layer { kernel_size:3stride:1 }",
        "layer { top: ['a' 'b', ] }",
        "layer { ",
        "layer }",
        "layer >",
        "layer { > ",
        "layer { name: 'a' } @",
        "layer { [x.y]: 1 }",
        "layer { include { phase: TEST foo: 1 } }",
        "foo: 1",
        "state { foo: 1 }",
        "input_dim: [1, 2",
        "layer { a" * 3,
    ],
)
def test_refused_with_a_place(text):
    with pytest.raises(FormatError, match=r"line \d+, column \d+: "):
        parse(text)


def test_the_place_is_the_right_one():
    with pytest.raises(
        FormatError, match=r"^net\.prototxt: line 3, column 5: 'name' is given twice"
    ):
        parse("layer {\n  name: 'é'\n    name: 'b'\n}", "net.prototxt")


def test_a_required_field():
    with pytest.raises(FormatError, match="ClipParameter lacks its required field max"):
        layer("clip_param { min: 0 }")


def test_a_solver_is_told_apart():
    with pytest.raises(FormatError, match="solver"):
        parse('net: "train_val.prototxt"\nbase_lr: 0.01')


def test_blocks_of_forks_are_kept():
    parsed = layer(
        """type: "Interp"
        interp_param { height: 33 width: -1 scale: 1.5 mode: BILINEAR align: true
                       size: [1, 2] size: 3 inner { x: "y" } inner < x: 'z' > }
        engine: FAST
        convolution_param { num_output: 4 foo: 1 }
        eltwise_param { operation: DIV }
        param { lr_mult: 0 bar: 2 }"""
    )
    assert parsed.layer == [
        {
            "interp_param": {
                "height": 33,
                "width": -1,
                "scale": 1.5,
                "mode": "BILINEAR",
                "align": True,
                "size": [1, 2, 3],
                "inner": [{"x": "y"}, {"x": "z"}],
            },
            "engine": "FAST",
            "convolution_param": {"foo": 1},
            "eltwise_param": {"operation": "DIV"},
            "param": {"bar": 2},
        }
    ]
    assert parsed.net.layer[0].convolution_param.num_output == 4
    assert not parsed.net.layer[0].eltwise_param.HasField("operation")


@pytest.mark.parametrize("block", ["a ", "relu_param "])
def test_depth_is_bounded(block):
    with pytest.raises(FormatError, match="nested too deeply"):
        layer("x { " * 5000 + block)


def test_the_number_of_blocks_is_bounded(monkeypatch):
    monkeypatch.setattr(prototxt, "MAX_BLOCKS", 10)
    parse("layer{}" * 10)
    with pytest.raises(FormatError, match="too many blocks"):
        parse("layer{}" * 11)


_WORDS = ["layer", "name", "top", "type", "include", "phase", "TEST", "foo", "inf"]
_PARAMETERS = ["relu_param", "negative_slope", '"a"', "1", ".5", "0x"]
_PIECES = st.sampled_from([*_WORDS, *_PARAMETERS, *"{}<>:'[],-#\n"])


@given(st.lists(_PIECES, max_size=40).map(" ".join) | st.text(max_size=60))
def test_any_text_parses_or_is_refused(text):
    with suppress(FormatError):
        parse(text)
