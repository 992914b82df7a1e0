"""Caffe's layers as ONNX: each layer type is one short function, by family.

The semantics are those of BVLC Caffe (https://github.com/BVLC/caffe, master of 2020-02, CPU), and of
the forks named where a layer is theirs.
"""

from mmdnn.frameworks.caffe.importer.model import to_ir
from mmdnn.frameworks.caffe.importer.table import importer
from mmdnn.ir.operators import load_families

load_families(__name__, __path__)

__all__ = ["importer", "to_ir"]
