"""Blocks that the layers of CNTK's Python make, as these layers.

bindings/python/cntk/layers of CNTK 2.7. A layer makes its own parameters; `restored`, a function of the
generated module, gives them their values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk._catalogue import Catalogue
from mmdnn.frameworks.cntk._matching import Bound, number
from mmdnn.frameworks.cntk.codegen.blocks import CATALOGUE, expression, signature
from mmdnn.frameworks.cntk.codegen.operands import Operands, parameters
from mmdnn.frameworks.cntk.codegen.recurrent import ACTIVATIONS
from mmdnn.frameworks.cntk.codegen.table import FUNCTIONS, PRINTERS, Node, each, flags, steps
from mmdnn.frameworks.cntk.graph import UNKNOWN_SHAPE, Function, Kind, Variable
from mmdnn.python.expressions import Operand, text
from mmdnn.python.literals import Raw, native
from mmdnn.python.templates import Template

LAYERS: Catalogue[Callable[..., Operand] | Template] = Catalogue(inner=CATALOGUE)
layer = LAYERS.add

_RANKS = {"alpha": 0, "scale": 1, "bias": 1, "E": 2, "W": None, "b": None}
_RANKS |= {"aggregate_mean": 1, "aggregate_variance": 1, "aggregate_count": 0}
"""How many axes parameters and statistics of layers have where it is always as many."""
_ACTIVATED = {"Dense", "Convolution", "ConvolutionTranspose"}
FUNCTIONS["width"] = lambda table: table.shape[-1]
FUNCTIONS["function"] = lambda type_: Raw(ACTIVATIONS[type_])

_ROWS = {
    "layers.Dropout(core.dropoutRate, seed=core.rngSeed or None)": (
        "Dropout", "Dropout(x, rngOffset=..., **core)",
    ),
    "layers.Activation(function(activation))": ("Activation", "activation(x)"),
    "layers.Embedding(width(E))": ("Embedding", "Times(E, x, outputRank=1, inferInputRankToMap=-1)"),
    "layers.Stabilizer(steepness=int(steepness) or 4)": ("Stabilizer",),
    "layers.Stabilizer(steepness=1)": ("Stabilizer.plain",),
    "layers.LayerNormalization(epsilon=epsilon or 1e-05)": ("LayerNormalization",),
    "layers.BatchNormalization(map_rank=1 if core.spatial else None,"
    " normalization_time_constant=core.normalizationTimeConstant or 5000.0,"
    " blend_time_constant=core.blendTimeConstant or 0.0, epsilon=core.epsilon or 1e-05,"
    " use_cntk_engine=None if core.useCuDNNEngine else True,"
    " disable_regularization=core.disableRegularization or False)": (
        "BatchNormalization",
        "BatchNormalization(x, scale, bias, aggregate_mean, aggregate_variance, aggregate_count,"
        " **core)",
    ),
}  # fmt: skip
for _text, _row in _ROWS.items():
    layer(*_row)(Template(_text))


def expressed(function: Function, network: Operands) -> Operand:
    """A block as a layer that is applied; None where it is none."""
    block = function.block
    if block is None or block.type not in LAYERS.known or len(block.outputs) != 1:
        return None
    bound = _opened(function)
    if bound is None:
        return None
    node, roles = Node(function), parameters(bound, _RANKS)
    nodes = {name: Node(one) for name, one in bound.items() if isinstance(one, Function)}
    shaped = nodes.pop("shaped", None)
    made = _made(node, Bound(bound | nodes))
    if made is None or roles is None or not network.owns(function, roles):
        return None
    operands = [network.operand(one, numbers=False) for one in block.arguments.values()]
    if shaped is not None:
        operands[0] = PRINTERS[shaped.op](shaped, operands[0])
        shaped.done()
    return network.restored(made, function, roles, operands)


def _made(node: Node, bound: Bound) -> Operand:
    """The call that makes the layer, if it can be made as it is."""

    def written(name: str) -> Any:
        value = bound[name]
        scalar = number(value) if isinstance(value, Variable) else None
        return value if scalar is None else native(np.float32(scalar))

    make = bound["make"]
    try:
        if isinstance(make, Template):
            made = node.filled(make, written)
        else:
            given = {name: bound.get(name) for name in signature(make)}
            made = make(**given | {"node": node})
        for one in bound.values():
            if isinstance(one, Node):
                one.done()
    except UnsupportedError:
        return None
    return made


def _opened(function: Function) -> Bound | None:
    """What the names of a layer's pattern stand for, and what makes it; of what is activated, how."""
    assert function.block is not None
    block = function.block
    match = LAYERS.match(block.type, block.outputs, function.attributes)
    how = None
    if block.type in _ACTIVATED and (match is None or match[1]["x"] not in block.arguments):
        owner = block.outputs[0].owner
        found = None if owner is None else _activation(owner)
        if found is None:
            return None
        how, inner = found
        match = LAYERS.match(block.type, [inner], function.attributes)
    if match is None or match[1]["x"] is not next(iter(block.arguments)):
        return None
    known, bound = match
    if bound.get("activation", "Tanh") not in ACTIVATIONS:
        return None
    return Bound(bound, how=how, make=known.make)


def _activation(function: Function) -> tuple[Raw, Variable] | None:
    """A function of one operand as what a layer is given, and the operand."""
    operands = _operands(function)
    computed = [one for one in operands if one.kind == Kind.OUTPUT]
    if function.name or len(computed) != 1 or len(function.results) != 1:
        return None
    simple = ACTIVATIONS.get(function.type)
    if simple and len(operands) == 1 and not function.attributes:
        return Raw(simple), computed[0]
    if function.block is None or any(number(one) is None for one in operands[1:]):
        return None
    written = expression(function, lambda one: Raw("x"))
    return None if written is None else (Raw(f"lambda x: {text(written, str)}"), computed[0])


def _operands(function: Function) -> list[Variable]:
    return list(function.block.arguments.values()) if function.block else function.inputs


def _size(shape: tuple[int, ...]) -> Any:
    """A shape, as a number where it is one."""
    return shape[0] if len(shape) == 1 else tuple(shape)


def _biased(*cores: str) -> list[str]:
    return [*(f"{core} + b" for core in cores), *cores]


@layer("Dense", *_biased("Times(W, Reshape(x, **shaped), **core)", "Times(W, x, **core)"))
def _dense(node: Node, core: Node, W: Variable, b: Variable | None, how: Raw | None) -> Operand:
    rank, infer = core.take("outputRank"), core.take("inferInputRankToMap", -1)
    shape = W.shape or ()
    out = shape[-rank:]
    if not 0 < rank < len(shape) or (b is not None and b.shape != out):
        return None
    return node.call(
        "layers.Dense",
        _size(out),
        activation=how,
        input_rank=len(shape) - rank if infer == -1 else None,
        map_rank=infer if infer > 0 else None,
        bias=None if b is not None else False,
    )


_LIFTED = "Reshape(x, beginAxis=begin, endAxis=begin, newShape=[1])"
_PLAIN = (
    "kernelShape=..., groups=1, sequential=False, maxTempMemSizeInSamples=0, lowerPad=0, upperPad=0"
)


@layer("Convolution", *_biased(*(f"Convolution(W, {x}, {_PLAIN}, **core)" for x in (_LIFTED, "x"))))
@layer(
    "ConvolutionTranspose",
    *_biased(*(f"Convolution(W, {x}, {_PLAIN}, **core)" for x in (_LIFTED, "x"))),
)
def _convolution(
    node: Node, core: Node, W: Variable, b: Variable | None, how: Raw | None, begin: Any
) -> Operand:
    shape, transposed = W.shape or (), bool(core.take("transpose", False))
    rank = len(shape) - 2
    if rank < 1 or (begin is not None and (transposed or begin.index != rank)):
        return None
    pad, strides = flags(core.take("autoPadding")), tuple(core.take("strides"))
    dilation, size = tuple(core.take("dilation", (1,))), tuple(core.take("outputShape", (0,)))
    out = shape[1 if transposed else 0]
    if pad[0] or not len(pad) == len(strides) == rank + 1 or len(dilation) not in (1, rank + 1):
        return None
    if b is not None and b.shape != (out, *[1] * rank):
        return None
    if not all(core.take("sharing", [True])) or (
        size != (0,) and (not transposed or size[0] != out)
    ):
        return None
    name = "layers.ConvolutionTranspose" if transposed else "layers.Convolution"
    strided = steps(strides[1:])
    return node.call(
        f"{name}{rank}D" if rank < 4 else name,
        _size(shape[2:]),
        out,
        activation=how,
        pad=each(pad[1:]) if any(pad[1:]) else None,
        strides=None if strided is None else each(strided),
        bias=None if b is not None else False,
        output_shape=size[1:] if size != (0,) else None,
        reduction_rank=None if begin is None else 0,
        dilation=None if set(dilation) == {1} else each(dilation[-rank:]),
    )


_POOLED = "Pooling(x, lowerPad=0, upperPad=0, ceilOutDim=False, includePad=False, {}, **core)"


@layer("MaxPooling", _POOLED.format("poolingType=0"))
@layer("GlobalMaxPooling", _POOLED.format("poolingType=0"))
@layer("AveragePooling", _POOLED.format("poolingType=1"))
@layer("GlobalAveragePooling", _POOLED.format("poolingType=1"))
def _pooling(node: Node, core: Node, x: Variable) -> Operand:
    type_ = node.function.type
    window, pad = tuple(core.take("poolingWindowShape")), flags(core.take("autoPadding"))
    strides = tuple(core.take("strides"))
    if type_.startswith("Global"):
        whole = window == UNKNOWN_SHAPE or (x.shape is not None and tuple(x.shape[1:]) == window)
        plain = whole and steps(strides) is None and not any(pad)
        return node.call(f"layers.{type_}") if plain else None
    spatial = pad[-len(window) :]
    if len(strides) not in (1, len(window)):
        return None
    if len(pad) > 1 and (any(pad[: -len(window)]) or len(spatial) != len(window)):
        return None
    return _windowed(node, window, strides, spatial)


@layer("MaxUnpooling", "Unpooling(x, y, poolingType=0, lowerPad=0, upperPad=0, **core)")
def _unpooling(node: Node, core: Node) -> Operand:
    window, pad = tuple(core.take("unpoolingWindowShape")), flags(core.take("autoPadding"))
    strides = tuple(core.take("strides"))
    fits = len(window) == len(strides) == len(pad)
    return _windowed(node, window, strides, pad) if fits else None


def _windowed(
    node: Node, window: tuple[int, ...], strides: tuple[int, ...], pad: list[bool]
) -> Operand:
    strided = steps(strides)
    return node.call(
        f"layers.{node.function.type}",
        window,
        strides=None if strided is None else each(strided),
        pad=each(pad) if any(pad) else None,
    )
