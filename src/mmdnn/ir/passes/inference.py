"""Types and shapes of one node at a time, by ONNX's own inference functions."""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx import shape_inference

from mmdnn.errors import ShapeError
from mmdnn.ir import IR_VERSION, LAYER, OPSET, TYPE

SMALL = 1024
"""Constants up to this many bytes take part in inference."""


def infer(node: ir.Node, opset: int = OPSET) -> None:
    """Set the types and shapes of a node's outputs from those of its inputs.

    Args:
        node: A node of the default domain; outputs must have names.
        opset: The opset its graph imports.

    Raises:
        ShapeError: The operator does not accept inputs of these types or shapes.
    """
    present = [value for value in node.inputs if value is not None]
    try:
        found = shape_inference.infer_node_outputs(
            onnx.defs.get_schema(node.op_type, opset, node.domain),
            ir.serde.serialize_node(node),
            {str(v.name): ir.serde.serialize_value(v).type for v in present if v.type is not None},
            {str(v.name): _data(v) for v in present if _is_small(v)},
            opset_imports=[onnx.OperatorSetIdProto(domain="", version=opset)],
            ir_version=IR_VERSION,
        )
    except (
        shape_inference.InferenceError,
        onnx.checker.ValidationError,
        KeyError,
        ValueError,
    ) as error:
        props = node.metadata_props
        message = str(error).rsplit("] ", 1)[-1].strip()
        raise ShapeError(
            message, layer=props.get(LAYER) or node.name, operator=props.get(TYPE) or node.op_type
        ) from None
    for output in node.outputs:
        proto = found.get(str(output.name))
        if proto is not None and proto.WhichOneof("value"):
            output.type = ir.serde.deserialize_type_proto_for_type(proto)
            output.shape = ir.serde.deserialize_type_proto_for_shape(proto)


def _is_small(value: ir.Value) -> bool:
    tensor = value.const_value
    return tensor is not None and tensor.nbytes <= SMALL and not isinstance(tensor, ir.StringTensor)


def _data(value: ir.Value) -> onnx.TensorProto:
    assert value.const_value is not None
    proto = onnx.TensorProto(
        name=value.name,
        data_type=int(value.const_value.dtype),
        dims=value.const_value.shape.numpy(),
    )
    proto.raw_data = value.const_value.tobytes()
    return proto
