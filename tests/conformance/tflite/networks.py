"""Small models of TensorFlow Lite, an operator each, made by the schema's object API of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SEED = 7
TYPES = {
    "float32": 0, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9,
}  # fmt: skip
ACTIVATIONS = {"none": 0, "relu": 1, "n1": 2, "relu6": 3, "tanh": 4}


@dataclass(frozen=True)
class Const:
    """An input that stands in the file."""

    array: np.ndarray
    scale: Any = None
    zero_point: int = 0
    axis: int = 0


@dataclass(frozen=True)
class Fed:
    """An input that is fed, with what its integers stand for."""

    array: np.ndarray
    scale: float | None = None
    zero_point: int = 0


@dataclass(frozen=True)
class State:
    """A variable."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """An operator.

    Attributes:
        type: Its name.
        inputs: Its inputs; None where one is absent.
        outputs: Types, scales and zero points of its outputs.
        table: The table of its options.
        options: Its options, by the schema's names in camelCase.
        version: Its version.
    """

    type: str
    inputs: list[Any]
    outputs: list[tuple[str, float | None, int]] = field(
        default_factory=lambda: [("float32", None, 0)]
    )
    table: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    version: int = 1


def build(case: Case) -> bytes:
    """A model of that one operator."""
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], [graph]
    graph.tensors = []

    def tensor(shape: Any, dtype: str, name: str, how: Any, data: np.ndarray | None = None) -> int:
        made = schema.TensorT()
        made.shape, made.type, made.name, made.hasRank = list(shape), TYPES[dtype], name, True
        made.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        if how[0] is not None:
            quantization = schema.QuantizationParametersT()
            quantization.scale = np.atleast_1d(np.asarray(how[0], np.float32))
            quantization.zeroPoint = np.full(len(quantization.scale), how[1], np.int64)
            quantization.quantizedDimension = how[2]
            made.quantization = quantization
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    places: list[int] = []
    graph.inputs = []
    for index, given in enumerate(case.inputs):
        if given is None:
            places.append(-1)
        elif isinstance(given, State):
            places.append(tensor(given.shape, "float32", f"state{index}", (None,)))
            graph.tensors[-1].isVariable = True
        else:
            array, fixed = given.array, isinstance(given, Const)
            how = given.scale, given.zero_point, getattr(given, "axis", 0)
            data = array if fixed else None
            places.append(tensor(array.shape, str(array.dtype), f"in{index}", how, data))
            graph.inputs += [] if fixed else [places[-1]]
    graph.outputs = [
        tensor((1,), dtype, f"out{i}", (scale, zero, 0))
        for i, (dtype, scale, zero) in enumerate(case.outputs)
    ]
    operator, code = schema.OperatorT(), schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, case.type)
    code.builtinCode, code.version = number, case.version
    code.deprecatedBuiltinCode = min(number, 127)
    operator.inputs, operator.outputs = places, graph.outputs
    if case.table:
        options = getattr(schema, f"{case.table}T")()
        for name, value in case.options.items():
            assert hasattr(options, name), name
            setattr(options, name, value)
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, case.table)
    model.operatorCodes, graph.operators = [code], [operator]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class Numbers:
    """Random numbers."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(SEED)

    def floats(self, *shape: int) -> np.ndarray:
        return (self.rng.normal(size=shape) * 1.5).astype(np.float32)

    def ints(self, *shape: int, low: int = -9, high: int = 10) -> np.ndarray:
        return self.rng.integers(low, high, shape).astype(np.int32)

    def integers(self, dtype: str, *shape: int) -> np.ndarray:
        limits = np.iinfo(dtype)
        return self.rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def _vector(*numbers: int) -> Const:
    return Const(np.asarray(numbers, np.int32))


def cases() -> Iterator[tuple[str, Case]]:
    """All of them, by name."""
    n = Numbers()
    for part in (_elementwise, _windows, _shapes, _reductions, _quantized, _recurrent):
        yield from part(n)


def _elementwise(n: Numbers) -> Iterator[tuple[str, Case]]:
    unary = "ABS NEG EXP SIN COS FLOOR CEIL ROUND SQUARE TANH LOGISTIC RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 "
    for name in (unary + "ELU HARD_SWISH SIGN ZEROS_LIKE LOG_SOFTMAX").split():
        yield name, Case(name, [Fed(n.floats(2, 3, 4) * 2)])
    for name in ("SQRT", "RSQRT", "LOG"):
        yield name, Case(name, [Fed(np.abs(n.floats(2, 3)))])
    for beta in (1.0, 0.5):
        yield (
            f"softmax_{beta}",
            Case("SOFTMAX", [Fed(n.floats(2, 5))], table="SoftmaxOptions", options={"beta": beta}),
        )
    for name in ["MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "FLOOR_DIV", "FLOOR_MOD"]:
        divisor = n.ints(1, 4, low=1, high=4) * np.asarray([1, -1, 1, -1], np.int32)
        yield name, Case(name, [Fed(n.floats(3, 4)), Fed(n.floats(1, 4))])
        yield f"{name}_int", Case(name, [Fed(n.ints(3, 4)), Fed(divisor)], [("int32", None, 0)])
    for act, number in ACTIVATIONS.items():
        for name in ("ADD", "SUB", "MUL", "DIV"):
            said: dict[str, Any] = {
                "table": f"{name.title()}Options",
                "options": {"fusedActivationFunction": number},
            }
            yield f"{name}_{act}", Case(name, [Fed(n.floats(3, 4)), Fed(n.floats(3, 1))], **said)
            ints = [Fed(n.ints(3, 4, low=-20, high=20)), Fed(n.ints(3, 1, low=2, high=5))]
            yield f"{name}_{act}_int", Case(name, ints, [("int32", None, 0)], **said)
    for name in ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]:
        yield (
            name,
            Case(
                name,
                [Fed(n.ints(3, 4, low=0, high=3)), Fed(n.ints(1, 4, low=0, high=3))],
                [("bool", None, 0)],
            ),
        )


def _windows(n: Numbers) -> Iterator[tuple[str, Case]]:
    for padding in (0, 1):
        for stride, dilation in ((1, 1), (2, 1), (3, 1), (1, 2)):
            said = {"padding": padding, "strideW": stride, "strideH": stride}
            said |= {"dilationWFactor": dilation, "dilationHFactor": dilation}
            name = f"p{padding}_s{stride}_d{dilation}"
            image = n.floats(2, 7, 8, 4)
            for inside, kind in ((4, "conv"), (2, "groups")):
                kernel = Const(n.floats(6, 3, 2, inside)), Const(n.floats(6))
                yield (
                    f"{kind}_{name}",
                    Case("CONV_2D", [Fed(image), *kernel], table="Conv2DOptions", options=said),
                )
            deep = Const(n.floats(1, 3, 2, 8)), Const(n.floats(8))
            options = {**said, "depthMultiplier": 2}
            yield (
                f"depthwise_{name}",
                Case(
                    "DEPTHWISE_CONV_2D",
                    [Fed(image), *deep],
                    table="DepthwiseConv2DOptions",
                    options=options,
                ),
            )
        for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
            said = {
                "padding": padding,
                "strideW": 2,
                "strideH": 3,
                "filterWidth": 3,
                "filterHeight": 2,
            }
            yield (
                f"{name}_p{padding}",
                Case(name, [Fed(n.floats(2, 5, 6, 3))], table="Pool2DOptions", options=said),
            )
    for size in ((7, 9), (3, 2), (8, 10)):
        for corners, centres in ((False, False), (True, False), (False, True)):
            said = {"alignCorners": corners, "halfPixelCenters": centres}
            for name, table in (
                ("RESIZE_BILINEAR", "ResizeBilinear"),
                ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"),
            ):
                case = Case(
                    name,
                    [Fed(n.floats(2, 4, 5, 3)), _vector(*size)],
                    table=f"{table}Options",
                    options=said,
                    version=3,
                )
                yield f"{table}_{size[0]}_{corners:d}{centres:d}", case


def _shapes(n: Numbers) -> Iterator[tuple[str, Case]]:
    begin, end, step = _vector(1, -1, 0), _vector(3, -4, 4), _vector(1, -1, 2)
    for ellipsis, new, shrink in ((0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 1), (2, 0, 4), (1, 2, 0)):
        said = {
            "ellipsisMask": ellipsis,
            "newAxisMask": new,
            "shrinkAxisMask": shrink,
            "beginMask": 2,
        }
        yield (
            f"slice_{ellipsis}{new}{shrink}",
            Case(
                "STRIDED_SLICE",
                [Fed(n.floats(3, 4, 5)), begin, end, step],
                table="StridedSliceOptions",
                options=said,
                version=4,
            ),
        )
    for axis in (-1, 0, 1):
        indices = Fed(np.asarray([[0, 2, -1], [3, 1, 7]], np.int32))
        more = [Const(np.int32(4)), Const(np.float32(2)), Const(np.float32(-1))]
        yield (
            f"one_hot_{axis}",
            Case("ONE_HOT", [indices, *more], table="OneHotOptions", options={"axis": axis}),
        )
        yield (
            f"pack_{axis}",
            Case(
                "PACK",
                [Fed(n.floats(2, 3)), Fed(n.floats(2, 3))],
                table="PackOptions",
                options={"valuesCount": 2, "axis": axis},
            ),
        )
    for mode in (0, 1):
        pairs = Const(np.asarray([[1, 2], [2, 1]], np.int32))
        yield (
            f"mirror_{mode}",
            Case(
                "MIRROR_PAD",
                [Fed(n.floats(3, 4)), pairs],
                table="MirrorPadOptions",
                options={"mode": mode},
            ),
        )
    for axis, batch in ((0, 0), (-1, 0), (1, 1), (2, 1)):
        indices = Const(n.ints(2, 3, low=0, high=2))
        yield (
            f"gather_{axis}{batch}",
            Case(
                "GATHER",
                [Fed(n.floats(2, 3, 4)), indices],
                table="GatherOptions",
                options={"axis": axis, "batchDims": batch},
            ),
        )


def _reductions(n: Numbers) -> Iterator[tuple[str, Case]]:
    for name in ["MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN"]:
        for keep in (False, True):
            said: dict[str, Any] = {"table": "ReducerOptions", "options": {"keepDims": keep}}
            yield f"{name}_{keep:d}", Case(name, [Fed(n.floats(2, 3, 4)), _vector(0, -1)], **said)
            yield (
                f"{name}_{keep:d}_int",
                Case(name, [Fed(n.ints(2, 3, 4)), _vector(1)], [("int32", None, 0)], **said),
            )


def _quantized(n: Numbers) -> Iterator[tuple[str, Case]]:
    for dtype, zero, scale, result in (("int8", 3, 0.03, -7), ("int16", 0, 0.0003, 0)):
        how = [(dtype, 0.05 if dtype == "int8" else 0.0005, result)]
        for act in ("none", "relu", "n1", "relu6"):
            kernel = Const(n.integers("int8", 4, 3, 3, 3), [0.01, 0.02, 0.015, 0.03])
            scales = np.asarray(kernel.scale, np.float32) * np.float32(scale)
            wide = "int32" if dtype == "int8" else "int64"
            bias = Const(n.ints(4, low=-500, high=500).astype(wide), scales)
            said = {"strideW": 1, "strideH": 1, "fusedActivationFunction": ACTIVATIONS[act]}
            image = Fed(n.integers(dtype, 1, 5, 6, 3), scale, zero)
            yield (
                f"conv_{dtype}_{act}",
                Case("CONV_2D", [image, kernel, bias], how, "Conv2DOptions", said, 3),
            )
            both = [
                Fed(n.integers(dtype, 3, 4), scale, zero),
                Fed(n.integers(dtype, 3, 1), scale, zero),
            ]
            options = {"fusedActivationFunction": ACTIVATIONS[act]}
            yield f"mul_{dtype}_{act}", Case("MUL", both, how, "MulOptions", options, 2)
    for name, scale, zero in (("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0)):
        yield (
            f"{name}_int8",
            Case(name, [Fed(n.integers("int8", 200), 0.03, 3)], [("int8", scale, zero)]),
        )
        yield (
            f"{name}_int16",
            Case(name, [Fed(n.integers("int16", 200), 0.0003)], [("int16", 2**-15, 0)], version=3),
        )


def _recurrent(n: Numbers) -> Iterator[tuple[str, Case]]:
    table = "UnidirectionalSequenceLSTMOptions"
    kinds: dict[str, dict[str, Any]] = {
        "plain": {}, "coupled": {"coupled": True}, "peepholes": {"peepholes": True},
        "clip": {"cellClip": 0.5}, "long": {"cellClip": 10.0, "steps": 14}, "norms": {"norms": True},
    }  # fmt: skip
    for name, kind in kinds.items():
        coupled, steps = kind.get("coupled", False), kind.get("steps", 5)
        parts: list[Any] = [Const(n.floats(3, 2)) for _ in range(4)]
        parts += [Const(n.floats(3, 3)) for _ in range(4)]
        parts += [Const(n.floats(3)) if kind.get("peepholes") else None for _ in range(3)]
        parts += [Const(n.floats(3)) for _ in range(4)]
        parts += [None, None, State((2, 3)), State((2, 3))]
        parts += [Const(n.floats(3)) if kind.get("norms") else None for _ in range(4)]
        if coupled:
            parts[0] = parts[4] = parts[11] = None
        said = {"fusedActivationFunction": 4, "cellClip": kind.get("cellClip", 0.0)}
        case = Case(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            [Fed(n.floats(2, steps, 2)), *parts],
            table=table,
            options=said,
            version=2,
        )
        yield f"lstm_{name}", case


Build = Callable[[Case], bytes]
