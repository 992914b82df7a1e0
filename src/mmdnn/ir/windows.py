"""The arithmetic of windows: how many there are, how far they reach, what an average divides by.

A convolution, a pooling and a transposed convolution lay windows over each spatial axis of an image: the
first begins `begin` elements before it, the next a `stride` later. Rounding down, as many are laid as fit
in the padded image; rounding up (`ceil`), one more where elements are left over
(https://onnx.ai/onnx/operators/onnx__MaxPool.html). Which of those are dropped, and what padding can be
asked for, is where frameworks differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np
import onnx_ir as ir

from mmdnn.ir import CHANNELS_LAST

T = TypeVar("T")

ATTRIBUTES = frozenset(
    {
        *("kernel_shape", "strides", "dilations", "pads", "auto_pad", "ceil_mode"),
        *("output_padding", "output_shape"),
    }
)
"""What describes the windows of a node."""


@dataclass(frozen=True)
class Axis:
    """The windows along one axis.

    Attributes:
        size: Of the image; None where open.
        kernel: Elements of a window.
        stride: From one window to the next.
        dilation: From one element of a window to the next.
        begin: Padding in front; less than 0 cuts.
        end: Padding behind.
        ceil: Whether the number of windows is rounded up.
        drops: Whether a last window that begins behind the image is dropped, as ONNX does.
        extra: What a transposed convolution adds behind (`output_padding`).
    """

    size: int | None
    kernel: int
    stride: int = 1
    dilation: int = 1
    begin: int = 0
    end: int = 0
    ceil: bool = False
    drops: bool = True
    extra: int = 0

    @property
    def span(self) -> int:
        """How far a window reaches, dilation included."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def room(self) -> int:
        """How much longer than a window the padded image is; 0 where its size is open."""
        return 0 if self.size is None else self.size + self.begin + self.end - self.span

    @property
    def count(self) -> int | None:
        """How many windows there are; None where the size is open."""
        if self.size is None:
            return None
        if not self.ceil:
            return self.room // self.stride + 1
        count = -(-self.room // self.stride) + 1
        late = (count - 1) * self.stride >= self.size + self.begin
        return count - 1 if self.drops and late else count

    @property
    def start(self) -> int | None:
        """Where in the image the last window begins."""
        return None if self.count is None else (self.count - 1) * self.stride - self.begin

    @property
    def reach(self) -> int | None:
        """How far the last window reaches behind the image; less than 0 where elements are left over.

        With so much padding behind, rounding down gives as many windows.
        """
        if self.start is None or self.size is None:
            return None
        return self.start + self.span - self.size

    @property
    def is_empty(self) -> bool:
        """Whether the last window lies wholly behind the image (a stride larger than the kernel)."""
        return not self.begin and (self.start or 0) >= (self.size or 0)

    @property
    def may_drop(self) -> bool:
        """Whether, for some size, a last window begins behind the image."""
        return self.ceil and self.end > self.span - self.stride

    @property
    def whole(self) -> int | None:
        """The size of a transposed convolution, uncut: it has a window for each element of the image."""
        return None if self.size is None else (self.size - 1) * self.stride + self.span

    def lengths(self, *, padding: bool) -> list[int]:
        """How many elements of each window lie in the image, or in the image with its padding.

        Raises:
            ValueError: The size is open.
        """
        if self.size is None or self.count is None:
            raise ValueError("the size of the image is open")
        low, high = (-self.begin, self.size + self.end) if padding else (0, self.size)
        starts = (i * self.stride - self.begin for i in range(self.count))
        steps = range(0, self.span, self.dilation)
        return [sum(low <= start + step < high for step in steps) for start in starts]

    def even_cut(self, limit: int) -> tuple[int, int, tuple[int, int]] | None:
        """What a transposed convolution's pads and output padding are where both sides are cut alike.

        Args:
            limit: What is added behind is less.

        Returns:
            What is cut from both sides, what is added behind after that, and what is still to be cut in front
            and behind (less than 0: to be padded). None where too much is added.
        """
        added = self.extra + self.begin - self.end
        if 0 <= self.begin < self.span and 0 <= added < limit:
            return self.begin, added, (0, 0)
        if self.extra >= limit:
            return None
        least = min(max(min(self.begin, self.end), 0), self.span - 1)
        return least, self.extra, (self.begin - least, self.end - least)


class Described(Protocol):
    """A node in canonical form that is being written."""

    @property
    def node(self) -> ir.Node:
        """The node of the IR."""

    def refuse(self, reason: str, /) -> NoReturn:
        """Stop, naming the layer."""


@dataclass(frozen=True)
class Window:
    """The windows of a node, by spatial axis."""

    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, node: Described) -> Window:
        """The windows that a node in canonical form describes; refused where they depend on an open size.

        Args:
            node: A convolution, transposed or not, or a pooling.
        """
        said = {name: attribute.value for name, attribute in node.node.attributes.items()}
        if "kernel_shape" not in said:
            node.refuse("the size of its kernel is not known")
        if "output_shape" in said:
            wanted = list(said["output_shape"])
            node.refuse(
                f"the padding for an output of {wanted} depends on an input whose size is open"
            )
        if (mode := said["auto_pad"]) != "NOTSET":
            node.refuse(f"its padding ({mode}) depends on the size of its input, which is open")
        count, x = len(said["kernel_shape"]), node.node.inputs[0]
        shape = x.shape if x is not None else None
        last = node.node.domain == CHANNELS_LAST
        spatial = (shape or ())[1:-1] if last else (shape or ())[-count:]
        sizes = [dim if isinstance(dim, int) else None for dim in spatial]
        kernel = said["kernel_shape"]
        axes = map(
            Axis,
            sizes if len(sizes) == count else [None] * count,
            kernel,
            said["strides"],
            [1 if one == 1 else step for one, step in zip(kernel, said["dilations"], strict=True)],
            *(said["pads"][:count], said["pads"][count:]),
            [bool(said.get("ceil_mode"))] * count,
        )
        added = said.get("output_padding", [0] * count)
        found = tuple(replace(axis, extra=n) for axis, n in zip(axes, added, strict=True))
        laid = node.node.op_type != "ConvTranspose"
        if laid and any(axis.room < 0 and (axis.count or 0) < 1 for axis in found):
            node.refuse("its window is larger than its image with padding: nothing comes out")
        return cls(found)

    def __len__(self) -> int:
        return len(self.axes)

    @property
    def sizes(self) -> list[int] | None:
        """Of the image; None where one is open."""
        return _all([axis.size for axis in self.axes])

    @property
    def kernel(self) -> list[int]:
        """Elements of a window."""
        return [axis.kernel for axis in self.axes]

    @property
    def strides(self) -> list[int]:
        """From one window to the next."""
        return [axis.stride for axis in self.axes]

    @property
    def dilations(self) -> list[int]:
        """From one element of a window to the next."""
        return [axis.dilation for axis in self.axes]

    @property
    def begins(self) -> list[int]:
        """Padding in front."""
        return [axis.begin for axis in self.axes]

    @property
    def ends(self) -> list[int]:
        """Padding behind."""
        return [axis.end for axis in self.axes]

    @property
    def pads(self) -> list[int]:
        """Padding in front, then padding behind."""
        return self.begins + self.ends

    @property
    def spans(self) -> list[int]:
        """How far a window reaches, dilation included."""
        return [axis.span for axis in self.axes]

    @property
    def ceil(self) -> bool:
        """Whether numbers of windows are rounded up."""
        return any(axis.ceil for axis in self.axes)

    @property
    def is_even(self) -> bool:
        """Whether there is as much padding behind as in front, and none of it cuts."""
        return self.begins == self.ends and min(self.begins, default=0) >= 0

    @property
    def counts(self) -> list[int] | None:
        """How many windows there are; None where a size is open."""
        return _all([axis.count for axis in self.axes])

    @property
    def reach(self) -> list[int] | None:
        """Padding behind with which rounding down gives all windows; None where its size is open."""
        return _all([axis.reach if axis.ceil else axis.end for axis in self.axes])

    @property
    def dense(self) -> Window:
        """The windows of kernels that have been `spread`."""
        return Window(tuple(replace(axis, kernel=axis.span, dilation=1) for axis in self.axes))

    def spread(self, kernels: np.ndarray) -> np.ndarray:
        """Dilated kernels with the zeros between their elements written out."""
        spread = np.zeros((*kernels.shape[: -len(self)], *self.spans), kernels.dtype)
        where: Any = (..., *(slice(None, None, step) for step in self.dilations))
        spread[where] = kernels
        return spread


def _all(found: list[T | None]) -> list[T] | None:
    known = [item for item in found if item is not None]
    return known if len(known) == len(found) else None
