"""An ONNX model of any opset to the IR, which is ONNX at one opset.

Every node of every graph, subgraph and local function goes through the table of changes; weights
are not touched, whatever their size. (`onnx.version_converter` leaves subgraphs and functions as
they are, and needs the weights in its one message.) In the end each node must fit its
operator's schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx_ir as ir

import onnx
from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.onnx.importer import arithmetic, attributes, contrib, resampling
from mmdnn.frameworks.onnx.importer.rewriting import SHAPED, Rewriter, changes, name_of
from mmdnn.ir import IR_VERSION, OPSET
from mmdnn.ir.passes import functions
from mmdnn.ir.storage.reading import refusing
from mmdnn.ir.storage.writing import detach, graphs

WIDENED = {
    *("Cast", "CastLike", "Constant", "ConstantOfShape", "DequantizeLinear", "Flatten", "Identity"),
    *("If", "Loop", "Pad", "QuantizeLinear", "Reshape", "Scan", "Shape", "Size", "Squeeze"),
    *("Transpose", "Unsqueeze"),
}
"""Operators to which opsets 23 to 25 only added types, or attributes that a schema check finds."""

YOUNG = {ir.DataType(number) for number in range(23, 27) if number in set(ir.DataType)}
"""The types that they added: float4, float8 exponents, integers of two bits."""

_SINGLE = onnx.defs.OpSchema.FormalParameterOption.Single

Root = ir.Graph | ir.Function


def to_ir(model: ir.Model) -> ir.Model:
    """Bring a model to the IR's opset, in place.

    A model that needs an operator of a later opset stays at its own.

    Returns:
        The same model.

    Raises:
        FormatError: The model says no opset.
        UnsupportedError: Nodes cannot be brought there exactly, or are not ONNX's; or local functions
            call each other without measure.
    """
    with refusing(None, "no valid ONNX model"):
        return _to_ir(model)


def _to_ir(model: ir.Model) -> ir.Model:
    functions.check(model)
    roots: list[Root] = [model.graph, *model.functions.values()]
    for root in roots:
        _plain_domain(root)
    _validate(model, roots)
    _infer_where_needed(model, roots)
    taken = {str(value.name) for value in _values(model)}
    newest = IR_VERSION
    for root in roots:
        version = root.opset_imports.get("")
        if version is None:
            continue
        if version < OPSET:
            _upgrade(root, version, taken)
        elif version > OPSET and not _fits(root):
            newest = max(newest, model.ir_version)
            continue
        root.opset_imports[""] = OPSET
    for root in roots:
        contrib.spell_out(root, taken, model.functions)
    _validate(model, roots)
    _drop_unused_weights(model)
    model.ir_version = newest
    return model


def _plain_domain(root: Root) -> None:
    """Give the default domain its short name, and check that its opset is said."""
    if "ai.onnx" in root.opset_imports:
        root.opset_imports.setdefault("", root.opset_imports.pop("ai.onnx"))
    for node in root.all_nodes():
        if node.domain == "ai.onnx":
            node.domain = ""
    version = root.opset_imports.get("")
    if version is None and any(not node.domain for node in root.all_nodes()):
        raise FormatError("the model does not say which opset it is written in")
    if version is not None and not 1 <= version <= onnx.defs.onnx_opset_version():
        raise UnsupportedError(
            f"opset {version} is unknown to onnx {onnx.__version__}",
            hint="A newer onnx may know it: pip install -U onnx",
        )


def _infer_where_needed(model: ir.Model, roots: Iterable[Root]) -> None:
    """Find ranks and types, if a change will ask for them."""
    for root in roots:
        version = root.opset_imports.get("", OPSET)
        for node in root.all_nodes():
            if SHAPED.intersection(changes(node.op_type, version, OPSET)):
                _infer(model)
                return


def _infer(model: ir.Model) -> None:
    proto, _ = detach(model)
    try:
        inferred = onnx.shape_inference.infer_shapes(proto)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return
    found = {}
    stack = [inferred.graph]
    while stack:
        graph = stack.pop()
        found.update({info.name: info for info in graph.value_info})
        stack += [attr.g for node in graph.node for attr in node.attribute if attr.HasField("g")]
    for value in _values(model):
        info = found.get(value.name or "")
        if info is not None and (value.type is None or value.shape is None):
            ir.serde.deserialize_value_info_proto(info, value)


def _upgrade(root: Root, version: int, taken: set[str]) -> None:
    for node in list(root.all_nodes()):
        if node.domain:
            continue
        if version < 6:
            node.attributes.pop("consumed_inputs", None)
        rewriter = Rewriter(node, taken, isinstance(root, ir.Function) and node.graph is root.graph)
        for change in changes(node.op_type, version, OPSET):
            if not rewriter.gone:
                change(rewriter)


def _fits(root: Root) -> bool:
    """Whether all of a graph written for a later opset means the same at the IR's."""
    version = root.opset_imports[""]
    for node in root.all_nodes():
        if node.domain:
            continue
        try:
            later = onnx.defs.get_schema(node.op_type, version, "").since_version
        except onnx.defs.SchemaError:
            return False
        if later > OPSET and (
            later > 25 or node.op_type not in WIDENED or list(_misfits(node, OPSET))
        ):
            return False
    return not any(dtype in YOUNG for dtype in _types(root))


def _types(root: Root) -> Iterator[ir.DataType | None]:
    """The types that values are said to have or are made to have."""
    for graph in (root, *root.subgraphs()):
        if isinstance(graph, ir.Graph):
            yield from (value.dtype for value in graph.inputs)
            yield from (value.dtype for value in graph.initializers.values())
        for node in graph:
            yield from (value.dtype for value in node.outputs)
            for attr in node.attributes.values():
                if attr.type == ir.AttributeType.TENSOR and not attr.is_ref():
                    yield attr.as_tensor().dtype
                elif attr.name in ("to", "dtype", "output_dtype") and not attr.is_ref():
                    yield ir.DataType(attr.as_int())


def _validate(model: ir.Model, roots: Iterable[Root]) -> None:
    refused: list[tuple[str, str]] = []
    for root in roots:
        for node in root.all_nodes():
            version = root.opset_imports.get(node.domain)
            known = node.domain in ("", "ai.onnx.ml")
            if not known or node.op_identifier() in model.functions or version is None:
                continue
            problems = _misfits(node, version)
            refused += [(f"{node.op_type}: {problem}", name_of(node)) for problem in problems]
    if refused:
        raise UnsupportedError.listing(refused, action="read")


def _misfits(node: ir.Node, version: int) -> Iterator[str]:
    """Where a node does not fit its operator's schema."""
    try:
        schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    except onnx.defs.SchemaError:
        yield f"no operator of opset {version}"
        return
    if schema.deprecated and version >= OPSET:
        yield f"given up in opset {schema.since_version}"
    if not schema.min_input <= len(node.inputs) <= schema.max_input:
        yield f"{len(node.inputs)} inputs"
    for index, value in enumerate(node.inputs[: len(schema.inputs)]):
        if value is None and schema.inputs[index].option == _SINGLE:
            yield f"input '{schema.inputs[index].name}' is missing"
    if not schema.min_output <= len(node.outputs) <= schema.max_output:
        yield f"{len(node.outputs)} outputs"
    for name, attr in node.attributes.items():
        expected = schema.attributes.get(name)
        if expected is None:
            yield f"no attribute '{name}' in opset {version}"
        elif getattr(expected.type, "value", None) != attr.type.value:
            yield f"attribute '{name}' is a {attr.type.name}"
    for name, attribute in schema.attributes.items():
        if attribute.required and name not in node.attributes:
            yield f"attribute '{name}' is missing"


def _drop_unused_weights(model: ir.Model) -> None:
    for graph in graphs(model):
        for name, value in list(graph.initializers.items()):
            if not value.uses() and not value.is_graph_output():
                del graph.initializers[name]


def _values(model: ir.Model) -> Iterator[ir.Value]:
    for graph in graphs(model):
        yield from graph.inputs
        yield from graph.initializers.values()
        for node in graph:
            yield from node.outputs


__all__ = ["arithmetic", "attributes", "contrib", "resampling", "to_ir"]
