"""Turns a training network (one with data layers) into what it computes for its users.

Data layers become inputs. A loss that squashes its input (a softmax, a sigmoid) leaves that behind,
other losses and all metrics go, and with them what only they needed: the labels and their paths.
A network whose inputs are all Input layers is left as it is, losses included.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmdnn.frameworks.caffe import graph
from mmdnn.frameworks.caffe._layers import LAYERS
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe.reader.rules import is_data
from mmdnn.frameworks.caffe.reader.upgrade import Draft
from mmdnn.shapes import Shape

_SQUASHING = {row.name: row.squashes for row in LAYERS.values() if row.squashes}
_HEADS = {row.name for row in LAYERS.values() if row.judges}


def for_inference(drafts: list[Draft]) -> tuple[list[Draft], dict[str, Shape | None]]:
    """The layers left, and every input's shape.

    Args:
        drafts: A filtered network.

    Returns:
        The layers, with data layers as Input layers; each input blob's shape, None where the file
        does not say it.
    """
    if not any(is_data(draft.message) for draft in drafts):
        return drafts, _input_shapes(drafts)
    heads = _heads(drafts)
    body = _squashed(drafts, heads)
    needed = _live(body, _predictions(drafts, heads))
    read = {bottom for draft in needed for bottom in draft.message.bottom}
    inputs: dict[str, Shape | None] = {}
    layers = []
    for draft in needed:
        layer = draft.message
        if is_data(layer):
            shapes = dict(zip(layer.top, _data_shapes(layer), strict=True))
            tops = {top: shape for top, shape in shapes.items() if top in read}
            if not tops:
                continue
            inputs.update(tops)
            layers.append(input_draft(layer.name, tops))
        else:
            inputs.update(_input_shapes([draft]))
            layers.append(draft)
    return layers, inputs


def judged_only(drafts: list[Draft], left: list[Draft]) -> list[str]:
    """Losses and metrics that `for_inference` has left out, and that no layer stands for."""
    tops = {top for draft in left for top in draft.message.top}
    names = {draft.message.name for draft in left}
    return [
        f"{layer.name} ({layer.type})"
        for layer in (draft.message for draft in drafts)
        if layer.type in _HEADS - {"Silence"}
        and layer.name not in names
        and not tops.issuperset(layer.top or [""])
    ]


def input_draft(name: str, tops: Iterable[str]) -> Draft:
    """An Input layer of that name, without shapes."""
    return Draft(new_layer("Input", name=name, tops=tops))


def _input_shapes(drafts: list[Draft]) -> dict[str, Shape | None]:
    shapes: dict[str, Shape | None] = {}
    for draft in drafts:
        layer = draft.message
        if layer.type == "Input":
            said = [tuple(shape.dim) for shape in layer.input_param.shape]
            said = said * len(layer.top) if len(said) == 1 else said
            shapes.update(dict.fromkeys(layer.top, None))
            shapes.update(zip(layer.top, said, strict=False))
    return shapes


def _heads(drafts: list[Draft]) -> set[int]:
    """The ids of losses and metrics, and of layers that read what those give."""
    heads = set()
    judged: set[str] = set()
    for draft in drafts:
        layer = draft.message
        if layer.type in _HEADS or judged.intersection(layer.bottom):
            heads.add(id(draft))
            judged.update(layer.top[:1] if layer.type in _SQUASHING else layer.top)
    return heads


def _squashed(drafts: list[Draft], heads: set[int]) -> list[Draft]:
    """Losses that squash as the layer that does it; other heads left out.

    The probabilities are called "prob", as in Caffe's own deploy files, where one layer makes them.
    """
    losses = [draft.message for draft in drafts if draft.message.type in _SQUASHING]
    names = {draft.message.name for draft in drafts}
    blobs = {top for draft in drafts for top in draft.message.top}
    there = {(draft.message.type, *draft.message.bottom) for draft in drafts}
    result = []
    for draft in drafts:
        layer = draft.message
        if id(draft) not in heads:
            result.append(draft)
        elif layer.type in _SQUASHING and layer.bottom:
            kind = _SQUASHING[layer.type]
            if (kind, layer.bottom[0]) in there:
                continue
            alone = len(losses) == 1 and "prob" not in blobs | names
            name, top = layer.name, (layer.top[-1] if layer.top else layer.name)
            name, top = ("prob", "prob") if alone else (name, top)
            new = new_layer(kind, name=name, bottoms=layer.bottom[:1], tops=[top])
            new.softmax_param.CopyFrom(layer.softmax_param)
            result.append(Draft(new, unknown=draft.unknown))
    return result


def _predictions(drafts: list[Draft], heads: set[int]) -> set[str]:
    """Blobs that the heads judge, and blobs that nobody reads: what the network is for.

    What reaches a head from the data without passing a layer with weights is a label.
    """
    raw: set[str] = set()
    for draft in drafts:
        layer = draft.message
        from_data = bool(layer.bottom) and raw.issuperset(layer.bottom)
        weighted = graph.fillers(layer.type, layer) != []
        if is_data(layer) or (from_data and not weighted):
            raw.update(layer.top)
        else:
            raw.difference_update(layer.top)
    judges = [draft.message for draft in drafts if draft.message.type in _HEADS - {"Silence"}]
    judged = {bottom for judge in judges for bottom in judge.bottom} - raw
    if judges and not judged:
        judged = {judge.bottom[0] for judge in judges if judge.bottom}
    return judged | _unread(drafts, heads)


def _unread(drafts: list[Draft], heads: set[int]) -> set[str]:
    unread: set[str] = set()
    for draft in drafts:
        unread.difference_update(draft.message.bottom)
        if not is_data(draft.message) and id(draft) not in heads:
            unread.update(draft.message.top)
    return unread


def _live(drafts: list[Draft], wanted: set[str]) -> list[Draft]:
    """The layers that wanted blobs depend on, with those that squash wanted blobs."""
    wanted = set(wanted)
    squashing = {id(draft) for draft in drafts if _squashes(draft, wanted)}
    live = []
    for draft in reversed(drafts):
        layer = draft.message
        if is_data(layer) or id(draft) in squashing or wanted.intersection(layer.top):
            live.append(draft)
            wanted.difference_update(layer.top)
            wanted.update(layer.bottom)
    return live[::-1]


def _squashes(draft: Draft, wanted: set[str]) -> bool:
    kind = draft.message.type in _SQUASHING.values()
    return kind and bool(wanted.intersection(draft.message.bottom))


def _data_shapes(layer: Any) -> list[Shape | None]:
    """The shape of each top, as far as the file is certain (src/caffe/layers/*_data_layer.cpp)."""
    if layer.type == "DummyData":
        return _dummy_shapes(layer.dummy_data_param, len(layer.top))
    image, batch = _image(layer)
    rest: list[Shape | None] = [(batch,) if batch and layer.type in _LABELLED else None]
    return [image, *rest * (len(layer.top) - 1)][: len(layer.top)]


def _dummy_shapes(block: Any, count: int) -> list[Shape | None]:
    """One shape for all tops or one each, in the present form or as four sizes."""
    said: list[Shape | None] = [tuple(shape.dim) for shape in block.shape]
    if not said:
        sizes = [block.num, block.channels, block.height, block.width]
        rows = max(len(values) for values in sizes)
        if all(values for values in sizes):
            said = [tuple(v[min(row, len(v) - 1)] for v in sizes) for row in range(rows)]
    said = said * count if len(said) == 1 else said
    return [*said, *[None] * count][:count]


_LABELLED = frozenset({"Data", "ImageData", "MemoryData", "WindowData"})


def _image(layer: Any) -> tuple[Shape | None, int]:
    """The shape of the first top and the batch size, 0 where it is not said."""
    if layer.type not in _LABELLED:
        return None, 0
    block, transform = getattr(layer, graph.block_of(layer.type)), layer.transform_param
    batch, crop = block.batch_size, transform.crop_size
    if layer.type == "MemoryData":
        return (batch, block.channels, block.height, block.width), batch
    height = width = crop
    if layer.type == "ImageData" and not crop:
        height, width = block.new_height, block.new_width
    if not (batch and height and width):
        return None, batch
    channels = _channels(layer, block, transform)
    return ((batch, channels, height, width) if channels else None), batch


def _channels(layer: Any, block: Any, transform: Any) -> int:
    """Channels, where the file says them; a mean value for each channel does. Else 0."""
    if layer.type == "ImageData":
        return 3 if block.is_color else 1
    if layer.type == "WindowData" or transform.force_color:
        return 3
    if transform.force_gray:
        return 1
    return len(transform.mean_value) if len(transform.mean_value) > 1 else 0
