"""Operators of `ai.onnx.ml`: classical machine learning.

https://onnx.ai/onnx/operators/index.html#ai-onnx-ml
"""

from __future__ import annotations

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer, exporter, torch_type
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import COMPARE, Code


@exporter("ai.onnx.ml::ArrayFeatureExtractor", doc="ai_onnx_ml_ArrayFeatureExtractor")
def array_feature_extractor(
    node: ExportedNode, torch: Writer, x: Variable, index: Variable
) -> Code:
    if node.rank(x) < 2:
        node.refuse("its input has a single axis")
    return torch.method(x, "index_select", -1, torch.method(index, "flatten"))


@exporter("ai.onnx.ml::Binarizer", doc="ai_onnx_ml_Binarizer")
def binarizer(node: ExportedNode, torch: Writer, x: Variable, *, threshold: float) -> Code:
    above = torch.code(f"{{0}} > {threshold!r}", x, binds=COMPARE, needs=(COMPARE + 1,))
    return torch.method(above, "to", torch_type(node, x.dtype))
