"""From the IR to a Caffe network: its layers in order, then their names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import onnx_ir as ir

from mmdnn.errors import Error, ShapeError, UnsupportedError
from mmdnn.frameworks.caffe._layers import layer_type
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe.exporter import lifting
from mmdnn.frameworks.caffe.exporter.assembly import finish
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant, Draft
from mmdnn.frameworks.caffe.exporter.control_flow import MOST_STEPS
from mmdnn.frameworks.caffe.exporter.table import LIFTED, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Scope, Writer
from mmdnn.frameworks.caffe.graph import Filler, Network
from mmdnn.ir import FRAMEWORK, LAYER, TYPE
from mmdnn.ir.exporting import ExportedNode, Refusals
from mmdnn.ir.lifting.proposals import Lifted
from mmdnn.ir.origin import adopt, notes
from mmdnn.ir.passes import batch
from mmdnn.ir.passes.unrolling import unroll

OTHER = 1009
"""Times the batch that the files say: one that is the size of nothing else, and splits as that does.

Some layers can only be written for one batch: a Tile along it, a Slice of it, a Reshape that moves it. Such
a network is found by writing it for another batch too; its inputs then pass through a Reshape that says
the batch, so that Caffe stops on another one.
"""

_MOVING = frozenset(
    {
        *("Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
        *("Squeeze", "Tile", "Transpose", "Unsqueeze"),
    }
)
_COMPARING = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})

INTEGERS = _MOVING | _COMPARING | {"Clip", "GatherElements"}
"""Operators that may have integers: small enough to be float32 too, as indices and labels are."""

TRUTHS = _MOVING | {"And", "Equal", "Not", "Or", "Where", "Xor"}
"""Operators that may have truth values, which are 1 and 0."""


def from_ir(model: ir.Model, *, fork: str = "") -> Network:
    """A Caffe network that computes what the model computes.

    Caffe wants numbers for all sizes: an open batch becomes what the source's files say, else 1 (a
    Caffe network's batch can be changed when it is loaded).

    Args:
        model: Any IR model; it is not changed.
        fork: One of `FORKS`, to allow its layers; BVLC's own only, unless given, or the model was
            the fork's before.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
        ShapeError: An input has an open size beside its batch.
    """
    forks = _forks_of(model) | ({fork} if fork else set())
    network = _written(model, forks)
    if not batch.opened(model):
        return network
    try:
        if _are_alike(network, _written(model, forks, OTHER)):
            return network
    except Error:
        pass
    return _written(model, forks, fixed=True)


def _are_alike(one: Network, other: Network) -> bool:
    """Whether two networks are the same but for the sizes of their inputs."""
    return len(one.layers) == len(other.layers) and all(
        (a.type == b.type == "Input" or (a.message, a.unknown) == (b.message, b.unknown))
        and [_shape(blob) for blob in a.blobs] == [_shape(blob) for blob in b.blobs]
        for a, b in zip(one.layers, other.layers, strict=True)
    )


def _shape(blob: ir.TensorProtocol | Filler) -> tuple[int, ...] | None:
    return None if isinstance(blob, Filler) else tuple(blob.shape.numpy())


def _forks_of(model: ir.Model) -> frozenset[str]:
    """The forks that a Caffe network was written for."""
    if model.metadata_props.get(FRAMEWORK) != "caffe":
        return frozenset()
    types = (node.metadata_props.get(TYPE, "") for node in model.graph)
    return frozenset(layer_type(type_).fork for type_ in types) - {""}


def _written(
    model: ir.Model, forks: frozenset[str], times: int = 1, *, fixed: bool = False
) -> Network:
    """The network for one batch."""
    opened = batch.opened(model) if fixed else set()
    model = model.clone()
    adopt(model, "caffe")
    lifted, types = lifting.lifted(model), lifting.types("ssd" if "ssd" in forks else "")
    lifted.lift(model, types)
    batch.close(model, "Caffe", times)
    lifted.close(model)
    model = _prepared(model)
    lifted.lift(model, types)  # by sizes that are known by now
    while lifted.close(model):
        model = _prepared(model)
    exporter.check(model)
    return _made(model, lifted, forks, opened)


def _prepared(model: ir.Model) -> ir.Model:
    """In canonical form, short loops written out."""
    model = exporter.canonical(model)
    while unroll(model, MOST_STEPS):
        model = exporter.canonical(model)
    return model


def _made(
    model: ir.Model, lifted: Lifted[lifting.Proposal], forks: frozenset[str], fixed: set[str]
) -> Network:
    """The network of a canonical model."""
    scope, refusals = Scope(forks, notes(model, "caffe")), Refusals("Caffe")
    inputs = [_input(scope, value, str(value.name) in fixed) for value in model.graph.inputs]
    for node in model.graph:
        exported = ExportedNode(node)
        if not refusals.attempt(exported, partial(_node, scope, exported, lifted)):
            for output in node.outputs:
                shape = (dim if isinstance(dim, int) else 1 for dim in output.shape or ())
                scope.operands.setdefault(output, Blob(tuple(shape), value=output))
    refusals.check()
    outputs = [(value, _output(scope, value)) for value in model.graph.outputs]
    return finish(model.graph.name or "network", scope.drafts, inputs, outputs)


def _helper(scope: Scope, value: ir.Value) -> Writer:
    """What writes layers that belong to an input or output."""
    return Writer(scope, ExportedNode(ir.node("Identity", [], name=str(value.name))))


def _input(scope: Scope, value: ir.Value, fixed: bool) -> Blob:
    """A top of an Input layer: of the same one where they were one layer's."""
    if value.shape is None:
        raise ShapeError(f"the shape of input '{value.name}' is not known")
    shape = tuple(int(dim) for dim in value.shape)  # type: ignore[arg-type]
    name = value.metadata_props.get(LAYER) or str(value.name)
    draft = next((d for d in scope.drafts if (d.type, d.name) == ("Input", name)), None)
    if draft is None:
        draft = Draft(name, new_layer("Input"), [])
        scope.drafts.append(draft)
    draft.message.input_param.shape.add().dim.extend(shape)
    blob = scope.operands[value] = Blob(shape, draft, value)
    draft.tops.append(blob)
    if fixed:
        held = _helper(scope, value).reshape(blob, shape, "fixed", dims=shape)
        scope.operands[value] = held
    return blob


def _output(scope: Scope, value: ir.Value) -> Blob:
    operand = scope.operand(value)
    if value.dtype not in {ir.DataType.FLOAT, None}:
        raise UnsupportedError(
            f"the output '{value.name}' is {value.dtype.name.lower()}, "
            "and Caffe computes in float32"
        )
    if isinstance(operand, Constant):
        operand = _helper(scope, value).blob(operand)
        operand.value = value
    return operand


def _node(scope: Scope, exported: ExportedNode, lifted: Lifted[lifting.Proposal]) -> None:
    node = exported.node
    results = _results(scope, exported, lifted)
    for index, (output, result) in enumerate(zip(node.outputs, results, strict=False)):
        if result is None and exported.wants(index):
            exported.refuse(f"its output {index + 1} is used, which Caffe does not have")
        if isinstance(result, Blob):
            shape = output.shape
            if shape is not None and shape.is_static() and tuple(shape) != result.shape:
                exported.refuse(
                    f"Caffe would give it the shape {list(result.shape)} instead of {list(shape)}"
                )
            if result.value is None and output.dtype in {ir.DataType.FLOAT, None}:
                result.value = output
        if result is not None:
            scope.operands[output] = result


def _results(
    scope: Scope, exported: ExportedNode, lifted: Lifted[lifting.Proposal]
) -> Sequence[Operand | None]:
    node, writer = exported.node, Writer(scope, exported)
    inputs = [None if value is None else scope.operand(value) for value in node.inputs]
    if node.domain == LIFTED:
        return lifting.write(writer, lifted[node], inputs)
    for value, operand in zip(node.inputs, inputs, strict=True):
        if isinstance(operand, Blob) and value is not None:
            _check_type(exported, value)
    view = scope.views.of(node)
    if view is not None:
        return [view.flat[0] if view.joined else view.flat[1]]
    made = exporter.write(exported, writer, *inputs)
    return [made] if made is None or isinstance(made, (Blob, Constant)) else list(made)


def _check_type(exported: ExportedNode, value: ir.Value) -> None:
    kind = value.dtype
    if kind is None or kind == ir.DataType.FLOAT:
        return
    may = TRUTHS if kind == ir.DataType.BOOL else INTEGERS if kind.is_integer() else ()
    if exported.type not in may:
        exported.refuse(f"its input is {kind.name.lower()}, and Caffe computes in float32")
