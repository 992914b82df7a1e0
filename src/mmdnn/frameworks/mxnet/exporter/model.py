"""From the IR to an MXNet model, node by node."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.mxnet.exporter.scope import Scope
from mmdnn.frameworks.mxnet.exporter.table import exporter, is_unfit
from mmdnn.frameworks.mxnet.exporter.traversal import operator, plain
from mmdnn.frameworks.mxnet.graph import Model
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.origin import adopt
from mmdnn.ir.passes.canonical import canonical


def from_ir(model: ir.Model) -> Model:
    """An MXNet model that computes what the IR model computes.

    Args:
        model: Any IR model; it is not changed.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
    """
    model = model.clone()
    adopt(model, "mxnet")
    model = canonical(model, keep=Known(), unfit=is_unfit)
    refused = [
        (
            node.metadata_props.get(TYPE) or node.op_type,
            node.metadata_props.get(LAYER) or node.name or "?",
        )
        for node in ir.traversal.RecursiveGraphIterator(model.graph)
        if operator(node) not in exporter
    ]
    if refused:
        raise UnsupportedError.listing(refused, action="written as MXNet")
    return Scope(model).run()


class Known:
    """The operators of the table, and the variants of its local functions."""

    def __contains__(self, name: object) -> bool:
        return plain(str(name)) in exporter
