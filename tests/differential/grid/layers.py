"""Layers: normalisations, softmaxes, matrix products, quantisation, attention, losses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from differential.case import Case, family, fed, ints, weight
from differential.grid import normal, product


@family
def softmaxes(rng: np.random.Generator) -> Iterator[Case]:
    for operator in ("Softmax", "LogSoftmax", "Hardmax"):
        for shape in ((2, 3), (2, 3, 4), (2, 3, 4, 5)):
            for axis in (None, 0, 1, -1, -2):
                for opened in ((), (0,)):
                    attributes = {} if axis is None else {"axis": axis}
                    yield Case(operator, [fed(normal(rng, *shape), open=opened)], attributes)
            for axis in (None, 0, 2) if len(shape) > 2 else (None,):
                attributes = {} if axis is None else {"axis": axis}
                yield Case(operator, [fed(normal(rng, *shape))], attributes, opset=11)
        yield Case(operator, [fed(normal(rng, 5))])
        yield Case(operator, [fed(normal(rng, 2, 3, 4), open=(0, 1, 2))], {"axis": 1})


@family
def normalisations(rng: np.random.Generator) -> Iterator[Case]:
    for shape in ((3, 4), (2, 4, 5), (2, 4, 5, 3), (2, 4, 2, 3, 2)):
        for epsilon in (None, 1e-3):
            more = {} if epsilon is None else {"epsilon": epsilon}
            for opened in ((), (0,)):
                x = fed(normal(rng, *shape), open=opened)
                scale, shift, mean = (weight(normal(rng, 4)) for _ in range(3))
                variance = weight(np.abs(normal(rng, 4)) + np.float32(0.1))
                yield Case("BatchNormalization", [x, scale, shift, mean, variance], more)
                if len(shape) > 2:
                    yield Case("InstanceNormalization", [x, scale, shift], more)
                    for groups in (1, 2, 4):
                        attributes = {"num_groups": groups, **more}
                        yield Case("GroupNormalization", [x, scale, shift], attributes)


@family
def layer_normalisations(rng: np.random.Generator) -> Iterator[Case]:
    shape = (2, 3, 4, 5)
    for axis in (None, 1, 2, 3, -1, -2, -3):
        tail = shape[axis if axis is not None else -1 :]
        for epsilon in (None, 1e-2):
            found = product(axis=[axis], epsilon=[epsilon])[0]
            scale, shift = weight(normal(rng, *tail)), weight(normal(rng, *tail))
            for opened in ((), (0,)):
                x = fed(normal(rng, *shape), open=opened)
                yield Case("LayerNormalization", [x, scale], found)
                yield Case("LayerNormalization", [x, scale, shift], found)
            yield Case("RMSNormalization", [fed(normal(rng, *shape)), scale], found, opset=23)


@family
def other_normalisations(rng: np.random.Generator) -> Iterator[Case]:
    for size in (1, 2, 3, 4, 5):
        for found in product(alpha=[None, 0.1], beta=[None, 0.5], bias=[None, 2.0]):
            x = fed(normal(rng, 2, 6, 3, 4), open=(0,))
            yield Case("LRN", [x], {"size": size, **found})
    for shape in ((2, 6, 5), (2, 6), (1, 6, 2, 3, 2)):
        yield Case("LRN", [fed(normal(rng, *shape))], {"size": 3, "alpha": 0.2})
    for axis in (None, 0, 1, -1, -2):
        for p in (None, 1, 2):
            found = product(axis=[axis], p=[p])[0]
            for opened in ((), (0,)):
                x = fed(normal(rng, 2, 3, 4), open=opened)
                yield Case("LpNormalization", [x], found)
    for axes in (None, [0, 2, 3], [1], [-1, -2], [0, 1, 2, 3], [2]):
        attributes = {} if axes is None else {"axes": axes}
        yield Case("MeanVarianceNormalization", [fed(normal(rng, 2, 3, 4, 5))], attributes)


PRODUCTS = (
    ((2, 3), (3, 4)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3,)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3), (2, 3, 4)),
    ((2, 1, 3, 4), (3, 4, 2)),
    ((1, 3, 4), (2, 4, 3)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
)


@family
def products(rng: np.random.Generator) -> Iterator[Case]:
    for left, right in PRODUCTS:
        a, b = normal(rng, *left), normal(rng, *right)
        for x, y in (
            (fed(a), fed(b)),
            (fed(a), weight(b)),
            (weight(a), fed(b)),
            (fed(a, open=(0,) if len(left) > 1 else ()), weight(b)),
        ):
            yield Case("MatMul", [x, y])
    for left, right in PRODUCTS[:5]:
        a, b = (normal(rng, *shape, dtype=np.uint8) for shape in (left, right))
        yield Case("MatMulInteger", [fed(a), weight(b)])
        yield Case("MatMulInteger", [fed(a), weight(b), weight(np.uint8(3)), weight(np.uint8(1))])


@family
def dense(rng: np.random.Generator) -> Iterator[Case]:
    for found in product(
        transA=[None, 1], transB=[None, 1], alpha=[None, 0.5], beta=[None, 2.0, 0.0]
    ):
        a = normal(rng, *((3, 2) if "transA" in found else (2, 3)))
        b = normal(rng, *((4, 3) if "transB" in found else (3, 4)))
        for c in (None, (4,), (2, 4), (2, 1), (), (1,), (1, 4)):
            given = [] if c is None else [weight(normal(rng, *c))]
            yield Case("Gemm", [fed(a), weight(b), *given], found)
        yield Case("Gemm", [fed(a), fed(b), fed(normal(rng, 2, 4))], found)
        yield Case("Gemm", [weight(a), fed(b), weight(normal(rng, 4))], found)
        if "transA" not in found:
            yield Case("Gemm", [fed(a, open=(0,)), weight(b), weight(normal(rng, 4))], found)


@family
def sums_of_products(rng: np.random.Generator) -> Iterator[Case]:
    for equation, shapes in {
        "ij,jk->ik": ((2, 3), (3, 4)),
        "bij,bjk": ((2, 3, 4), (2, 4, 3)),
        "...ij,jk->...ik": ((2, 3, 4), (4, 5)),
        "ij->ji": ((2, 3),),
        "ii->i": ((3, 3),),
        "ij->": ((2, 3),),
        "i,j->ij": ((2,), (3,)),
        "bhqd,bhkd->bhqk": ((2, 2, 3, 4), (2, 2, 5, 4)),
    }.items():
        xs = [fed(normal(rng, *shape)) for shape in shapes]
        yield Case("Einsum", xs, {"equation": equation})
    yield Case("Det", [fed(normal(rng, 3, 3))])
    yield Case("Det", [fed(normal(rng, 2, 3, 3))])


@family
def quantised(rng: np.random.Generator) -> Iterator[Case]:
    for kind in (np.uint8, np.int8):
        zero = np.array(3, kind)
        for given in ([], [weight(zero)]):
            x = normal(rng, 2, 3, 4)
            if given or kind is np.uint8:
                yield Case("QuantizeLinear", [fed(x), weight(np.float32(0.02)), *given])
            whole = normal(rng, 2, 3, 4, dtype=kind)
            yield Case("DequantizeLinear", [fed(whole), weight(np.float32(0.3)), *given])
        for axis in (None, 0, 1, -1):
            count = (2, 3, 4)[axis if axis is not None else 1]
            attributes = {} if axis is None else {"axis": axis}
            scale = weight(np.abs(normal(rng, count)) + np.float32(0.05))
            zeros = weight(normal(rng, count, dtype=kind))
            yield Case("QuantizeLinear", [fed(normal(rng, 2, 3, 4)), scale, zeros], attributes)
            whole = normal(rng, 2, 3, 4, dtype=kind)
            yield Case("DequantizeLinear", [fed(whole), scale, zeros], attributes)
    yield Case("DynamicQuantizeLinear", [fed(normal(rng, 2, 3))], outputs=3)
    x, w = normal(rng, 1, 2, 5, 5, dtype=np.uint8), normal(rng, 3, 2, 3, 3, dtype=np.uint8)
    one, three = weight(np.uint8(1)), weight(np.uint8(3))
    for found in product(pads=[None, [1, 1, 1, 1]], strides=[None, [2, 2]]):
        yield Case("ConvInteger", [fed(x), weight(w), three], found)
        scales = [weight(np.float32(n)) for n in (0.1, 0.2, 0.7)]
        given = [fed(x), scales[0], three, weight(w), scales[1], one, scales[2], three]
        yield Case("QLinearConv", given, found)
    a, b = normal(rng, 2, 3, dtype=np.uint8), normal(rng, 3, 4, dtype=np.uint8)
    given = [fed(a), scales[0], three, weight(b), scales[1], one, scales[2], three]
    yield Case("QLinearMatMul", given)


@family
def losses(rng: np.random.Generator) -> Iterator[Case]:
    for shape in ((3, 5), (2, 5, 4)):
        labels = rng.integers(0, 5, (shape[0], *shape[2:]))
        for found in product(reduction=[None, "sum", "none"], ignore_index=[None, 2]):
            for weighted in (False, True):
                given = [weight(np.abs(normal(rng, 5)))] if weighted else []
                x = fed(normal(rng, *shape))
                yield Case("SoftmaxCrossEntropyLoss", [x, fed(labels), *given], found)
                yield Case("NegativeLogLikelihoodLoss", [x, fed(labels), *given], found)


@family
def attentions(rng: np.random.Generator) -> Iterator[Case]:
    for found in product(is_causal=[None, 1], scale=[None, 0.3]):
        q, k, v = (fed(normal(rng, 1, 2, length, 4)) for length in (3, 5, 5))
        yield Case("Attention", [q, k, v], found, opset=23)
    q, k, v = (fed(normal(rng, 1, length, 8)) for length in (3, 5, 5))
    yield Case("Attention", [q, k, v], {"q_num_heads": 2, "kv_num_heads": 2}, opset=23)


@family
def made(rng: np.random.Generator) -> Iterator[Case]:
    """Values that come of shapes and numbers."""
    for dtype in (None, 7):
        for k in (None, 1, -1):
            found = product(dtype=[dtype], k=[k])[0]
            yield Case("EyeLike", [fed(normal(rng, 3, 4))], found)
    yield Case("Range", [weight(np.float32(1)), weight(np.float32(5)), fed(np.float32(1.5))])
    yield Case("Range", [fed(np.int64(9)), weight(np.int64(1)), weight(np.int64(-2))])
    yield Case("ConstantOfShape", [fed(np.int64([2, 3]))])
    for kind in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        for periodic in (None, 0):
            attributes = {} if periodic is None else {"periodic": periodic}
            yield Case(kind, [fed(np.int64(8))], attributes)
    yield Case(
        "MelWeightMatrix",
        [
            fed(np.int64(8)),
            *(weight(np.int64(n)) for n in (16, 8192)),
            *(weight(np.float32(n)) for n in (0, 4096)),
        ],
    )
    for found in product(inverse=[None, 1], onesided=[None]):
        x = fed(normal(rng, 1, 8, 2) if found else normal(rng, 1, 8, 1))
        yield Case("DFT", [x], found)
    yield Case("DFT", [fed(normal(rng, 2, 6, 1)), None, weight(np.int64(1))], {"onesided": 1})
    yield Case("STFT", [fed(normal(rng, 1, 16, 1)), weight(np.int64(4)), None, weight(np.int64(8))])
    window = weight(np.abs(normal(rng, 8)))
    yield Case("STFT", [fed(normal(rng, 1, 16, 1)), weight(np.int64(4)), window])
    for found in product(exclusive=[None, 1], reverse=[None, 1]):
        yield Case("CumProd", [fed(normal(rng, 2, 4)), weight(np.int64(1))], found, opset=26)
    yield Case("BitCast", [fed(normal(rng, 2, 3))], {"to": 6}, opset=26)


@family
def detections(rng: np.random.Generator) -> Iterator[Case]:
    corners = np.sort(rng.random((2, 6, 2, 2)), axis=2).reshape(2, 6, 4).astype(np.float32)
    scores = rng.permutation(24).reshape(2, 2, 6).astype(np.float32) / 24
    for most in (0, 1, 3):
        for overlap in (0.0, 0.5):
            for centre in (None, 1):
                given = [
                    weight(np.int64([most])),
                    weight(np.float32([overlap])),
                    weight(np.float32([0.3])),
                ]
                more = {} if centre is None else {"center_point_box": centre}
                yield Case("NonMaxSuppression", [fed(corners), fed(scores), *given], more)
    boxes = np.float32([[0, 0, 5, 5], [1, 2, 7, 6.5], [0, 0, 2, 2]])
    for found in product(
        mode=[None, "max"],
        coordinate_transformation_mode=[None, "output_half_pixel"],
        sampling_ratio=[None, 2],
        spatial_scale=[None, 0.5],
    ):
        given = [fed(normal(rng, 2, 3, 8, 9)), fed(boxes), fed(np.int64([0, 1, 1]))]
        yield Case("RoiAlign", given, {"output_height": 2, "output_width": 3, **found})
    rows = np.concatenate([np.float32([[0], [1], [1]]), boxes.round()], axis=1)
    for scale in (None, 0.5):
        more = {} if scale is None else {"spatial_scale": scale}
        given = [fed(normal(rng, 2, 3, 8, 9)), fed(rows)]
        yield Case("MaxRoiPool", given, {"pooled_shape": [2, 3], **more})
    yield Case("CenterCropPad", [fed(normal(rng, 2, 3, 6, 7)), ints(4, 9)], {"axes": [2, 3]})
    yield Case("CenterCropPad", [fed(normal(rng, 5, 6)), ints(3, 3)])
