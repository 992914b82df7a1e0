"""From a Keras model to the IR, call by call, each layer's value having the layer's name.

Names: `layer`, `layer@1` for its second call, `outer/inner` for a layer of a model inside, and `layer.1` for
the second of several outputs. Sizes that the file leaves open stay open wherever the layers allow.
"""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.errors import FormatError, ShapeError, UsageError
from mmdnn.frameworks.keras.graph import Layer, Model, Tensor
from mmdnn.frameworks.keras.importer.dtypes import KINDS, compute_dtype
from mmdnn.frameworks.keras.importer.table import GraphImporter, importer
from mmdnn.ir import FRAMEWORK, layout, notes
from mmdnn.ir.builder import NeedsStatic
from mmdnn.shapes import OpenShape


def to_ir(model: Model) -> ir.Model:
    """The IR of a Keras model.

    Args:
        model: A model as the reader gives it.

    Returns:
        A model whose values are named as the layers, channels first.

    Raises:
        UnsupportedError: Layers without an exact counterpart, all listed at once.
        ShapeError: Shapes that do not fit, or that are needed and nothing says.
        FormatError: A weight is missing.
    """
    layers = [one for one in model.network.walk() if not _is_harmless(one)]
    importer.check([(one.type, one.name) for one in layers], model.files.network, _CUSTOM)
    try:
        result = layout.channels_first(_imported(model), keep=model.files.keep_layout)
    except NeedsStatic as missing:
        raise _unknown(model, missing) from None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        problem = f"its config does not fit together ({error})"
        raise FormatError(problem, file=model.files.network) from error
    if not model.unused:
        return result
    return notes.add(result, f"No layer is called {notes.listed(model.unused)}, as weights are.")


def _is_harmless(layer: Layer) -> bool:
    """Whether no function is needed: a model, an input, or a cell, which the layer around it reads."""
    return layer.type in {"InputLayer", "Functional"} or layer.type.endswith(("Cell", "RNNCells"))


_CUSTOM = (
    "Layers of your own (Lambda, custom classes) are Python code, which is not run: replace them by Keras's, "
    "or say what they compute with --customLayers file.py (docs/custom-layers.md)."
)


def input_shapes(model: Model) -> dict[str, OpenShape | None]:
    """The shapes of inputs as far as the file says them."""
    return {tensor.layer.name: _shape(tensor.layer) for tensor in model.network.inputs}


def _imported(model: Model) -> ir.Model:
    graph = GraphImporter(model)
    names = [layer.name for layer in model.network.layers]
    graph.reserve(names)
    given = _inputs(graph)
    ends = _ends(model)
    values = graph.run(model.network, given, "", ends)
    outputs, initializers = graph.builder.graph.outputs, graph.builder.graph.initializers
    for value in values:
        fresh = value.producer() is not None and value not in outputs
        outputs.append(value if fresh else graph.builder.op.Identity(value))
    for name, value in list(initializers.items()):
        if not value.uses() and value not in outputs:
            del initializers[name]
    return graph.builder.model(**{FRAMEWORK: "keras"})


def _ends(model: Model) -> list[Tensor]:
    """The model's outputs, or those that the user named."""
    wanted = model.files.outputs
    if not wanted:
        return model.network.outputs
    known = {layer.name: layer for layer in model.network.layers}
    for name in wanted:
        if name not in known:
            raise UsageError(f"the model has no layer '{name}'", file=model.files.network)
    return [Tensor(known[name]) for name in wanted]


def _shape(layer: Layer) -> OpenShape | None:
    said = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    if said is None:
        return None
    if not isinstance(said, list) or not all(s is None or type(s) is int for s in said):
        raise FormatError(f"its shape is {said}", layer=layer.name, operator=layer.said)
    return tuple(said)


def _inputs(graph: GraphImporter) -> list[ir.Value]:
    """The graph's inputs; a size that nothing says has a name."""
    model, found = graph.model, []
    shapes = model.files.shapes_of(tensor.layer.name for tensor in model.network.inputs)
    for tensor in model.network.inputs:
        layer = tensor.layer
        shape = shapes.get(layer.name) or _shape(layer)
        if shape is None:
            raise ShapeError(
                f"no file says the shape of the input '{layer.name}'",
                file=model.files.network,
                hint=f"Give it with --inputShape {layer.name}:1,224,224,3 (or whatever it is).",
            )
        dims = [
            (f"{layer.name}_{axis}" if axis else "batch") if size is None else size
            for axis, size in enumerate(shape)
        ]
        kind = KINDS.get(str(layer.config.get("dtype") or "float32"), compute_dtype(layer))
        found.append(graph.builder.input(layer.name, dims, kind))
        graph.named.add(found[-1])
    return found


def _unknown(model: Model, missing: NeedsStatic) -> ShapeError:
    """What to say where a size is needed that is left open."""
    open_ = {name: shape for name, shape in input_shapes(model).items() if None in (shape or ())}
    example = " ".join(
        f"{name}:{','.join(str(size or 1) for size in shape or ())}"
        for name, shape in open_.items()
    )
    return ShapeError(
        f"the shape of '{missing}' is needed and depends on sizes that the file leaves open",
        file=model.files.network,
        hint=f"Give them with --inputShape {example} (or whatever they are).",
    )
