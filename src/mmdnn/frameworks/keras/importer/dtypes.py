"""Types by Keras's names, and the type that a layer computes in."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.frameworks.keras.graph import Layer


def compute_dtype(layer: Layer) -> ir.DataType:
    """What a layer computes in, by its policy: `mixed_float16` keeps its variables in float32."""
    said = layer.config.get("dtype")
    if isinstance(said, dict):
        inner = said.get("config") or {}
        said = inner.get("source_name") or inner.get("name")
    name = str(said or "float32").removeprefix("mixed_").partition("_from_")[::2]
    return KINDS.get(name[1].removeprefix("mixed_") or name[0], ir.DataType.FLOAT)


KINDS = {
    "float32": ir.DataType.FLOAT, "float16": ir.DataType.FLOAT16, "float64": ir.DataType.DOUBLE,
    "bfloat16": ir.DataType.FLOAT, "int32": ir.DataType.INT32, "int64": ir.DataType.INT64,
    "int8": ir.DataType.INT8, "int16": ir.DataType.INT16, "uint8": ir.DataType.UINT8,
    "uint16": ir.DataType.UINT16, "uint32": ir.DataType.UINT32, "uint64": ir.DataType.UINT64,
    "bool": ir.DataType.BOOL, "string": ir.DataType.STRING,
}  # fmt: skip
"""Types by Keras's names; numbers of bfloat16 are computed as float32."""
