"""What tests of the roads to Caffe share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir

from helpers.caffe import corpus
from mmdnn.errors import Error, UnsupportedError
from mmdnn.frameworks.caffe import engine as opencv
from mmdnn.frameworks.caffe import importer, reader
from mmdnn.ir import LAYER
from mmdnn.registry import Source


def run_caffe(
    paths: list[Path], feeds: Mapping[str, np.ndarray], wanted: list[str]
) -> dict[str, np.ndarray]:
    """The outputs of Caffe's files, by OpenCV where it is trusted with them, else read back.

    Args:
        paths: The files.
        feeds: Inputs of any type; those that the network does not have are left out.
        wanted: The outputs' names; an input that is an output goes by another name in Caffe.
    """
    known = reader.read(Source(*paths)).inputs
    fed = {name: array.astype(np.float32) for name, array in feeds.items() if name in known}
    source = replace(Source(*paths), input_shapes={name: fed[name].shape for name in fed})
    model = importer.to_ir(reader.read(source))
    names = [str(value.name) for value in model.graph.outputs]
    try:
        found = opencv.run(source, fed)
    except Error:
        found = {}
    if not found.keys() >= set(names):
        found = corpus.by_blob(model, corpus.run(model, fed), dict(fed))
    ranks = {str(value.name): len(value.shape or ()) for value in model.graph.outputs}
    results = {name: _of_rank(found[name], ranks[name]) for name in names}
    (other,) = results.keys() - set(wanted) or {""}
    return {name: results.get(name, results.get(other, np.empty(0))) for name in wanted}


def _of_rank(array: np.ndarray, rank: int) -> np.ndarray:
    """OpenCV gives a vector a second axis, of one place."""
    return array.reshape(array.shape[:rank]) if array.shape[rank:] == (1,) else array


def names_a_layer(error: UnsupportedError, model: ir.Model) -> bool:
    """Whether a refusal says which layer, or which output, it is about."""
    layers = {node.metadata_props.get(LAYER, "?") for node in model.graph}
    layers |= {str(value.name) for value in model.graph.outputs}
    return error.layer in layers or any(layer in error.message for layer in layers)
