"""Operators that choose elements: rows of a table by an Embed, others by a cut or a mask."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.arithmetic import repeated
from mmdnn.frameworks.caffe.exporter.arranging import picked
from mmdnn.frameworks.caffe.exporter.comparison import at_least, may_be_infinite
from mmdnn.frameworks.caffe.exporter.drafts import Blob, Constant
from mmdnn.frameworks.caffe.exporter.products import mixed
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, Exporting, Operand, Writing, exporter


@exporter("Gather", doc=f"{TUTORIAL}/embed.html")
def gather(node: Exporting, caffe: Writing, data: Operand, index: Operand) -> Blob:
    """Rows of a table are an Embed; a constant index cuts; a batch is put in another order."""
    rank = len(data.shape)
    axis = node.axis("axis", 0, rank)
    if isinstance(data, Constant) and isinstance(index, Blob):
        if axis or rank != 2:
            node.refuse(f"it gathers along axis {axis} of a table of {rank} axes")
        return _embed(caffe, data, index)
    if isinstance(data, Blob) and isinstance(index, Constant):
        places = [int(i) % data.shape[axis] for i in index.array().reshape(-1)]
        if not places:
            node.refuse("it takes nothing")
        cut = picked(node, caffe, data, axis, places, "" if len(index.shape) == 1 else "rows")
        return cut if len(index.shape) == 1 else caffe.reshape(cut, node.shape())
    if isinstance(data, Blob) and isinstance(index, Blob) and axis == 0 and len(index.shape) == 1:
        return caffe.layer("BatchReindex", data, index, shape=node.shape())
    node.refuse("what it gathers, and from where, are both computed while the model runs")
    return None


def _embed(caffe: Writing, table: Constant, index: Blob) -> Blob:
    count, size = table.shape
    return caffe.layer(
        "Embed",
        index,
        blobs=[table.shaped(table.shape)],
        shape=(*index.shape, size),
        embed_param={"num_output": size, "input_dim": count, "bias_term": False},
    )


@exporter("GatherElements", doc=f"{TUTORIAL}/threshold.html")
def gather_elements(node: Exporting, caffe: Writing, x: Operand, index: Operand) -> Blob:
    """One element along an axis: where the index less the place is 0 or a fraction, all else times 0."""
    axis, value = node.axis("axis", 0, len(x.shape)), node.node.inputs[0]
    if not isinstance(x, Blob) or not isinstance(index, Blob) or index.shape[axis] != 1:
        node.refuse("it takes several elements, or its places are constant")
    if not is_positive(node.node.inputs[1]):
        node.refuse("its places may count from the end")
    if value is None or may_be_infinite(value):
        node.refuse(
            "it chooses from what may be infinite, and nothing of Caffe's chooses between such"
        )
    size = x.shape[axis]
    steps = ir.tensor(-np.arange(size, dtype=np.float32))
    wide = repeated(node, caffe, index, x.shape, "index")
    gap = caffe.layer("Bias", wide, blobs=[steps], suffix="gap", bias_param={"axis": axis})
    both = at_least(caffe, gap, 0.0, "from"), at_least(caffe, gap, 1.0, "to")
    mask = caffe.sum(*both, coeff=[1.0, -1.0], suffix="mask")
    chosen = caffe.product(x, mask, suffix="chosen")
    ones = ir.tensor(np.ones((1, size), np.float32))
    return mixed(caffe, chosen, axis, axis + 1, ones, to=node.shape())


def is_positive(value: ir.Value | None) -> bool:
    """Whether an index is known not to be negative: held above 0, or found by a search."""
    while value is not None:
        node = value.producer()
        if node is None:
            return False
        if node.op_type in {"ArgMax", "ArgMin"}:
            return True
        if node.op_type == "Clip":
            low = node.inputs[1] if len(node.inputs) > 1 else None
            found = low.const_value if low is not None else None
            return found is not None and bool((found.numpy() >= 0).all())
        if node.op_type not in {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}:
            return False
        value = node.inputs[0]
    return False
