"""From the IR to a Caffe network: its layers in order, then their names."""

from __future__ import annotations

from functools import partial

import onnx_ir as ir

from mmdnn.errors import Error, ShapeError, UnsupportedError
from mmdnn.frameworks.caffe._layers import layer_type
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe.exporter import lifting
from mmdnn.frameworks.caffe.exporter.assembly import finish
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant, Draft
from mmdnn.frameworks.caffe.exporter.control_flow import MOST_STEPS
from mmdnn.frameworks.caffe.exporter.recurrent import known_view
from mmdnn.frameworks.caffe.exporter.table import LIFTED, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Unfinished, Writer
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
    return NetworkBuilder(model, lifted, forks, opened).run()


def _prepared(model: ir.Model) -> ir.Model:
    """In canonical form, short loops written out."""
    model = exporter.canonical(model)
    while unroll(model, MOST_STEPS):
        model = exporter.canonical(model)
    return model


class NetworkBuilder:
    """What the functions of the table write into."""

    def __init__(
        self,
        model: ir.Model,
        lifted: Lifted[lifting.Proposal],
        forks: frozenset[str],
        fixed: set[str],
    ) -> None:
        self.model = model
        self.lifted = lifted
        self.fixed = fixed
        self.network = Unfinished(forks, notes(model, "caffe"))
        self.operands: dict[ir.Value, Operand] = {}
        self.refusals = Refusals("Caffe")

    def run(self) -> Network:
        """The network of the whole model."""
        inputs = [self._input(value) for value in self.model.graph.inputs]
        for node in self.model.graph:
            exported = ExportedNode(node)
            if not self.refusals.attempt(exported, partial(self._node, exported)):
                for output in node.outputs:
                    self.operands.setdefault(output, Blob(_known_shape(output), value=output))
        self.refusals.check()
        outputs = [(value, self._output(value)) for value in self.model.graph.outputs]
        return finish(self.model.graph.name or "network", self.network.drafts, inputs, outputs)

    def _input(self, value: ir.Value) -> Blob:
        if value.shape is None:
            raise ShapeError(f"the shape of input '{value.name}' is not known")
        shape = tuple(int(dim) for dim in value.shape)  # type: ignore[arg-type]
        input_ = new_layer("Input", {"shape": [{"dim": list(shape)}]})
        draft = Draft(value.metadata_props.get(LAYER) or str(value.name), input_, [])
        blob = Blob(shape, draft, value)
        draft.tops = [blob]
        self.network.drafts.append(draft)
        self.operands[value] = blob
        if str(value.name) in self.fixed:
            node = ExportedNode(ir.node("Identity", [], name=str(value.name)))
            self.operands[value] = Writer(self.network, node).reshape(
                blob, shape, "fixed", dims=shape
            )
        self.network.held[str(value.name)] = blob
        return blob

    def _output(self, value: ir.Value) -> Blob:
        operand = self.operand(value)
        if value.dtype not in {ir.DataType.FLOAT, None}:
            raise UnsupportedError(
                f"the output '{value.name}' is {value.dtype.name.lower()}, "
                "and Caffe computes in float32"
            )
        if isinstance(operand, Blob):
            return operand
        node = ir.node("Identity", [value], name=str(value.name))
        blob = Writer(self.network, ExportedNode(node)).blob(operand)
        blob.value = value
        return blob

    def operand(self, value: ir.Value) -> Operand:
        """The blob or constant that an IR value is."""
        if value not in self.operands:
            assert value.const_value is not None, value.name
            self.operands[value] = Constant(value)
        return self.operands[value]

    def _node(self, exported: ExportedNode) -> None:
        node = exported.node
        inputs = [None if value is None else self.operand(value) for value in node.inputs]
        results = self._export(exported, inputs)
        for index, (output, result) in enumerate(zip(node.outputs, results, strict=False)):
            if result is not None:
                self._bind(exported, output, result)
            elif exported.wants(index):
                exported.refuse(f"its output {index + 1} is used, which Caffe does not have")

    def _export(self, exported: ExportedNode, inputs: list[Operand | None]) -> list[Operand | None]:
        node, writer = exported.node, Writer(self.network, exported)
        if node.domain == LIFTED:
            return list(lifting.write(writer, self.lifted[node], inputs))
        for value, operand in zip(node.inputs, inputs, strict=True):
            if isinstance(operand, Blob) and value is not None:
                _check_type(exported, value)
        known = known_view(node, inputs[0] if inputs else None)
        if known is not None:
            return [known]
        made = exporter.write(exported, writer, *inputs)
        if made is None or isinstance(made, (Blob, Constant)):
            return [made]
        return list(made)

    def _bind(self, exported: ExportedNode, output: ir.Value, result: Operand) -> None:
        if isinstance(result, Blob):
            shape = output.shape
            if shape is not None and shape.is_static() and tuple(shape) != result.shape:
                exported.refuse(
                    f"Caffe would give it the shape {list(result.shape)} instead of {list(shape)}"
                )
            if result.value is None and output.dtype in {ir.DataType.FLOAT, None}:
                result.value = output
            self.network.held[str(output.name)] = result
        self.operands[output] = result


def _known_shape(value: ir.Value) -> tuple[int, ...]:
    return tuple(dim if isinstance(dim, int) else 1 for dim in value.shape or ())


def _check_type(exported: ExportedNode, value: ir.Value) -> None:
    if value.dtype in {ir.DataType.FLOAT, None}:
        return
    may = TRUTHS if value.dtype == ir.DataType.BOOL else INTEGERS if _is_integer(value) else ()
    if exported.type not in may:
        exported.refuse(f"its input is {value.dtype.name.lower()}, and Caffe computes in float32")


def _is_integer(value: ir.Value) -> bool:
    return value.dtype is not None and value.dtype.is_integer()
