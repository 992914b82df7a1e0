"""Layers of one operator: poolings, dropout, normalisations, embeddings (see `layers`)."""

from __future__ import annotations

import numpy as np

from mmdnn.frameworks.cntk.codegen import windows
from mmdnn.frameworks.cntk.codegen.expressions import Expr, Raw, literal
from mmdnn.frameworks.cntk.codegen.layers import PATTERNS, Inside, Made, each, layer, named
from mmdnn.frameworks.cntk.codegen.patterns import number
from mmdnn.frameworks.cntk.codegen.recurrent import activation
from mmdnn.frameworks.cntk.codegen.table import Node
from mmdnn.frameworks.cntk.graph import Kind, Variable


def _only(inside: Inside, op: str) -> Node | None:
    """The one operator inside, if it reads what the block is given, in order.

    It may be in a block of its own, without a name.
    """
    owner, block = inside.core.owner, inside.function.block
    while owner is not None and owner.block is not None and not owner.name:
        assert block is not None
        if list(owner.block.arguments.values()) != list(block.arguments):
            return None
        block = owner.block
        owner = block.outputs[0].owner if len(block.outputs) == 1 else None
    assert block is not None
    given = list(block.arguments)
    if owner is None or owner.op != op or owner.name or owner.inputs[: len(given)] != given:
        return None
    return Node(owner)


@layer("MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling")
def _pooling(inside: Inside) -> Made | None:
    core = _only(inside, "Pooling")
    if core is None:
        return None
    type_ = inside.function.type
    window, pad = tuple(core.take("poolingWindowShape")), windows.pads(core.take("autoPadding"))
    strides = tuple(core.take("strides"))
    if core.take("poolingType") != ("Average" in type_):
        return None
    if any(any(core.take(name, (0,))) for name in ("lowerPad", "upperPad")):
        return None
    if core.take("ceilOutDim", False) or core.take("includePad", False):
        return None
    core.done()
    if type_.startswith("Global"):
        shape = inside.x.shape
        whole = window == windows.UNKNOWN or (shape is not None and tuple(shape[1:]) == window)
        whole = whole and set(strides) == {1}
        return named(inside.function, f"C.layers.{type_}", {}) if whole and not any(pad) else None
    spatial = pad[-len(window) :]
    if len(strides) > 1 and len(strides) != len(window):
        return None
    if len(pad) > 1 and (any(pad[: -len(window)]) or len(spatial) != len(window)):
        return None
    return named(
        inside.function,
        f"C.layers.{type_}",
        {},
        literal(window),
        strides=None if set(strides) == {1} else each(strides),
        pad=each(tuple(spatial)) if any(spatial) else None,
    )


@layer("MaxUnpooling")
def _unpooling(inside: Inside) -> Made | None:
    core = _only(inside, "Unpooling")
    if core is None or core.take("poolingType") != 0:
        return None
    window, pad = tuple(core.take("unpoolingWindowShape")), windows.pads(core.take("autoPadding"))
    strides = tuple(core.take("strides"))
    if any(any(core.take(name, (0,))) for name in ("lowerPad", "upperPad")):
        return None
    if len(strides) != len(window) or len(pad) != len(window):
        return None
    core.done()
    return named(
        inside.function,
        "C.layers.MaxUnpooling",
        {},
        literal(window),
        strides=None if set(strides) == {1} else each(strides),
        pad=each(tuple(pad)) if any(pad) else None,
    )


@layer("Dropout")
def _dropout(inside: Inside) -> Made | None:
    core = _only(inside, "Dropout")
    if core is None:
        return None
    core.drop("rngOffset")
    rate, seed = literal(core.take("dropoutRate")), core.take("rngSeed", None)
    core.done()
    given = None if seed is None else literal(seed)
    return named(inside.function, "C.layers.Dropout", {}, rate, seed=given)


@layer("Activation")
def _activation(inside: Inside) -> Made | None:
    owner = inside.core.owner
    if owner is None or owner.name or owner.inputs != [inside.x] or owner.attributes:
        return None
    function = activation(owner.type)
    return named(inside.function, "C.layers.Activation", {}, Raw(function)) if function else None


_STATISTICS = ("scale", "bias", "aggregate_mean", "aggregate_variance", "aggregate_count")


@layer("BatchNormalization")
def _batch_normalization(inside: Inside) -> Made | None:
    core = _only(inside, "BatchNormalization")
    if core is None:
        return None
    parts = core.function.inputs[1:]
    kinds = [Kind.PARAMETER] * 2 + [Kind.CONSTANT] * 3
    ranks = [len(one.shape or ()) for one in parts]
    if [one.kind for one in parts] != kinds:
        return None
    if ranks != [1, 1, 1, 1, 0]:
        return None
    made = named(
        inside.function,
        "C.layers.BatchNormalization",
        dict(zip(_STATISTICS, parts, strict=True)),
        map_rank=literal(1) if core.take("spatial") else None,
        normalization_time_constant=core.optional("normalizationTimeConstant", 5000.0),
        blend_time_constant=core.optional("blendTimeConstant", 0.0),
        epsilon=core.optional("epsilon", 1e-5),
        use_cntk_engine=None if core.take("useCuDNNEngine") else literal(True),
        disable_regularization=core.optional("disableRegularization", default=False, absent=False),
    )
    core.done()
    return made


@layer("Embedding")
def _embedding(inside: Inside) -> Made | None:
    owner = inside.core.owner
    if owner is None or owner.op != "Times" or owner.name or owner.inputs[1] is not inside.x:
        return None
    core, table = Node(owner), owner.inputs[0]
    if table.kind != Kind.PARAMETER or len(table.shape or ()) != 2:
        return None
    core.only(outputRank=1, inferInputRankToMap=-1)
    core.done()
    assert table.shape is not None
    return named(inside.function, "C.layers.Embedding", {"E": table}, literal(table.shape[1]))


PATTERNS.add("Stabilizer", "softplus(steepness, alpha, again) * x")(None)
PATTERNS.add("Stabilizer", "Softplus(alpha) * x")(None)
_MEAN = "ReduceElements({}, axisVec=every, reductionOpName='Mean', reductionKeepDimensions=False)"
_WHOLE = "ReduceElements({}, inner=every, kind='Mean')"
PATTERNS.add(
    "LayerNormalization",
    f"((d := x - {_WHOLE.format('x')}) / (Sqrt({_WHOLE.format('d * d')}) + epsilon)) * scale + bias",
)(None)


@layer("Stabilizer")
def _stabilizer(inside: Inside) -> Made | None:
    found = PATTERNS.find(inside.function)
    if found is None:
        return None
    bound = found[1]
    if bound["x"] is not inside.x or not _is_parameter(bound["alpha"], 0):
        return None
    steepness = number(bound["steepness"]) if "steepness" in bound else 1.0
    if steepness is None or not float(steepness).is_integer():
        return None
    value: Expr | None = None if steepness == 4 else literal(int(steepness))
    roles = {"alpha": bound["alpha"]}
    return named(inside.function, "C.layers.Stabilizer", roles, steepness=value)


@layer("LayerNormalization")
def _layer_normalization(inside: Inside) -> Made | None:
    found = PATTERNS.find(inside.function)
    if found is None:
        return None
    bound = found[1]
    epsilon = number(bound["epsilon"])
    roles = {name: bound[name] for name in ("scale", "bias")}
    parameters = all(_is_parameter(one, 1) for one in roles.values())
    if bound["x"] is not inside.x or not parameters or epsilon is None:
        return None
    value = np.float32(epsilon)
    given = None if value == np.float32(1e-5) else literal(value)
    return named(inside.function, "C.layers.LayerNormalization", roles, epsilon=given)


def _is_parameter(variable: Variable, rank: int) -> bool:
    shape = variable.shape
    return variable.kind == Kind.PARAMETER and shape is not None and len(shape) == rank
