"""Element-wise operators: constants become Power, Scale and Bias layers."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.broadcast import alike, along, both, covered, plus, times
from mmdnn.frameworks.caffe.exporter.comparison import above
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter, plain
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.values import PASSING, has_integers, is_whole

plain(__name__)


def powers(onnx: str, *, power: float = 1.0, scale: float = 1.0) -> None:
    """An operator that is a Power."""

    @exporter(onnx, doc=f"{TUTORIAL}/power.html")
    def function(_node: ExportedNode, caffe: Writer, x: Operand) -> Blob:
        return caffe.power(caffe.blob(x), power=power, scale=scale)


powers("Sqrt", power=0.5)
powers("Neg", scale=-1.0)
powers("Reciprocal", power=-1.0)


@exporter("Add", doc=f"{TUTORIAL}/eltwise.html")
def add(_node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    a, b = _constant_last(a, b)
    if isinstance(a, Blob) and isinstance(b, Constant) and covered(b.shape, a.shape):
        return plus(caffe, a, b)
    x, y = caffe.blob(a), caffe.blob(b)
    return both(caffe, x, y, "Bias") or caffe.sum(*alike(caffe, x, y))


@exporter("Sub", doc=f"{TUTORIAL}/eltwise.html")
def sub(_node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    if isinstance(a, Blob) and isinstance(b, Constant) and covered(b.shape, a.shape):
        return plus(caffe, a, b, sign=-1.0)
    if isinstance(b, Blob) and isinstance(a, Constant) and covered(a.shape, b.shape):
        number = caffe.number(a)
        if number is not None:
            return caffe.power(b, scale=-1.0, shift=number)
        return plus(caffe, caffe.power(b, scale=-1.0, suffix="negative"), a)
    return caffe.sum(*alike(caffe, a, b), coeff=[1.0, -1.0])


@exporter("Mul", doc=f"{TUTORIAL}/scale.html")
def mul(_node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    a, b = _constant_last(a, b)
    if isinstance(a, Blob) and isinstance(b, Constant) and covered(b.shape, a.shape):
        return times(caffe, a, b)
    x, y = caffe.blob(a), caffe.blob(b)
    return both(caffe, x, y, "Scale") or caffe.product(*alike(caffe, x, y))


@exporter("Div", doc=f"{TUTORIAL}/power.html")
def div(node: ExportedNode, caffe: Writer, a: Operand, b: Operand) -> Blob:
    if isinstance(b, Constant) and isinstance(a, Blob) and covered(b.shape, a.shape):
        number = caffe.number(b)
        if number is not None:
            return caffe.power(a, scale=float(np.float32(1) / np.float32(number)))
        return along(caffe, "Scale", a, b, lambda array: np.float32(1) / array)
    inverse = caffe.power(caffe.blob(b), power=-1.0, suffix="inverse")
    return mul(node, caffe, a, inverse)


@exporter("Pow", doc=f"{TUTORIAL}/power.html")
def pow_(node: ExportedNode, caffe: Writer, x: Operand, exponent: Operand) -> Blob:
    power = caffe.number(exponent)
    if power is not None and isinstance(x, Blob):
        return caffe.power(x, power=power)
    base = caffe.number(x)
    if base is not None and base > 0 and isinstance(exponent, Blob):
        return caffe.layer("Exp", exponent, base=base)
    node.refuse("neither its base nor its exponent is a number")
    return None


@exporter("Sum", doc=f"{TUTORIAL}/eltwise.html")
def sum_(_node: ExportedNode, caffe: Writer, *terms: Operand) -> Blob:
    blobs = alike(caffe, *terms)
    return blobs[0] if len(blobs) == 1 else caffe.sum(*blobs)


@exporter("Mean", doc=f"{TUTORIAL}/eltwise.html")
def mean(_node: ExportedNode, caffe: Writer, *terms: Operand) -> Blob:
    blobs = alike(caffe, *terms)
    share = [1 / len(blobs)] * len(blobs)
    return blobs[0] if len(blobs) == 1 else caffe.sum(*blobs, coeff=share)


def _maximum(caffe: Writer, blobs: list[Blob], suffix: str = "") -> Blob:
    if len(blobs) == 1:
        return blobs[0]
    return caffe.layer("Eltwise", *blobs, suffix=suffix, operation="MAX")


@exporter("Max", doc=f"{TUTORIAL}/eltwise.html")
def max_(_node: ExportedNode, caffe: Writer, *terms: Operand) -> Blob:
    return _maximum(caffe, alike(caffe, *terms))


@exporter("Min", doc=f"{TUTORIAL}/eltwise.html")
def min_(_node: ExportedNode, caffe: Writer, *terms: Operand) -> Blob:
    """The negative of the maximum of the negatives."""
    blobs = alike(caffe, *terms)
    if len(blobs) == 1:
        return blobs[0]
    minus = [caffe.power(x, scale=-1.0, suffix=f"negative{i}") for i, x in enumerate(blobs)]
    return caffe.power(_maximum(caffe, minus, "maximum"), scale=-1.0)


def _constant_last(a: Operand, b: Operand) -> tuple[Operand, Operand]:
    return (b, a) if isinstance(a, Constant) else (a, b)


def clipped(caffe: Writer, x: Blob, low: float, high: float, suffix: str = "") -> Blob:
    """Caffe has both limits or none."""
    if (low, high) == (0, math.inf):
        return caffe.layer("ReLU", x, suffix=suffix)
    return caffe.layer("Clip", x, suffix=suffix, min=low, max=high)


@exporter("Clip", doc=f"{TUTORIAL}/clip.html")
def clip(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    low: Operand | None = None,
    high: Operand | None = None,
) -> Blob:
    limits = []
    for limit, default in ((low, -math.inf), (high, math.inf)):
        number = default if limit is None else caffe.number(limit)
        if number is None:
            node.refuse("its limits are computed while the model runs")
        limits.append(number)
    return clipped(caffe, x, min(limits), limits[1])


@exporter("Dropout", doc=f"{TUTORIAL}/dropout.html", unused="seed")
def dropout(
    node: ExportedNode,
    caffe: Writer,
    x: Blob,
    ratio: Operand | None = None,
    training: Operand | None = None,
) -> list[Blob | None]:
    if training is not None and caffe.number(training) != 0:
        node.refuse("it drops at inference too")
    share = 0.5 if ratio is None else caffe.number(ratio)
    if share is None:
        node.refuse("its ratio is computed while the model runs")
    return [caffe.layer("Dropout", x, dropout_ratio=share if 0 < share < 1 else None), None]


@exporter("Identity", doc=f"{TUTORIAL}/split.html")
def identity(_node: ExportedNode, _caffe: Writer, x: Operand) -> Operand:
    return x


LN2 = math.log(2)


@exporter("Sinh", "Cosh", doc=f"{TUTORIAL}/exp.html")
def sinh(node: ExportedNode, caffe: Writer, x: Operand) -> Blob:
    """Half of e^x less, or plus, half of e^-x: the halves are taken in the exponents, which may be large."""
    x = caffe.blob(x)
    up, down = (
        caffe.layer(
            "Exp", caffe.power(x, scale=sign, shift=-LN2, suffix=f"{name}_half"), suffix=name
        )
        for sign, name in ((1.0, "up"), (-1.0, "down"))
    )
    return caffe.sum(up, down, coeff=[1.0, -1.0] if node.type == "Sinh" else None)


@exporter("Acosh", doc=f"{TUTORIAL}/log.html")
def acosh(_node: ExportedNode, caffe: Writer, x: Operand) -> Blob:
    """The logarithm of x + sqrt(x - 1) sqrt(x + 1)."""
    x = caffe.blob(x)
    roots = [
        caffe.power(x, power=0.5, shift=s, suffix=n) for s, n in ((-1.0, "less"), (1.0, "more"))
    ]
    return caffe.layer("Log", caffe.sum(x, caffe.product(*roots, suffix="root"), suffix="sum"))


@exporter("Atanh", doc=f"{TUTORIAL}/log.html")
def atanh(_node: ExportedNode, caffe: Writer, x: Operand) -> Blob:
    """Half the logarithm of 1 + x, less half that of 1 - x."""
    x = caffe.blob(x)
    logs = (
        caffe.layer("Log", caffe.power(x, scale=sign, shift=1.0, suffix=f"{name}_one"), suffix=name)
        for sign, name in ((1.0, "up"), (-1.0, "down"))
    )
    return caffe.sum(*logs, coeff=[0.5, -0.5])


@exporter("Cast", doc=f"{TUTORIAL}/embed.html", unused="saturate round_mode")
def cast(node: ExportedNode, caffe: Writer, x: Operand, *, to: int) -> Operand:
    """Fractions are cut off by layers that want indices, and by nothing else."""
    kind = ir.DataType(to)
    value = node.node.inputs[0]
    before = value.dtype if value is not None and value.dtype is not None else ir.DataType.FLOAT
    if isinstance(x, Constant) or kind == before or before == ir.DataType.BOOL:
        return x
    if kind == ir.DataType.BOOL:
        return caffe.layer("AbsVal", signs(caffe, x, "sign"))
    if before.is_integer() and _holds(kind, before):
        return x
    cut = before == ir.DataType.FLOAT and kind.is_integer()
    if cut and (is_whole(value) or _are_indices(node.node.outputs[0])):
        return x
    node.refuse(f"from {before.name} to {kind.name}, and Caffe has float32 only")
    return None


def _are_indices(value: ir.Value) -> bool:
    """Whether a value does nothing but choose from a table."""
    todo = [value]
    while todo:
        value = todo.pop()
        if value.is_graph_output() or not value.uses():
            return False
        for node, place in value.uses():
            to_float = node.op_type == "Cast" and not has_integers(node.outputs[0])
            if node.op_type in PASSING and place == 0 and not to_float:
                todo.append(node.outputs[0])
            elif node.op_type not in {"Gather", "GatherElements"} or place != 1:
                return False
    return True


def _holds(kind: ir.DataType, before: ir.DataType) -> bool:
    """Whether integers stay what they are; those of 32 bits and more are taken for small ones."""
    wide = kind in {ir.DataType.FLOAT, ir.DataType.INT32, ir.DataType.INT64}
    return wide and kind.bitwidth >= min(before.bitwidth, 32)


@exporter("Sign", doc=f"{TUTORIAL}/threshold.html")
def sign(_node: ExportedNode, caffe: Writer, x: Operand) -> Blob:
    return signs(caffe, caffe.blob(x))


def signs(caffe: Writer, x: Blob, suffix: str = "") -> Blob:
    """1 where x is positive, -1 where it is negative."""
    down = above(caffe, caffe.power(x, scale=-1.0, suffix="negative"), 0.0, "below")
    up = above(caffe, x, 0.0, "above")
    return caffe.sum(up, down, coeff=[1.0, -1.0], suffix=suffix)
