"""onnxruntime's own operators against their formulas, and against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.onnx.importer import to_ir

ACTIVATIONS = {
    "": ((), lambda v: v),
    "Relu": ((), lambda v: np.maximum(v, 0)),
    "Tanh": ((), np.tanh),
    "Sigmoid": ((), lambda v: 1 / (1 + np.exp(-v))),
    "LeakyRelu": ((0.1,), lambda v: np.where(v < 0, 0.1 * v, v)),
    "HardSigmoid": ((0.3, 0.4), lambda v: np.clip(0.3 * v + 0.4, 0, 1)),
    "Clip": ((-0.5, 0.75), lambda v: np.clip(v, -0.5, 0.75)),
}


def _model(activation, params, *, z=False, opset=17, name="FusedConv"):
    inputs = "float[1,3,4,5] x, float[2,3,1,1] w, float[2] b" + ", float[1,2,4,5] z" * z
    said = f'activation = "{activation}"' if activation else 'auto_pad = "NOTSET"'
    said += f", activation_params = {list(params)}" if params else ""
    text = f"""<ir_version: 8, opset_import: ["": {opset}, "com.microsoft": 1]>
        g ({inputs}) => (float[1,2,4,5] y) {{ y = com.microsoft.{name} <{said}>
        (x, w, b{", z" * z}) }}"""
    return onnx.parser.parse_model(text)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("opset", [8, 17])
def test_fused_conv(activation, opset):
    """y = f(W x + b), f with its parameters; here the kernel is 1 x 1."""
    params, function = ACTIVATIONS[activation]
    rng = np.random.default_rng(0)
    feeds = {"x": rng.normal(size=(1, 3, 4, 5)), "w": rng.normal(size=(2, 3, 1, 1))}
    feeds = {k: v.astype("f") for k, v in (feeds | {"b": rng.normal(size=2)}).items()}
    wanted = np.einsum("nchw,oc->nohw", feeds["x"], feeds["w"][:, :, 0, 0])
    wanted = function(wanted + feeds["b"].reshape(2, 1, 1))
    proto = _model(activation, params, opset=opset)
    model = to_ir(ir.serde.deserialize_model(proto))
    assert {node.domain for node in model.graph} == {""}
    for each in (proto, ir.serde.serialize_model(model)):
        y = ort.InferenceSession(each.SerializeToString()).run(["y"], feeds)[0]
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-6)


def test_what_is_added_is_added_before_the_activation():
    """y = max(W x + b + z, 0)."""
    rng = np.random.default_rng(0)
    shapes = {"x": (1, 3, 4, 5), "w": (2, 3, 1, 1), "b": (2,), "z": (1, 2, 4, 5)}
    feeds = {name: rng.normal(size=shape).astype("f") for name, shape in shapes.items()}
    model = to_ir(ir.serde.deserialize_model(_model("Relu", (), z=True)))
    wanted = np.einsum("nchw,oc->nohw", feeds["x"], feeds["w"][:, :, 0, 0])
    wanted = np.maximum(wanted + feeds["b"].reshape(2, 1, 1) + feeds["z"], 0)
    session = ort.InferenceSession(ir.serde.serialize_model(model).SerializeToString())
    np.testing.assert_allclose(session.run(["y"], feeds)[0], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "params"), [("Elu", ()), ("Clip", (1.0,)), ("Relu", (2.0,))]
)
def test_other_activations_are_refused(activation, params):
    with pytest.raises(UnsupportedError, match="its activation is"):
        to_ir(ir.serde.deserialize_model(_model(activation, params)))
