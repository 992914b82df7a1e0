"""The last step: layers that nothing needs go, blobs and layers get their names, outputs stand alone.

A Caffe network's outputs are the blobs that no layer reads. So what is read and is an output too gets
a Split, and what is neither gets a Silence. (Net::Init in src/caffe/net.cpp.)

Values called `<blob>@<layer>` were changed in place in the source. They are again where it is safe:
the layer works element by element, and is the only one that reads the earlier content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import onnx_ir as ir

from mmdnn.frameworks.caffe._layers import layer_type
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe._notes import note
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Draft
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.ir import LAYER
from mmdnn.names import free, take
from mmdnn.registry import Source


def finish(
    name: str, drafts: list[Draft], inputs: list[Blob], outputs: Sequence[tuple[ir.Value, Blob]]
) -> Network:
    """The network of these layers.

    Args:
        name: The network's name.
        drafts: All layers made, in order.
        inputs: The tops of its Input layers.
        outputs: The IR's outputs, and the blobs that hold them.
    """
    held = {blob for _, blob in outputs}
    needed = _needed(drafts, held)
    needed += _separated(needed, outputs)
    _silence(needed, held)
    _Names(needed, held).give()
    layers = [_layer(draft) for draft in needed]
    _share(layers)
    return Network(name, layers, {blob.name: blob.shape for blob in inputs}, Source())


def _needed(drafts: list[Draft], outputs: set[Blob]) -> list[Draft]:
    wanted, kept = set(outputs), []
    for draft in reversed(drafts):
        if draft.type == "Input" or wanted.intersection(draft.tops):
            kept.append(draft)
            wanted.update(draft.bottoms)
    return kept[::-1]


def _readers(drafts: Sequence[Draft]) -> dict[Blob, list[Draft]]:
    found: dict[Blob, list[Draft]] = {}
    for draft in drafts:
        for bottom in draft.bottoms:
            found.setdefault(bottom, []).append(draft)
    return found


def _separated(drafts: list[Draft], outputs: Sequence[tuple[ir.Value, Blob]]) -> list[Draft]:
    """A Split for each output that is read too, or that is an output twice, or an input's other name."""
    readers, splits = _readers(drafts), []
    times = Counter(blob for _, blob in outputs)
    for value, blob in outputs:
        alone = times[blob] == 1 and not readers.get(blob)
        if alone and (blob.value is value or blob.maker is None or blob.maker.type != "Input"):
            blob.value = value
            continue
        split = Draft(str(value.name), new_layer("Split"), [blob])
        is_input = blob.maker is not None and blob.maker.type == "Input" and blob.value is value
        split.tops = [Blob(blob.shape, split, None if is_input else value)]
        if blob.value is value and not is_input:
            blob.value = None
        splits.append(split)
    return splits


def _silence(drafts: list[Draft], outputs: set[Blob]) -> None:
    readers = _readers(drafts)
    idle = [
        top
        for draft in drafts
        for top in draft.tops
        if top not in readers and top not in outputs and draft.type != "Split"
    ]
    if idle:
        drafts.append(Draft("silence", new_layer("Silence"), idle))


class _Names:
    """Names for layers and blobs, each once but for blobs that are changed in place."""

    def __init__(self, drafts: Sequence[Draft], outputs: set[Blob]) -> None:
        self.drafts = drafts
        self.outputs = outputs
        self.readers = _readers(drafts)
        self.layers: set[str] = set()
        self.holders: dict[str, Blob] = {}
        self.wanted = {
            _blob_name(top) for draft in drafts for top in draft.tops if top.value is not None
        }

    def give(self) -> None:
        """Last layers first, so that what remains of a blob in the end has its name."""
        for draft in self.drafts:
            draft.name = take(draft.name, self.layers)
        for draft in reversed(self.drafts):
            for place, top in reversed(list(enumerate(draft.tops))):
                top.name = self._blob(top, self._wish(draft, place))
                self.holders[top.name] = top
        self._keep_inputs()

    def _wish(self, draft: Draft, place: int) -> str:
        top = draft.tops[place]
        if top.value is not None:
            return _blob_name(top)
        readers = self.readers.get(top, [])
        if len(readers) == 1 and readers[0].in_place:
            return readers[0].tops[0].name
        name = draft.name if len(draft.tops) == 1 else f"{draft.name}_{place}"
        return self._free(name)

    def _free(self, name: str) -> str:
        return free(name, self.wanted.union(self.holders))

    def _blob(self, top: Blob, name: str) -> str:
        later = self.holders.get(name)
        if later is None or self._may_become(top, later):
            return name
        return self._free(name)

    def _may_become(self, top: Blob, later: Blob) -> bool:
        """Whether a layer may make the one content of the other in place."""
        maker = later.maker
        if maker is None or not layer_type(maker.type).in_place:
            return False
        place = maker.tops.index(later)
        mine = place < len(maker.bottoms) and maker.bottoms[place] is top
        return mine and self._unshared(top)

    def _unshared(self, blob: Blob) -> bool:
        """Whether one layer alone reads a blob, and whatever it shares memory with."""
        if len(self.readers.get(blob, ())) != 1 or blob in self.outputs:
            return False
        maker = blob.maker
        if maker is None or not layer_type(maker.type).view:
            return True
        return all(self._unshared(bottom) for bottom in maker.bottoms)

    def _keep_inputs(self) -> None:
        """An input has its own name, even where a later blob wants it."""
        for draft in self.drafts:
            for top in draft.tops if draft.type == "Input" else ():
                assert top.value is not None
                name, other = str(top.value.name), free(str(top.value.name), self.holders)
                if top.name != name:
                    for each in (blob for d in self.drafts for blob in d.tops):
                        each.name = other if each.name == name else each.name
                    top.name = name


def _blob_name(blob: Blob) -> str:
    """A value's name, without `@<layer>` where that is the layer which makes it."""
    assert blob.value is not None
    name = str(blob.value.name)
    stem, _, layer = name.rpartition("@")
    node = blob.value.producer()
    own = node.metadata_props.get(LAYER, "") if node is not None else ""
    makers = (own, blob.maker.name if blob.maker is not None else "")
    return stem if stem and any(each and layer.startswith(each) for each in makers) else name


def _layer(draft: Draft) -> Layer:
    made = draft.message
    made.name = draft.name
    made.bottom.extend(blob.name for blob in draft.bottoms)
    made.top.extend(blob.name for blob in draft.tops)
    told = note(draft.note, draft.blobs)
    return Layer.of(made, blobs=list(draft.blobs), note=told, unknown=draft.unknown)


def _share(layers: Sequence[Layer]) -> None:
    """Weights that several layers hold are shared by name, as they are in Caffe."""
    holders: dict[int, list[tuple[Layer, int]]] = {}
    for layer in layers:
        for index, blob in enumerate(layer.blobs):
            holders.setdefault(id(blob), []).append((layer, index))
    for shared in holders.values():
        if len(shared) < 2:
            continue
        owner, index = shared[0]
        for layer, place in shared:
            while len(layer.message.param) <= place:
                layer.message.param.add()
            layer.message.param[place].name = f"{owner.name}.{index}"
            if layer.type == "BatchNorm":
                for spec in layer.message.param:
                    spec.lr_mult = 0
