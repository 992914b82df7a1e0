"""From the IR to a Caffe network: its layers in order, then their names."""

from __future__ import annotations

import onnx_ir as ir

from mmdnn.errors import Error, ShapeError, UnsupportedError
from mmdnn.frameworks.caffe._messages import new_layer
from mmdnn.frameworks.caffe.exporter import batch, lifting
from mmdnn.frameworks.caffe.exporter.assembly import finish
from mmdnn.frameworks.caffe.exporter.blobs import Blob, Constant, Draft
from mmdnn.frameworks.caffe.exporter.control_flow import MOST_STEPS
from mmdnn.frameworks.caffe.exporter.recurrent import known_view
from mmdnn.frameworks.caffe.exporter.table import LIFTED, exporter
from mmdnn.frameworks.caffe.exporter.writer import Operand, Unfinished, Writer
from mmdnn.frameworks.caffe.graph import Network
from mmdnn.ir import FRAMEWORK, LAYER, TYPE
from mmdnn.ir.exporting import ExportedNode
from mmdnn.ir.origin import adopt, notes
from mmdnn.ir.passes.unrolling import unroll

FORKS = ("ssd",)
"""Forks of Caffe whose layers may be used, if the caller says so."""

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
        fork: "ssd" to allow the layers of the SSD fork; BVLC's own only, unless given, or the model was
            the fork's before.

    Raises:
        UnsupportedError: Operators without an exact counterpart, all listed at once.
        ShapeError: An input has an open size beside its batch.
    """
    fork = fork or _fork_of(model)
    network = _written(model, fork)
    if not batch.opened(model):
        return network
    try:
        other = _written(model, fork, batch.OTHER)
    except Error:
        return _written(model, fork, fixed=True)
    return network if batch.alike(network, other) else _written(model, fork, fixed=True)


_SSD = {"DetectionOutput", "Normalize", "Permute", "PriorBox"}


def _fork_of(model: ir.Model) -> str:
    """The fork that a Caffe network was written for."""
    types = {node.metadata_props.get(TYPE) for node in model.graph}
    return "ssd" if model.metadata_props.get(FRAMEWORK) == "caffe" and types & _SSD else ""


def _written(model: ir.Model, fork: str, times: int = 1, *, fixed: bool = False) -> Network:
    """The network for one batch."""
    opened = batch.opened(model) if fixed else set()
    model = model.clone()
    adopt(model, "caffe")
    said = lifting.said(model)
    lifted = lifting.lift(model, said, fork)
    batch.close(model, times)
    lifting.close(model, lifted)
    model = _prepared(model)
    lifted |= lifting.lift(model, said, fork, "later ")  # by sizes that are known by now
    while lifting.close(model, lifted):
        model = _prepared(model)
    exporter.check(model)
    return NetworkBuilder(model, lifted, fork, opened).run()


def _prepared(model: ir.Model) -> ir.Model:
    """In canonical form, short loops written out."""
    model = exporter.canonical(model)
    while unroll(model, MOST_STEPS):
        model = exporter.canonical(model)
    return model


class NetworkBuilder:
    """What the functions of the table write into."""

    def __init__(
        self, model: ir.Model, lifted: dict[str, lifting.Proposal], fork: str, fixed: set[str]
    ) -> None:
        self.model = model
        self.lifted = lifted
        self.fixed = fixed
        self.network = Unfinished(fork, notes(model, "caffe"))
        self.operands: dict[ir.Value, Operand] = {}
        self.refusals: list[UnsupportedError] = []

    def run(self) -> Network:
        """The network of the whole model."""
        inputs = [self._input(value) for value in self.model.graph.inputs]
        for node in self.model.graph:
            self._node(node)
        if self.refusals:
            raise _together(self.refusals)
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

    def _node(self, node: ir.Node) -> None:
        exported = ExportedNode(node)
        try:
            inputs = [None if value is None else self.operand(value) for value in node.inputs]
            results = self._export(exported, node, inputs)
            for index, (output, result) in enumerate(zip(node.outputs, results, strict=False)):
                if result is not None:
                    self._bind(exported, output, result)
                elif exported.wants(index):
                    exported.refuse(f"its output {index + 1} is used, which Caffe does not have")
        except UnsupportedError as error:
            self._give_up(node, error)
        except ValueError as error:
            reason = f"its sizes do not fit ({error})"
            self._give_up(
                node, UnsupportedError(reason, layer=exported.layer, operator=node.op_type)
            )

    def _give_up(self, node: ir.Node, error: UnsupportedError) -> None:
        self.refusals.append(error)
        for output in node.outputs:
            if output not in self.operands:
                self.operands[output] = Blob(_known_shape(output), value=output)

    def _export(
        self, exported: ExportedNode, node: ir.Node, inputs: list[Operand | None]
    ) -> list[Operand | None]:
        writer = Writer(self.network, exported)
        if node.domain == LIFTED:
            return list(lifting.write(writer, self.lifted[str(node.name)], inputs))
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


def _together(refusals: list[UnsupportedError]) -> UnsupportedError:
    """One error for all layers that are refused."""
    if len(refusals) == 1:
        return refusals[0]
    lines = [f"    layer '{e.layer}' ({e.operator}): {e.message}" for e in refusals[:20]]
    if len(refusals) > 20:
        lines.append(f"    and {len(refusals) - 20} more")
    return UnsupportedError(
        f"{len(refusals)} layers cannot be written as Caffe:\n" + "\n".join(lines),
        hint="'mmlist caffe' shows what is supported.",
    )


__all__ = ["FORKS", "from_ir"]
