"""Pooling: torch's own where its padding rules can say it, else an explicit pad or windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.exporter.convolution import explicit_pads
from mmdnn.frameworks.pytorch.exporter.table import Exporting, Writing, exporter, pair, unless
from mmdnn.frameworks.pytorch.graph import Code, Variable


@dataclass
class Window:
    """A pooling node's window, by spatial axis.

    Attributes:
        sizes: The input's spatial sizes; None where one is not known.
        begins: Padding before.
        ends: Padding behind that makes torch's floor rule give ONNX's output size, if `sizes` is known.
    """

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begins: list[int]
    ends: list[int]
    sizes: list[int] | None
    ceil: bool

    @property
    def spans(self) -> list[int]:
        """What a window covers, dilation included."""
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]

    @property
    def symmetric(self) -> bool:
        """Whether torch's `padding` can say it: at most half a window, the same on both sides."""
        return self.begins == self.ends and all(
            0 <= 2 * pad <= size for pad, size in zip(self.begins, self.kernel, strict=True)
        )

    def needed(self, node: Exporting) -> list[int]:
        """The padding behind with which the floor rule gives as many windows as ONNX's ceil rule.

        A window that would start in the padding behind is left out
        (https://onnx.ai/onnx/operators/onnx__MaxPool.html).
        """
        if not self.ceil:
            return self.ends
        if self.sizes is None:
            node.refuse("ceil_mode with uneven padding, for an image whose size is not known")
        found = []
        for size, begin, end, span, stride in zip(
            self.sizes, self.begins, self.ends, self.spans, self.strides, strict=True
        ):
            count = -(-(size + begin + end - span) // stride) + 1
            if (count - 1) * stride >= size + begin:
                count -= 1
            found.append((count - 1) * stride + span - size - begin)
        return found

    @property
    def options(self) -> dict[str, Any]:
        """`stride` and `dilation` for torch."""
        return unless(
            stride=(pair(self.strides), pair(self.kernel)), dilation=(pair(self.dilations), 1)
        )

    @property
    def strided(self) -> dict[str, Any]:
        """`stride` and `dilation` for helpers, by axis."""
        ones = (1,) * len(self.kernel)
        return {
            "stride": tuple(self.strides),
            **unless(dilation=(tuple(self.dilations), ones)),
        }


def window(node: Exporting, x: Variable) -> Window:
    """The window that a node's attributes describe."""
    kernel = node.attribute("kernel_shape")
    count = len(kernel)
    strides = node.attribute("strides", [1] * count)
    dilations = node.attribute("dilations", [1] * count)
    ceil = bool(node.attribute("ceil_mode", 0))
    if node.attribute("auto_pad", "NOTSET") == "VALID":
        node.ignore("pads")
    pads = explicit_pads(node, x, kernel, strides, dilations)
    sizes = [dim for dim in (x.shape or ())[2:] if isinstance(dim, int)]
    return Window(
        kernel,
        strides,
        dilations,
        pads[:count],
        pads[count:],
        sizes if len(sizes) == count else None,
        ceil and node.attribute("auto_pad", "NOTSET") in {"NOTSET", "VALID"},
    )


def flat_pads(begins: list[int], ends: list[int]) -> tuple[int, ...]:
    """Padding in the order of `F.pad`: the last axis first, begin and end of each."""
    pairs = list(zip(begins, ends, strict=True))
    return tuple(side for both in reversed(pairs) for side in both)


def lowest(node: Exporting, x: Variable) -> float | int:
    """What never is a maximum."""
    if x.dtype is None:
        node.refuse("the type of its input is not known")
    if x.dtype.is_floating_point():
        return -math.inf
    return int(ir.DataType(x.dtype).min)


@exporter("MaxPool", doc="MaxPool")
def max_pool(node: Exporting, torch: Writing, x: Variable) -> Code:
    frame = window(node, x)
    count = len(frame.kernel)
    by_column = node.attribute("storage_order", 0)
    if count not in {1, 2, 3}:
        node.refuse(f"torch pools 1 to 3 spatial axes, not {count}")
    kernel = pair(frame.kernel)
    if node.wants(1):
        pads = flat_pads(frame.begins, frame.needed(node))
        options = unless(pads=(pads, (0,) * 2 * count), by_column=(bool(by_column), False))
        return torch.helper("max_pool_with_indices", x, kernel, **frame.options, **options)
    if not frame.symmetric:
        pads = flat_pads(frame.begins, frame.needed(node))
        padded = torch.call("F.pad", x, pads, value=lowest(node, x))
        return torch.call(f"F.max_pool{count}d", padded, kernel, **frame.options)
    options = unless(padding=(pair(frame.begins), 0), ceil_mode=(frame.ceil, False))
    return torch.call(f"F.max_pool{count}d", x, kernel, **frame.options, **options)


@exporter("AveragePool", doc="AveragePool")
def average_pool(node: Exporting, torch: Writing, x: Variable) -> Code:
    frame = window(node, x)
    count = len(frame.kernel)
    include = bool(node.attribute("count_include_pad", 0))
    pads, padded = flat_pads(frame.begins, frame.ends), any(frame.begins + frame.ends)
    kernel = pair(frame.kernel)
    plain = count in {1, 2, 3} and set(frame.dilations) == {1}
    if plain and frame.symmetric:
        options = unless(
            padding=(pair(frame.begins), 0),
            ceil_mode=(frame.ceil, False),
            count_include_pad=(include or not padded, True),
        )
        return torch.call(f"F.avg_pool{count}d", x, kernel, **frame.options, **options)
    if plain and include and not frame.ceil:
        return torch.call(
            f"F.avg_pool{count}d", torch.call("F.pad", x, pads), kernel, **frame.options
        )
    reach = flat_pads(frame.begins, frame.needed(node))
    options = unless(pads=(reach, (0,) * 2 * count))
    if include and padded:
        options["counted"] = pads
    return torch.helper("average_pool", x, tuple(frame.kernel), **frame.strided, **options)


@exporter("LpPool", doc="LpPool")
def lp_pool(node: Exporting, torch: Writing, x: Variable) -> Code:
    frame = window(node, x)
    count = len(frame.kernel)
    p = node.attribute("p", 2)
    pads = flat_pads(frame.begins, frame.needed(node))
    if p == 2 and not any(pads) and set(frame.dilations) == {1} and count in {1, 2, 3}:
        return torch.call(f"F.lp_pool{count}d", x, 2.0, pair(frame.kernel), **frame.options)
    options = unless(pads=(pads, (0,) * 2 * count))
    return torch.helper("lp_pool", x, p, tuple(frame.kernel), **frame.strided, **options)


@exporter("GlobalAveragePool", doc="GlobalAveragePool")
def global_average_pool(node: Exporting, torch: Writing, x: Variable) -> Code:
    rank = node.rank(x)
    if rank in {3, 4, 5}:
        return torch.call(f"F.adaptive_avg_pool{rank - 2}d", x, 1)
    return torch.method(x, "mean", tuple(range(2, rank)), keepdim=True)


@exporter("GlobalMaxPool", doc="GlobalMaxPool")
def global_max_pool(node: Exporting, torch: Writing, x: Variable) -> Code:
    return torch.method(x, "amax", tuple(range(2, node.rank(x))), keepdim=True)


@exporter("GlobalLpPool", doc="GlobalLpPool")
def global_lp_pool(node: Exporting, torch: Writing, x: Variable) -> Code:
    axes = tuple(range(2, node.rank(x)))
    p = node.attribute("p", 2)
    return torch.call("torch.linalg.vector_norm", x, p, axes, keepdim=True)


@exporter("MaxUnpool", doc="MaxUnpool")
def max_unpool(
    node: Exporting,
    torch: Writing,
    x: Variable,
    places: Variable,
    output_shape: Variable | None = None,
) -> Code:
    kernel = node.attribute("kernel_shape")
    count = len(kernel)
    strides = node.attribute("strides", [1] * count)
    pads = node.attribute("pads", [0] * 2 * count)
    options: dict[str, Any] = {}
    if output_shape is not None:
        options["output_shape"] = torch.integers(output_shape)
    sizes = [
        torch.affine(torch.size(x, axis + 2), s, k - s - pads[axis] - pads[axis + count])
        for axis, (k, s) in enumerate(zip(kernel, strides, strict=True))
    ]
    return torch.helper("max_unpool", x, places, tuple(sizes), **options)
