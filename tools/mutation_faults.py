"""Semantic faults of every kind, for `mutation.py`: what a converter gets wrong.

A fault is a change of one node of an IR model. Those that make a model that cannot run, or one that computes
the same, are told apart later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmdnn.ir.passes.defaults import defaults

Change = Callable[[ir.Model, ir.Node], None]
Row = tuple[str, Change]


@dataclass(frozen=True)
class Fault:
    """One change of one node.

    Attributes:
        what: In words: "Conv.pads: sides exchanged".
        place: Which node of the graph.
        change: Makes the change in a copy of the model.
    """

    what: str
    place: int
    change: Change

    def made(self, model: ir.Model) -> ir.Model:
        """A copy of the model that has the fault."""
        copy = model.clone()
        self.change(copy, list(copy.graph)[self.place])
        return copy


def faults(model: ir.Model) -> Iterator[Fault]:
    """Every fault that a model's nodes may have."""
    for place, node in enumerate(model.graph):
        for what, change in (*_attributes(node), *_constants(node), *_structure(node)):
            yield Fault(f"{node.op_type}{what}", place, change)
    if len(model.graph.outputs) > 1:
        yield Fault("graph: outputs exchanged", len(model.graph) - 1, _exchange_outputs)


FLAGS = (
    *("ceil_mode", "count_include_pad", "keepdims", "exclusive", "reverse", "transA", "transB"),
    *("select_last_index", "linear_before_reset", "fmod", "largest", "sorted", "saturate"),
)
WORDS = {
    "coordinate_transformation_mode": (
        *("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"),
    ),
    "nearest_mode": ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    "mode": ("nearest", "linear", "cubic", "constant", "reflect", "edge", "DCR", "CRD"),
    "direction": ("forward", "reverse"),
    "approximate": ("none", "tanh"),
}


def _attributes(node: ir.Node) -> Iterator[Row]:
    said = {attribute.name: attribute for attribute in defaults(node).values()} | dict(
        node.attributes
    )
    for name, attribute in said.items():
        value = attribute.value
        if attribute.type == ir.AttributeType.FLOAT:
            for factor in (1.1, 10.0, 1e-7):
                yield f".{name}: times {factor:g}", _set(ir.AttrFloat32(name, value * factor))
        elif name in FLAGS:
            yield f".{name}: flipped", _set(ir.AttrInt64(name, 1 - value))
        elif name in WORDS:
            for word in WORDS[name]:
                if word != value:
                    yield f".{name}: {word}", _set(ir.AttrString(name, word))
        elif name == "axis":
            for step in (-1, 1):
                yield f".axis: {step:+}", _set(ir.AttrInt64(name, value + step))
        elif attribute.type == ir.AttributeType.INT and name in ("group", "size", "blocksize", "p"):
            yield f".{name}: + 1", _set(ir.AttrInt64(name, value + 1))
        elif attribute.type == ir.AttributeType.INTS:
            yield from _lists(name, list(value))
    if node.op_type == "Cast":
        for type_ in (ir.DataType.INT32, ir.DataType.FLOAT, ir.DataType.BOOL, ir.DataType.UINT8):
            if type_ != said["to"].value:
                yield f".to: {type_.name}, and back", _cast_twice(type_)
    if node.op_type == "If":
        yield ": branches exchanged", _branches
        yield ": a branch for both", _one_branch


def _lists(name: str, value: list[int]) -> Iterator[Row]:
    half = len(value) // 2
    found = {"backwards": value[::-1]}
    if name == "pads":
        found["sides exchanged"] = value[half:] + value[:half]
        pairs = [value[:half][::-1], value[half:][::-1]]
        found["axes exchanged"] = pairs[0] + pairs[1]
        found["shifted"] = [v - 1 for v in value[:half]] + [v + 1 for v in value[half:]]
    if name in ("strides", "dilations"):
        found |= {"one": [1] * len(value), "two": [2] * len(value)}
    if name == "perm" and len(value) > 2:
        found["last two exchanged"] = [*value[:-2], value[-1], value[-2]]
        found["rotated"] = value[1:] + value[:1]
    for what, changed in found.items():
        if changed != value and min(changed, default=0) >= 0:
            yield f".{name}: {what}", _set(ir.AttrInt64s(name, changed))


def _set(attribute: ir.Attr) -> Change:
    def change(_: ir.Model, node: ir.Node) -> None:
        node.attributes[attribute.name] = attribute

    return change


def _constants(node: ir.Node) -> Iterator[Row]:
    for index, value in enumerate(node.inputs):
        if value is None or value.const_value is None:
            continue
        array = value.const_value.numpy()
        for what, changed in _arrays(array, node):
            if changed.shape != array.shape or not np.array_equal(changed, array):
                yield f" input {index + 1}: {what}", _constant(index, changed)
        if index and array.dtype.kind == "f" and array.ndim == 1 and index == len(node.inputs) - 1:
            yield f" input {index + 1}: left out", _constant(index, array * 0)


def _arrays(array: np.ndarray, node: ir.Node) -> Iterator[tuple[str, np.ndarray]]:
    if array.dtype.kind in "iu":
        yield "+ 1", array + np.ones((), array.dtype)
        if array.size > 1:
            yield "backwards", array.reshape(-1)[::-1].reshape(array.shape)
        return
    if array.dtype.kind != "f":
        return
    one = array.copy()
    place = array.size // 2
    one.reshape(-1)[place] += max(0.3, abs(one.reshape(-1)[place]))
    yield "one element", one
    yield "negated", -array
    yield "times 1.01", array * np.float32(1.01)
    yield "+ 0.1", array + np.float32(0.1)
    if array.size > 1:
        yield "zeros", np.zeros_like(array)
    if array.ndim and array.shape[0] > 1:
        yield "first axis rolled", np.roll(array, 1, 0)
    if array.ndim > 1 and array.shape[0] == array.shape[1]:
        yield "transposed", np.swapaxes(array, 0, 1).copy()
    if array.ndim > 1:
        yield "written in another order", array.T.reshape(array.shape).copy()
        yield "mirrored", array[..., ::-1].copy()
    gates = {"LSTM": 4, "GRU": 3}.get(node.op_type)
    if gates and array.ndim > 1:
        blocks = np.split(array, array.shape[1] // int(node.attributes["hidden_size"].value), 1)
        for a, b in ((0, 1), (1, 2), (0, len(blocks) - 1)):
            swapped = list(blocks)
            swapped[a], swapped[b] = swapped[b], swapped[a]
            yield f"gates {a} and {b} exchanged", np.concatenate(swapped, 1)
    if array.ndim > 1 and array.shape[0] == 2 and gates:
        yield "directions exchanged", array[::-1].copy()


def _constant(index: int, array: np.ndarray) -> Change:
    def change(model: ir.Model, node: ir.Node) -> None:
        name = f"{node.outputs[0].name}_fault"
        value = ir.val(name, const_value=ir.tensor(array, name=name))
        model.graph.initializers[name] = value
        node.replace_input_with(index, value)

    return change


OTHERS = """
    MaxPool AveragePool
    AveragePool MaxPool
    GlobalAveragePool GlobalMaxPool
    GlobalMaxPool GlobalAveragePool
    Add Sub Mul Max
    Sub Add
    Mul Add Div
    Div Mul
    ReduceMean ReduceSum ReduceMax
    ReduceSum ReduceMean
    ReduceMax ReduceMin ReduceMean
    Max Min Add
    Min Max
    Greater GreaterOrEqual Less
    Less LessOrEqual Greater
    And Or
    Or And
    Relu Abs Softplus Identity
    Sigmoid Tanh HardSigmoid
    Tanh Sigmoid
    Softmax LogSoftmax Hardmax
    LogSoftmax Softmax
    Floor Ceil Round
    Exp Softplus
    Log Sqrt
    Sqrt Identity
    Abs Identity Relu
    Gelu Relu Mish
    HardSwish Relu Mish
    ArgMax ArgMin
    Elu Relu Selu
    LeakyRelu Relu
    Not Identity
    Softplus Relu
"""
"""An operator, and what it is taken for."""
INSTEAD = {row.split()[0]: row.split()[1:] for row in OTHERS.strip().splitlines()}
KEPT = frozenset(
    {"kernel_shape", "strides", "pads", "dilations", "ceil_mode", "axis", "keepdims"}
    | {"noop_with_empty_axes", "auto_pad", "select_last_index"}
)
LEFT_OUT = (
    *(
        "Relu",
        "BatchNormalization",
        "LRN",
        "Clip",
        "Softmax",
        "LayerNormalization",
        "LpNormalization",
    ),
    *(
        "InstanceNormalization",
        "PRelu",
        "Tanh",
        "Sigmoid",
        "Elu",
        "LogSoftmax",
        "Floor",
        "Abs",
        "Sub",
    ),
    *("Mul", "Div", "Add"),
)
"""What a converter may forget; the output keeps its name."""


def _structure(node: ir.Node) -> Iterator[Row]:
    for other in INSTEAD.get(node.op_type, ()):
        yield f": {other}", _replaced(other)
    if node.op_type in LEFT_OUT and _like(node.inputs[0], node.outputs[0]):
        yield ": left out", _replaced("Identity")
    inputs = [v for v in node.inputs if v is not None]
    if node.op_type in ("Concat", "Sub", "Div", "MatMul", "Greater", "Less", "Mod", "Where"):
        yield ": operands exchanged", _operands(*((0, 1) if node.op_type != "Where" else (1, 2)))
    if node.op_type == "Concat" and len(inputs) > 1:
        yield ": the first one twice", lambda _, n: n.replace_input_with(1, n.inputs[0])
    if node.op_type == "BatchNormalization":
        yield ": mean and variance exchanged", _operands(3, 4)
        yield ": scale and shift exchanged", _operands(1, 2)
    if len([v for v in node.outputs if v.name]) > 1 and node.op_type == "Split":
        yield ": outputs exchanged", _exchanged
    if node.op_type in ("Softmax", "LogSoftmax", "Sigmoid", "Tanh", "Gelu", "Exp"):
        for factor in (0.5, 1.02):
            yield f": fed times {factor:g}", _fed("Mul", factor)
    if node.op_type == "Dropout":
        yield ": times 0.5", _fed("Mul", 0.5)
    if node.op_type == "Sqrt" and node.inputs[0].producer() is not None:
        yield ": epsilon outside", _outside
    if node.op_type == "Div" and node.outputs[0].dtype == ir.DataType.INT32:
        yield ": of floats, rounded", _divided("Round")
        yield ": of floats, rounded up", _divided("Ceil")


def _like(a: ir.Value | None, b: ir.Value) -> bool:
    return a is not None and a.shape == b.shape and a.dtype == b.dtype and a.const_value is None


def _new(model: ir.Model, before: ir.Node, op_type: str, inputs: list, **attributes) -> ir.Value:
    node = ir.node(op_type, inputs, attributes, name=f"{before.name}_{op_type}_fault")
    node.outputs[0].name = node.name
    node.outputs[0].dtype, node.outputs[0].shape = inputs[0].dtype, inputs[0].shape
    model.graph.insert_before(before, node)
    return node.outputs[0]


def _scalar(model: ir.Model, node: ir.Node, number: float) -> ir.Value:
    name = f"{node.name}_number_fault"
    value = ir.val(name, const_value=ir.tensor(np.float32(number), name=name))
    model.graph.initializers[name] = value
    return value


def _fed(op_type: str, number: float) -> Change:
    def change(model: ir.Model, node: ir.Node) -> None:
        scalar = _scalar(model, node, number)
        node.replace_input_with(0, _new(model, node, op_type, [node.inputs[0], scalar]))

    return change


def _replaced(op_type: str) -> Change:
    def change(_: ir.Model, node: ir.Node) -> None:
        for name in [n for n in node.attributes if n not in KEPT]:
            del node.attributes[name]
        node.op_type = op_type
        if op_type == "Identity":
            node.attributes.clear()
            node.resize_inputs(1)
        if op_type in ("AveragePool", "MaxPool"):
            node.attributes.pop("count_include_pad", None)

    return change


def _operands(a: int, b: int) -> Change:
    def change(_: ir.Model, node: ir.Node) -> None:
        one, other = node.inputs[a], node.inputs[b]
        node.replace_input_with(a, other)
        node.replace_input_with(b, one)

    return change


def _exchanged(_: ir.Model, node: ir.Node) -> None:
    one, other = node.outputs[:2]
    uses, others = list(one.uses()), list(other.uses())
    for user, index in uses:
        user.replace_input_with(index, other)
    for user, index in others:
        user.replace_input_with(index, one)
    one.name, other.name = other.name, one.name


def _exchange_outputs(model: ir.Model, _: ir.Node) -> None:
    one, other = model.graph.outputs[:2]
    one.name, other.name = other.name, one.name


def _branches(_: ir.Model, node: ir.Node) -> None:
    graphs = {name: node.attributes[name].as_graph() for name in ("then_branch", "else_branch")}
    node.attributes["then_branch"] = ir.AttrGraph("then_branch", graphs["else_branch"])
    node.attributes["else_branch"] = ir.AttrGraph("else_branch", graphs["then_branch"])


def _one_branch(_: ir.Model, node: ir.Node) -> None:
    graph = node.attributes["then_branch"].as_graph()
    node.attributes["else_branch"] = ir.AttrGraph(
        "else_branch", graph.clone(allow_outer_scope_values=True)
    )


def _cast_twice(type_: ir.DataType) -> Change:
    def change(model: ir.Model, node: ir.Node) -> None:
        between = _new(model, node, "Cast", [node.inputs[0]], to=int(type_))
        between.dtype = type_
        node.replace_input_with(0, between)

    return change


def _outside(model: ir.Model, node: ir.Node) -> None:
    """√x + ε for √(x + ε)."""
    add = node.inputs[0].producer()
    if add is None or add.op_type != "Add":
        raise ValueError("nothing is added")
    x, epsilon = add.inputs
    output = node.outputs[0]
    root = _new(model, node, "Sqrt", [x])
    node.op_type = "Add"
    node.resize_inputs(2)
    node.replace_input_with(0, root)
    node.replace_input_with(1, epsilon)
    assert output.producer() is node


def _divided(rounding: str) -> Change:
    def change(model: ir.Model, node: ir.Node) -> None:
        casts = []
        for place, value in enumerate(node.inputs):
            cast = ir.node(
                "Cast", [value], {"to": int(ir.DataType.FLOAT)}, name=f"{node.name}_{place}"
            )
            cast.outputs[0].name = f"{node.name}_float_{place}"
            cast.outputs[0].dtype, cast.outputs[0].shape = ir.DataType.FLOAT, value.shape
            model.graph.insert_before(node, cast)
            casts.append(cast.outputs[0])
        divided = _new(model, node, "Div", casts)
        rounded = _new(model, node, rounding, [divided])
        node.op_type = "Cast"
        node.resize_inputs(1)
        node.replace_input_with(0, rounded)
        node.attributes["to"] = ir.AttrInt64("to", int(ir.DataType.INT32))

    return change
