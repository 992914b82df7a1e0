"""Writing a Caffe network: a prototxt, and a caffemodel whose weights are streamed into place.

A caffemodel is a binary NetParameter (src/caffe/proto/caffe.proto) of the same layers, each with its
BlobProtos: the `shape` and the numbers as packed floats. It is serialised without the numbers; the
lengths of all messages around them are computed, and each tensor is copied when its turn comes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx_ir as ir

from mmdnn.errors import UsageError
from mmdnn.frameworks.caffe import _notes, codegen
from mmdnn.frameworks.caffe.graph import Filler, Layer, Network, message
from mmdnn.frameworks.caffe.writer.prototxt import text
from mmdnn.tensors import stream
from mmdnn.tensors.weaving import weave, woven_size
from mmdnn.tensors.wire import Path_

LIMIT = (1 << 31) - 1
"""What Caffe reads of a caffemodel, in bytes (kProtoReadBytesLimit in src/caffe/util/io.cpp)."""

_LAYER, _BLOBS, _DATA = 100, 7, 5
"""Field numbers: NetParameter.layer, LayerParameter.blobs, BlobProto.data."""


def write(
    network: Network,
    target: Path,
    *,
    weights: Path | None = None,
    progress: stream.Progress | None = None,
) -> list[Path]:
    """Write a network's files.

    Args:
        network: What the exporter made, or the reader.
        target: `.prototxt`, `.caffemodel`, or `.py` for NetSpec source; another name is taken for
            the stem of a prototxt's.
        weights: The caffemodel; beside the target, under the same stem, unless given.
        progress: Told of the bytes of weights written.

    Returns:
        The files written, the structure first.

    Raises:
        UsageError: The weights are more than Caffe reads from one file.
    """
    if target.suffix not in {".prototxt", ".caffemodel", ".py"}:
        target = target.with_name(f"{target.name}.prototxt")
    structure = target.with_suffix(".prototxt") if target.suffix == ".caffemodel" else target
    weights = weights or target.with_suffix(".caffemodel")
    source = codegen.source(network) if structure.suffix == ".py" else text(network)
    structure.write_text(source, encoding="utf-8", errors="surrogateescape")
    write_weights(network, weights, progress)
    return [structure, weights]


def write_weights(network: Network, target: Path, progress: stream.Progress | None = None) -> None:
    """Write the caffemodel alone; see `write`."""
    net = message("NetParameter")
    net.name = network.name
    tensors: dict[Path_, ir.TensorProtocol] = {}
    for index, layer in enumerate(network.layers):
        net.layer.add().CopyFrom(layer.message)
        if layer.note is not None:
            net.layer[index].MergeFromString(_notes.packed(layer.note))
        for place, tensor in enumerate(_tensors(layer)):
            _describe(net.layer[index].blobs.add(), tensor)
            if tensor.size:
                tensors[((_LAYER, index), (_BLOBS, place), _DATA)] = tensor
    sizes = {path: tensor.nbytes for path, tensor in tensors.items()}
    recipe = weave(net.SerializeToString(), sizes)
    if woven_size(recipe, sizes) > LIMIT:
        raise UsageError("Caffe reads 2 GB from one caffemodel at most", file=target)
    with target.open("wb") as file:
        for part in recipe:
            if isinstance(part, bytes):
                file.write(part)
            else:
                stream.write(tensors[part], file, progress)


def _tensors(layer: Layer) -> list[ir.TensorProtocol]:
    return [blob for blob in layer.blobs if not isinstance(blob, Filler)]


def _describe(blob: Any, tensor: ir.TensorProtocol) -> None:
    """The sizes; of a single number none, as Caffe has it."""
    sizes = [int(dim) for dim in tensor.shape.numpy()]
    if sizes:
        blob.shape.dim.extend(sizes)
