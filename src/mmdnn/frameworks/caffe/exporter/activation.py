"""Element-wise operators with one input."""

from __future__ import annotations

import math

from mmdnn.frameworks.caffe.exporter.drafts import Blob, Constant
from mmdnn.frameworks.caffe.exporter.table import (
    TUTORIAL,
    Exporting,
    Operand,
    Writing,
    exporter,
)


def neuron(onnx: str, caffe_type: str, page: str) -> None:
    """An operator that is a layer without parameters."""

    @exporter(onnx, doc=f"{TUTORIAL}/{page}.html")
    def function(_node: Exporting, caffe: Writing, x: Operand) -> Blob:
        return caffe.layer(caffe_type, caffe.blob(x))


neuron("Relu", "ReLU", "relu")
neuron("Sigmoid", "Sigmoid", "sigmoid")
neuron("Tanh", "TanH", "tanh")
neuron("Abs", "AbsVal", "absval")
neuron("Softplus", "BNLL", "bnll")
neuron("Exp", "Exp", "exp")
neuron("Log", "Log", "log")


def powers(onnx: str, *, power: float = 1.0, scale: float = 1.0) -> None:
    """An operator that is a Power."""

    @exporter(onnx, doc=f"{TUTORIAL}/power.html")
    def function(_node: Exporting, caffe: Writing, x: Operand) -> Blob:
        return caffe.power(caffe.blob(x), power=power, scale=scale)


powers("Sqrt", power=0.5)
powers("Neg", scale=-1.0)
powers("Reciprocal", power=-1.0)


@exporter("LeakyRelu", doc=f"{TUTORIAL}/relu.html")
def leaky_relu(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    return caffe.layer("ReLU", x, relu_param={"negative_slope": node.attribute("alpha", 0.01)})


@exporter("PRelu", doc=f"{TUTORIAL}/prelu.html")
def prelu(node: Exporting, caffe: Writing, x: Blob, slope: Operand) -> Blob:
    """A slope for each channel, or one for all."""
    if not isinstance(slope, Constant) or len(x.shape) < 2:
        node.refuse("its slope is computed, or its input has no channels")
    if slope.size == 1:
        blob = slope.shaped(())
        return caffe.layer("PReLU", x, blobs=[blob], prelu_param={"channel_shared": True})
    aligned = (1,) * (len(x.shape) - len(slope.shape)) + slope.shape
    if aligned != (1, x.shape[1], *[1] * (len(x.shape) - 2)):
        node.refuse(f"slopes of shape {list(slope.shape)} are not one for each channel")
    return caffe.layer("PReLU", x, blobs=[slope.shaped((x.shape[1],))])


@exporter("Elu", doc=f"{TUTORIAL}/elu.html")
def elu(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    return caffe.layer("ELU", x, elu_param={"alpha": node.attribute("alpha", 1.0)})


@exporter("Selu", doc=f"{TUTORIAL}/elu.html")
def selu(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    alpha = node.attribute("alpha", 1.67326319217681884765625)
    inner = caffe.layer("ELU", x, suffix="elu", elu_param={"alpha": alpha})
    return caffe.power(inner, scale=node.attribute("gamma", 1.05070102214813232421875))


@exporter("Celu", doc=f"{TUTORIAL}/elu.html")
def celu(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    """Alpha times the ELU of x / alpha."""
    alpha = node.attribute("alpha", 1.0)
    inner = caffe.layer("ELU", caffe.power(x, scale=1 / alpha, suffix="scaled"), suffix="elu")
    return caffe.power(inner, scale=alpha)


@exporter("Softmax", doc=f"{TUTORIAL}/softmax.html")
def softmax(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    return caffe.layer("Softmax", x, softmax_param={"axis": node.axis("axis", -1, len(x.shape))})


@exporter("Dropout", doc=f"{TUTORIAL}/dropout.html")
def dropout(
    node: Exporting,
    caffe: Writing,
    x: Blob,
    ratio: Operand | None = None,
    training: Operand | None = None,
) -> list[Blob | None]:
    node.ignore("seed")
    if training is not None and caffe.number(training) != 0:
        node.refuse("it drops at inference too")
    share = 0.5 if ratio is None else caffe.number(ratio)
    if share is None:
        node.refuse("its ratio is computed while the model runs")
    param = {"dropout_ratio": share} if 0 < share < 1 else {}
    return [caffe.layer("Dropout", x, dropout_param=param), None]


def clipped(caffe: Writing, x: Blob, low: float, high: float, suffix: str = "") -> Blob:
    """Caffe has both limits or none."""
    if (low, high) == (0, math.inf):
        return caffe.layer("ReLU", x, suffix=suffix)
    return caffe.layer("Clip", x, suffix=suffix, clip_param={"min": low, "max": high})


@exporter("Clip", doc=f"{TUTORIAL}/clip.html")
def clip(
    node: Exporting,
    caffe: Writing,
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


@exporter("HardSigmoid", doc=f"{TUTORIAL}/clip.html")
def hard_sigmoid(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    scale, shift = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    return clipped(caffe, caffe.power(x, scale=scale, shift=shift, suffix="linear"), 0, 1)


@exporter("HardSwish", doc=f"{TUTORIAL}/clip.html")
def hard_swish(_node: Exporting, caffe: Writing, x: Blob) -> Blob:
    """X times (x / 6 + 1/2) held between 0 and 1."""
    gate = caffe.power(x, scale=1 / 6, shift=0.5, suffix="linear")
    return caffe.product(x, clipped(caffe, gate, 0, 1, suffix="gate"))


@exporter("Mish", doc=f"{TUTORIAL}/bnll.html")
def mish(_node: Exporting, caffe: Writing, x: Blob) -> Blob:
    gate = caffe.layer("TanH", caffe.layer("BNLL", x, suffix="softplus"), suffix="gate")
    return caffe.product(x, gate)


@exporter("Softsign", doc=f"{TUTORIAL}/power.html")
def softsign(_node: Exporting, caffe: Writing, x: Blob) -> Blob:
    size = caffe.layer("AbsVal", x, suffix="abs")
    return caffe.product(x, caffe.power(size, power=-1.0, shift=1.0, suffix="inverse"))


@exporter("ThresholdedRelu", doc=f"{TUTORIAL}/threshold.html")
def thresholded_relu(node: Exporting, caffe: Writing, x: Blob) -> Blob:
    alpha = node.attribute("alpha", 1.0)
    above = caffe.layer("Threshold", x, suffix="mask", threshold_param={"threshold": alpha})
    return caffe.product(x, above)


@exporter("Identity", doc=f"{TUTORIAL}/split.html")
def identity(_node: Exporting, _caffe: Writing, x: Operand) -> Operand:
    return x


LN2 = math.log(2)


@exporter("Sinh", "Cosh", doc=f"{TUTORIAL}/exp.html")
def sinh(node: Exporting, caffe: Writing, x: Operand) -> Blob:
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
def acosh(_node: Exporting, caffe: Writing, x: Operand) -> Blob:
    """The logarithm of x + sqrt(x - 1) sqrt(x + 1)."""
    x = caffe.blob(x)
    roots = [
        caffe.power(x, power=0.5, shift=s, suffix=n) for s, n in ((-1.0, "less"), (1.0, "more"))
    ]
    return caffe.layer("Log", caffe.sum(x, caffe.product(*roots, suffix="root"), suffix="sum"))


@exporter("Atanh", doc=f"{TUTORIAL}/log.html")
def atanh(_node: Exporting, caffe: Writing, x: Operand) -> Blob:
    """Half the logarithm of 1 + x, less half that of 1 - x."""
    x = caffe.blob(x)
    logs = (
        caffe.layer("Log", caffe.power(x, scale=sign, shift=1.0, suffix=f"{name}_one"), suffix=name)
        for sign, name in ((1.0, "up"), (-1.0, "down"))
    )
    return caffe.sum(*logs, coeff=[0.5, -0.5])
