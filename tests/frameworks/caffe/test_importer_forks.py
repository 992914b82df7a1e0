"""Layers of Caffe's forks against the loops of their sources, written out in plain numpy."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.caffe.one_layer import blobs, evaluate, model, normal, run
from mmdnn.errors import Error, UnsupportedError
from mmdnn.frameworks.caffe import engine, importer, reader
from mmdnn.registry import Source
from mmdnn.verify.reference import caffe as reference


def _layer(kind: str, bottoms: str = "x", more: str = "") -> str:
    names = " ".join(f'bottom: "{name}"' for name in bottoms.split())
    return f'layer {{ name: "layer" type: "{kind}" {names} top: "y" {more} }}\n'


WIDE = np.concatenate(
    [normal(2, 3, 5, 4) * 4, np.full((2, 3, 5, 1), -30), np.full((2, 3, 5, 1), 30)], 3
)
WIDE = WIDE.astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("ReLU6", lambda x: np.minimum(np.maximum(x, 0), 6)),
        ("HardSwish", lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6),
        ("Mish", lambda x: x * np.tanh(np.logaddexp(0, x))),
        ("HardSigmoid", lambda x: np.minimum(np.maximum(0.2 * x + 0.5, 0), 1)),
    ],
)
@pytest.mark.parametrize("shape", [(2, 3, 5, 6), (2, 90)])
def test_activations(kind, function, shape):
    x = WIDE.reshape(shape)
    y = run(_layer(kind), {"x": x})["y"]
    np.testing.assert_allclose(y, function(x.astype(np.float64)), rtol=1e-5, atol=1e-6)


def test_hard_sigmoid_with_another_slope():
    p = "hard_sigmoid_param { alpha: 0.1666667 beta: 0.4 }"
    y = run(_layer("HardSigmoid", more=p), {"x": WIDE})["y"]
    np.testing.assert_allclose(y, np.clip(0.1666667 * WIDE + 0.4, 0, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [(2, 3), (2, 3, 1, 1)])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 3, 5), (2, 3)])
def test_axpy(scale, shape):
    feeds = {"s": normal(*scale), "x": normal(*shape, seed=1), "y0": normal(*shape, seed=2)}
    y = run(_layer("Axpy", "s x y0"), feeds)["y"]
    factor = feeds["s"].reshape(2, 3, *[1] * (len(shape) - 2))
    np.testing.assert_allclose(y, factor * feeds["x"] + feeds["y0"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "shapes",
    [
        {"s": (1, 1), "x": (1, 3, 4, 4), "y0": (1, 3, 4, 4)},
        {"s": (1, 3, 4, 4), "x": (1, 3, 4, 4), "y0": (1, 3, 4, 4)},
        {"s": (1, 3), "x": (1, 3, 4, 4), "y0": (1, 3, 1, 1)},
    ],
)
def test_axpy_never_broadcasts_otherwise(shapes):
    with pytest.raises(Error):
        model(_layer("Axpy", "s x y0"), shapes)


def test_crop_center():
    x = normal(2, 5, 9, 8)
    p = "crop_center_param { crop_size: 0 crop_size: 1 crop_size: 4 crop_size: 3 }"
    y = run(_layer("CropCenter", more=p), {"x": x})["y"]
    np.testing.assert_array_equal(y, x[:, 1:-1, 4:-4, 3:-3])


@pytest.mark.parametrize("crops", [[1], [0, 0, 1], [0, 0, 4, 4], [0, 0, -1, 0], [0, 0, "a", 0]])
def test_crop_center_refuses(crops):
    p = " ".join(f"crop_size: {crop}" for crop in crops)
    with pytest.raises(UnsupportedError, match="crop_size"):
        model(_layer("CropCenter", more=f"crop_center_param {{ {p} }}"), {"x": (2, 5, 9, 8)})


@pytest.mark.parametrize("group", [1, 2, 3])
def test_shuffle_channel(group):
    x = normal(2, 6, 5, 3)
    columns = 6 // group
    expected = np.zeros_like(x)
    for i, j in itertools.product(range(group), range(columns)):
        expected[:, j * group + i] = x[:, i * columns + j]
    p = f"shuffle_channel_param {{ group: {group} }}"
    y = run(_layer("ShuffleChannel", more=p), {"x": x})["y"]
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("block", ["pixel_shuffle_param", "pixelshuffle_param"])
def test_pixel_shuffle(block):
    x, factor = normal(2, 8, 3, 5), 2
    expected = np.zeros((2, 2, 6, 10), np.float32)
    for c, i, j in itertools.product(range(2), range(factor), range(factor)):
        expected[:, c, i::factor, j::factor] = x[:, c * factor**2 + i * factor + j]
    y = run(_layer("PixelShuffle", more=f"{block} {{ upscale_factor: {factor} }}"), {"x": x})["y"]
    np.testing.assert_array_equal(y, expected)


def _reorg(x, stride, reverse):
    """darknet's reorg_cpu over flat memory, one image at a time."""
    count, channels, height, width = x.shape
    less = channels // stride**2
    if reverse:
        result = np.zeros((count, less, height * stride, width * stride), np.float32)
    else:
        result = np.zeros(
            (count, channels * stride**2, height // stride, width // stride), np.float32
        )
    for n in range(count):
        source, target = x[n].ravel(), result[n].reshape(-1)
        for k, j, i in itertools.product(range(channels), range(height), range(width)):
            small = i + width * (j + height * k)
            step = k // less
            column, row = i * stride + step % stride, j * stride + step // stride
            big = column + width * stride * (row + height * stride * (k % less))
            if reverse:
                target[big] = source[small]
            else:
                target[small] = source[big]
    return result


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("stride", [2, 3])
def test_reorg(stride, reverse):
    x = normal(2, 2 * stride**2, stride, 2 * stride)
    p = f"reorg_param {{ stride: {stride} reverse: {str(reverse).lower()} }}"
    y = run(_layer("Reorg", more=p), {"x": x})["y"]
    np.testing.assert_array_equal(y, _reorg(x, stride, reverse))


@pytest.mark.parametrize("parameters", ["", "bn_param { eps: 0.01 frozen: true momentum: 0.95 }"])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 3)])
def test_bn_of_pspnet(parameters, shape):
    x = normal(*shape)
    slope, bias, mean = (normal(1, 3, 1, 1, seed=seed) for seed in (1, 2, 3))
    variance = normal(1, 3, 1, 1, seed=4) ** 2
    y = run(_layer("BN", more=f"{parameters} {blobs(slope, bias, mean, variance)}"), {"x": x})["y"]
    column = [a.astype(np.float64).reshape(3, *[1] * (len(shape) - 2)) for a in (slope, bias, mean)]
    spread = np.sqrt(variance.reshape(column[0].shape) + (0.01 if parameters else 1e-5))
    expected = (x - column[2]) / spread * column[0] + column[1]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_bn_of_segnet():
    x = normal(2, 3, 5, 4)
    scale, shift = normal(1, 3, 1, 1, seed=1), normal(1, 3, 1, 1, seed=2)
    p = "bn_param { bn_mode: INFERENCE scale_filler { type: 'constant' value: 1 } }"
    y = run(_layer("BN", more=f"{p} {blobs(scale, shift)}"), {"x": x})["y"]
    np.testing.assert_allclose(y, x * scale + shift, rtol=1e-6, atol=1e-6)


def _interp(x, size):
    """caffe_cpu_interp2, pixel by pixel."""
    height, width = x.shape[2:]
    steps = [(a - 1) / (b - 1) if b > 1 else 0 for a, b in zip((height, width), size, strict=True)]
    result = np.zeros((*x.shape[:2], *size))
    for i, j in itertools.product(*map(range, size)):
        row, column = np.float32(steps[0]) * np.float32(i), np.float32(steps[1]) * np.float32(j)
        top, left = int(row), int(column)
        below, right = int(top < height - 1), int(left < width - 1)
        down, across = row - top, column - left
        result[:, :, i, j] = (1 - down) * (
            (1 - across) * x[:, :, top, left] + across * x[:, :, top, left + right]
        ) + down * (
            (1 - across) * x[:, :, top + below, left] + across * x[:, :, top + below, left + right]
        )
    return result


INTERP = {
    "height: 9 width: 13": (9, 13),
    "height: 3 width: 2": (3, 2),
    "height: 1 width: 1": (1, 1),
    "height: 5 width: 7": (5, 7),
    "zoom_factor: 3": (13, 19),
    "shrink_factor: 2": (3, 4),
    "shrink_factor: 2 zoom_factor: 4": (9, 13),
    "zoom_factor: 2 height: 3 width: 3": (9, 13),
    "zoom_factor: 2 shrink_factor: 2 height: 3 width: 4": (3, 4),
}


@pytest.mark.parametrize("parameters", INTERP)
def test_interp(parameters):
    x = normal(2, 3, 5, 7)
    y = run(_layer("Interp", more=f"interp_param {{ {parameters} }}"), {"x": x})["y"]
    assert y.shape[2:] == INTERP[parameters]
    np.testing.assert_allclose(y, _interp(x, INTERP[parameters]), rtol=1e-5, atol=2e-6)


def test_interp_cuts_what_is_padded_negatively():
    x = normal(2, 3, 8, 9)
    p = "interp_param { zoom_factor: 2 pad_beg: -1 pad_end: -2 }"
    y = run(_layer("Interp", more=p), {"x": x})["y"]
    np.testing.assert_allclose(y, _interp(x[:, :, 1:-2, 1:-2], (9, 11)), rtol=1e-5, atol=2e-6)


def test_interp_to_the_size_of_another():
    feeds = {"x": normal(1, 3, 5, 1), "like": normal(1, 2, 7, 4)}
    y = run(_layer("Interp", "x like"), feeds)["y"]
    np.testing.assert_allclose(y, _interp(feeds["x"], (7, 4)), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_upsample_repeats(scale):
    x = normal(2, 3, 5, 4)
    y = run(_layer("Upsample", more=f"upsample_param {{ scale: {scale} }}"), {"x": x})["y"]
    np.testing.assert_array_equal(y, x.repeat(scale, 2).repeat(scale, 3))


def _unpool(x, mask, size):
    result = np.zeros((*x.shape[:2], size[0] * size[1]), np.float32)
    for n, c in itertools.product(*map(range, x.shape[:2])):
        for value, place in zip(x[n, c].ravel(), mask[n, c].ravel(), strict=True):
            result[n, c, int(place)] = value
    return result.reshape(*x.shape[:2], *size)


UNPOOL = {
    "scale: 2": (6, 10),
    "": (6, 10),
    "scale: 2 pad_out_h: true": (5, 10),
    "scale_h: 3 scale_w: 2 pad_out_w: true": (9, 9),
    "upsample_h: 7 upsample_w: 11": (7, 11),
}


@pytest.mark.parametrize("parameters", UNPOOL)
def test_upsample_with_a_mask(parameters):
    size = UNPOOL[parameters]
    rng = np.random.default_rng(2)
    places = [rng.permutation(size[0] * size[1])[:15] for _ in range(6)]
    feeds = {"x": normal(2, 3, 3, 5), "mask": np.float32(places).reshape(2, 3, 3, 5)}
    y = run(_layer("Upsample", "x mask", f"upsample_param {{ {parameters} }}"), feeds)["y"]
    np.testing.assert_array_equal(y, _unpool(feeds["x"], feeds["mask"], size))


def _pooled(kernel: int) -> str:
    return (
        'layer { name: "pool" type: "Pooling" bottom: "x" top: "p" top: "mask" '
        f"pooling_param {{ kernel_size: {kernel} stride: 2 }} }}\n"
        + _layer("Upsample", "p mask", "upsample_param { upsample_h: 6 upsample_w: 8 }")
    )


def test_upsample_undoes_its_pooling():
    x = normal(3, 2, 6, 8)
    network = model(_pooled(2), {"x": (1, 2, 6, 8)})
    assert str(network.graph.outputs[0].shape[0]) == "batch"
    y = evaluate(network, {"x": x})["y"]
    windows = x.reshape(3, 2, 3, 2, 4, 2).max((3, 5)).repeat(2, 2).repeat(2, 3)
    np.testing.assert_array_equal(y, np.where(x == windows, x, 0))


def test_upsample_refuses_overlapping_windows():
    with pytest.raises(UnsupportedError, match="overlap"):
        model(_pooled(3), {"x": (1, 2, 6, 8)})


FEW = {"x": (2, 4, 6, 5)}
FOUR = blobs(*[normal(4)] * 4)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("Mish", "mish_param { beta: 2 }"),
        ("ReLU6", "relu6_param { negative_slope: 0.1 }"),
        ("ShuffleChannel", "shuffle_channel_param { group: 3 }"),
        ("ShuffleChannel", "shuffle_channel_param { group: 0 }"),
        ("ShuffleChannel", "shuffle_channel_param { group: 'a' }"),
        ("ShuffleChannel", "shuffle_channel_param { group: 2 group: 2 }"),
        ("PixelShuffle", "pixel_shuffle_param { scale: 4 }"),
        ("PixelShuffle", "pixel_shuffle_param { upscale_factor: 3 }"),
        ("PixelShuffle", ""),
        ("Reorg", ""),
        ("Reorg", "reorg_param { stride: 2 flatten: true }"),
        ("Reorg", "reorg_param { stride: 2 }"),
        ("BN", FOUR + " bn_param { var_eps: 1e-3 }"),
        ("BN", FOUR + " phase: TRAIN"),
        ("BN", blobs(normal(4), normal(4))),
        ("BN", blobs(normal(4), normal(4)) + " bn_param { bn_mode: LEARN }"),
        ("BN", blobs(normal(4), normal(4)) + " bn_param { bn_mode: [1, 1] }"),
        ("Interp", ""),
        ("Interp", "interp_param { height: 3 }"),
        ("Interp", "interp_param { zoom_factor: 0 }"),
        ("Interp", "interp_param { height: 3 width: 3 pad_beg: 1 }"),
        ("Interp", "interp_param { height: 3 width: 3 pad_beg: -3 pad_end: -3 }"),
        ("Interp", "interp_param { height: 3 width: 3 type: NEAREST }"),
        ("Upsample", "upsample_param { scale: 0 }"),
        ("Upsample", "upsample_param { scale: 18446744073709551615 }"),
        ("Upsample", "upsample_param { scale: nan }"),
        ("Upsample", "upsample_param: 2"),
        ("Upsample", "upsample_param { scale: 2 } upsample_param { scale: 2 }"),
        ("Upsample", "upsample_param { scale: 2 scale_h: 2 }"),
    ],
)
def test_refuses(kind, more):
    with pytest.raises(UnsupportedError) as caught:
        model(_layer(kind, more=more), FEW)
    assert caught.value.layer == "layer"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("CropCenter", "crop_center_param { crop_size: [0, 0, 1, 1] }"),
        ("ShuffleChannel", "shuffle_channel_param { group: 2 }"),
        ("PixelShuffle", "pixel_shuffle_param { upscale_factor: 2 }"),
        ("Reorg", "reorg_param { stride: 2 }"),
        ("Reorg", "reorg_param { stride: 2 reverse: true }"),
        ("BN", FOUR),
        ("Interp", "interp_param { zoom_factor: 2 pad_beg: -1 }"),
        ("Upsample", "upsample_param { scale: 2 }"),
        ("Mish", ""),
    ],
)
def test_one_model_serves_every_batch(kind, more):
    network = model(_layer(kind, more=more), {"x": (2, 4, 6, 8)})
    assert str(network.graph.outputs[0].shape[0]) == "batch"
    x = normal(3, 4, 6, 8)
    whole = evaluate(network, {"x": x})["y"]
    parts = [evaluate(network, {"x": x[i : i + 1]})["y"] for i in range(3)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


_VALUES = st.sampled_from(
    [
        *("0", "1", "2", "-1", "3", "0.5", "true", "'a'", "nan", "inf", "-inf", "1e38", "99999"),
        *("LEARN", "[1, 2]", "[]", "{ a: 1 }"),
        *("18446744073709551615", "4294967295", "-9223372036854775808"),
    ]
)
_FIELDS = {
    "Interp": ("interp_param", ["height", "width", "zoom_factor", "shrink_factor", "pad_beg"]),
    "Upsample": ("upsample_param", ["scale", "scale_h", "upsample_h", "upsample_w", "pad_out_h"]),
    "ShuffleChannel": ("shuffle_channel_param", ["group"]),
    "PixelShuffle": ("pixel_shuffle_param", ["upscale_factor"]),
    "Reorg": ("reorg_param", ["stride", "reverse"]),
    "BN": ("bn_param", ["eps", "frozen", "bn_mode"]),
    "HardSigmoid": ("hard_sigmoid_param", ["alpha", "beta"]),
    "CropCenter": ("crop_center_param", ["crop_size"]),
    "PSROIPooling": ("psroi_pooling_param", ["spatial_scale", "output_dim", "group_size"]),
    "PriorBox": ("prior_box_param", ["min_size", "offset", "offset_h", "offset_w"]),
    "Proposal": ("proposal_param", ["ratio", "scale", "base_size", "nms_thresh", "post_nms_topn"]),
    "ROIPooling": ("roi_pooling_param", ["pooled_h", "pooled_w", "spatial_scale"]),
    "DetectionOutput": ("detection_output_param", ["clip", "num_classes", "keep_top_k"]),
}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_parameters_give_a_model_or_an_error(data):
    kind = data.draw(st.sampled_from(sorted(_FIELDS)))
    block, names = _FIELDS[kind]
    fields = data.draw(st.lists(st.tuples(st.sampled_from(names), _VALUES), max_size=4))
    text = " ".join(f"{name}: {value}" for name, value in fields)
    bottoms = data.draw(st.lists(st.sampled_from(["x", "f", "r"]), min_size=1, max_size=3))
    with contextlib.suppress(Error):
        model(
            _layer(kind, " ".join(bottoms), f"{block} {{ {text} }} {FOUR}"),
            {"x": (2, 4, 6, 5), "f": (2, 80), "r": (4, 5)},
        )


def test_waifu2x_enlarges_a_picture(shared):
    cv2 = pytest.importorskip("cv2")
    folder = shared / "models" / "caffe" / "waifu2x_upresnet10"
    files = [folder / f"scale2.0x_model.{ending}" for ending in ("prototxt", "caffemodel")]
    network = importer.to_ir(reader.read(Source(*files)))
    picture = cv2.imread(str(shared / "models" / "images" / "caffe_examples" / "cat.jpg"))
    picture = cv2.resize(picture, (180, 180), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    small = cv2.resize(picture, (90, 90), interpolation=cv2.INTER_AREA)
    result = evaluate(network, {"input": small.transpose(2, 0, 1)[None]})
    (large,) = result.values()
    assert large.shape == (1, 3, 128, 128)
    wanted = picture.transpose(2, 0, 1)[None, :, 26:-26, 26:-26]
    cubic = cv2.resize(small, (180, 180), interpolation=cv2.INTER_CUBIC)
    cubic = cubic.transpose(2, 0, 1)[None, :, 26:-26, 26:-26]
    errors = [np.square(image - wanted).mean() for image in (large, cubic)]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("top", ["x", "y"])
def test_dropout_may_scale_when_it_is_used(top, tmp_path):
    text = 'layer { name: "p" type: "Power" bottom: "d" top: "x" }\n'
    text += f'layer {{ name: "l" type: "Dropout" bottom: "x" top: "{top}" dropout_param '
    text += "{ dropout_ratio: 0.25 scale_train: false } }"
    path = tmp_path / "net.prototxt"
    path.write_text(
        'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 3 dim: 4 } } }\n'
        + text
    )
    fed = {"d": normal(3, 4)}
    found = evaluate(importer.to_ir(reader.read(Source(path))), fed)[top]
    np.testing.assert_allclose(found, fed["d"] * 0.75, rtol=1e-6)
    np.testing.assert_allclose(reference.run(Source(path), fed)[top], fed["d"] * 0.75, rtol=1e-6)
    with pytest.raises(UnsupportedError, match="it ignores scale_train"):
        engine.run(Source(path), fed)
