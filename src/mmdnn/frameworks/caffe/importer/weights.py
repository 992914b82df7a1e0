"""Layers whose weights no file has.

Caffe keeps what the filler made, silently (Net::CopyTrainedLayersFrom in src/caffe/net.cpp): that is how a
layer is trained anew. A network for use has its numbers from somewhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmdnn.errors import UsageError
from mmdnn.frameworks.caffe.graph import Filler, Layer, Network
from mmdnn.ir import notes


def check(network: Network, layers: Sequence[Layer]) -> list[str]:
    """Refuse a network whose weights are not all in its file of weights.

    Blobs that the prototxt says itself, as constants or bilinear windows, are kept where all that the file
    holds is used: nobody has renamed a layer then.

    Args:
        network: The network.
        layers: Those of its layers that are wanted.

    Returns:
        What the user should know.

    Raises:
        UsageError: Layers' weights are missing; all are named, with the nearest names in the file.
    """
    filled = [layer for layer in layers if any(isinstance(b, Filler) for b in layer.blobs)]
    names = [layer.name for layer in filled]
    unused = f"no layer uses what it holds for {notes.listed(network.unused)}"
    if network.weights is None:
        return [f"The weights of {notes.listed(names)} are fillers: {_NONE}."] if names else []
    lost = [layer.name for layer in filled if network.unused or not _says(layer)]
    if lost:
        raise UsageError(
            f"it has no weights for {_layers(lost)} {notes.missing(lost, network.unused)}"
            + (f"; {unused}" if network.unused else ""),
            file=network.weights,
            hint="Is it the file of this network? A layer finds its weights by its name.",
        )
    return [
        *([f"{network.weights.name}: {unused}."] if network.unused else []),
        *(
            [f"{network.weights.name} has no weights for {notes.listed(names)}: {_KEPT}."]
            if names
            else []
        ),
    ]


_NONE = "no caffemodel is given"
_KEPT = "they are what the fillers in the prototxt say"


def _says(layer: Layer) -> bool:
    """Whether the file says a layer's numbers itself: those of its weight, and none is random."""
    fillers = [blob for blob in layer.blobs if isinstance(blob, Filler)]
    return fillers[0].said and not any(filler.random for filler in fillers)


def _layers(names: Sequence[str]) -> str:
    return "layer" if len(names) == 1 else f"{len(names)} layers:"
