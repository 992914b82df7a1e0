"""The equations that the other tests go by are onnxruntime's."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from helpers.recurrent.cases import CASES

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].layout])
def test_equations(name):
    case = CASES[name]
    model, feeds = case.model()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    wanted = case.wanted()
    for value, array in zip(session.get_outputs(), session.run(None, feeds), strict=True):
        np.testing.assert_allclose(wanted[value.name], array, rtol=1e-4, atol=1e-5, strict=True)
