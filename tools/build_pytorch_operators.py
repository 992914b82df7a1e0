"""Write the operators of PyTorch, with their arguments and defaults, from torch's own registry.

usage: python tools/pytorch_operators.py src/mmdnn/frameworks/pytorch/operators.json
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import torch
import torch.ao.quantization.fx._decomposed

LEFT_OUT = re.compile(
    r"backward|_foreach|_cudnn|cudnn_|mkldnn|miopen|_fused_|_cuda|_mps|_nested|sparse|_jagged"
    r"|_test_|_dropout_|fbgemm|_thnn|_cslt|_amp_|_sobol|_scaled_mm|xnnpack|_assert_async"
)
KEPT = {"_to_copy", "lift_fresh_copy", "slice_copy", "_assert_tensor_metadata"}


def arguments(schema):
    text = str(schema)
    return text[text.index("(") + 1 : text.index(") -> ")]


def main(target):
    found = defaultdict(dict)
    for schema in torch._C._jit_get_all_schemas():
        namespace, name = schema.name.split("::")
        overload = schema.overload_name
        outs = any(a.is_out for a in schema.arguments)
        if namespace not in {"aten", "quantized", "quantized_decomposed"} or outs:
            continue
        if (LEFT_OUT.search(name) and name not in KEPT) or "Dimname" in str(schema):
            continue
        if re.search(
            r"_out$|^out$|\bout\b|Stream|__torch__|\bt\[\]|\bt el|Dict\(", f"{overload} {schema}"
        ):
            continue
        key = name if namespace == "aten" else f"{namespace}::{name}"
        key = key[:-1] if key.endswith("_") and not key.endswith("__") else key
        if name.endswith("_") and not name.endswith("__"):
            continue
        text = re.sub(r"\([a-z!*|> -]+\)", "", arguments(schema)).replace("SymInt", "int")
        found[key][overload] = text
    lines = [
        f" {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}"
        for k, v in sorted(found.items())
    ]
    Path(target).write_text("{\n" + ",\n".join(lines) + "\n}\n")


main(sys.argv[1])
