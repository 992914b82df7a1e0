"""From the IR to an MXNet model, node by node."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.mxnet.exporter.scope import Scope
from mmdnn.frameworks.mxnet.exporter.table import exporter
from mmdnn.frameworks.mxnet.graph import Model
from mmdnn.ir.origin import adopt


def from_ir(model: ir.Model) -> Model:
    """An MXNet model that computes what the IR model computes.

    Args:
        model: Any IR model; it is not changed.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = model.clone()
    adopt(model, "mxnet")
    model = exporter.canonical(model)
    exporter.check(model)
    return Scope(model).run()
