"""A forward pass as `Net::Forward` makes it: layer by layer, over blobs that may share memory.

Each blob is float32, as in Caffe; each layer is computed in float64 of these. Where Caffe's `ShareData` makes
two blobs one memory (Reshape, Flatten, Split, Concat and Slice of one), a layer that works in place on one
changes the other (include/caffe/blob.hpp).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmdnn.errors import Error, FormatError, ShapeError, UnsupportedError, UsageError
from mmdnn.frameworks.caffe.graph import Layer, Network
from mmdnn.verify.reference.caffe.layer import FUNCTIONS, Array, Entry, Step
from mmdnn.verify.spill import Values, View


@dataclass(eq=False)
class _Blob:
    """A blob: the memory it is in, its shape, and its values in time: the layer that made it, and its key."""

    memory: int
    shape: tuple[int, ...]
    history: list[tuple[str, str]] = field(default_factory=list)


class Pass:
    """One forward pass of a network."""

    def __init__(self, network: Network, feeds: Mapping[str, np.ndarray]) -> None:
        self.network = network
        self.folder = network.files.network.parent if network.files.network else Path()
        self.feeds = feeds
        self.blobs: dict[str, _Blob] = {}
        self.values = Values()

    def run(self) -> View:
        """Every blob's values, by the names that `mmdnn.verify.reference.caffe.run` describes.

        Raises:
            UnsupportedError: Layers that are not known, all named; or one that is not computed.
            ShapeError: Shapes that do not fit a layer.
            UsageError: An input is not fed.
        """
        layers, wanted = self.network.layers, self.network.files.outputs
        known = {"Input", *FUNCTIONS}
        unknown = [f"'{each.name}' ({each.type})" for each in layers if each.type not in known]
        if unknown and not wanted:
            raise UnsupportedError(
                f"the reference does not know the layers {', '.join(dict.fromkeys(unknown))}",
                file=self.network.files.network,
            )
        with np.errstate(all="ignore"):
            for layer in layers:
                if wanted and (layer.type not in known or self._lacks(layer)):
                    self._forget(layer)
                else:
                    self._layer(layer)
        found = self._named()
        for name in wanted:
            if name not in found:
                raise UnsupportedError(f"the reference does not get to '{name}'")
        return found

    def _lacks(self, layer: Layer) -> bool:
        """Whether it needs what was not fed: where the network ends before it, nothing needs it."""
        return not self.blobs.keys() >= set(layer.bottoms)

    def _forget(self, layer: Layer) -> None:
        for top in layer.tops:
            self.blobs.pop(top, None)

    def _layer(self, layer: Layer) -> None:
        if layer.type == "Input":
            for top in layer.tops:
                if top in self.feeds or not self.network.files.outputs:
                    self._write(layer, top, self._fed(layer, top), None)
            return
        entry, step = FUNCTIONS[layer.type], Step(layer, self.folder)
        bottoms = [self._blob(layer, name) for name in layer.bottoms]
        self._check_over(step, entry)
        try:
            given = entry.function(step, *map(self._value, bottoms))
        except Error as error:
            error.layer, error.operator = error.layer or layer.name, error.operator or layer.type
            raise
        except (ValueError, IndexError, TypeError, ArithmeticError, MemoryError) as error:
            raise ShapeError(
                f"it cannot be computed: {error}", layer=layer.name, operator=layer.type
            ) from error
        step.check_known()
        tops = [given] if isinstance(given, np.ndarray) else list(given)
        if len(tops) < len(layer.tops):
            step.refuse(f"it has {len(layer.tops)} tops")
        memory = bottoms[0].memory if step.shares else None
        for name, array in zip(layer.tops, tops, strict=False):
            self._write(layer, name, array, memory)

    def _value(self, blob: _Blob) -> Array:
        return self.values[blob.history[-1][1]].astype(np.float64)

    def _keep(self, array: Array) -> str:
        key = str(len(self.values))
        self.values[key] = array
        return key

    def _fed(self, layer: Layer, top: str) -> Array:
        if top not in self.feeds:
            raise UsageError(f"the input '{top}' is not fed", layer=layer.name)
        return self.feeds[top]

    def _blob(self, layer: Layer, name: str) -> _Blob:
        if name not in self.blobs:
            raise FormatError(
                f"it reads the blob '{name}', which nothing has made", layer=layer.name
            )
        return self.blobs[name]

    def _check_over(self, step: Step, entry: Entry) -> None:
        """Refuse to write over a bottom where Caffe would read what it has written."""
        for place, bottom in enumerate(step.layer.bottoms):
            if bottom in step.layer.tops and not (
                place in entry.over and step.layer.tops.index(bottom) == 0
            ):
                step.refuse(f"it works in place on '{bottom}'")

    def _write(self, layer: Layer, name: str, array: Array, memory: int | None) -> None:
        value = np.ascontiguousarray(array, np.float32).reshape(array.shape)
        if name not in layer.bottoms:
            before = self.blobs[name].history if name in self.blobs else []
            number = len(self.blobs) if memory is None else memory
            self.blobs.pop(name, None)
            while memory is None and any(blob.memory == number for blob in self.blobs.values()):
                number += 1
            self.blobs[name] = _Blob(
                number, value.shape, [*before, (layer.name, self._keep(value))]
            )
            return
        own = self.blobs[name]
        for blob in self.blobs.values():
            if blob.memory == own.memory:
                blob.history.append((layer.name, self._keep(value.reshape(blob.shape))))

    def _named(self) -> View:
        names = {
            name: key
            for blob, found in self.blobs.items()
            for name, key in _names(blob, found.history, blob in self.network.inputs)
        }
        return View(self.values, names)


def _names(blob: str, history: Sequence[tuple[str, str]], is_input: bool) -> list[tuple[str, str]]:
    """The last value has the blob's name, those before `<blob>@<layer>`; of an input it is the first."""
    plain = 0 if is_input else len(history) - 1
    return [
        (blob if place == plain else f"{blob}@{layer}", key)
        for place, (layer, key) in enumerate(history)
    ]
