"""Operators of onnxruntime's own, as its optimizer leaves them in models, in ONNX's.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.onnx.importer.rewriting import Rewriter, name_of
from mmdnn.ir import LAYER, OPSET, TYPE

DOMAIN = "com.microsoft"

ACTIVATIONS = {
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}
"""What `activation_params` of a FusedConv are, by its `activation`."""


def spell_out(
    root: ir.Graph | ir.Function, taken: set[str], functions: Container[ir.OperatorIdentifier]
) -> None:
    """Replace nodes, in place, by what they do; those that the model defines itself stay.

    Args:
        root: A graph at the IR's opset, or a later one.
        taken: Names of the whole model.
        functions: The model's own.

    Raises:
        UnsupportedError: A node's attributes have no meaning.
    """
    for node in list(root.all_nodes()):
        own = node.op_identifier() in functions
        if node.domain == DOMAIN and node.op_type == "FusedConv" and not own:
            node.metadata_props.setdefault(LAYER, name_of(node))
            node.metadata_props.setdefault(TYPE, node.op_type)
            inner = isinstance(root, ir.Function) and node.graph is root.graph
            _fused_conv(Rewriter(node, taken, inner))
            root.opset_imports.setdefault("", OPSET)
    if not any(node.domain == DOMAIN for node in root.all_nodes()):
        root.opset_imports.pop(DOMAIN, None)


def _fused_conv(node: Rewriter) -> None:
    """The activation of a convolution, to which another value may be added."""
    activation = node.pop("activation", "")
    params = [float(value) for value in node.pop("activation_params", ())]
    names = ACTIVATIONS.get(activation, ())
    if (activation and activation not in ACTIVATIONS) or len(params) != len(names):
        raise node.refused(f"its activation is '{activation}' of the numbers {params}")
    x, w, b, z = (*node.inputs, None, None)[:4]
    y = node.op("Conv", x, w, *[b] * (b is not None), **node.node.attributes)
    y = y if z is None else node.op("Add", y, z)
    if activation == "Clip":
        kind = (node.x.dtype or ir.DataType.FLOAT).numpy()
        limits = zip(params, names, strict=True)
        y = node.op("Clip", y, *(node.constant(np.array(v, kind), name) for v, name in limits))
    elif activation:
        y = node.op(activation, y, **dict(zip(names, params, strict=True)))
    node.replace(y)
