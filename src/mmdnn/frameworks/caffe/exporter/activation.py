"""Activations."""

from __future__ import annotations

from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant
from mmdnn.frameworks.caffe.exporter.elementwise import clipped
from mmdnn.frameworks.caffe.exporter.table import TUTORIAL, exporter, plain
from mmdnn.frameworks.caffe.exporter.writer import Operand, Writer
from mmdnn.ir.exporting import ExportedNode

plain(__name__)


@exporter("PRelu", doc=f"{TUTORIAL}/prelu.html")
def prelu(node: ExportedNode, caffe: Writer, x: Blob, slope: Operand) -> Blob:
    """A slope for each channel, or one for all."""
    if not isinstance(slope, Constant) or len(x.shape) < 2:
        node.refuse("its slope is computed, or its input has no channels")
    if slope.size == 1:
        blob = slope.shaped(())
        return caffe.layer("PReLU", x, blobs=[blob], channel_shared=True)
    aligned = (1,) * (len(x.shape) - len(slope.shape)) + slope.shape
    if aligned != (1, x.shape[1], *[1] * (len(x.shape) - 2)):
        node.refuse(f"slopes of shape {list(slope.shape)} are not one for each channel")
    return caffe.layer("PReLU", x, blobs=[slope.shaped((x.shape[1],))])


@exporter("Selu", doc=f"{TUTORIAL}/elu.html")
def selu(_node: ExportedNode, caffe: Writer, x: Blob, *, alpha: float, gamma: float) -> Blob:
    inner = caffe.layer("ELU", x, suffix="elu", alpha=alpha)
    return caffe.power(inner, scale=gamma)


@exporter("Celu", doc=f"{TUTORIAL}/elu.html")
def celu(_node: ExportedNode, caffe: Writer, x: Blob, *, alpha: float) -> Blob:
    """Alpha times the ELU of x / alpha."""
    inner = caffe.layer("ELU", caffe.power(x, scale=1 / alpha, suffix="scaled"), suffix="elu")
    return caffe.power(inner, scale=alpha)


@exporter("HardSigmoid", doc=f"{TUTORIAL}/clip.html")
def hard_sigmoid(_node: ExportedNode, caffe: Writer, x: Blob, *, alpha: float, beta: float) -> Blob:
    return clipped(caffe, caffe.power(x, scale=alpha, shift=beta, suffix="linear"), 0, 1)


@exporter("HardSwish", doc=f"{TUTORIAL}/clip.html")
def hard_swish(_node: ExportedNode, caffe: Writer, x: Blob) -> Blob:
    """X times (x / 6 + 1/2) held between 0 and 1."""
    gate = caffe.power(x, scale=1 / 6, shift=0.5, suffix="linear")
    return caffe.product(x, clipped(caffe, gate, 0, 1, suffix="gate"))


@exporter("Mish", doc=f"{TUTORIAL}/bnll.html")
def mish(_node: ExportedNode, caffe: Writer, x: Blob) -> Blob:
    gate = caffe.layer("TanH", caffe.layer("BNLL", x, suffix="softplus"), suffix="gate")
    return caffe.product(x, gate)


@exporter("Softsign", doc=f"{TUTORIAL}/power.html")
def softsign(_node: ExportedNode, caffe: Writer, x: Blob) -> Blob:
    size = caffe.layer("AbsVal", x, suffix="abs")
    return caffe.product(x, caffe.power(size, power=-1.0, shift=1.0, suffix="inverse"))


@exporter("ThresholdedRelu", doc=f"{TUTORIAL}/threshold.html")
def thresholded_relu(_node: ExportedNode, caffe: Writer, x: Blob, *, alpha: float) -> Blob:
    above = caffe.layer("Threshold", x, suffix="mask", threshold=alpha)
    return caffe.product(x, above)
