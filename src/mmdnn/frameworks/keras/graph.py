"""A Keras model as plain objects: layers, the calls that connect them, and their weights by name.

All generations are told in the words of Keras 3 (https://keras.io/api/): the reader renames what Keras 1
and 2 called otherwise. What a generation computes otherwise under the same name stands in `Generation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import onnx_ir as ir

from mmdnn.ir.layout import Arrangement
from mmdnn.registry import Source


class Generation(IntEnum):
    """Which Keras has saved a model."""

    KERAS1 = 1
    KERAS2 = 2
    TF = 3
    """tf.keras, up to TensorFlow 2.15."""
    KERAS3 = 4


class Tensor(NamedTuple):
    """What a call of a layer gives: one of its outputs."""

    layer: Layer
    call: int = 0
    output: int = 0


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        args: Tensors, Python values, and lists and dictionaries of both.
        kwargs: The same, by name.
    """

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Layer:
    """A layer, a cell, or an operation on tensors.

    Attributes:
        type: Its class in Keras 3; operations are `ops.Add`, and of tf.keras `tf.math.add`.
        name: Its name.
        config: Its parameters as the file says them, in the words of Keras 3.
        said: Its class as the file says it.
        calls: How often and with what it is called in the network that it is in.
        parts: The layers inside, by the attribute that holds them: `cell`, `layer`, `forward_layer`.
        network: What a model called as a layer consists of.
        weights: Arrays by the names of variables: `kernel`, `bias`.
    """

    type: str
    name: str
    config: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    calls: list[Call] = field(default_factory=list)
    parts: dict[str, Layer] = field(default_factory=dict)
    network: Network | None = None
    weights: dict[str, ir.TensorProtocol] = field(default_factory=dict)

    @property
    def is_operation(self) -> bool:
        """Whether it is a function of tensors, which has no weights."""
        return self.type.startswith(("ops.", "tf."))

    def walk(self) -> Iterator[Layer]:
        """The layer and all layers inside."""
        yield self
        for part in self.parts.values():
            yield from part.walk()
        if self.network is not None:
            yield from self.network.walk()


@dataclass(eq=False)
class Network:
    """Layers and how they are connected.

    Attributes:
        layers: In the file's order, which need not be topological.
        inputs: Outputs of its InputLayers.
        outputs: What it gives.
        sequential: Whether it is a chain, saved as such.
    """

    layers: list[Layer]
    inputs: list[Tensor]
    outputs: list[Tensor]
    sequential: bool = False

    def walk(self) -> Iterator[Layer]:
        """All layers, those inside others included."""
        for layer in self.layers:
            yield from layer.walk()


@dataclass(eq=False)
class Model:
    """A network, and what is known of the files it came from.

    Attributes:
        network: The layers.
        name: The model's name.
        generation: Who has saved it.
        version: Of Keras, as the file says it.
        theano: Whether its kernels are those of Theano, which turns them; None where nothing tells.
        channels_first: Whether layers that do not say their data format have the channels first.
        files: Where it was read from, and what the user said about it.
        weights: The file with the arrays, None where there is none.
        unused: Names of arrays that no layer has.
        values: Of a model that was made of an IR: the names of its values, by those of layers.
        arrangements: How those values are in Keras, by their names.
    """

    network: Network
    name: str
    generation: Generation
    version: str = ""
    theano: bool | None = False
    channels_first: bool = False
    files: Source = field(default_factory=Source)
    weights: Path | None = None
    unused: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    arrangements: dict[str, Arrangement] = field(default_factory=dict)
