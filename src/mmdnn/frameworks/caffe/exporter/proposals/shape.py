"""Layers that move, pick or reduce elements, and losses."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.lifting import Proposal, proposals
from mmdnn.ir import LIKE
from mmdnn.ir.builder import dimensions
from mmdnn.ir.lifting.equivalents import part
from mmdnn.ir.lifting.groups import Group, rank, sizes, small, stored


@proposals(
    *("Split", "Concat", "SoftmaxWithLoss", "EuclideanLoss", "HingeLoss"),
    *("SigmoidCrossEntropyLoss", "MultinomialLogisticLoss"),
)
def plain(_group: Group, _proposal: Proposal) -> None:
    """As the layer is without any parameters."""


@proposals("ContrastiveLoss")
def contrastive_loss(group: Group, proposal: Proposal) -> None:
    margins = [small(node.inputs[0]) for node in group.all("Sub")]
    (margin,) = (float(array) for array in margins if array is not None)
    pairs = [node for node in group.all("Sub") if small(node.inputs[0]) is None]
    pair = [value for value in pairs[0].inputs if value is not None]
    proposal.bottoms = [*pair, *(value for value in group.bottoms if value not in pair)]
    proposal.fill(margin=margin, legacy_version=not group.all("Sqrt"))


@proposals("Accuracy")
def accuracy(group: Group, proposal: Proposal) -> None:
    count = group.number("LessOrEqual", default=1.0)
    proposal.fill(top_k=int(count))


@proposals("Parameter")
def parameter(group: Group, proposal: Proposal) -> None:
    (weight,) = group.weights
    proposal.blobs = [(weight, stored(weight))]
    proposal.fill(shape={"dim": list(stored(weight))})


@proposals("DummyData")
def dummy_data(group: Group, proposal: Proposal) -> None:
    values = [
        float(node.attributes["value"].as_tensor().numpy().reshape(-1)[0])
        for node in group.all("ConstantOfShape")
    ]
    proposal.fill(
        shape=[{"dim": list(sizes(top))} for top in group.tops],
        data_filler=[{"type": "constant", "value": value} for value in values],
    )


@proposals("Reduction")
def reduction(group: Group, proposal: Proposal) -> None:
    kinds = {
        "ReduceSum": "SUM",
        "ReduceL1": "ASUM",
        "ReduceSumSquare": "SUMSQ",
        "ReduceMean": "MEAN",
    }
    node = group.first(*kinds)
    operation = kinds[node.op_type]
    if node.op_type == "ReduceSum" and group.all("Abs", "Mul") and _reads_own(group, node):
        operation = "ASUM" if group.all("Abs") else "SUMSQ"
    axes = small(node.inputs[1]) if len(node.inputs) > 1 else None
    proposal.fill(
        operation=operation,
        axis=0 if axes is None else int(axes.reshape(-1)[0]),
        coeff=group.number("Mul", default=1.0),
    )


def _reads_own(group: Group, node: ir.Node) -> bool:
    """Whether a node reads what another one of the layer makes."""
    return node.inputs[0] is not None and node.inputs[0].producer() in group.nodes


@proposals("Slice")
def slice_(group: Group, proposal: Proposal) -> None:
    """Parts in a row, the whole of an axis together."""
    cuts = [each[1] for each in map(part, group.tops) if each is not None]
    (axis,) = cuts[0]
    ends = [cut[axis][1] for cut in cuts]
    lengths = [end - begin for begin, end in zip([cuts[0][axis][0], *ends], ends, strict=False)]
    points = ends[:-1] if len(set(lengths)) > 1 else []
    proposal.fill(axis=axis, slice_point=points)


@proposals("ArgMax")
def argmax(group: Group, proposal: Proposal) -> None:
    before, after = sizes(group.bottoms[0]), sizes(group.tops[0])
    flat = bool(group.all("Flatten", "Reshape")) or len(after) != len(before)
    searches = group.all("TopK")
    best = searches[-1] if searches else None
    values = bool(group.all("ReduceMax")) or (best is not None and bool(best.outputs[0].uses()))
    if best is not None and best.outputs[0] in group.tops:
        values = True
    count = 1 if best is None else small(best.inputs[1])
    proposal.fill(
        top_k=int(np.reshape(count, -1)[0]),  # type: ignore[arg-type]
        out_max_val=values,
        axis=None if flat else _reduced_axis(group),
    )


def _reduced_axis(group: Group) -> int:
    node = group.first("ArgMax", "ReduceMax", "TopK")
    if "axis" in node.attributes:
        return node.attributes["axis"].as_int()
    return int(small(node.inputs[1]).reshape(-1)[0])  # type: ignore[union-attr]


@proposals("Flatten")
def flatten(group: Group, proposal: Proposal) -> None:
    before, after = dimensions(group.bottoms[0]), dimensions(group.tops[0])
    start = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 1)
    tail = len(after) - start - 1
    proposal.fill(axis=start, end_axis=-1 - tail)


@proposals("Crop")
def crop(group: Group, proposal: Proposal) -> None:
    """The second bottom, which is only looked at, is named in the node's metadata."""
    node = group.first("Slice")
    like = group.value(node.metadata_props[LIKE])
    starts, axes = small(node.inputs[1]), small(node.inputs[3])
    (x,) = group.bottoms
    assert starts is not None
    assert axes is not None
    offsets = dict(zip(axes.tolist(), starts.tolist(), strict=True))
    first = min(offsets)
    proposal.bottoms = [x, like]
    proposal.fill(axis=first, offset=[offsets.get(axis, 0) for axis in range(first, rank(x))])


@proposals("BatchReindex")
def batch_reindex(group: Group, proposal: Proposal) -> None:
    x = group.first("Gather").inputs[0]
    index = group.first("Cast").inputs[0]
    proposal.bottoms = [value for value in (x, index) if value is not None]


@proposals("Filter")
def filter_(group: Group, proposal: Proposal) -> None:
    items = [node.inputs[0] for node in group.all("Compress")]
    (selector,) = (value for value in group.bottoms if value not in items)
    proposal.bottoms = [*(value for value in items if value is not None), selector]
