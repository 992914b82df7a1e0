"""Running the IR of a Caffe network on onnxruntime, and meeting what Caffe computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mmdnn.frameworks.caffe import arrange, reader
from mmdnn.frameworks.caffe.importer import to_ir
from mmdnn.registry import Source
from mmdnn.tensors import references

Arrays = dict[str, np.ndarray]


def source(folder: Path) -> Source:
    """The files of a corpus folder: those of deploy.prototxt where there are two networks."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix != ".npz"]
    if folder / "deploy.prototxt" in files:
        files = [path for path in files if path.name != "net.prototxt"]
    found = arrange(files)
    assert found is not None, files
    return found


def convert(source: Source, *, static: bool = False) -> ir.Model:
    return to_ir(reader.read(source), static=static)


def run(model: ir.Model, feeds: Mapping[str, np.ndarray]) -> Arrays:
    """Every value of a model, by name."""
    import onnxruntime

    model = model.clone()
    graph = model.graph
    for value in graph.initializers.values():
        assert value.const_value is not None
        value.const_value = ir.Tensor(references.read(value.const_value), name=value.name)
    made = [value for node in graph for value in node.outputs if value.name]
    wanted = [value for value in made if value not in graph.outputs]
    graph.outputs.extend(wanted)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(feeds)), strict=True))


def by_blob(model: ir.Model, values: Mapping[str, np.ndarray], feeds: Arrays) -> Arrays:
    """Each blob's last value: that of an input changed in place is called `<input>@<layer>`."""
    found = {**feeds, **values}
    for node in model.graph:
        for output in node.outputs:
            blob = str(output.name).rpartition("@")[0]
            if blob in feeds:
                found[blob] = found[str(output.name)]
    return found


def golden(folder: Path) -> tuple[Arrays, Arrays, list[str]]:
    """Inputs, blobs and the names of the outputs."""
    with np.load(folder / "golden.npz") as data:
        arrays = {name: data[name] for name in data.files}
    return (
        {name[6:]: array for name, array in arrays.items() if name.startswith("input/")},
        {
            name[5:]: array
            for name, array in arrays.items()
            if name.startswith("blob/") and not is_copy(name)
        },
        [str(name) for name in arrays["outputs"]],
    )


def is_copy(name: str) -> bool:
    """Whether a blob is one of the copies that Caffe itself inserts."""
    stem, _, number = name.rpartition("_")
    return number.isdigit() and stem.endswith("_split")


def differences(wanted: Arrays, found: Arrays) -> Iterator[str]:
    """What differs by more than 1e-5 + 1e-4 of the value, or in shape."""
    for name, array in wanted.items():
        if name not in found:
            yield f"{name}: missing"
        elif found[name].shape != array.shape:
            yield f"{name}: {found[name].shape} instead of {array.shape}"
        elif not np.allclose(found[name], array, rtol=1e-4, atol=1e-5, equal_nan=True):
            with np.errstate(all="ignore"):
                yield f"{name}: off by {np.nanmax(np.abs(found[name] - array))}"


def blob_of(value: ir.Value, blobs: Arrays) -> str:
    """The blob that a value is, by their names."""
    name = str(value.name)
    return name if name in blobs else name.rpartition("@")[0]
