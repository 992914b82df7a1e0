"""Running a model in onnxruntime, and returning the output of every layer.

https://onnxruntime.ai/docs/api/python/api_summary.html. Graph optimisations are off, so that
every value is computed by the operator that makes it and keeps its name.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, MissingExtraError, ShapeError, UnsupportedError
from mmdnn.ir.storage import protos
from mmdnn.ir.storage.writing import detach, locate
from mmdnn.registry import Source
from mmdnn.tensors.references import read

TITLE = "onnxruntime"

_FOREIGN = {
    "bfloat16": ir.DataType.BFLOAT16,
    "float8e4m3fn": ir.DataType.FLOAT8E4M3FN,
    "float8e4m3fnuz": ir.DataType.FLOAT8E4M3FNUZ,
    "float8e5m2": ir.DataType.FLOAT8E5M2,
    "float8e5m2fnuz": ir.DataType.FLOAT8E5M2FNUZ,
}
"""Types that onnxruntime does not give to numpy, by its names of them."""


def run(model: ir.Model | Source | Path, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a model.

    Args:
        model: A model, or the files of one.
        feeds: Input name to array.

    Returns:
        Value name to array: the feeds, and every tensor that the main graph's nodes make.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ShapeError: The inputs do not fit the model.
        Error: onnxruntime cannot run it; the message is its own.
    """
    return load(model)(feeds)


@cache
def runtime() -> Any:
    """Onnxruntime itself, which reports to nobody: its telemetry is switched off before it runs a model.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError("onnxruntime", "verify") from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def load(
    model: ir.Model | Source | Path,
) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """A model that is loaded once, to be run on several inputs; see `run`."""
    onnxruntime = runtime()
    if not isinstance(model, ir.Model):
        from mmdnn.frameworks.onnx import reader

        model = reader.read(model if isinstance(model, Source) else Source(model))
    proto, outside = detach(model, _in_main_graph(model))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    weights = {place.message.name: _given(place.tensor) for place in outside}
    if weights:
        for place in outside:
            locate(place, "given", 0, place.tensor.nbytes)
        options.add_external_initializers(list(weights), list(weights.values()))
    names = _observed(proto)
    known = {str(value.name): value for value in model.graph.inputs}
    with _refusals():
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run_loaded(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        fed = {name: array for name, array in feeds.items() if name in known}
        with _refusals():
            results = _run(session, names, fed, known)
        made = zip(names, results, strict=True)
        return fed | {name: array for name, array in made if isinstance(array, np.ndarray)}

    return run_loaded


@contextmanager
def _refusals() -> Iterator[None]:
    """Onnxruntime's exceptions, which have no base but Python's own, as ours."""
    try:
        yield
    except ValueError as error:
        raise ShapeError(f"onnxruntime: {_plain(error)}") from error
    except Exception as error:
        raise _refusal(error) from error


def _in_main_graph(model: ir.Model) -> Any:
    main = {id(value) for value in model.graph.initializers.values()}

    def choose(value: ir.Value | None, tensor: ir.TensorProtocol) -> bool:
        return tensor.nbytes >= protos.SMALL and id(value) in main

    return choose


def _run(
    session: Any,
    names: list[str],
    feeds: Mapping[str, np.ndarray],
    inputs: Mapping[str, ir.Value],
) -> list[Any]:
    """Types unknown to numpy pass as onnxruntime's own values, strings and sequences cannot."""
    if all(
        isinstance(array, np.ndarray) and array.dtype.kind not in "OSUT" for array in feeds.values()
    ):
        values = {name: _ort_value(array, inputs[name].dtype) for name, array in feeds.items()}
        return [_array(value) for value in session.run_with_ort_values(names, values)]
    results: list[Any] = session.run(names, dict(feeds))
    return results


def _given(tensor: ir.TensorProtocol) -> Any:
    """A weight handed over as it is, not through the message."""
    return _ort_value(read(tensor), tensor.dtype)


def _ort_value(array: np.ndarray, dtype: ir.DataType | None) -> Any:
    """An array as onnxruntime takes it."""
    value = runtime().OrtValue
    if array.dtype.kind == "V":  # numpy's own have other kinds
        data = np.require(array, requirements="C")
        return value.ortvalue_from_numpy_with_onnx_type(data, int(dtype or 0))
    return value.ortvalue_from_numpy(np.require(array, requirements="C"))


def _array(value: Any) -> np.ndarray | None:
    """A tensor as an array of its own type; None for sequences, maps and absent optionals."""
    if not value.has_value() or not value.is_tensor():
        return None
    kind = value.data_type().removeprefix("tensor(").removesuffix(")")
    if kind not in _FOREIGN:
        return np.asarray(value.numpy())
    dtype, shape = _FOREIGN[kind].numpy(), value.shape()
    size = math.prod(shape) * dtype.itemsize
    return np.frombuffer(ctypes.string_at(value.data_ptr(), size), dtype).reshape(shape)


def _observed(proto: Any) -> list[str]:
    """Make every value of the main graph an output."""
    names = [value.name for value in proto.graph.output]
    known = {*names, *(value.name for value in proto.graph.input)}
    types = {value.name: value for value in proto.graph.value_info}
    for node in proto.graph.node:
        for name in node.output:
            if name and name not in known:
                known.add(name)
                names.append(name)
                if name in types:
                    proto.graph.output.append(types[name])
                else:
                    proto.graph.output.add(name=name)
    return names


def _refusal(error: Exception) -> Error:
    kinds = {"InvalidArgument": ShapeError, "NotImplemented": UnsupportedError}
    return kinds.get(type(error).__name__, Error)(f"onnxruntime: {_plain(error)}")


def _plain(error: Exception) -> str:
    """Its message without the prefixes "[ONNXRuntimeError] : 1 : FAIL : "."""
    return str(error).split(" : ", 3)[-1].strip()
