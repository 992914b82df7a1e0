"""ONNX operators as Caffe's layers: what is written is read back, run, and met by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

pytest.importorskip("onnxruntime")

from helpers.caffe.case import PICTURE, Case, check, model_of, normal
from mmdnn.errors import Error, ShapeError, UnsupportedError
from mmdnn.frameworks.caffe.exporter import exporter, from_ir
from mmdnn.ir.builder import Builder


def pool(kind: str, size: tuple[int, int], **attributes: Any) -> Case:
    return Case(lambda op, x: op[kind](x, **attributes), [(1, 3, *size)], opencv=True)


def conv(size: tuple[int, int], kernel: tuple[int, int] = (3, 3), **attributes: Any) -> Case:
    channels = 4 // attributes.get("group", 1)
    return Case(
        lambda op, x: op.Conv(x, normal(6, channels, *kernel), normal(6), **attributes),
        [(1, 4, *size)],
        opencv=True,
    )


def deconv(size: tuple[int, int], kernel: tuple[int, int] = (3, 3), **attributes: Any) -> Case:
    return Case(
        lambda op, x: op.ConvTranspose(x, normal(4, 5, *kernel), normal(5), **attributes),
        [(1, 4, *size)],
        opencv=True,
    )


CASES: dict[str, Case] = {
    "conv": conv((9, 8)),
    "conv_groups_everything_different": conv(
        (11, 9), (3, 2), strides=[2, 1], pads=[1, 0, 1, 0], dilations=[1, 2], group=2
    ),
    "conv_end_padded_stride_2": conv((8, 8), pads=[0, 0, 1, 1], strides=[2, 2]),
    "conv_begin_padded": conv((8, 7), pads=[2, 1, 0, 0]),
    "conv_same_upper": conv((7, 8), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv_same_lower": conv((7, 8), (4, 2), auto_pad="SAME_LOWER"),
    "conv_1d": Case(lambda op, x: op.Conv(x, normal(2, 3, 3), pads=[1, 1]), [(1, 3, 7)]),
    "conv_1d_end": Case(lambda op, x: op.Conv(x, normal(2, 3, 3), pads=[0, 2]), [(1, 3, 7)]),
    "conv_3d": Case(lambda op, x: op.Conv(x, normal(2, 3, 3, 1, 2)), [(1, 3, 7, 4, 5)]),
    "deconv": deconv((4, 5), strides=[2, 3], pads=[1, 0, 1, 0]),
    "deconv_unequal_pads": deconv((4, 5), strides=[2, 2], pads=[0, 1, 1, 0]),
    "deconv_output_padding": deconv(
        (4, 5), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
    ),
    "deconv_output_shape": deconv((4, 5), strides=[2, 2], output_shape=[8, 10]),
    "max_floor": pool("MaxPool", (8, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "max_ceil": pool("MaxPool", (8, 7), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "max_end": pool("MaxPool", (8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
    "max_begin": pool("MaxPool", (8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0]),
    "max_oblong": pool("MaxPool", (9, 8), kernel_shape=[3, 2], strides=[1, 2], pads=[1, 0, 1, 0]),
    "max_same": pool("MaxPool", (8, 8), kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "average_floor": pool("AveragePool", (8, 7), kernel_shape=[3, 3], strides=[2, 2]),
    "average_excluding": pool(
        "AveragePool", (8, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "average_including": pool(
        "AveragePool",
        (8, 7),
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        count_include_pad=1,
    ),
    "average_ceil_excluding": pool(
        "AveragePool", (8, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "average_same": pool("AveragePool", (8, 8), kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
    "pool_1d": Case(lambda op, x: op.MaxPool(x, kernel_shape=[2], strides=[2]), [(1, 3, 7)]),
    "global_average": pool("GlobalAveragePool", (5, 4)),
    "global_average_1d": Case(lambda op, x: op.GlobalAveragePool(x), [(1, 3, 7)]),
    "add_number": Case(lambda op, x: op.Add(x, 2.5), [PICTURE], "Power", opencv=True),
    "number_minus": Case(lambda op, x: op.Sub(2.5, x), [PICTURE], "Power", opencv=True),
    "divided": Case(lambda op, x: op.Div(x, 3.0), [PICTURE], "Power", opencv=True),
    "number_divided": Case(lambda op, x: op.Div(3.0, op.Add(op.Abs(x), 1.0)), [PICTURE]),
    "scale_and_bias": Case(
        lambda op, x: op.Add(op.Mul(x, normal(4, 1, 1)), normal(4, 1, 1)), [PICTURE], "Scale", True
    ),
    "scale_width": Case(lambda op, x: op.Mul(x, normal(5)), [PICTURE], "Scale"),
    "scale_middle_ones": Case(lambda op, x: op.Mul(x, normal(4, 1, 5)), [PICTURE], "Scale"),
    "minus_channels": Case(lambda op, x: op.Sub(x, normal(1, 4, 1, 1)), [PICTURE], "Bias"),
    "over_channels": Case(lambda op, x: op.Div(x, normal(1, 4, 1, 1)), [PICTURE], "Scale", True),
    "sum": Case(lambda op, x, y: op.Add(x, y), [PICTURE, PICTURE], "Eltwise", opencv=True),
    "difference": Case(lambda op, x, y: op.Sub(x, y), [PICTURE, PICTURE], "Eltwise", opencv=True),
    "quotient": Case(
        lambda op, x, y: op.Div(x, op.Add(op.Abs(y), 1.0)), [PICTURE, PICTURE], opencv=True
    ),
    "smallest": Case(lambda op, x, y: op.Min(x, y), [PICTURE, PICTURE], opencv=True),
    "gate": Case(lambda op, x, g: op.Mul(x, g), [PICTURE, (1, 4, 1, 1)], "Reshape Scale"),
    "mask": Case(lambda op, x, m: op.Mul(x, m), [PICTURE, (1, 1, 6, 5)], "Reshape Scale"),
    "outer": Case(lambda op, x, y: op.Mul(x, y), [(1, 4, 1), (1, 1, 5)]),
    "mean_of_three": Case(lambda op, *xs: op.Mean(*xs), [PICTURE] * 3, "Eltwise"),
    "gemm": Case(lambda op, x: op.Gemm(x, normal(5, 7), normal(7)), [(2, 5)], "InnerProduct", True),
    "gemm_scaled": Case(
        lambda op, x: op.Gemm(x, normal(7, 5), normal(1), transB=1, alpha=0.5, beta=2.0),
        [(2, 5)],
        "InnerProduct",
        opencv=True,
    ),
    "linear_3d": Case(
        lambda op, x: op.Add(op.MatMul(x, normal(5, 7)), normal(7)), [(2, 3, 5)], "InnerProduct"
    ),
    "embed": Case(
        lambda op, x: op.Gather(normal(9, 4), op.Cast(op.Abs(x), to=ir.DataType.INT64)), [(2, 3)]
    ),
    "instance_norm": Case(
        lambda op, x: op.InstanceNormalization(x, normal(4), normal(4), epsilon=1e-3), [PICTURE]
    ),
    "layer_norm": Case(
        lambda op, x: op.LayerNormalization(x, normal(6, 5), normal(6, 5), axis=2), [PICTURE]
    ),
    "group_norm": Case(
        lambda op, x: op.GroupNormalization(x, normal(4), normal(4), num_groups=2), [PICTURE]
    ),
    "lrn": Case(lambda op, x: op.LRN(x, size=3, alpha=0.1, bias=2.0), [PICTURE], "LRN"),
    "slice": Case(lambda op, x: op.Slice(x, [1, -4], [3, 100], [1, 3]), [PICTURE], opencv=True),
    "split": Case(
        lambda op, x: op.Concat(*op.outputs(2).Split(x, [1, 3], axis=1)[::-1], axis=1),
        [PICTURE],
        "Slice Concat",
        opencv=True,
    ),
    "one_part_unused": Case(
        lambda op, x: op.outputs(2).Split(x, [1, 3], axis=1)[1], [PICTURE], "Slice Silence"
    ),
    "tile": Case(lambda op, x: op.Tile(x, [1, 2, 1, 3]), [PICTURE], "Tile Tile"),
    "expand": Case(lambda op, x: op.Expand(x, [2, 4, 3, 5]), [(1, 4, 1, 5)], "Tile Tile"),
    "pad_zeros": Case(lambda op, x: op.Pad(x, [0, 0, 1, 0, 0, 0, 2, 1]), [PICTURE], opencv=True),
    "pad_ones": Case(lambda op, x: op.Pad(x, [0, 1, 0, 0, 0, 0, 2, 1], 1.0), [PICTURE]),
    "pad_cut": Case(lambda op, x: op.Pad(x, [0, 0, -1, 0, 0, 0, 0, -2]), [PICTURE]),
    "squeeze": Case(lambda op, x: op.Squeeze(x, [2, 3]), [(1, 4, 1, 1)], "Reshape", opencv=True),
    "transpose_ones": Case(lambda op, x: op.Transpose(x, perm=[0, 2, 3, 1]), [(1, 4, 1, 1)]),
    "shuffle": Case(
        lambda op, x: op.Reshape(
            op.Transpose(op.Reshape(x, [1, 2, 2, 6, 5]), perm=[0, 2, 1, 3, 4]), [1, 4, 6, 5]
        ),
        [PICTURE],
    ),
    "permute": Case(lambda op, x: op.Transpose(x, perm=[0, 2, 3, 1]), [PICTURE], "Permute", True, "ssd"),
    "pixel_shuffle": Case(lambda op, x: op.DepthToSpace(x, blocksize=2, mode="CRD"), [PICTURE]),
    "depth_to_space": Case(lambda op, x: op.DepthToSpace(x, blocksize=2), [PICTURE]),
    "space_to_depth": Case(lambda op, x: op.SpaceToDepth(x, blocksize=2), [(1, 3, 4, 6)]),
    "nearest": Case(
        lambda op, x: op.Resize(
            x,
            None,
            np.array([1, 1, 2, 3], np.float32),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        [PICTURE],
        "Deconvolution",
        opencv=True,
    ),
    "cubic": Case(
        lambda op, x: op.Resize(
            x, None, np.array([1, 1, 2, 0.6], np.float32), mode="cubic", antialias=1
        ),
        [PICTURE],
    ),
    "reduce_mean": Case(lambda op, x: op.ReduceMean(x, [2, 3]), [PICTURE], "Pooling", opencv=True),
    "reduce_sum": Case(lambda op, x: op.ReduceSum(x, [2, 3]), [PICTURE], "Reduction Reshape"),
    "reduce_l2": Case(lambda op, x: op.ReduceL2(x, [1, 2, 3], keepdims=0), [PICTURE]),
    "reduce_max_channels": Case(lambda op, x: op.ReduceMax(x, [1]), [PICTURE], "ArgMax"),
    "reduce_min": Case(lambda op, x: op.ReduceMin(x, [2, 3], keepdims=0), [PICTURE]),
    "softmax": Case(lambda op, x: op.Softmax(x, axis=-2), [PICTURE], "Softmax", opencv=True),
    "clip_above": Case(lambda op, x: op.Clip(x, None, 0.5), [PICTURE], "Clip"),
    "hard_swish": Case(lambda op, x: op.HardSwish(x), [PICTURE]),
    "mish": Case(lambda op, x: op.Mish(x), [PICTURE], opencv=True),
    "selu": Case(lambda op, x: op.Selu(x), [PICTURE], "ELU Power", opencv=True),
    "celu": Case(lambda op, x: op.Celu(x, alpha=2.0), [PICTURE], "Power ELU Power", opencv=True),
    "open_batch": Case(lambda op, x: op.Relu(x), [(0, 3, 4)], "ReLU", opencv=True),
    "output_read_too": Case(
        lambda op, x: (lambda y: [y, op.Sigmoid(y)])(op.Tanh(x)), [PICTURE], "TanH Sigmoid Split"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_agrees(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    if case.opencv:
        pytest.importorskip("cv2")
    network = check(case, tmp_path)
    if case.layers is not None:
        types = [layer.type for layer in network.layers if layer.type != "Input"]
        assert types == case.layers.split()


REFUSED: dict[str, tuple[Case, str]] = {
    "permute": (
        Case(lambda op, x: op.Transpose(x, perm=[0, 2, 3, 1]), [(1, 70, 80, 90)]),
        "--caffeFork",
    ),
    "dilated_pool": (
        Case(lambda op, x: op.MaxPool(x, kernel_shape=[2, 2], dilations=[2, 2]), [PICTURE]),
        "dilated",
    ),
    "even_lrn": (Case(lambda op, x: op.LRN(x, size=2), [PICTURE]), "odd"),
    "steps": (Case(lambda op, x: op.Slice(x, [0], [200], [2], [2]), [(1, 2, 200)]), "100 parts"),
    "reflect": (
        Case(lambda op, x: op.Pad(x, [0, 0, 9, 0] * 2, mode="reflect"), [PICTURE]),
        "by reflect",
    ),
    "products": (Case(lambda op, x, y: op.MatMul(x, y), [(300, 300)] * 2), "both computed"),
    "unknown": (Case(lambda op, x: op.Erf(x), [PICTURE]), "cannot be written as Caffe"),
    "ratio": (
        Case(
            lambda op, x: op.Resize(
                x, None, None, [9, 9], axes=[2, 3], keep_aspect_ratio_policy="not_larger"
            ),
            [PICTURE],
        ),
        "keep the ratio",
    ),
    "infinite_choice": (
        Case(lambda op, x: op.Where(op.Greater(x, 0.0), op.Log(x), np.float32(0)), [PICTURE]),
        "may be infinite",
    ),
    "fractions": (
        Case(
            lambda op, x: op.Cast(op.Cast(x, to=ir.DataType.INT64), to=ir.DataType.FLOAT), [PICTURE]
        ),
        "from FLOAT to INT64",
    ),
    "scaled_fractions": (
        Case(
            lambda op, x: op.Cast(
                op.Cast(op.Mul(x, np.array([2.5], np.float32)), to=ir.DataType.INT32),
                to=ir.DataType.FLOAT,
            ),
            [PICTURE],
        ),
        "from FLOAT to INT32",
    ),
    "from_the_end": (
        Case(
            lambda op, x, i: op.GatherElements(x, op.Cast(i, to=ir.DataType.INT64), axis=1),
            [(2, 3), (2, 1)],
        ),
        "count from the end",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    case, why = REFUSED[name]
    model = model_of(case)
    with pytest.raises(UnsupportedError, match=why):
        from_ir(model)


def test_open_sizes_are_asked_for() -> None:
    builder = Builder("test")
    builder.graph.outputs.append(builder.op.Relu(builder.input("x", [1, 3, "w"])))
    with pytest.raises(ShapeError, match=r"axis 2 .* is open"):
        from_ir(builder.model())


def test_all_refusals_at_once() -> None:
    case = Case(
        lambda op, x: op.LRN(op.MaxPool(x, kernel_shape=[2, 2], dilations=[2, 2]), size=2),
        [PICTURE],
    )
    with pytest.raises(Error, match=r"(?s)2 layers.*dilated.*odd"):
        from_ir(model_of(case))


def test_batch_norm_is_a_pair() -> None:
    def body(op: Any, x: ir.Value) -> ir.Value:
        one = [normal(4, seed=i) for i in range(3)]
        found: ir.Value = op.BatchNormalization(x, *one, np.abs(normal(4)), epsilon=1e-3)
        return found

    builder_case = Case(body, [PICTURE])
    network = from_ir(model_of(builder_case))
    _, norm, scale = network.layers
    assert (norm.type, scale.type) == ("BatchNorm", "Scale")
    assert norm.tops == scale.bottoms == scale.tops == ["y0"]
    assert norm.message.batch_norm_param.eps == np.float32(1e-3)
    assert [tuple(blob.shape) for blob in norm.blobs] == [(4,), (4,), (1,)]  # type: ignore[union-attr]
    assert norm.blobs[2].numpy() == [1]  # type: ignore[union-attr]
    assert scale.message.scale_param.bias_term


def test_every_operator_is_documented() -> None:
    assert len(exporter) > 60
    assert all(entry.doc.startswith("https://") for entry in exporter)


def test_an_input_that_is_an_output_too() -> None:
    network = from_ir(model_of(Case(lambda op, x: op.Relu(x), [PICTURE])))
    builder = Builder("test")
    x = builder.input("x", PICTURE)
    builder.graph.outputs.extend([x, builder.op.Relu(x)])
    both = from_ir(builder.model())
    assert len(both.layers) == len(network.layers) + 1
    assert both.layers[-1].type == "Split"
    assert both.layers[-1].bottoms == ["x"]


def test_integers_are_no_outputs() -> None:
    builder = Builder("test")
    x = builder.input("x", PICTURE)
    builder.graph.outputs.append(builder.op.Identity(builder.op.Shape(x)))
    with pytest.raises(UnsupportedError, match="int64"):
        from_ir(builder.model())
