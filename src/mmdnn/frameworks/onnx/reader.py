"""ONNX files to an `onnx_ir.Model`, at the file's own opset, its weights left where they lie.

https://onnx.ai/onnx/repo-docs/IR.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UsageError
from mmdnn.ir.storage.files import read_ir
from mmdnn.ir.storage.reading import load
from mmdnn.registry import Source
from mmdnn.shapes import Given, text


def read(source: Source) -> ir.Model:
    """Read an ONNX model, or the IR's three files.

    Args:
        source: The file, and what the user said: `input_shapes` settle open dimensions, `outputs`
            end the graph at these values, without inputs that none of them needs.

    Raises:
        FormatError: It is no valid model, or its external data is not there.
        ShapeError: A shape contradicts the model's.
        UnsupportedError: It holds sparse tensors.
        UsageError: There is no such input or value, or no file.
    """
    if source.network is None:
        raise UsageError("an ONNX model is one file: say which")
    path = source.network
    if path.suffix.lower() in (".pb", ".npy", ".json"):
        model = read_ir(path, source.weights)
    else:
        model = load(path)
        _check_weights(model, source)
    if not model.graph.outputs:
        raise FormatError("the model has no outputs", file=path)
    if source.outputs:
        _end_at(model, source.outputs)
    _settle(model, source.input_shapes)
    if source.outputs:
        graph = model.graph
        graph.inputs[:] = [v for v in graph.inputs if v.uses() or v.is_graph_output()]
    return model


def _check_weights(model: ir.Model, source: Source) -> None:
    """A file of weights beside an ONNX file is one that it names itself."""
    if source.weights is None:
        return
    held = (value.const_value for value in model.graph.initializers.values())
    files = {tensor.path for tensor in held if isinstance(tensor, ir.ExternalTensor)}
    if not any(source.weights.exists() and source.weights.samefile(file) for file in files):
        raise UsageError(
            f"{source.network} reads no weights from it",
            file=source.weights,
            hint="An ONNX file holds its weights, or names the files that do.",
        )


def _end_at(model: ir.Model, names: Sequence[str]) -> None:
    from onnx_ir.passes.common import RemoveUnusedNodesPass  # half as long to import as onnx_ir

    values = {str(value.name): value for value in _values(model.graph)}
    unknown = [name for name in names if name not in values]
    if unknown:
        raise UsageError(f"no value of the model is named {', '.join(unknown)}")
    model.graph.outputs[:] = [values[name] for name in names]
    RemoveUnusedNodesPass()(model)


def _settle(model: ir.Model, shapes: Mapping[str, Given]) -> None:
    """Give open dimensions their sizes, at the inputs and wherever the same name stands."""
    inputs = {str(value.name): value for value in model.graph.inputs}
    ordered = {str(i) if i else "": value for i, value in enumerate(model.graph.inputs)}
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        value = inputs.get(name) or ordered.get(name)
        if value is None:
            raise UsageError(f"no input is named '{name}'; there are {', '.join(inputs)}")
        _settle_input(value, shape, sizes)
    for value in _values(model.graph) if sizes else ():
        if value.shape is not None and any(_symbol(dim) in sizes for dim in value.shape):
            value.shape = ir.Shape([sizes.get(_symbol(dim), dim) for dim in value.shape])


def _settle_input(value: ir.Value, shape: Given, sizes: dict[str, int]) -> None:
    before = list(value.shape) if value.shape is not None else [ir.SymbolicDim(None)] * len(shape)
    if len(before) != len(shape):
        raise ShapeError(f"input '{value.name}' has {len(before)} dimensions, not {len(shape)}")
    after: list[int | str | None] = []
    for dim, size in zip(before, shape, strict=True):
        if not isinstance(size, int) and not isinstance(dim, int):
            after.append(size or dim.value)
            continue
        known = dim if isinstance(dim, int) else sizes.setdefault(_symbol(dim), int(size or 0))
        if known != size and (isinstance(dim, int) or _symbol(dim)):
            raise ShapeError(
                f"input '{value.name}' is {_said(before)}, which {text(shape, ',')} contradicts",
                hint="Only open dimensions can be given a size.",
            )
        after.append(size)
    sizes.pop("", None)
    value.shape = ir.Shape(after)


def _said(dims: Iterable[int | ir.SymbolicDim]) -> str:
    return text(tuple(dim if isinstance(dim, int) else dim.value for dim in dims), ",")


def _symbol(dim: int | ir.SymbolicDim) -> str:
    return "" if isinstance(dim, int) else dim.value or ""


def _values(graph: ir.Graph) -> list[ir.Value]:
    made = [output for node in graph for output in node.outputs]
    return [*graph.inputs, *made]
