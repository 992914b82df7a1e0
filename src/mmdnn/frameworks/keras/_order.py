"""The order in which Keras has the layers of a network, by which it also numbers their arrays in files.

https://github.com/keras-team/keras/blob/v3.15.1/keras/src/ops/function.py (`map_graph`): the farthest from
the outputs first; those of one distance as they are met on the way from the outputs to the inputs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from mmdnn.frameworks.keras.graph import Layer, Network, Tensor


def ordered(network: Network) -> list[Layer]:
    """The layers that the outputs depend on, and the inputs; each is called once."""
    finished, met = _visited(network)
    depths: dict[Layer, int] = dict.fromkeys(finished, 0)
    for layer in reversed(finished):
        for tensor in tensors(layer):
            depths[tensor.layer] = max(depths[tensor.layer], depths[layer] + 1)
    for tensor in network.inputs:
        if tensor.layer not in depths:
            depths[tensor.layer], met[tensor.layer] = 0, -1
    by_depth: dict[int, list[Layer]] = defaultdict(list)
    for layer, depth in depths.items():
        by_depth[depth].append(layer)
    rows = (
        sorted(by_depth[depth], key=met.__getitem__) for depth in sorted(by_depth, reverse=True)
    )
    return [layer for row in rows for layer in row]


def _visited(network: Network) -> tuple[list[Layer], dict[Layer, int]]:
    """The layers, each behind those before it; and when each was met first."""
    finished: dict[Layer, None] = {}
    met: dict[Layer, int] = {}
    todo = [(tensor.layer, False) for tensor in reversed(network.outputs)]
    while todo:
        layer, done = todo.pop()
        if done:
            finished[layer] = None
        elif layer not in finished and layer not in met:
            met[layer] = len(met)
            todo.append((layer, True))
            todo += [(tensor.layer, False) for tensor in reversed(list(tensors(layer)))]
    return list(finished), met


def tensors(layer: Layer) -> Iterator[Tensor]:
    """What a layer is called with."""
    for call in layer.calls:
        yield from _tensors((*call.args, *call.kwargs.values()))


def _tensors(found: Any) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, (list, tuple)):
        for each in found:
            yield from _tensors(each)
