"""Nets in the files of every version of CNTK 1, by `brainscript_files`: one function a net.

Each gives the file, and what its inputs are fed: for each input an array of some samples, which CNTK
takes as sequences of one frame, or of sequences of equal length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from helpers.cntk.brainscript_files import (
    File,
    double,
    flag,
    flags,
    i32,
    i64,
    shape,
    size,
    text,
    u32,
)

Feeds = dict[str, np.ndarray]
Net = tuple[File, Feeds] | tuple[File, Feeds, np.ndarray]
"""A file, what it is fed, and what comes out where CNTK 2.7 cannot say."""
NETS: dict[str, tuple[Callable[[int], Net], tuple[int, ...]]] = {}


def net(*versions: int) -> Callable[[Callable[[int], Net]], Callable[[int], Net]]:
    """Register a net, and the versions that change something for it."""

    def register(function: Callable[[int], Net]) -> Callable[[int], Net]:
        NETS[function.__name__] = (function, versions)
        return function

    return register


def all_nets() -> Iterator[tuple[str, Callable[[int], Net], int]]:
    for name, (function, versions) in NETS.items():
        for version in versions:
            yield f"{name}_{version}", function, version


def numbers(*dims: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + 7).normal(size=dims).astype(np.float32)


def times(file: File, name: str, *inputs: str, rank: int = 1) -> str:
    payload = (size(rank) if file.version >= 3 else b"") + (i32(-1) if file.version >= 12 else b"")
    return file.node("Times", name, *inputs, payload=payload)


@net(1, 2, 3, 4, 6, 7, 8, 10, 12, 31)
def dense(version: int) -> Net:
    file = File(version)
    x = file.input("features", 4)
    w, b = file.parameter("w", numbers(4, 3)), file.parameter("b", numbers(3, seed=1))
    y = file.node("Plus", "hidden", times(file, "product", w, x), b)
    y = file.node("Sigmoid", "active", y)
    v = file.parameter("v", numbers(3, 2, seed=2))
    y = times(file, "out", v, y)
    file.node("CrossEntropyWithSoftmax", "loss", file.input("labels", 2), y)
    file.node("ErrorPrediction" if version < 15 else "ClassificationError", "errors", "labels", y)
    file.groups = {
        "Feature": [x],
        "Label": ["labels"],
        "Criterion": ["loss"],
        "Eval": ["errors"],
        "Output": [y],
    }
    return file, {"features": numbers(5, 4)}


@net(2, 6, 31)
def doubles(version: int) -> Net:
    file = File(version, np.float64)
    times(file, "out", file.parameter("w", numbers(4, 3)), file.input("x", 4))
    return file, {"x": numbers(3, 4).astype(np.float64)}


@net(2, 31)
def flattening(version: int) -> Net:
    """A matrix takes an image as so many numbers."""
    file = File(version)
    times(file, "out", file.parameter("w", numbers(24, 5)), file.input("x", 4, 3, 2))
    return file, {"x": numbers(3, 2, 3, 4)}


@net(2, 31)
def columns(version: int) -> Net:
    """The oldest parameters are matrices of one column, and so is what is added to them."""
    file = File(version)
    product = times(file, "product", file.parameter("w", numbers(4, 3)), file.input("x", 4))
    b = file.parameter("b", numbers(1, 3, seed=1))
    file.node("Sigmoid", "out", file.node("Plus", "sum", product, b))
    return file, {"x": numbers(3, 4)}


def windows(version: int, kernel, maps, strides, pads, kind=0, ceil=False, include=False) -> bytes:
    made = shape(*kernel) + shape(*maps) + shape(*strides) + flags(True) + flags(*pads)
    made += shape(0) + shape(0) + i32(kind, 1) + size(0)
    made += flag(False) if version >= 9 else b""
    made += shape(0) if version >= 20 else b""
    made += flag(ceil) if version >= 21 else b""
    return made + (flag(include) if version >= 23 else b"")


@net(2, 4)
def old_convolution(version: int) -> Net:
    """Kernel and strides differ in both directions; the kernel is a matrix of one row a map."""
    file = File(version)
    x = file.input("x", 7, 6, 3)
    w = file.parameter("w", numbers(3 * 2 * 3, 5))
    payload = size(3, 2, 2, 1) + u32(5, 1) + flag(version == 4) + size(0)
    file.node("Convolution", "out", w, x, payload=payload)
    return file, {"x": numbers(2, 3, 6, 7)}


@net(5, 9, 18, 20, 21, 23, 31)
def convolution(version: int) -> Net:
    file = File(version)
    x, w = file.input("x", 7, 6, 3), file.parameter("w", numbers(5, 3, 2, 3))
    payload = windows(version, (3, 2, 3), (5,), (2, 1, 3), (True, True, False)) + flag(False)
    payload += shape(1) if version >= 18 else b""
    file.node("Convolution", "out", w, x, payload=payload)
    return file, {"x": numbers(2, 3, 6, 7)}


@net(5, 31)
def flat_convolution(version: int) -> Net:
    file = File(version)
    x, w = file.input("x", 7, 6, 3), file.parameter("w", numbers(3 * 2 * 3, 5))
    payload = windows(version, (3, 2, 1), (5,), (2, 1, 1), (True,)) + flag(True)
    payload += shape(1) if version >= 18 else b""
    file.node("Convolution", "out", w, x, payload=payload)
    return file, {"x": numbers(2, 3, 6, 7)}


@net(9, 31)
def matrix_kernel(version: int) -> Net:
    """A convolution of any number of axes whose kernel is a matrix all the same."""
    file = File(version)
    x, w = file.input("x", 7, 6, 3), file.parameter("w", numbers(3 * 2 * 3, 5))
    payload = windows(version, (3, 2, 3), (5,), (1, 1, 3), (True, True, False)) + flag(False)
    payload += shape(1) if version >= 18 else b""
    file.node("Convolution", "out", w, x, payload=payload)
    return file, {"x": numbers(2, 3, 6, 7)}


@net(2, 4, 31)
def old_pooling(version: int) -> Net:
    file = File(version)
    x = file.input("x", 7, 6, 3)
    payload = u32(3, 1) + size(2, 2, 1)
    one = file.node("MaxPooling", "max", x, payload=payload)
    other = file.node("AveragePooling", "mean", x, payload=payload)
    file.node("Plus", "out", one, other)
    return file, {"x": numbers(2, 3, 6, 7)}


@net(5, 21, 23, 31)
def pooling(version: int) -> Net:
    file = File(version)
    x = file.input("x", 7, 6, 3)
    pads = (False, False, False)
    payload = windows(version, (3, 2, 1), (1,), (2, 2, 1), pads, 2, version > 21, version == 31)
    file.node("Pooling", "out", x, payload=payload)
    return file, {"x": numbers(2, 3, 6, 7)}


def normalization(file: File, payload: bytes, *extra: str) -> Net:
    x = file.input("x", 4, 5, 3)
    names = ["scale", "bias", "mean", "deviation"]
    for index, name in enumerate(names):
        values = numbers(3, seed=index)
        file.parameter(name, np.abs(values) + 0.3 if index == 3 else values, index < 2)
    file.node("BatchNormalization", "out", x, *names, *extra, payload=payload)
    return file, {"x": numbers(2, 3, 5, 4)}


@net(3, 5)
def old_batch_normalization(version: int) -> Net:
    written = 0x10003 if version == 3 else 0x10004
    payload = i32(written, 0x10001) + flag(False) + flag(True) + double(0.9)
    payload += i32(1) + size(7) + double(0.02) + flag(True)
    return normalization(File(version), payload)


@net(6, 12, 13, 19, 31)
def batch_normalization(version: int) -> Net:
    file = File(version)
    count = flag(False) if version == 19 else size(7)
    payload = flag(True) + double(50, 20) + i32(1) + count + double(0.02) + flag(True)
    extra = [file.parameter("count", np.array([9]), 0)] if version >= 19 else []
    return normalization(file, payload, *extra)


def delay(file: File, kind: str, name: str, *inputs: str, count: int = 1, rows: int = 3) -> str:
    payload = i32(count) + (shape(rows) if file.version > 3 else size(rows, 0))
    payload += file.element(0.25) if file.version >= 2 else b""
    return file.node(kind, name, *inputs, payload=payload)


@net(1, 2, 3, 4, 31)
def recurrence(version: int) -> Net:
    """Its state is read before it is computed; version 1's initial state is 0.1."""
    file = File(version)
    x = file.input("x", 4)
    kind = "Delay" if version < 3 else "PastValue"
    delay(file, kind, "before", "state")
    w, r = file.parameter("w", numbers(4, 3)), file.parameter("r", numbers(3, 3, seed=1))
    both = file.node("Plus", "both", times(file, "in", w, x), times(file, "back", r, "before"))
    file.node("Tanh", "state", both)
    file.groups = {"Output": ["state"]}
    return file, {"x": numbers(2, 4, 4)}


@net(4, 31)
def future(version: int) -> Net:
    file = File(version)
    x = file.input("x", 3)
    one = delay(file, "FutureValue", "after", x, count=2)
    file.node("Minus", "out", one, delay(file, "PastValue", "before", x))
    return file, {"x": numbers(2, 5, 3)}


@net(2, 3, 21, 22, 27, 31)
def pieces(version: int) -> Net:
    """Rows taken, repeated and stacked."""
    file = File(version)
    x = file.input("x", 6)
    payload = i32(1) if version >= 22 else b""
    payload += i64(1, 3) + (i32(1) if version >= 3 else b"") + (i32(1) if version >= 27 else b"")
    some = file.node("RowSlice" if version < 3 else "Slice", "some", x, payload=payload)
    stacked = i32(1) if version >= 3 else b""
    file.node("RowStack", "out", some, x, payload=stacked)
    return file, {"x": numbers(3, 6)}


@net(22, 27)
def several_slices(version: int) -> Net:
    file = File(version)
    x = file.input("x", 6, 5)
    stride = i32(1) if version >= 27 else b""
    payload = i32(2) + i64(1, 3) + i32(1) + stride + i64(-4, 2) + i32(2) + stride
    file.node("Slice", "out", x, payload=payload)
    return file, {"x": numbers(3, 5, 6)}


@net(2, 3, 25)
def transpose(version: int) -> Net:
    """Before version 3 the first two axes; the oldest files give images as three numbers."""
    file = File(version)
    x = file.input("x", 2, 3, 4, oldest=version < 3)
    kind = "Transpose" if version < 3 else "TransposeDimensions"
    file.node(kind, "out", x, payload=b"" if version < 3 else i32(1, 2))
    fed = numbers(3, 4, 3, 2)
    return file, {"x": fed}, fed.transpose(0, 1, 3, 2)


@net(25)
def permutation(version: int) -> Net:
    file = File(version)
    x = file.input("x", 2, 3, 4)
    file.node("TransposeDimensions", "out", x, payload=i32(0, 0) + size(3) + size(1, 2, 0))
    fed = numbers(2, 4, 3, 2)
    return file, {"x": fed}, fed.transpose(0, 3, 1, 2)


@net(3, 24, 27)
def reductions(version: int) -> Net:
    file = File(version)
    x = file.input("x", 4, 3)
    head = i32(1) if version >= 27 else b""
    keep = flag(True) if version >= 24 else b""
    file.node("ReduceElements", "out", x, payload=head + i32(2) + text("Sum") + keep)
    return file, {"x": numbers(3, 3, 4)}


@net(24, 31)
def reduction_of_everything(version: int) -> Net:
    file = File(version)
    x = file.input("x", 4, 3)
    head = i32(1) if version >= 27 else b""
    file.node("ReduceElements", "out", x, payload=head + i32(0) + text("Mean") + flag(False))
    fed = numbers(3, 3, 4)
    return file, {"x": fed}, fed.mean((1, 2))  # CNTK 2.7 forgets that no axis is kept


@net(3, 31)
def reshape(version: int) -> Net:
    """One axis in two, and everything in one."""
    file = File(version)
    x = file.input("x", 4, 6)
    parts = file.node("Reshape", "parts", x, payload=i32(2, 3) + shape(0, 3))
    file.node("Reshape", "out", parts, payload=i32(1, 0) + shape(0))
    return file, {"x": numbers(3, 6, 4)}


@net(2, 7)
def old_reshape(version: int) -> Net:
    file = File(version)
    x = file.input("x", 24)
    layout, none = (
        (size(3, 4, 2), size(1, 24, 1)) if version < 3 else (shape(2, 3, 4), shape(0, 0, 0))
    )
    image = file.node("LegacyReshape", "image", x, payload=size(24) + layout)
    file.node("LegacyReshape", "out", image, payload=size(24) + none)
    fed = numbers(3, 24)
    return file, {"x": fed}, fed.reshape(3, 24, 1, 1) if version < 3 else fed


@net(2, 31)
def statistics(version: int) -> Net:
    """Features are normalised with statistics computed before."""
    file = File(version)
    x = file.input("features", 4)
    mean, deviation = numbers(4)[None], np.abs(numbers(4, seed=1))[None] + 0.5
    file.node("Mean", "mean", x, payload=flag(True) + file.matrix(mean))
    file.node("InvStdDev", "deviation", x, payload=flag(True) + file.matrix(deviation))
    kind = "PerDimMeanVarNormalizationNode" if version < 3 else "PerDimMeanVarNormalization"
    file.node(kind, "normal", x, "mean", "deviation")
    file.groups = {"Output": ["normal"]}
    fed = numbers(5, 4, seed=2)
    return file, {"features": fed}, (fed - mean) * deviation


@net(31)
def statistics_back(version: int) -> Net:
    file = File(version)
    x = file.input("x", 4)
    mean, deviation = numbers(4), np.abs(numbers(4, seed=1)) + 0.5
    file.parameter("m", mean, 0)
    file.parameter("d", deviation, 0)
    file.node("PerDimMeanVarDeNormalization", "out", x, "m", "d")
    fed = numbers(5, 4, seed=2)
    return file, {"x": fed}, fed / deviation + mean


@net(15, 16, 17, 31)
def dropout(version: int) -> Net:
    file = File(version)
    x = file.input("x", 4)
    payload = size(3, 5) if version >= 16 else b""
    file.node("Negate", "out", file.node("Dropout", "drop", x, payload=payload))
    return file, {"x": numbers(3, 4)}


@net(16)
def dropout_of_windows(version: int) -> Net:
    """Version 16's seeds have four bytes there; CNTK for Linux takes them for eight."""
    file = File(version)
    x = file.input("x", 4)
    file.node("Negate", "out", file.node("Dropout", "drop", x, payload=u32(3) + size(5)))
    fed = numbers(3, 4)
    return file, {"x": fed}, -fed


@net(2, 31)
def products(version: int) -> Net:
    """Products of elements by their old names."""
    file = File(version)
    x, w = file.input("x", 4), file.parameter("w", numbers(4))
    made = file.node("RowElementTimes", "rows", x, w)
    made = file.node("ColumnElementTimes", "columns", made, w)
    made = file.node("Scale", "scaled", file.parameter("s", np.array([2.5])), made)
    file.node("DiagTimes", "out", w, made)
    return file, {"x": numbers(3, 4)}


@net(2, 31)
def sums(version: int) -> Net:
    file = File(version)
    file.node("SumColumnElements", "out", file.input("x", 4))
    fed = numbers(3, 4)
    return file, {"x": fed}, fed.sum(1, keepdims=True)


@net(7)
def repeated(version: int) -> Net:
    file = File(version)
    file.node("RowRepeat", "out", file.input("x", 4), payload=size(3))
    fed = numbers(3, 4)
    return file, {"x": fed}, np.tile(fed, (1, 3))


@net(7)
def lookup(version: int) -> Net:
    """A table looked into for one word, and for three that stand one after the other."""
    file = File(version)
    table = file.parameter("table", numbers(5, 2))
    one = file.node("LookupTable", "one", table, file.input("x", 5))
    file.node(
        "RowStack",
        "out",
        one,
        file.node("LookupTable", "three", table, file.input("y", 15)),
        payload=i32(1),
    )
    x, y = numbers(4, 5, seed=1), numbers(4, 15, seed=2)
    three = (y.reshape(4, 3, 5) @ numbers(5, 2)).reshape(4, 6)
    return file, {"x": x, "y": y}, np.concatenate([x @ numbers(5, 2), three], 1)


@net(7)
def khatri_rao(version: int) -> Net:
    file = File(version)
    file.node("KhatriRaoProduct", "out", file.input("x", 2), file.input("y", 3))
    x, y = numbers(4, 2), numbers(4, 3, seed=1)
    return file, {"x": x, "y": y}, (y[:, :, None] * x[:, None]).reshape(4, 6)


@net(26, 31)
def regions(version: int) -> Net:
    file = File(version)
    alone = {"axis": "__noSequenceAxis"}
    x, corners = file.input("x", 6, 6, 2, **alone), file.input("y", 4, 2, **alone)
    file.node("ROIPooling", "out", x, corners, payload=shape(2, 2) + i32(1) + double(0.5))
    fed = np.array([[[0, 0, 11, 11], [2, 4, 8, 9]]] * 3, np.float32)
    return file, {"x": numbers(3, 2, 6, 6), "y": fed}


@net(31)
def traced(version: int) -> Net:
    """What prints its input gives it on."""
    file = File(version)
    payload = text("look") + size(1, 1) + flag(False) + flag(False) + text("") + flag(False)
    payload += flag(True) + b"a\0b\0\0\0\0 \0\n\0.2\0" + size(3, 8)
    file.node("Negate", "out", file.node("Trace", "trace", file.input("x", 4), payload=payload))
    fed = numbers(3, 4)
    return file, {"x": fed}, -fed


@net(31)
def reordered(version: int) -> Net:
    """Bounds stand before what is clipped, and a choice's condition first."""
    file = File(version)
    x = file.input("x", 4)
    low, high = (
        file.parameter("low", np.array([-0.5]), 0),
        file.parameter("high", np.array([0.7]), 0),
    )
    some = file.node("Clip", "some", low, high, x)
    file.node("If", "out", file.node("Less", "less", some, x), x, file.node("Negate", "other", x))
    return file, {"x": numbers(3, 4)}
