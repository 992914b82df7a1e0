"""Layers without bottoms: dummy_data_layer.cpp, parameter_layer.hpp (inputs are the network's)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe.graph import Filler
from mmdnn.frameworks.caffe.importer.table import ImportedLayer, importer
from mmdnn.ir.builder import Op


@importer("Input")
def input_(layer: ImportedLayer, _op: Op) -> list[ir.Value]:
    layer.refuse("inputs are not imported as layers")


@importer("Parameter")
def parameter(layer: ImportedLayer, _op: Op) -> ir.Value:
    return layer.weight(0, "weight", tuple(layer.param().shape.dim))


@importer("DummyData")
def dummy_data(layer: ImportedLayer, op: Op) -> list[ir.Value]:
    """Constants; the number of fillers and shapes is one, or one a top."""
    p = layer.param()
    fillers = [Filler(f.type, f.value, why="it is dummy data") for f in p.data_filler] or [Filler()]
    shapes = [tuple(each.dim) for each in p.shape]
    if p.num or p.channels or p.height or p.width:
        if shapes:
            layer.unfit("both shape and legacy sizes are given")
        legacy = [_each(layer, sizes) for sizes in (p.num, p.channels, p.height, p.width)]
        shapes = list(zip(*legacy, strict=True))
    given = zip(layer.tops, _each(layer, fillers), _each(layer, shapes), strict=True)
    return [_filled(layer, op, *each) for each in given]


def _filled(
    layer: ImportedLayer, op: Op, name: str, filler: Filler, shape: tuple[int, ...]
) -> ir.Value:
    tensor = filler.tensor(shape, f"{layer.name}.{name}")
    if filler.type == "constant":
        return op.ConstantOfShape(
            np.array(shape, np.int64), value=ir.tensor(np.array([filler.value], np.float32))
        )
    return layer.builder.weight(name, tensor)


def _each(layer: ImportedLayer, given: Sequence[Any]) -> list[Any]:
    count = len(layer.tops)
    if len(given) not in {1, count}:
        layer.unfit(f"{len(given)} shapes or fillers are given for {count} tops")
    return list(given) * (count if len(given) == 1 else 1)
