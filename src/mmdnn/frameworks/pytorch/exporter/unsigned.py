"""Unsigned integers of 16 to 64 bits, which torch stores but hardly computes with.

The narrow ones are computed in int64 and cut back, which is what wrapping round means. Of 64 bits,
sums and products have the same bits whether signed or not; in comparisons the sign bit is turned over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.table import ExportedNode, Writer
from mmdnn.frameworks.pytorch.graph import Variable
from mmdnn.python.expressions import Code
from mmdnn.python.literals import Raw
from mmdnn.tensors.references import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

NARROW = {ir.DataType.UINT16, ir.DataType.UINT32}
WIDE = {ir.DataType.UINT64}

NATIVE = frozenset(
    [
        "BitCast", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Cast", "CastLike", "Compress", "Concat",
        "ConstantOfShape", "DequantizeLinear", "Equal",
        "Expand", "EyeLike", "Flatten", "Gather", "GatherND", "Identity",
        "If", "Loop", "OneHot", "Pad", "QuantizeLinear", "Reshape", "Scan", "Shape", "Size", "Slice", "Split",
        "Squeeze", "Tile", "TopK", "Transpose", "Unsqueeze", "Where",
    ]
)  # fmt: skip
"""What torch does with them itself."""

COMPUTED = frozenset(
    [
        "Add", "ArgMax", "ArgMin", "BitShift", "BitwiseNot", "Clip", "CumProd", "CumSum", "Div",
        "GatherElements", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "MatMul", "Max", "Min",
        "Mod", "Mul", "Pow", "Range", "ReduceL1", "ReduceMax", "ReduceMin", "ReduceProd",
        "ReduceSum", "ReduceSumSquare", "ScatterElements", "ScatterND", "Sub", "Sum", "Trilu",
    ]
)  # fmt: skip
"""What is computed in int64; none of them has a second output."""

SAME_BITS = frozenset(["Add", "BitwiseNot", "Mul", "Sub", "Sum", "Trilu", "GatherElements"])
ORDERED = frozenset(["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min"])
SIGN = -(1 << 63)


class Unsigned:
    """The inputs of a node as signed tensors, and its output turned back."""

    def __init__(self, node: ExportedNode, torch: Writer) -> None:
        self.node = node
        self.torch = torch
        inputs = node.node.inputs[:1] if node.type == "Pow" else node.node.inputs
        values = [v for v in (*inputs, *node.node.outputs) if v is not None]
        self.kinds = {v.dtype for v in values} & (NARROW | WIDE)
        self.flips = bool(self.kinds & WIDE) and node.type in ORDERED

    @property
    def concerns(self) -> bool:
        """Whether the node has to do with them in a way that torch cannot."""
        return bool(self.kinds) and self.node.node.domain == "" and self.node.type not in NATIVE

    def check(self) -> None:
        """Refuse what cannot be computed in int64."""
        names = ", ".join(sorted(kind.name.lower() for kind in self.kinds if kind is not None))
        wide = self.kinds & WIDE and self.node.type not in SAME_BITS | ORDERED
        if (
            self.node.type == "BitShift"
            and self.node.node.attributes["direction"].as_string() == "LEFT"
        ):
            wide = set()
        if self.node.type not in COMPUTED or wide:
            self.node.refuse(f"torch cannot compute it with {names}")

    def signed(self, inputs: Sequence[Variable | None]) -> list[Variable | None]:
        """The inputs as int64."""
        return [self._signed(x) if x is not None and x.dtype in self.kinds else x for x in inputs]

    def _signed(self, x: Variable) -> Variable:
        assert x.value is not None
        name, wide = f"{x.value.name}@int64", x.dtype in WIDE
        value = ir.Value(name=name, type=ir.TensorType(ir.DataType.INT64), shape=x.value.shape)
        if x.constant is not None:
            flip = self.flips
            value.const_value = lazy(
                x.constant,
                lambda array: _bits(array, flip) if wide else array.astype(np.int64),
                dtype=ir.DataType.INT64,
            )
            return Variable(x.hint, value)
        view = self.torch.method(x, "view", Raw("torch.int64"))
        code: Code = view if wide else self.torch.method(x, "long")
        if self.flips:
            code = self.torch.binary("^", code, SIGN)
        variable = self.torch.let(x.hint, code)
        variable.value = value
        return variable

    def back(self, code: Any) -> Any:
        """The output in its own type."""
        (output,) = self.node.node.outputs
        if not isinstance(code, (Code, Variable)) or output.dtype not in self.kinds:
            return code
        if output.dtype in WIDE:
            signed = self.torch.binary("^", code, SIGN) if self.flips else code
            return self.torch.method(signed, "view", Raw("torch.uint64"))
        assert output.dtype is not None
        return self.torch.method(code, "to", Raw(f"torch.{output.dtype.name.lower()}"))


def _bits(array: np.ndarray, flip: bool) -> np.ndarray:
    signed = array.view(np.int64)
    return signed ^ np.int64(SIGN) if flip else signed
