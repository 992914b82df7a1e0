"""Single operators as small ONNX models, for every exporter: `CASES`, and what MXNet refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.ir.builder import Builder

Build = Callable[[Any, ir.Value], Any]

CASES: dict[str, tuple[tuple[int, ...], Build]] = {}
REFUSED: dict[str, tuple[tuple[int, ...], Build, str]] = {}

IMAGE = (2, 3, 9, 8)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def normal(*shape: int) -> np.ndarray:
    return rng().normal(size=shape).astype(np.float32)


def case(name: str, shape: tuple[int, ...], build: Build) -> None:
    assert name not in CASES
    CASES[name] = (shape, build)


def refused(name: str, reason: str, shape: tuple[int, ...], build: Build) -> None:
    REFUSED[name] = (shape, build, reason)


def model(shape: tuple[int, ...], build: Build, *, batch: bool = True) -> ir.Model:
    builder = Builder("mmdnn.test", "network")
    x = builder.input("data", ("batch" if batch else shape[0], *shape[1:]))
    made = build(builder.op, x)
    builder.graph.outputs.extend(made if isinstance(made, (tuple, list)) else [made])
    return builder.model()


# convolution

for pads in ([1, 1, 1, 1], [0, 2, 1, 0], [2, 0, 0, 3]):
    name = "conv_pads_" + "".join(map(str, pads))
    case(name, IMAGE, lambda op, x, p=pads: op.Conv(x, normal(4, 3, 3, 2), normal(4), pads=p))
case(
    "conv_strides",
    IMAGE,
    lambda op, x: op.Conv(x, normal(4, 3, 3, 2), strides=[2, 3], dilations=[1, 2]),
)
case("conv_groups", (2, 4, 7, 7), lambda op, x: op.Conv(x, normal(6, 2, 3, 3), group=2))
case("conv_same_lower", IMAGE, lambda op, x: op.Conv(x, normal(4, 3, 2, 4), auto_pad="SAME_LOWER"))
case("conv_1d", (2, 3, 9), lambda op, x: op.Conv(x, normal(4, 3, 3), pads=[2, 1], strides=[2]))
case(
    "conv_3d",
    (1, 2, 5, 6, 7),
    lambda op, x: op.Conv(x, normal(3, 2, 2, 3, 2), pads=[1, 0, 1, 0, 1, 1]),
)
case(
    "conv_of_data",
    (3, 3, 5, 5),
    lambda op, x: op.Conv(x, op.Mul(np.float32(2), normal(4, 3, 3, 3))),
)
for name, options in {
    "plain": {},
    "stride": {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 0]},
    "uneven": {"strides": [2, 3], "pads": [0, 1, 1, 0]},
    "uneven_far": {"strides": [1, 1], "pads": [0, 2, 2, 0]},
    "output_shape": {"strides": [3, 2], "output_shape": [26, 17]},
    "same": {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
    "dilated": {"dilations": [2, 1], "pads": [1, 1, 1, 1]},
}.items():
    case(
        f"deconv_{name}",
        IMAGE,
        lambda op, x, o=options: op.ConvTranspose(x, normal(3, 4, 3, 3), normal(4), **o),
    )
case("deconv_groups", (1, 4, 5, 5), lambda op, x: op.ConvTranspose(x, normal(4, 3, 2, 2), group=2))
case(
    "deconv_1d",
    (2, 3, 9),
    lambda op, x: op.ConvTranspose(x, normal(3, 2, 4), strides=[2], pads=[1, 0]),
)

# pooling

for size in (7, 8, 9, 10):
    for kernel, stride, pad in ((2, 2, 0), (3, 2, 1), (3, 3, 1), (2, 3, 1), (3, 1, 2), (2, 2, 1)):
        name = f"{size}_{kernel}{stride}{pad}"
        settings = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
        for ceil in (0, 1):
            case(
                f"max_{name}_{ceil}",
                (1, 2, size, size + 1),
                lambda op, x, s=settings, c=ceil: op.MaxPool(x, **s, ceil_mode=c),
            )
            for include in (0, 1):
                case(
                    f"avg_{name}_{ceil}{include}",
                    (1, 2, size, size + 1),
                    lambda op, x, s=settings, c=ceil, i=include: op.AveragePool(
                        x, **s, ceil_mode=c, count_include_pad=i
                    ),
                )
UNEVEN = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [0, 1, 1, 0]}
case("max_uneven", IMAGE, lambda op, x: op.MaxPool(x, **UNEVEN))
case("max_uneven_ceil", IMAGE, lambda op, x: op.MaxPool(x, **UNEVEN, ceil_mode=1))
case("avg_uneven", IMAGE, lambda op, x: op.AveragePool(x, **UNEVEN))
case("avg_uneven_include", IMAGE, lambda op, x: op.AveragePool(x, **UNEVEN, count_include_pad=1))
case("max_1d", (2, 3, 9), lambda op, x: op.MaxPool(x, kernel_shape=[3], pads=[1, 0]))
case(
    "avg_3d",
    (1, 2, 5, 6, 7),
    lambda op, x: op.AveragePool(x, kernel_shape=[2, 3, 2], strides=[2, 1, 2]),
)
case("global_max", IMAGE, lambda op, x: op.GlobalMaxPool(x))
case("global_avg_1d", (2, 3, 9), lambda op, x: op.GlobalAveragePool(x))
case("lp_pool", IMAGE, lambda op, x: op.LpPool(x, kernel_shape=[2, 2], p=2))
refused(
    "max_dilated",
    "dilation",
    IMAGE,
    lambda op, x: op.MaxPool(x, kernel_shape=[2, 2], dilations=[2, 2]),
)
refused(
    "max_where",
    "where the maxima are",
    IMAGE,
    lambda op, x: op.outputs(2).MaxPool(x, kernel_shape=[2, 2]),
)

# dense layers

case("gemm", (3, 4), lambda op, x: op.Gemm(x, normal(5, 4), normal(5), transB=1))
case("gemm_plain", (3, 4), lambda op, x: op.Gemm(x, normal(4, 5), normal(5)))
case(
    "gemm_scaled", (3, 4), lambda op, x: op.Gemm(x, normal(4, 5), normal(1, 5), alpha=0.5, beta=2.0)
)
case("gemm_both", (3, 3), lambda op, x: op.Gemm(x, x, normal(3), transA=1))
case("gemm_scalar_bias", (3, 4), lambda op, x: op.Gemm(x, normal(4, 5), np.float32(2)))
case("gemm_flattened", IMAGE, lambda op, x: op.Gemm(op.Flatten(x), normal(216, 5)))
case("matmul_dense", (2, 3, 4), lambda op, x: op.Add(op.MatMul(x, normal(4, 5)), normal(5)))
case("matmul_left", (2, 3, 4), lambda op, x: op.MatMul(normal(5, 3), x))
case("matmul_batch", (2, 3, 4), lambda op, x: op.MatMul(x, op.Transpose(x, perm=[0, 2, 1])))
case("matmul_batch4", (2, 3, 4, 4), lambda op, x: op.MatMul(x, x))
case("matmul_repeated", (2, 3, 4, 5), lambda op, x: op.MatMul(x, normal(3, 5, 2)))
case("matmul_vector", (4,), lambda op, x: op.MatMul(x, normal(4, 3)))

# activations and arithmetic

for kind in (
    "Relu",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "Elu",
    "LeakyRelu",
    "Selu",
    "Gelu",
    "Celu",
):
    case(kind, (2, 5), lambda op, x, k=kind: op[k](op.Mul(x, np.float32(3))))
for kind in (
    "HardSigmoid",
    "HardSwish",
    "Mish",
    "ThresholdedRelu",
    "Sign",
    "Floor",
    "Ceil",
    "Exp",
    "Erf",
):
    case(kind, (2, 5), lambda op, x, k=kind: op[k](x))
case("gelu_tanh", (2, 5), lambda op, x: op.Gelu(x, approximate="tanh"))
case("selu_odd", (2, 5), lambda op, x: op.Selu(x, alpha=2.0, gamma=0.5))
for shape in ((3, 1, 1), (1,), (1, 1, 1), (8,), (1, 3, 1, 1), (9, 8)):
    name = "prelu_" + "_".join(map(str, shape))
    case(name, IMAGE, lambda op, x, s=shape: op.PRelu(x, normal(*s)))
HALVES = np.asarray([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3, -0.7], np.float32)
case("round", (1, 8), lambda op, x: op.Round(op.Add(op.Mul(x, np.float32(0)), HALVES)))
for kind in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
    case(f"{kind}_scalar", (2, 5), lambda op, x, k=kind: op[k](x, np.float32(0.7)))
    case(f"{kind}_left", (2, 5), lambda op, x, k=kind: op[k](np.float32(0.7), x))
    case(f"{kind}_row", (2, 5), lambda op, x, k=kind: op[k](x, normal(5)))
    case(f"{kind}_wider", (5,), lambda op, x, k=kind: op[k](x, normal(2, 5)))
case("pow", (2, 5), lambda op, x: [op.Pow(op.Abs(x), np.float32(1.7)), op.Pow(np.float32(2), x)])
case("pow_integer", (2, 5), lambda op, x: op.Pow(x, np.int64(3)))
case("mod", (2, 5), lambda op, x: [op.Mod(x, np.float32(-0.3), fmod=1)])
case(
    "mod_integers",
    (2, 5),
    lambda op, x: op.Mod(op.Cast(op.Mul(x, np.float32(9)), to=7), np.int64(4)),
)
case(
    "div_integers",
    (2, 5),
    lambda op, x: op.Div(op.Cast(op.Mul(x, np.float32(9)), to=7), np.int64(4)),
)
case("sum3", (2, 5), lambda op, x: op.Sum(x, x, normal(5)))
case(
    "clip_one_side",
    (2, 5),
    lambda op, x: [op.Clip(x, np.float32(0.1)), op.Clip(x, None, np.float32(0.1))],
)
case("compare", (2, 5), lambda op, x: [op.Greater(x, np.float32(0)), op.LessOrEqual(normal(5), x)])
case(
    "logic",
    (2, 5),
    lambda op, x: op.And(op.Not(op.Greater(x, np.float32(0))), op.Less(x, np.float32(0.5))),
)
case("bool_as_number", (2, 5), lambda op, x: op.Cast(op.Greater(x, np.float32(0)), to=7))
case("number_as_bool", (2, 5), lambda op, x: op.Cast(op.Floor(x), to=9))
case("where", (2, 5), lambda op, x: op.Where(op.Greater(x, np.float32(0)), x, np.float32(-9)))
case("where_row", (2, 5), lambda op, x: op.Where(np.asarray([1, 0, 1, 0, 1], bool), x, op.Neg(x)))
case("isnan", (2, 5), lambda op, x: op.Cast(op.IsNaN(op.Sqrt(x)), to=1))

# normalisation and softmax

case(
    "batch_norm",
    IMAGE,
    lambda op, x: op.BatchNormalization(x, normal(3), normal(3), normal(3), np.abs(normal(3))),
)
case(
    "batch_norm_2d",
    (2, 3),
    lambda op, x: op.BatchNormalization(x, normal(3), normal(3), normal(3), np.abs(normal(3))),
)
case(
    "instance_norm",
    IMAGE,
    lambda op, x: op.InstanceNormalization(x, normal(3), normal(3), epsilon=1e-3),
)
case("layer_norm", (2, 3, 4), lambda op, x: op.LayerNormalization(x, normal(4), normal(4)))
case("layer_norm_axes", (2, 3, 4), lambda op, x: op.LayerNormalization(x, normal(3, 4), axis=1))
case(
    "group_norm",
    (2, 4, 3, 3),
    lambda op, x: op.GroupNormalization(x, normal(4), normal(4), num_groups=2),
)
case("lrn", (2, 6, 3, 3), lambda op, x: op.LRN(x, size=3, alpha=0.3, beta=0.6, bias=1.5))
case("lp_norm", (2, 3, 4), lambda op, x: op.LpNormalization(x, axis=1, p=2))
case("softmax", (2, 3, 4), lambda op, x: [op.Softmax(x, axis=1), op.LogSoftmax(x)])
refused("lrn_even", "odd", (2, 6, 3, 3), lambda op, x: op.LRN(x, size=4))

# shapes

for pads in (
    [0, 0, 1, 2, 0, 0, 0, 1],
    [0, 1, 0, 0, 0, 2, 0, 0],
    [1, 0, 0, 1, 0, 2, 1, 0],
    [0, 0, -1, 2, 0, 0, 0, -2],
):
    name = "pad_" + "".join(map(str, pads))
    case(name, IMAGE, lambda op, x, p=pads: op.Pad(x, np.asarray(p), np.float32(0.5)))
case("pad_vector", (2, 5), lambda op, x: op.Pad(x, np.asarray([0, 1, 0, 2])))
case("pad_all", (2, 2, 3, 2, 2), lambda op, x: op.Pad(x, np.asarray([1] * 10)))
case(
    "pad_reflect",
    (2, 3, 5),
    lambda op, x: op.Pad(x, np.asarray([0, 0, 1, 0, 0, 2]), mode="reflect"),
)
case("pad_edge", IMAGE, lambda op, x: op.Pad(x, np.asarray([0, 0, 1, 0, 0, 0, 2, 1]), mode="edge"))
case("reshape", IMAGE, lambda op, x: op.Reshape(x, [0, -1, 12]))
case(
    "reshape_open",
    IMAGE,
    lambda op, x: op.Reshape(x, op.Concat(op.Shape(x, start=0, end=1), [3, -1], axis=0)),
)
case(
    "flatten0",
    IMAGE,
    lambda op, x: [op.Flatten(x, axis=0), op.Flatten(x, axis=2), op.Flatten(x, axis=3)],
)
case("transpose", (2, 3, 4), lambda op, x: op.Transpose(x, perm=[2, 0, 1]))
case("squeeze", (2, 1, 4), lambda op, x: [op.Squeeze(x, [1]), op.Unsqueeze(x, [0, -1])])
case("concat", (2, 3), lambda op, x: op.Concat(x, op.Neg(x), axis=-1))
case("split", (2, 7), lambda op, x: op.outputs(3).Split(x, [1, 4, 2], axis=1))
case("split_even", (2, 7), lambda op, x: op.outputs(3).Split(x, axis=1, num_outputs=3))
for name, args in {
    "front": ([1], [4], [1]),
    "negative": ([-3], [-1], [2]),
    "far": ([0, 1], [1 << 40, 1 << 40], [1, 2]),
    "back": ([-1], [-(1 << 40)], [2], [-1]),
    "back_some": ([4], [0], [2], [-2]),
    "steps": ([1, 0], [5, 7], [1, 2], [2, 3]),
    "beyond": ([-20], [20], [1]),
}.items():
    case(f"slice_{name}", (2, 6, 7), lambda op, x, a=args: op.Slice(x, *map(list, a)))
case("tile", (2, 3), lambda op, x: op.Tile(x, [2, 3]))
case("expand", (2, 1, 3), lambda op, x: op.Expand(x, [1, 5, 3]))
case("expand_like", (2, 3), lambda op, x: op.Expand(normal(3), op.Shape(x)))
case("shape", (2, 3, 4), lambda op, x: [op.Shape(x), op.Size(x), op.Shape(x, start=1)])
case(
    "depth_to_space",
    (2, 8, 2, 3),
    lambda op, x: [op.DepthToSpace(x, blocksize=2), op.DepthToSpace(x, blocksize=2, mode="CRD")],
)
case("space_to_depth", (2, 2, 4, 6), lambda op, x: op.SpaceToDepth(x, blocksize=2))
case(
    "gather",
    (2, 5, 3),
    lambda op, x: [op.Gather(x, [0, -1, 2], axis=1), op.Gather(x, np.int64(-2), axis=1)],
)
case("gather_matrix", (2, 5), lambda op, x: op.Gather(x, np.asarray([[0, 1], [4, -3]]), axis=1))
case("gather_scalar", (5,), lambda op, x: op.Gather(x, np.int64(2)))
case("gather_nd", (3, 4, 2), lambda op, x: op.GatherND(x, np.asarray([[0, 1], [2, 3]])))
case("gather_elements", (2, 5), lambda op, x: op.GatherElements(x, op.ArgMax(x, axis=1), axis=1))
case(
    "one_hot",
    (2, 5),
    lambda op, x: op.OneHot(op.ArgMax(x, axis=1, keepdims=0), [5], np.asarray([-1, 2], np.float32)),
)
case(
    "cumsum",
    (2, 5),
    lambda op, x: [op.CumSum(x, np.int64(1)), op.CumSum(x, np.int64(1), reverse=1)],
)

# reductions

for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp"):
    case(
        f"Reduce{kind}",
        (2, 3, 4),
        lambda op, x, k=kind: [
            op[f"Reduce{k}"](x, [1, 2], keepdims=0),
            op[f"Reduce{k}"](x, [-1]),
            op[f"Reduce{k}"](x),
            op[f"Reduce{k}"](x, keepdims=0),
        ],
    )
case(
    "argmax",
    (2, 3, 4),
    lambda op, x: [op.ArgMax(op.Floor(x), axis=1), op.ArgMin(x, axis=-1, keepdims=0)],
)
case("argmax_last", (2, 9), lambda op, x: op.ArgMax(op.Floor(x), axis=1, select_last_index=1))
case("topk", (2, 9), lambda op, x: op.outputs(2).TopK(x, [3], axis=1))
case("topk_smallest", (2, 9), lambda op, x: op.outputs(2).TopK(x, [3], axis=1, largest=0))
case("topk_ties", (2, 9), lambda op, x: op.outputs(2).TopK(op.Floor(x), [5], axis=1))

# images

for mode, rule, rounding, sizes in (
    ("nearest", "asymmetric", "floor", [2, 3, 18, 16]),
    ("nearest", "half_pixel", "round_prefer_floor", [2, 3, 18, 24]),
    ("linear", "half_pixel", "floor", [2, 3, 13, 5]),
    ("linear", "align_corners", "floor", [2, 3, 4, 15]),
    ("linear", "pytorch_half_pixel", "floor", [2, 3, 12, 15]),
):
    case(
        f"resize_{mode}_{rule}",
        IMAGE,
        lambda op, x, m=mode, r=rule, n=rounding, s=sizes: op.Resize(
            x,
            None,
            None,
            np.asarray(s[2:]),
            axes=[2, 3],
            mode=m,
            coordinate_transformation_mode=r,
            nearest_mode=n,
        ),
    )
refused(
    "resize_cubic",
    "interpolation",
    IMAGE,
    lambda op, x: op.Resize(x, None, None, np.asarray([18, 16]), axes=[2, 3], mode="cubic"),
)
refused(
    "resize_part",
    "whole number",
    IMAGE,
    lambda op, x: op.Resize(x, None, None, np.asarray([13, 16]), axes=[2, 3]),
)

# recurrent layers


def recurrent(kind: str, gates: int, ways: int, *, states: bool = False, **options: Any) -> Build:
    def build(op: Any, x: ir.Value) -> Any:
        weights = [
            normal(ways, gates * 3, 4),
            normal(ways, gates * 3, 3),
            normal(ways, 2 * gates * 3),
        ]
        count = 3 if kind == "LSTM" else 2
        given = [None, *(normal(ways, 2, 3) for _ in range(count - 1))] if states else []
        return op.outputs(count)[kind](x, *weights, *given, hidden_size=3, **options)

    return build


for kind, gates, more in (("LSTM", 4, {}), ("GRU", 3, {"linear_before_reset": 1}), ("RNN", 1, {})):
    for direction, ways in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        case(
            f"{kind}_{direction}",
            (5, 2, 4),
            recurrent(kind, gates, ways, direction=direction, **more),
        )
    case(f"{kind}_states", (5, 2, 4), recurrent(kind, gates, 1, states=True, **more))

# small integers

case(
    "quantize",
    (2, 5),
    lambda op, x: op.DequantizeLinear(
        op.QuantizeLinear(x, np.float32(0.02), np.uint8(128)), np.float32(0.02), np.uint8(128)
    ),
)
case(
    "quantize_axis",
    (2, 3),
    lambda op, x: op.QuantizeLinear(
        x, np.asarray([0.1, 0.02, 0.3], np.float32), np.asarray([0, 3, -5], np.int8), axis=1
    ),
)
