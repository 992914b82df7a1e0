"""Types and shapes of one node at a time, by ONNX's own inference functions."""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx import shape_inference

from mmdnn.errors import ShapeError
from mmdnn.ir import IR_VERSION, LAYER, OPSET, TYPE
from mmdnn.shapes import closed

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
    _check_channels(node)
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


def _check_channels(node: ir.Node) -> None:
    """That a convolution's weights take as many channels as it is given: inference does not look."""
    if node.op_type not in ("Conv", "ConvTranspose") or len(node.inputs) < 2:
        return
    x, weight = node.inputs[:2]
    if x is None or weight is None or x.shape is None or weight.shape is None or len(x.shape) < 2:
        return
    given, group = x.shape[1], node.attributes.get_int("group", 1)
    taken = weight.shape[1] if node.op_type == "Conv" else weight.shape[0]
    if not isinstance(given, int) or not isinstance(taken, int):
        return
    wanted = taken * group if node.op_type == "Conv" else taken
    if given != wanted:
        raise ShapeError(
            f"its weights take {wanted} channels, and it is given {given}",
            layer=node.metadata_props.get(LAYER) or node.name,
            operator=node.metadata_props.get(TYPE) or node.op_type,
        )


def infer_named(node: ir.Node) -> None:
    """`infer`, and names for open sizes behind windows; see `_name_sizes`."""
    infer(node)
    _name_sizes(node)


def _name_sizes(node: ir.Node) -> None:
    """Give sizes behind a window their names, where those before it have names: (h+1)//2.

    Equal names are equal sizes, so what has come the same way fits together.
    """
    x, y = node.inputs[0] if node.inputs else None, node.outputs[0]
    if node.op_type not in WINDOWED or x is None or x.shape is None or y.shape is None:
        return
    reach, strides, pads = _window(node, len(x.shape) - 2)
    if reach is None or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return
    up = node.attributes.get_int("ceil_mode", 0)
    dims: list[int | str | None] = [d if isinstance(d, int) else d.value for d in y.shape]
    for axis, (size, stride) in enumerate(zip(reach, strides, strict=True), 2):
        name = x.shape[axis]
        if dims[axis] is not None or isinstance(name, int) or name.value is None:
            continue
        more = pads[axis - 2] + pads[axis - 2 + len(reach)] - size + stride + up * (stride - 1)
        dropping = up and pads[axis - 2]  # a last window that begins within the padding
        sized = _divided(name.value, more, stride)
        dims[axis] = f"kept({sized})" if dropping else sized
    y.shape = ir.Shape(dims)


WINDOWED = {"Conv", "MaxPool", "AveragePool", "LpPool"}


def _window(node: ir.Node, axes: int) -> tuple[list[int] | None, list[int], list[int]]:
    """How far a window reaches along each axis, its strides, and its pads."""
    given = node.attributes
    weight = node.inputs[1] if node.op_type == "Conv" else None
    stored = list(weight.shape)[2:] if weight is not None and weight.shape is not None else None
    kernel = given["kernel_shape"].as_ints() if "kernel_shape" in given else stored
    strides, dilations, pads = (
        list(given[name].as_ints()) if name in given else [default] * axes * times
        for name, default, times in (("strides", 1, 1), ("dilations", 1, 1), ("pads", 0, 2))
    )
    sizes = closed(kernel) if kernel is not None else None
    if sizes is None:
        return None, strides, pads
    return [(k - 1) * d + 1 for k, d in zip(sizes, dilations, strict=True)], strides, pads


def _divided(name: str, more: int, stride: int) -> str:
    if stride == 1:
        return name if not more else _plus(name, more)
    return f"{_plus(name, more)}//{stride}"


def _plus(name: str, more: int) -> str:
    return f"({name}{more:+})" if more else f"({name})" if "//" in name else name


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
