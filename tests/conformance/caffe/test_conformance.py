"""Caffe's layers that hold a network together, and those that other layers are made of, by Caffe's formulas.

All others are in `tests/frameworks/caffe/test_importer_*`, by formulas too: there is no Caffe to ask.
"""

from __future__ import annotations

import numpy as np
import pytest

from helpers.caffe.one_layer import blobs, normal, run

X = normal(2, 4, 5, 6)
BESIDE = 'layer { name: "r" type: "ReLU" bottom: "x" top: "r" }\n'


@pytest.mark.parametrize("type_", ["DepthwiseConvolution", "ConvolutionDepthwise"])
def test_depthwise(type_: str) -> None:
    text = (
        'layer {{ name: "l" type: "{}" bottom: "x" top: "y" convolution_param '
        "{{ num_output: 4 kernel_size: 3 pad: 1 stride: 2 {} }} {} }}"
    )
    weights = blobs(normal(4, 1, 3, 3), normal(4))
    found = run(text.format(type_, "", weights), {"x": X})
    wanted = run(text.format("Convolution", "group: 4", weights), {"x": X})
    np.testing.assert_allclose(found["y"], wanted["y"], 1e-5)


def test_given_numbers() -> None:
    parameter = normal(5, 6)
    text = (
        'layer { name: "d" type: "DummyData" top: "d" dummy_data_param '
        '{ shape { dim: 2 dim: 4 dim: 5 dim: 6 } data_filler { type: "constant" value: 1.5 } } }\n'
        'layer { name: "p" type: "Parameter" top: "p" parameter_param '
        f"{{ shape {{ dim: 5 dim: 6 }} }} {blobs(parameter)} }}\n"
        'layer { name: "s" type: "Eltwise" bottom: "x" bottom: "d" top: "s" }\n'
        'layer { name: "b" type: "Bias" bottom: "s" bottom: "p" top: "y" bias_param { axis: 2 } }'
    )
    np.testing.assert_allclose(run(text, {"x": X})["y"], X + 1.5 + parameter, 1e-5)


@pytest.mark.parametrize(
    "sink",
    [
        'type: "Silence" bottom: "x"',
        'type: "HDF5Output" bottom: "x" bottom: "r" hdf5_output_param { file_name: "net.h5" }',
    ],
)
def test_what_gives_nothing(sink: str) -> None:
    text = f'{BESIDE}layer {{ name: "y" type: "Split" bottom: "r" top: "y" top: "z" }}\n'
    found = run(f'{text}layer {{ name: "l" {sink} }}', {"x": X})
    assert found.keys() == {"y", "z"}
    for array in found.values():
        np.testing.assert_array_equal(array, np.maximum(X, 0))


def test_a_step_of_a_recurrent_layer() -> None:
    """lstm_unit_layer.cpp: i, f, o and g; `cont` 0 forgets what was before."""
    before, gates = normal(1, 3, 2), normal(1, 3, 8, seed=1)
    going_on = np.float32([[1, 0, 1]])
    text = (
        'layer { name: "l" type: "LSTMUnit" bottom: "before" bottom: "gates" bottom: "cont" '
        'top: "c" top: "h" }'
    )
    found = run(text, {"before": before, "gates": gates, "cont": going_on})
    i, f, o = (1 / (1 + np.exp(-part)) for part in np.split(gates, 4, axis=2)[:3])
    cell = going_on[..., None] * f * before + i * np.tanh(gates[..., 6:])
    np.testing.assert_allclose(found["c"], cell, 1e-5, 1e-6)
    np.testing.assert_allclose(found["h"], o * np.tanh(cell), 1e-5, 1e-6)
