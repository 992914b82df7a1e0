"""Where the common operators stand: modules of one name in every exporter and in every importer.

    python tools/families.py

Exporters and importers register their operators while their modules are imported (`mmdnn.ir.operators`); who
registers what is watched, so that this says what is there. It ends with 1 where an operator stands
elsewhere.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

from mmdnn import registry
from mmdnn.ir import operators

FAMILIES = {
    "activation": "Relu LeakyRelu PRelu Elu Selu Sigmoid Tanh HardSigmoid Softplus Softsign Softmax",
    "elementwise": "Add Sub Mul Div Pow Neg Abs Exp Log Sqrt Reciprocal Clip Min Max Sum Identity Dropout",
    "comparison": "Equal Less Greater Not Where",
    "shape": "Reshape Flatten Squeeze Transpose Tile",
    "indexing": "Slice Gather",
    "concat": "Concat Split",
    "pad": "Pad",
    "convolution": "Conv ConvTranspose",
    "pooling": "MaxPool AveragePool GlobalAveragePool",
    "normalization": "BatchNormalization LRN",
    "matmul": "MatMul Gemm",
    "reduction": "ReduceSum ArgMax",
    "recurrent": "LSTM",
    "resize": "Resize",
}
"""Operators that every exporter knows, by the module that each of them stands in."""

READ = {
    "caffe": {
        "Relu": "ReLU", "PRelu": "PReLU", "Elu": "ELU", "Sigmoid": "Sigmoid", "Tanh": "TanH",
        "HardSigmoid": "HardSigmoid", "Softplus": "BNLL", "Softmax": "Softmax", "Add": "Bias Eltwise",
        "Mul": "Scale", "Pow": "Power", "Abs": "AbsVal", "Exp": "Exp", "Log": "Log", "Clip": "Clip ReLU6",
        "Identity": "Split", "Dropout": "Dropout", "Greater": "Threshold", "Reshape": "Reshape",
        "Flatten": "Flatten", "Transpose": "Permute", "Tile": "Tile", "Slice": "Crop", "Gather": "Embed",
        "Concat": "Concat", "Split": "Slice", "Conv": "Convolution", "ConvTranspose": "Deconvolution",
        "MaxPool": "Pooling", "BatchNormalization": "BatchNorm", "LRN": "LRN", "Gemm": "InnerProduct",
        "ReduceSum": "Reduction", "ArgMax": "ArgMax", "LSTM": "LSTM", "Resize": "Interp Upsample",
    },
    "mxnet": {
        "Relu": "relu Activation", "LeakyRelu": "LeakyReLU", "Sigmoid": "sigmoid", "Tanh": "tanh",
        "HardSigmoid": "hard_sigmoid", "Softsign": "softsign", "Softmax": "softmax SoftmaxActivation",
        "Add": "elemwise_add broadcast_add _plus_scalar", "Sub": "elemwise_sub broadcast_sub",
        "Mul": "elemwise_mul broadcast_mul", "Div": "elemwise_div broadcast_div", "Pow": "_power",
        "Neg": "negative", "Abs": "abs", "Exp": "exp", "Log": "log", "Sqrt": "sqrt",
        "Reciprocal": "reciprocal", "Clip": "clip", "Min": "_minimum", "Max": "_maximum", "Sum": "add_n",
        "Identity": "_copy BlockGrad", "Dropout": "Dropout", "Equal": "_equal broadcast_equal",
        "Less": "_lesser", "Greater": "_greater", "Not": "logical_not", "Where": "where",
        "Reshape": "Reshape", "Flatten": "Flatten", "Squeeze": "squeeze", "Transpose": "transpose",
        "Tile": "tile", "Slice": "slice slice_axis slice_like Crop", "Gather": "take Embedding",
        "Concat": "Concat stack", "Split": "SliceChannel", "Pad": "Pad", "Conv": "Convolution",
        "ConvTranspose": "Deconvolution", "MaxPool": "Pooling", "BatchNormalization": "BatchNorm",
        "LRN": "LRN", "MatMul": "dot batch_dot", "Gemm": "FullyConnected", "ReduceSum": "sum",
        "ArgMax": "argmax", "LSTM": "RNN", "Resize": "UpSampling _contrib_BilinearResize2D",
    },
    "cntk": {
        "Relu": "ReLU", "LeakyRelu": "LeakyReLU(block)", "PRelu": "PReLU(block)", "Elu": "ELU",
        "Selu": "SELU(block)", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "HardSigmoid": "HardSigmoid(block)",
        "Softplus": "Softplus(block)", "Softsign": "Softsign(block)", "Softmax": "Softmax",
        "Add": "Plus", "Sub": "Minus", "Mul": "ElementTimes", "Div": "ElementDivide(block)", "Pow": "Pow",
        "Neg": "Negate", "Abs": "Abs", "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Clip": "Clip",
        "Reciprocal": "Reciprocal", "Min": "ElementMin(block)", "Max": "ElementMax(block)",
        "Identity": "NoOp Pass", "Dropout": "Dropout", "Equal": "Equal", "Less": "Less",
        "Greater": "Greater", "Where": "Select", "Reshape": "Reshape", "Squeeze": "Squeeze",
        "Transpose": "TransposeAxes", "Slice": "Slice Crop", "Gather": "Gather", "Concat": "Splice",
        "Pad": "Pad", "Conv": "Convolution", "MaxPool": "Pooling", "MatMul": "Times TransposeTimes",
        "BatchNormalization": "BatchNormalization", "LRN": "LocalResponseNormalization(block)",
        "ReduceSum": "ReduceElements", "LSTM": "OptimizedRNNStack",
    },
}  # fmt: skip
"""The layers that mean an operator, by framework; those that a framework has no layer for are left out."""

Homes = dict[tuple[str, str], dict[str, str]]


def homes() -> Homes:
    """Of each framework and room the modules in which operators are registered, by the operator.

    The rooms must not have been imported before.
    """
    found: Homes = defaultdict(dict)
    register = operators.Operators.__call__

    def watched(self: operators.Operators, *types: str, **options: Any) -> Any:
        framework, room, *module = _registrant()
        found[framework, room] |= dict.fromkeys(types, ".".join(module))
        return register(self, *types, **options)

    operators.Operators.__call__ = watched  # type: ignore[method-assign]
    try:
        for name in registry.OURS:
            for room in ("exporter", "importer"):
                if registry.framework(name).has(room):
                    registry.framework(name).room(room)
    finally:
        operators.Operators.__call__ = register  # type: ignore[method-assign]
    return found


def _registrant() -> list[str]:
    """The framework, the room and the module that is being imported."""
    frame = sys._getframe(2)
    name = ""
    while frame is not None and "importlib" not in frame.f_code.co_filename:
        name = frame.f_globals["__name__"]
        frame = frame.f_back
    return name.removeprefix("mmdnn.frameworks.").split(".")


def misplaced() -> list[str]:
    """What does not stand where it belongs."""
    wrong = []
    found = homes()
    exporters = {name: table for (name, room), table in found.items() if room == "exporter"}
    for family, listed in FAMILIES.items():
        for operator in listed.split():
            for framework, table in exporters.items():
                wrong += _compare(f"{framework}'s exporter", operator, table.get(operator), family)
            for framework, layers in READ.items():
                for layer in layers.get(operator, "").split():
                    home = found[framework, "importer"].get(layer.replace("(", " ("))
                    wrong += _compare(f"{framework}'s importer", layer, home, family)
    return wrong


def _compare(where: str, operator: str, home: str | None, family: str) -> list[str]:
    return [] if home == family else [f"{where}: {operator} stands in {home}, not in {family}"]


def main() -> int:
    """Print what stands elsewhere; 1 where there is any."""
    wrong = misplaced()
    count = sum(len(listed.split()) for listed in FAMILIES.values())
    print("\n".join([*wrong, f"{count} operators, {len(wrong)} misplaced"]))
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
