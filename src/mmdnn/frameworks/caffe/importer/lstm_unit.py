"""One step of an LSTM, used by hand (src/caffe/layers/lstm_unit_layer.cpp)."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.caffe.importer.shapes import agree, known
from mmdnn.frameworks.caffe.importer.table import Importing, importer
from mmdnn.ir.builder import dimensions

DOC = "https://github.com/BVLC/caffe/blob/master/include/caffe/layers/lstm_layer.hpp"


@importer("LSTMUnit", doc=DOC)
def lstm_unit(
    layer: Importing, op: Any, cell: ir.Value, gates: ir.Value, cont: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """Cell and hidden state (1 x N x H) from those before and the gates i, f, o, g (1 x N x 4H)."""
    ranks = [len(dimensions(x)) for x in (cell, gates, cont)]
    if ranks != [3, 3, 2] or any(known(x, 0) != 1 for x in (cell, gates, cont)):
        layer.unfit("it takes bottoms of 1 x N x H, 1 x N x 4H and 1 x N")
    agree(cell, gates, [(1, 1)])
    agree(cell, cont, [(1, 1)])
    size = known(cell, 2)
    i, f, o, g = op.Split(gates, [size] * 4, axis=2, outputs=4)
    forget = op.Mul(op.Sigmoid(f), op.Unsqueeze(cont, [2]))
    kept, new = op.Mul(forget, cell), op.Mul(op.Sigmoid(i), op.Tanh(g))
    state = op.Add(kept, new)
    return state, op.Mul(op.Sigmoid(o), op.Tanh(state))
