"""Nodes with weights: products, convolutions, poolings, normalisations, recurrent stacks."""

from __future__ import annotations

import math

import numpy as np

from mmdnn.errors import FormatError
from mmdnn.frameworks.cntk import graph
from mmdnn.frameworks.cntk.graph import Attribute, Axis, Block, Function, Kind, Shape, Variable
from mmdnn.frameworks.cntk.reader.brainscript.leaves import reshaped
from mmdnn.frameworks.cntk.reader.brainscript.table import Making, maker
from mmdnn.tensors import references

_CHW = 1
_MAX, _AVERAGE = 1, 2
_POOLINGS = {_MAX: 0, _AVERAGE: 1}
_CELLS = {"LSTM": "lstm", "GRU": "gru", "RNN_RELU": "rnnReLU", "RNN_TANH": "rnnTanh"}
_ALL = Axis(graph.END_STATIC)


@maker("Times")
def times(f: Making) -> None:
    """A product with a scalar is one of elements."""
    if any(one.shape == () for one in f.inputs):
        f.set("ElementTimes", f.input(0), f.input(1))
        return
    f.set("Times", f.input(0), f.input(1), **f.node.fields)


@maker("LookupTable")
def lookup(f: Making) -> None:
    """A product with each word of an input that has several, one after the other."""
    table, words = f.input(0), f.input(1)
    if table.shape is None or len(table.shape) != 2:
        f.refuse("its table is no matrix")
    count = table.shape[0]
    attributes: dict[str, Attribute] = {"outputRank": 1, "inferInputRankToMap": -1}
    if words.shape == (count,):
        f.set("Times", table, words, **attributes)
        return
    whole: dict[str, Attribute] = {"beginAxis": Axis(0), "endAxis": _ALL}
    rows = f.call("Reshape", words, newShape=Shape((graph.INFERRED, count)), **whole)
    made = f.call("Times", table, rows, **attributes)
    f.set("Reshape", made, newShape=Shape((graph.INFERRED,)), **whole)


@maker("KhatriRaoProduct")
def khatri_rao(f: Making) -> None:
    """Every number of the one by every number of the other, the first one's fastest."""
    new = f.call("Reshape", f.input(1), newShape=Shape((1,)), beginAxis=Axis(0), endAxis=Axis(0))
    made = f.call("ElementTimes", f.input(0), new)
    shape = Shape((graph.INFERRED,))
    f.set("Reshape", made, newShape=shape, beginAxis=Axis(0), endAxis=_ALL)


def _windows(f: Making, window: str) -> dict[str, Attribute]:
    """What convolutions and poolings have in common."""
    if f.field("layout") != _CHW:
        f.refuse("its images have their channels innermost (the layout HWC)")
    given = f.fields("strides", "autoPadding", "lowerPad", "upperPad")
    return {window: f.field("kernel"), **given}


@maker("Convolution", "ConvolutionSequenceShape")
def convolution(f: Making) -> None:
    """Older files have kernels as matrices of one row a map."""
    windows = _windows(f, "kernelShape")
    weight = _kernel(f, f.input(0))
    if f.field("flat"):
        windows |= _of_two_axes(f, weight)
    f.set(
        f.node.kind,
        weight,
        f.input(1),
        **windows,
        **f.fields("sharing", "transpose", "outputShape", "dilation"),
        groups=1,
        sequential=f.node.kind == "ConvolutionSequenceShape",
        maxTempMemSizeInSamples=0,
    )


def _kernel(f: Making, weight: Variable) -> Variable:
    """A kernel as (maps, channels, *spatial); its numbers stay where they are."""
    shape, kernel = weight.shape, tuple(f.field("kernel"))
    if weight.value is None or shape is None or len(shape) != 2:
        return weight
    if not f.field("flat") and shape[1:] == kernel:
        return weight
    maps, total = shape[1], math.prod(shape)
    spatial = kernel[1:] if f.field("flat") else kernel
    channels, rest = divmod(total, maps * math.prod(spatial) or total + 1)
    if rest or not channels:
        raise FormatError(f"{list(shape)} numbers are no kernel of {list(spatial)}")
    if not f.field("flat") and channels == 1:
        wanted = Shape((maps, *spatial))
    else:
        wanted = Shape((maps, channels, *spatial))
    return f.changed(weight, "kernel", reshaped(weight.value, wanted))


def _of_two_axes(f: Making, weight: Variable) -> dict[str, Attribute]:
    """A convolution of images, whose channels were not said."""
    if weight.shape is None:
        f.refuse("nothing says how many channels it has")
    channels, *kernel = weight.shape[1:]
    _, *strides = f.field("strides")
    (pad, *_) = f.field("autoPadding")
    return {
        "kernelShape": Shape((channels, *kernel)),
        "strides": Shape((channels, *strides)),
        "autoPadding": [pad, pad, False],
    }


@maker("Pooling")
def pooling(f: Making) -> None:
    """Of any number of axes."""
    _pool(f, _kind(f))


def _kind(f: Making) -> int:
    kind = f.field("kind")
    if kind not in _POOLINGS:
        raise FormatError(f"a pooling of the unknown kind {kind}")
    return _POOLINGS[kind]


@maker("MaxPooling", "AveragePooling")
def old_pooling(f: Making) -> None:
    """Of images, without padding."""
    _pool(f, _POOLINGS[_MAX if f.node.kind == "MaxPooling" else _AVERAGE])


def _pool(f: Making, kind: int) -> None:
    f.set(
        "Pooling",
        f.input(0),
        **_windows(f, "poolingWindowShape"),
        poolingType=kind,
        **f.fields("ceilOutDim", "includePad"),
    )


@maker("MaxUnpooling")
def unpooling(f: Making) -> None:
    """Where the largest numbers of a pooling were."""
    windows = _windows(f, "unpoolingWindowShape")
    f.set("Unpooling", f.input(0), f.input(1), **windows, poolingType=_POOLINGS[_MAX])


@maker("ROIPooling")
def roi_pooling(f: Making) -> None:
    """Before version 26 regions were fractions of the image, and there was no scale."""
    given = f.fields("roiOutputShape", "spatialScale")
    if given["spatialScale"] is None:
        f.refuse("its regions are fractions of the image, as before version 26")
    f.set("ROIPooling", f.input(0), f.input(1), poolingType=_kind(f), **given)


@maker("BatchNormalization")
def batch_normalization(f: Making) -> None:
    """Before version 13 the fifth input was one over the standard deviation."""
    inputs = list(f.inputs)
    if len(inputs) not in (5, 6):
        raise FormatError(f"it has {len(inputs)} inputs")
    given = f.fields("spatial", "epsilon", "normalizationTimeConstant", "blendTimeConstant")
    if given["spatial"] and f.field("layout") != _CHW:
        f.refuse("its images have their channels innermost (the layout HWC)")
    if f.field("inverse"):
        inputs[4] = _variance(f, inputs[4], given["epsilon"])
    f.set(
        "BatchNormalization",
        *inputs,
        **given,
        useCuDNNEngine=not f.field("cntk"),
        disableRegularization=False,
    )


def _variance(f: Making, inverse: Variable, epsilon: float) -> Variable:
    """The variance as CNTK 2.7 works it out of an old file's 1 / deviation."""
    if inverse.value is None:
        f.refuse("its statistics are computed")

    def change(array: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            made: np.ndarray = (1 / np.square(array) + epsilon).astype(array.dtype)
        return made

    return f.changed(inverse, "variance", references.lazy(inverse.value, change))


@maker("PerDimMeanVarNormalization", "PerDimMeanVarNormalizationNode")
def normalize(f: Making) -> None:
    """(x - mean) * inverse, a block of CNTK 2's."""
    name = "PerDimMeanVarianceNormalize"
    outside = dict(zip(("operand", "mean", "invStdDev"), f.inputs, strict=False))
    if len(outside) != 3:
        raise FormatError(f"it has {len(f.inputs)} inputs")
    inside = {
        Variable(f.unique(key), Kind.PLACEHOLDER, shape=one.shape, axes=one.axes, name=key): one
        for key, one in outside.items()
    }
    x, mean, inverse = inside
    made = f.call("ElementTimes", f.call("Minus", x, mean), inverse)
    f.set(graph.BLOCK, *outside.values())
    root = made.owner
    assert isinstance(root, Function)
    f.function.block = Block(name, root, inside, f.unique("block"))


@maker("PerDimMeanVarDeNormalization", "PerDimMeanVarDeNormalizationNode")
def denormalize(f: Making) -> None:
    """The reverse: x / inverse + mean."""
    back = f.call("Reciprocal", f.input(2))
    f.set("Plus", f.call("ElementTimes", f.input(0), back), f.input(1))


@maker("OptimizedRNNStack", "RNN")
def stack(f: Making) -> None:
    """Before version 14 the data stood before the weights."""
    kind, axis = f.field("kind"), f.field("axis")
    if axis not in (None, -1):
        f.refuse("it goes along a static axis")
    weights, x = f.input(0), f.input(1)
    if axis is None:
        weights, x = x, weights
    f.set(
        "OptimizedRNNStack",
        x,
        weights,
        bidirectional=bool(f.field("bidirectional")),
        **f.fields("numLayers", "hiddenSize"),
        recurrentOp=_CELLS.get(kind, kind),
    )
