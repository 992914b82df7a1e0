"""Write what TensorFlow says of its operators: the names of outputs, and the defaults of attributes.

Function bodies name outputs (`split:output:2`), and attributes equal to their default may be missing from a
file. Run where TensorFlow is installed:

    python tools/build_tensorflow_operators.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parent.parent / "src/mmdnn/frameworks/tensorflow/operators.json"
OMITTED = (
    "Dataset",
    "Tpu",
    "TPU",
    "XLA",
    "Xla",
    "Collective",
    "Nccl",
    "Barrier",
    "Summary",
)


def main() -> None:
    """Write them all but those of training, of input pipelines and of other devices."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python import pywrap_tensorflow  # noqa: F401 - registers the operators
    from tensorflow.python.client import pywrap_tf_session as session

    buffer = session.TF_GetAllOpList()
    found = op_def_pb2.OpList.FromString(session.TF_GetBuffer(buffer))
    table = {
        op.name: {"outputs": [_output(arg) for arg in op.output_arg]} | _defaults(op)
        for op in found.op
        if not any(word in op.name for word in OMITTED) and not op.name.startswith("_")
    }
    text = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(table.items()))
    TARGET.write_text(f"{{\n{text}\n}}\n")


def _output(arg: Any) -> list[str]:
    """Its name, and the attribute that says how many it is."""
    count = arg.number_attr or arg.type_list_attr
    return [arg.name, count] if count else [arg.name]


def _defaults(op: Any) -> dict[str, Any]:
    found = {}
    for attr in op.attr:
        if attr.HasField("default_value") and attr.type not in (
            "type",
            "list(type)",
            "func",
            "tensor",
        ):
            found[attr.name] = _value(attr.default_value)
    return {"defaults": found} if found else {}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "list":
        items = value.list
        return [*(s.decode() for s in items.s), *items.i, *items.f, *items.b]
    if kind == "s":
        return value.s.decode()
    if kind == "shape":
        return None if value.shape.unknown_rank else [dim.size for dim in value.shape.dim]
    if kind == "f":
        return float(str(np.float32(value.f)))
    return getattr(value, kind)


if __name__ == "__main__":
    main()
