"""The rule of each operator (https://onnx.ai/onnx/operators)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.ir import values
from mmdnn.ir.layout.order import Order, axes_of, ordered
from mmdnn.ir.layout.parameters import ByChannel, Dense, OverLast, Rowwise
from mmdnn.ir.layout.reshaping import Dropped, Regrouped
from mmdnn.ir.layout.rules import (
    Carried,
    Mode,
    Port,
    Rule,
    Sink,
    Writer,
    ints,
    is_constant,
)
from mmdnn.ir.passes import defaults

Make: TypeAlias = "Callable[[ir.Node, list[Port], int], Sequence[Rule] | None]"
"""A node's rules, by its ports and the rank of its first input; None where it wants everything as it is."""

ALL = 1 << 30

ELEMENTWISE = frozenset(
    {
        *("Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "BitShift"),
        *("BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Cast", "Ceil", "Celu"),
        *("Clip", "Cos", "Cosh", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Floor"),
        *("Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity"),
        *("IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min"),
        *("Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu"),
        *("Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus"),
        *("Softsign", "Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor"),
    }
)
"""What is computed of each element by itself."""

SETTINGS = frozenset({"Cast", "Clip", "Dropout"})
"""Those of them whose further inputs are settings."""

BOUND = frozenset(
    {
        *("AveragePool", "BatchNormalization", "Conv", "ConvInteger", "ConvTranspose"),
        *("DeformConv", "DepthToSpace", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"),
        *("GridSample", "GroupNormalization", "InstanceNormalization", "LRN", "LpPool"),
        *("MaxPool", "MaxRoiPool", "MaxUnpool", "QLinearConv", "Resize", "RoiAlign"),
        *("SpaceToDepth", "Upsample"),
    }
)
"""Operators for which axis 1 has the channels, and those behind it are spatial."""

RULES: dict[str, Make] = {}


def rules(node: ir.Node, ports: list[Port]) -> Sequence[Rule]:
    """The rules of a node; two where its input and its output have nothing to do with each other."""
    x = next((port for port in ports if port.place == 0), None)
    known = all(port.value.shape is not None for port in ports)
    several = node.op_type in ELEMENTWISE | {"Concat"}
    computed = any(port.place < 0 for port in ports) and (several or x is not None)
    fits = known and computed and node.domain == ""
    make = RULES.get(node.op_type) if fits else None
    made = make(node, ports, x.rank if x is not None else 0) if make is not None else None
    bound = node.op_type in BOUND and node.domain == "" and x is not None and x.rank > 2
    return made or [Rule(node, ports, bound=bound)]


def _rule(*types: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        RULES.update(dict.fromkeys(types, make))
        return make

    return register


def _only_data(ports: list[Port], data: int) -> bool:
    """Whether no setting is computed."""
    return all(port.place < data for port in ports)


@_rule(*ELEMENTWISE)
def _elementwise(node: ir.Node, ports: list[Port], _rank: int) -> list[Rule] | None:
    data = 1 if node.op_type in SETTINGS else ALL
    out = next(port.rank for port in ports if port.place < 0)
    fits = _only_data(ports, data) and max(port.rank for port in ports) == out
    constants = [v for v in node.inputs[:data] if v is not None and values.constant(v) is not None]
    fits = fits and all(len(v.shape or ()) <= out for v in constants)
    return [Carried(node, ports, data=data)] if fits else None


def _place(order: Order, axis: int) -> int:
    """Where an axis lies."""
    return axes_of(order).index(axis)


def _by_attribute(axis: int, name: str = "axis") -> Callable[[ir.Node, Order, Writer], None]:
    def rename(node: ir.Node, order: Order, _writer: Writer) -> None:
        node.attributes[name] = ir.AttrInt64(name, _place(order, axis))

    return rename


def _by_input(axes: Sequence[int], index: int) -> Callable[[ir.Node, Order, Writer], None]:
    """The axes that an input names, in the row in which it does."""

    def rename(node: ir.Node, order: Order, writer: Writer) -> None:
        places = np.array([_place(order, axis) for axis in axes], np.int64)
        if index >= len(node.inputs):
            node.resize_inputs(index + 1)
        writer.feed(node, index, writer.constant("axes", places))

    return rename


@_rule("Softmax", "LogSoftmax", "Hardmax", "LpNormalization")
def _along(node: ir.Node, ports: list[Port], rank: int) -> list[Rule]:
    axis = _axis(node, rank)
    whole = [axis] if node.op_type == "Hardmax" else []
    return [Carried(node, ports, whole=whole, rename=_by_attribute(axis))]


def _axis(node: ir.Node, rank: int) -> int:
    return defaults.integer(node, "axis") % max(rank, 1)


@_rule("Concat", "Split", "TopK")
def _in_pieces(node: ir.Node, ports: list[Port], _rank: int) -> list[Rule] | None:
    rank = ports[0].rank
    data = ALL if node.op_type == "Concat" else 1
    if any(port.rank != rank for port in ports if port.place < data):
        return None
    axis = _axis(node, rank)
    fits = _only_data(ports, data) and all(
        len(v.shape or ()) == rank for v in node.inputs[:data] if v is not None
    )
    return (
        [Carried(node, ports, whole=[axis], rename=_by_attribute(axis), data=data)]
        if fits
        else None
    )


@_rule("QuantizeLinear", "DequantizeLinear")
def _quantization(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    scale = node.inputs[1]
    if not _only_data(ports, 1) or scale is None or scale.shape is None or len(scale.shape) > 1:
        return None
    if not len(scale.shape):
        return [Carried(node, ports)]
    axis = _axis(node, rank)
    return [Carried(node, ports, whole=[axis], rename=_by_attribute(axis))]


@_rule("CumSum")
def _cumulative(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    axis = values.number(node.inputs[1])
    if axis is None:
        return None
    front = int(axis) % rank

    def rename(node: ir.Node, order: Order, writer: Writer) -> None:
        writer.feed(node, 1, writer.constant("axis", np.array(_place(order, front), np.int64)))

    return [Carried(node, ports, whole=[front], rename=rename)]


REDUCTIONS = (
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"),
    *("ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
)


@_rule(*REDUCTIONS)
def _reduction(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    given = node.inputs[1] if len(node.inputs) > 1 else None
    axes = values.ints(given) if given is not None else []
    if axes is None or (not axes and defaults.integer(node, "noop_with_empty_axes")):
        return None
    front = ints(axes, rank) or list(range(rank))
    rename = _by_input(front, 1) if axes else None
    if defaults.integer(node, "keepdims"):
        return [Carried(node, ports, rename=rename)]
    return [Dropped(node, ports, gone=front, rename=rename)]


@_rule("ArgMax", "ArgMin")
def _arg(node: ir.Node, ports: list[Port], rank: int) -> list[Rule]:
    axis = _axis(node, rank)
    rename = _by_attribute(axis)
    if defaults.integer(node, "keepdims"):
        return [Carried(node, ports, whole=[axis], rename=rename)]
    return [Dropped(node, ports, gone=[axis], whole=[axis], rename=rename)]


@_rule("Squeeze", "Unsqueeze")
def _unit(node: ir.Node, ports: list[Port], _rank: int) -> list[Rule] | None:
    more = 0 if node.op_type == "Squeeze" else 1
    axes = values.ints(node.inputs[1]) if len(node.inputs) > 1 else None
    if axes is None or len(ports) != 2:
        return None
    front = ints(axes, ports[more].rank)
    if len(set(front)) != abs(ports[0].rank - ports[1].rank):
        return None
    return [Dropped(node, ports, gone=front, more=more, rename=_by_input(front, 1))]


@_rule("Reshape", "Flatten")
def _reshape(node: ir.Node, ports: list[Port], _rank: int) -> list[Rule] | None:
    return [Regrouped(node, ports)] if len(ports) == 2 and ports[0].place == 0 else None


@_rule("Slice")
def _slice(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    starts = node.inputs[1].shape if node.inputs[1] is not None else None
    given = node.inputs[3] if len(node.inputs) > 3 else None
    count = starts[0] if starts is not None and len(starts) == 1 else None
    axes = values.ints(given) if given is not None else None
    if given is None and isinstance(count, int):
        axes = list(range(count))
    if axes is None or not _only_data(ports, 1):
        return None
    front = ints(axes, rank)
    return [Carried(node, ports, whole=front, rename=_by_input(front, 3))]


@_rule("Pad")
def _pad(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    given = node.inputs[3] if len(node.inputs) > 3 else None
    pads, axes = values.ints(node.inputs[1]), values.ints(given) if given is not None else None
    if pads is None or (given is not None and axes is None) or not _only_data(ports, 1):
        return None
    if axes is not None:
        front = ints(axes, rank)
        return [Carried(node, ports, whole=front, rename=_by_input(front, 3))]
    whole = [axis for axis in range(rank) if pads[axis] or pads[axis + rank]]
    both = [(pads[axis], pads[axis + rank]) for axis in range(rank)]

    def rename(node: ir.Node, order: Order, writer: Writer) -> None:
        new = [both[axis] for axis in axes_of(order)]
        flat = np.array([begin for begin, _ in new] + [end for _, end in new], np.int64)
        writer.feed(node, 1, writer.constant("pads", flat))

    return [Carried(node, ports, whole=whole, rename=rename)]


@_rule("Tile", "Expand")
def _repeated(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    counts, out = values.ints(node.inputs[1]), next(p.rank for p in ports if p.place < 0)
    if counts is None or rank != out or len(counts) > out:
        return None
    padded = [1] * (out - len(counts)) + counts

    def rename(node: ir.Node, order: Order, writer: Writer) -> None:
        turned = np.array([padded[axis] for axis in axes_of(order)], np.int64)
        writer.feed(node, 1, writer.constant("shape", turned))

    whole = [axis for axis, count in enumerate(padded) if count != 1]
    return [Carried(node, ports, whole=whole, rename=rename)]


@_rule("Shape", "Size")
def _sizes(node: ir.Node, ports: list[Port], _rank: int) -> list[Rule]:
    return [Sink(node, ports)]


@_rule("BatchNormalization")
def _batch_normalization(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    settled = len(ports) == 2 and ports[0].place == 0
    fits = settled and rank > 1 and all(map(is_constant, node.inputs[1:]))
    return [ByChannel(node, ports, bound=rank > 2)] if fits else None


@_rule("LayerNormalization", "RMSNormalization")
def _layer_normalization(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    settled = len(ports) == 2 and all(map(is_constant, node.inputs[1:]))
    shapes = [v.const_value.shape for v in node.inputs[1:] if v is not None and v.const_value]
    axis = _axis(node, rank)
    fits = settled and all(len(shape) == rank - axis for shape in shapes)
    return [OverLast(node, ports, axis)] if fits else None


@_rule("MatMul", "Gemm")
def _matmul(node: ir.Node, ports: list[Port], rank: int) -> list[Rule] | None:
    weight = values.constant(node.inputs[1])
    fits = [port.place for port in ports] == [0, -1] and weight is not None
    if not fits or weight is None or len(weight.shape) != 2:
        return None
    if node.op_type == "Gemm" and defaults.integer(node, "transA"):
        return None
    turned = node.op_type == "Gemm" and defaults.integer(node, "transB")
    rows, columns = (1, 0) if turned else (0, 1)
    bias = [(2, -1)] if len(node.inputs) > 2 and node.inputs[2] is not None else []
    if rank == 2:
        x, y = ports
        return [
            Dense(node, [x], weights=[(1, rows)]),
            Dense(node, [y], weights=[(1, columns), *bias]),
        ]
    return [Rowwise(node, ports)]


RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
"""Operators over sequences, whose first axis is the time, and their second the batch."""


def channels_last(node: ir.Node, ports: list[Port]) -> Rule | None:
    """The rule of an operator that is to be written otherwise; None for others.

    Images are to be channels-last, sequences to have the batch first.
    """
    ranks = [port.rank for port in ports if port.place in (0, -1)]
    if node.domain or len(ranks) != 2:
        return None
    if node.op_type in BOUND and ranks[0] == ranks[1] > 2:
        order = [0, *range(2, ranks[0]), 1]
        return Otherwise(node, ports, {0: order, -1: order})
    if node.op_type in RECURRENT and ranks == [3, 4]:
        return Otherwise(node, ports, {0: [1, 0, 2], -1: [2, 0, 1, 3]})
    return None


class Otherwise(Rule):
    """An operator that is written with other orders of axes.

    Attributes:
        orders: By places of inputs and outputs: how their axes are to lie.
    """

    def __init__(self, node: ir.Node, ports: list[Port], orders: dict[int, list[int]]) -> None:
        super().__init__(node, ports, bound=node.op_type in BOUND)
        self.orders = orders

    @property
    def first(self) -> Mode:
        return tuple(
            ordered(port.factors, self.orders.get(port.place, range(port.rank)))
            for port in self.ports
        )
