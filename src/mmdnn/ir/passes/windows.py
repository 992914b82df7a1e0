"""Windows in numbers: kernel, strides, dilations and pads stand in the node, whatever its file left out.

`auto_pad` and `output_shape` are shorthands for pads (https://onnx.ai/onnx/operators/onnx__Conv.html,
onnx__ConvTranspose.html, onnx__MaxPool.html). Where the standard's text leaves a choice:

* Padding is never negative: with strides wider than the kernel, SAME pads nothing, windows begin with the
  input, and a `ConvTranspose` makes less than size times stride (so the reference implementation of
  Conv, and onnxruntime of ConvTranspose; onnxruntime's poolings would cut the input).
* SAME counts the dilation of a pooling (onnxruntime forgets it, and then makes another size than it infers).
* SAME has its number of windows from the strides alone, so that `ceil_mode` changes nothing; with VALID it
  rounds up (so onnxruntime and ONNX's inference; by the standard's formula it would change nothing too).
* A pooling whose padded image is smaller than its kernel, by less than a stride, has one window, which
  reaches behind it (so onnxruntime and ONNX's inference, whose division rounds towards zero).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from mmdnn.ir.builder import NeedsStatic, dimensions
from mmdnn.ir.passes.defaults import defaults
from mmdnn.shapes import closed

POOLS = frozenset({"AveragePool", "LpPool", "MaxPool"})
WEIGHTS = {"Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "QLinearConv": 3}
"""Which input tells the kernel's size."""


def spell_window(node: ir.Node) -> None:
    """Give a node, which has its defaults, its window in numbers.

    Where SAME depends on a size that is open, `auto_pad` stays, and `pads` is left out.

    Args:
        node: Changed, if it is a convolution or a pooling; the shape of a `ConvTranspose`'s output too.
    """
    if node.domain or node.op_type not in POOLS | WEIGHTS.keys():
        return
    kernel = _kernel(node)
    if kernel is None:
        return
    ones = [1] * len(kernel)
    strides = _ints(node, "strides") or ones
    dilations = _ints(node, "dilations") or ones
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)]
    said = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    if node.op_type == "ConvTranspose":
        said |= _transposed(node, spans, strides)
    else:
        said |= _direct(node, spans, strides)
    for name, numbers in said.items():
        node.attributes[name] = ir.AttrInt64s(name, numbers)


def _kernel(node: ir.Node) -> list[int] | None:
    said = _ints(node, "kernel_shape")
    if said is not None or node.op_type in POOLS:
        return said
    weight = node.inputs[WEIGHTS[node.op_type]]
    sizes = None if weight is None or weight.shape is None else closed(weight.shape[2:])
    return list(sizes) if sizes else None


def _ints(node: ir.Node, name: str) -> list[int] | None:
    return list(node.attributes[name].as_ints()) if name in node.attributes else None


def _sizes(node: ir.Node, count: int) -> list[int | None]:
    """The spatial sizes of the input; None where open."""
    x = node.inputs[0]
    shape = x.shape if x is not None else None
    if shape is None or len(shape) != count + 2:
        return [None] * count
    return [dim if isinstance(dim, int) else None for dim in shape[2:]]


def _mode(node: ir.Node) -> str:
    return node.attributes["auto_pad"].as_string()


def _reset(node: ir.Node, name: str) -> None:
    """Make an attribute, if the operator has it, what it is by default."""
    if name in defaults(node):
        node.attributes[name] = defaults(node)[name]


def _direct(node: ir.Node, spans: list[int], strides: list[int]) -> dict[str, list[int]]:
    mode = _mode(node)
    pads = _ints(node, "pads") or [0] * 2 * len(spans)
    if mode == "VALID":
        pads = [0] * 2 * len(spans)
    elif mode != "NOTSET":
        rows = zip(_sizes(node, len(spans)), spans, strides, strict=True)
        totals = [same_padding(*row) for row in rows]
        if None in totals:
            return {}
        pads = shared([total or 0 for total in totals], mode)
        _reset(node, "ceil_mode")
    _reset(node, "auto_pad")
    if node.op_type in POOLS and not node.attributes.get_int("ceil_mode"):
        pads = _filled(pads, _sizes(node, len(spans)), spans, strides)
    return {"pads": pads}


def _filled(
    pads: list[int], sizes: list[int | None], spans: list[int], strides: list[int]
) -> list[int]:
    """Pads with which the only window of an image that is too small fits."""
    count = len(spans)
    ends = []
    for size, span, stride, begin, end in zip(
        sizes, spans, strides, pads[:count], pads[count:], strict=True
    ):
        lacking = 0 if size is None else span - (size + begin + end)
        ends.append(end + lacking if 0 < lacking < stride else end)
    return pads[:count] + ends


def same_padding(size: int | None, span: int, stride: int) -> int | None:
    """What SAME adds to a size, on both sides together; None where it depends on a size that is open."""
    if stride == 1 or span == 1:
        return span - 1
    return None if size is None else max((-(-size // stride) - 1) * stride + span - size, 0)


def same(x: ir.Value, spans: Sequence[int], strides: Sequence[int]) -> dict[str, Any]:
    """SAME as ONNX's attributes, for windows over the axes of an image behind its channels.

    An open size is for ONNX to work out, but where windows leave gaps: engines pad less than none there.

    Raises:
        NeedsStatic: It depends on a size that is open, and engines differ.
    """
    sizes = dimensions(x)[2:]
    rows = [
        (size if isinstance(size, int) else None, span, stride)
        for size, span, stride in zip(sizes, spans, strides, strict=True)
    ]
    totals = [same_padding(*row) for row in rows]
    found = [total for total in totals if total is not None]
    if len(found) == len(totals):
        return {"pads": shared(found, "SAME_UPPER")} if any(found) else {}
    if any(span < stride for span, stride in zip(spans, strides, strict=True)):
        raise NeedsStatic(
            x.name, [str(size) for size in sizes if size and not isinstance(size, int)]
        )
    return {"auto_pad": "SAME_UPPER"}


def shared(totals: list[int], mode: str) -> list[int]:
    """Pads of these sums, the odd one behind for SAME_UPPER, else in front."""
    small, large = [total // 2 for total in totals], [-(-total // 2) for total in totals]
    return small + large if mode == "SAME_UPPER" else large + small


def _transposed(node: ir.Node, spans: list[int], strides: list[int]) -> dict[str, list[int]]:
    """Pads cut here; what an `output_shape` would make negative is added behind."""
    count, mode = len(spans), _mode(node)
    extra = _ints(node, "output_padding") or [0] * count
    wanted = _ints(node, "output_shape")
    sizes = _sizes(node, count)
    pads = _ints(node, "pads") or [0] * 2 * count
    if wanted is not None:
        if None in sizes:
            return {"output_padding": extra}
        rows = zip(sizes, strides, spans, extra, wanted[-count:], strict=True)
        totals = [((n or 0) - 1) * s + span + more - size for n, s, span, more, size in rows]
        extra = [more - min(total, 0) for more, total in zip(extra, totals, strict=True)]
        pads = shared([max(total, 0) for total in totals], mode)
    elif mode == "VALID":
        pads = [0] * 2 * count
    elif mode != "NOTSET":
        rest = zip(spans, strides, extra, strict=True)
        pads = shared([max(span - s + more, 0) for span, s, more in rest], mode)
    changed = wanted is not None or mode != "NOTSET"
    node.attributes.pop("output_shape", None)
    _reset(node, "auto_pad")
    shape = node.outputs[0].shape
    if changed and shape is not None:  # ONNX's inference forgets output_padding beside SAME
        node.outputs[0].shape = ir.Shape([*shape[:2], *[None] * count])
    return {"pads": pads, "output_padding": extra}
