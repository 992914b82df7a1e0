"""What a group of nodes may have been in Caffe: each a guess that `lifting` holds against the importer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.drafts import fill
from mmdnn.frameworks.caffe.exporter.lifting import Group, Proposal, proposals, small
from mmdnn.frameworks.caffe.importer.shape import LIKE
from mmdnn.ir.builder import dimensions

SUM, PROD, MAX = "SUM", "PROD", "MAX"


def _shape(value: ir.Value) -> tuple[int, ...]:
    """The sizes, an open one as 0."""
    return tuple(dim if isinstance(dim, int) else 0 for dim in dimensions(value))


def _stored(value: ir.Value) -> tuple[int, ...]:
    assert value.const_value is not None
    return tuple(int(dim) for dim in value.const_value.shape.numpy())


def _rank(value: ir.Value) -> int:
    return len(dimensions(value))


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
    param = {"margin": margin, "legacy_version": not group.all("Sqrt")}
    fill(proposal.message, {"contrastive_loss_param": param})


@proposals("Accuracy")
def accuracy(group: Group, proposal: Proposal) -> None:
    count = group.number("LessOrEqual", default=1.0)
    fill(proposal.message, {"accuracy_param": {"top_k": int(count)}})


@proposals("Parameter")
def parameter(group: Group, proposal: Proposal) -> None:
    (weight,) = group.weights
    proposal.blobs = [(weight, _stored(weight))]
    fill(proposal.message, {"parameter_param": {"shape": {"dim": list(_stored(weight))}}})


@proposals("DummyData")
def dummy_data(group: Group, proposal: Proposal) -> None:
    values = [
        float(node.attributes["value"].as_tensor().numpy().reshape(-1)[0])
        for node in group.all("ConstantOfShape")
    ]
    param = {
        "shape": [{"dim": list(_shape(top))} for top in group.tops],
        "data_filler": [{"type": "constant", "value": value} for value in values],
    }
    fill(proposal.message, {"dummy_data_param": param})


@proposals("Power")
def power(group: Group, proposal: Proposal) -> None:
    numbers = {
        "power": group.number("Pow", default=1.0),
        "scale": group.number("Mul", default=1.0),
        "shift": group.number("Add", default=0.0),
    }
    if group.all("Expand"):
        numbers = {"power": 1.0, "scale": 0.0, "shift": group.number("Expand", default=0.0)}
    fill(proposal.message, {"power_param": numbers})


def _based(inner: float) -> list[dict[str, Any]]:
    """Bases whose logarithm may be that number: e, and the one computed, whole if it is near."""
    base = math.exp(inner)
    whole = float(round(base))
    return [{"base": whole if abs(base - whole) < 1e-4 else base}]


@proposals("Exp")
def exp(group: Group, proposal: Proposal) -> None:
    before, after = _around(group, "Exp")
    outer = after if after is not None else 1.0
    base = math.e
    param: dict[str, Any] = {"scale": before if before is not None else 1.0}
    if before is not None:
        for base in (2.0, 10.0):
            shift = math.log(outer) / math.log(base)
            scale = float(np.float32(before) / np.float32(np.log(np.float32(base))))
            if _near(scale) and _near(shift):
                param = {"base": base, "scale": _round(scale), "shift": _round(shift)}
                break
        else:
            param["shift"] = _round(math.log(outer))
    else:
        param["shift"] = _round(math.log(outer))
    fill(proposal.message, {"exp_param": param})


def _near(number: float) -> bool:
    return abs(number - round(number, 3)) < 1e-5


def _round(number: float) -> float:
    return round(number, 3) if _near(number) else number


def _around(group: Group, core: str) -> tuple[float | None, float | None]:
    """The factors before and after a node."""
    place = group.nodes.index(group.first(core))
    numbers: list[float | None] = [None, None]
    for index, node in enumerate(group.nodes):
        if node.op_type == "Mul":
            numbers[int(index > place)] = _constant(node)
    return numbers[0], numbers[1]


def _constant(node: ir.Node) -> float | None:
    for value in node.inputs:
        array = small(value)
        if array is not None and array.size == 1:
            return float(array.reshape(-1)[0])
    return None


@proposals("Log")
def log(group: Group, proposal: Proposal) -> None:
    before, after = _around(group, "Log")
    param = {"scale": before if before is not None else 1.0, "shift": group.number("Add", default=0.0)}
    if after is not None:
        param["base"] = _round(math.exp(1 / after))
    fill(proposal.message, {"log_param": param})


@proposals("Swish")
def swish(group: Group, proposal: Proposal) -> None:
    beta = _constant(group.first("Mul"))
    fill(proposal.message, {"swish_param": {"beta": 1.0 if beta is None else beta}})


@proposals("Threshold")
def threshold(group: Group, proposal: Proposal) -> None:
    number = group.number("Greater", default=0.0)
    fill(proposal.message, {"threshold_param": {"threshold": number}})


@proposals("Eltwise")
def eltwise(group: Group, proposal: Proposal) -> None:
    """Terms in the order in which they are added, with their factors."""
    if group.all("Max"):
        operation, terms = MAX, [(value, 1.0) for value in group.first("Max").inputs]
    elif not group.all("Add", "Sub", "Sum"):
        operation = PROD
        terms = [(value, 1.0) for value in _leaves(group, {"Mul"})]
    else:
        operation, terms = SUM, _terms(group)
    proposal.bottoms = [value for value, _ in terms if value is not None]
    coeff = [factor for _, factor in terms]
    given = coeff if set(coeff) != {1.0} else None
    fill(proposal.message, {"eltwise_param": {"operation": operation, "coeff": given}})


def _leaves(group: Group, types: set[str]) -> list[ir.Value]:
    """What a tree of these nodes is made of, left to right."""

    def walk(value: ir.Value) -> list[ir.Value]:
        node = value.producer()
        if node is None or node not in group.nodes or node.op_type not in types | {"Identity"}:
            return [value]
        return [leaf for inner in node.inputs if inner is not None for leaf in walk(inner)]

    return walk(group.tops[0])


def _terms(group: Group) -> list[tuple[ir.Value, float]]:
    found = []
    for leaf in _leaves(group, {"Add", "Sub", "Sum"}):
        node = leaf.producer()
        factor = _constant(node) if node in group.nodes and node is not None else None
        sources = [v for v in node.inputs if v is not None and v.const_value is None] if node else []
        subtracted = any(
            use.node.op_type == "Sub" and use.idx == 1 and use.node in group.nodes
            for use in leaf.uses()
        )
        if factor is not None and sources:
            found.append((sources[0], factor))
        else:
            found.append((leaf, -1.0 if subtracted else 1.0))
    return found


def _affine(kind: str, block: str, factor: str) -> None:
    @proposals(kind)
    def proposal_of(group: Group, proposal: Proposal) -> None:
        own = [w for w in group.weights if w in group.first(factor).inputs]
        param: dict[str, Any] = {"bias_term": bool(group.all("Add"))} if kind == "Scale" else {}
        if own:
            axis, covered = _covered(_stored(own[0]), _shape(group.bottoms[0]))
            param |= {"axis": axis, "num_axes": len(covered)}
        else:
            x, second = _bottoms(group, factor)
            proposal.bottoms, covered = [x, second], _shape(second)
            param["axis"] = _rank(x) - len(covered) - _appended(group) if covered else 0
        rest = [weight for weight in group.weights if weight not in own]
        proposal.blobs = [(weight, covered) for weight in (*own, *rest)]
        fill(proposal.message, {block: param})


def _bottoms(group: Group, factor: str) -> tuple[ir.Value, ir.Value]:
    """The value that is scaled, and the other one, which may get axes before."""
    x, y = group.first(factor).inputs
    maker = y.producer() if y is not None else None
    if maker is not None and maker in group.nodes:
        y = maker.inputs[0]
    return (x, y) if x is not None and y is not None else group.give_up()


def _appended(group: Group) -> int:
    """How many axes of size 1 the second bottom got."""
    axes = [small(node.inputs[1]) for node in group.all("Unsqueeze")]
    return int(axes[0].size) if axes and axes[0] is not None else 0


def _covered(stored: tuple[int, ...], x: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Stored sizes begin at an axis of x; those of size 1 behind may be axes not covered."""
    if not stored:
        return 1, ()
    axis = len(x) - len(stored)
    end = len(stored)
    while end > 1 and stored[end - 1] == 1 and x[axis + end - 1] != 1:
        end -= 1
    return axis, stored[:end]


_affine("Scale", "scale_param", "Mul")
_affine("Bias", "bias_param", "Add")


@proposals("InnerProduct")
def inner_product(group: Group, proposal: Proposal) -> None:
    x = group.bottoms[0]
    (weight, *bias) = group.weights
    product = group.first("Gemm", "MatMul")
    by_columns = product.op_type == "MatMul" or not product.attributes["transB"].as_int()
    outputs = _stored(weight)[1 if by_columns else 0]
    proposal.blobs = [(weight, _stored(weight)), *((b, (outputs,)) for b in bias)]
    axis = 1 if product.op_type == "Gemm" else len(_shape(group.tops[0])) - 1
    param = {
        "num_output": outputs,
        "bias_term": bool(bias),
        "axis": axis,
        "transpose": by_columns,
    }
    fill(proposal.message, {"inner_product_param": param})


@proposals("Embed")
def embed(group: Group, proposal: Proposal) -> None:
    table, *bias = group.weights
    count, size = _stored(table)
    proposal.blobs = [(table, (count, size)), *((b, (size,)) for b in bias)]
    param = {"num_output": size, "input_dim": count, "bias_term": bool(bias)}
    fill(proposal.message, {"embed_param": param})


def _window(group: Group, node: ir.Node, x: ir.Value) -> dict[str, Any]:
    def sizes(name: str, default: int) -> list[int]:
        found = node.attributes.get(name)
        values = list(found.as_ints()) if found is not None else []
        return [] if set(values) == {default} else values

    pads = sizes("pads", 0)
    return {
        "kernel_size": sizes("kernel_shape", 0),
        "stride": sizes("strides", 1),
        "pad": pads[: len(pads) // 2],
        "dilation": sizes("dilations", 1),
    }


def _once(param: dict[str, Any]) -> dict[str, Any]:
    """A size said once where all axes have it; `_h` and `_w` where two differ."""
    found: dict[str, Any] = {}
    for name, value in param.items():
        short = {"kernel_size": "kernel"}.get(name, name)
        if not isinstance(value, list) or not value:
            found[name] = value
        elif len(set(value)) == 1:
            found[name] = value[:1]
        elif len(value) == 2 and name != "dilation":
            found[f"{short}_h"], found[f"{short}_w"] = value
        else:
            found[name] = value
    return {name: value for name, value in found.items() if value != []}


def _convolution(kind: str) -> None:
    transposed = kind == "Deconvolution"

    @proposals(kind)
    def proposal_of(group: Group, proposal: Proposal) -> None:
        weight, *bias = group.weights
        node = group.first("Conv", "ConvTranspose", "Gemm")
        x = group.bottoms[0]
        flat = node.op_type == "Gemm"
        kernel_axes = 0 if flat else len(_stored(weight)) - 2
        spatial = 0 if flat or group.all("Squeeze") and kernel_axes == 1 else kernel_axes
        group_attribute = node.attributes.get("group")
        groups = group_attribute.as_int() if group_attribute is not None else 1
        rows, columns = _stored(weight)[:2]
        outputs = columns * groups if transposed else rows
        axis = _rank(x) - 1 - kernel_axes
        proposal.blobs = [(weight, _stored(weight)), *((b, (outputs,)) for b in bias)]
        window = _window(group, node, x) if spatial or kernel_axes else {}
        param = {
            "num_output": outputs,
            "bias_term": bool(bias),
            "group": groups,
            "axis": axis,
            **_once(window),
        }
        fill(proposal.message, {"convolution_param": param})


_convolution("Convolution")
_convolution("Deconvolution")


@proposals("Im2col")
def im2col(group: Group, proposal: Proposal) -> None:
    node = group.first("Conv")
    window = _window(group, node, group.bottoms[0])
    axis = _rank(group.bottoms[0]) - 1 - len(node.attributes["kernel_shape"].as_ints())
    fill(proposal.message, {"convolution_param": {"axis": axis, **_once(window)}})


@proposals("Pooling")
def pooling(group: Group, proposal: Proposal) -> None:
    """Windows that are empty are rows appended; which rounding it was is tried by the sizes."""
    node = group.first("MaxPool", "AveragePool")
    window = _window(group, node, group.bottoms[0])
    del window["dilation"]
    top = _shape(group.tops[0])
    sizes = _shape(group.bottoms[0])[2:]
    whole = list(node.attributes["kernel_shape"].as_ints())
    param: dict[str, Any] = {"pool": "MAX" if node.op_type == "MaxPool" else "AVE"}
    spans = zip(sizes, whole, window["pad"] or [0, 0], window["stride"] or [1, 1], strict=True)
    floored = [(size + 2 * pad - k) // s + 1 for size, k, pad, s in spans]
    ceil = bool(node.attributes["ceil_mode"].as_int()) or bool(group.all("Pad"))
    param |= {name: v[0] if isinstance(v, list) else v for name, v in _once(window).items()}
    if not ceil and floored != list(top[2:]):
        group.give_up()
    proposal.message.Clear()
    proposal.message.type = group.type
    rounds_down = not ceil and not _divides(sizes, whole, window)
    fill(proposal.message, {"pooling_param": {**param, "round_mode": "FLOOR" if rounds_down else None}})


def _divides(sizes: tuple[int, ...], kernel: list[int], window: dict[str, Any]) -> bool:
    pads, strides = window["pad"] or [0, 0], window["stride"] or [1, 1]
    return all(
        (size + 2 * pad - k) % stride == 0
        for size, k, pad, stride in zip(sizes, kernel, pads, strides, strict=True)
    )


@proposals("SPP")
def spp(group: Group, proposal: Proposal) -> None:
    levels = len(group.all("MaxPool", "AveragePool"))
    method = "MAX" if group.all("MaxPool") else "AVE"
    fill(proposal.message, {"spp_param": {"pyramid_height": levels, "pool": method}})


@proposals("LSTMUnit")
def lstm_unit(group: Group, proposal: Proposal) -> None:
    """Bottoms are the cell, the gates (which are split) and cont (which gets an axis)."""
    gates = group.first("Split").inputs[0]
    cont = group.first("Unsqueeze").inputs[0]
    (cell,) = (value for value in group.bottoms if value not in {gates, cont})
    proposal.bottoms = [value for value in (cell, gates, cont) if value is not None]


@proposals("MVN")
def mvn(group: Group, proposal: Proposal) -> None:
    axes = small(group.first("ReduceMean").inputs[1])
    param = {
        "across_channels": axes is not None and len(axes) == 3,
        "normalize_variance": bool(group.all("Div")),
        "eps": group.number("Add", default=1e-9),
    }
    fill(proposal.message, {"mvn_param": param})


@proposals("BatchNorm")
def batch_norm(group: Group, proposal: Proposal) -> None:
    """By the batch's own statistics; the stored ones have an operator of their own."""
    param = {"use_global_stats": False, "eps": group.number("Add", default=1e-5)}
    group.first("Sqrt")
    fill(proposal.message, {"batch_norm_param": param})


@proposals("Reduction")
def reduction(group: Group, proposal: Proposal) -> None:
    kinds = {
        "ReduceSum": "SUM",
        "ReduceL1": "ASUM",
        "ReduceSumSquare": "SUMSQ",
        "ReduceMean": "MEAN",
    }
    node = group.first(*kinds)
    axes = small(node.inputs[1]) if len(node.inputs) > 1 else None
    param = {
        "operation": kinds[node.op_type],
        "axis": 0 if axes is None else int(axes.reshape(-1)[0]),
        "coeff": group.number("Mul", default=1.0),
    }
    fill(proposal.message, {"reduction_param": param})


@proposals("ArgMax")
def argmax(group: Group, proposal: Proposal) -> None:
    before, after = _shape(group.bottoms[0]), _shape(group.tops[0])
    flat = bool(group.all("Flatten", "Reshape")) or len(after) != len(before)
    (*_, best) = group.all("TopK") or [None]
    values = bool(group.all("ReduceMax")) or (best is not None and bool(best.outputs[0].uses()))
    if best is not None and best.outputs[0] in group.tops:
        values = True
    count = 1 if best is None else small(best.inputs[1])
    param = {
        "top_k": int(np.reshape(count, -1)[0]),  # type: ignore[arg-type]
        "out_max_val": values,
        "axis": None if flat else _reduced_axis(group),
    }
    fill(proposal.message, {"argmax_param": param})


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
    param = {"axis": start, "end_axis": -1 - tail}
    fill(proposal.message, {"flatten_param": param})


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
    param = {"axis": first, "offset": [offsets.get(axis, 0) for axis in range(first, _rank(x))]}
    fill(proposal.message, {"crop_param": param})


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


@proposals("Normalize")
def normalize(group: Group, proposal: Proposal) -> None:
    proposal.fork = True
    (weight,) = group.weights
    axes = small(group.first("ReduceSumSquare").inputs[1])
    param = {
        "across_spatial": axes is not None and len(axes) > 1,
        "channel_shared": _stored(weight) == (),
        "eps": group.number("Add", default=1e-10),
    }
    size = (1,) if _stored(weight) == () else _stored(weight)[:1]
    proposal.blobs = [(weight, size)]
    fill(proposal.message, {"norm_param": param})
