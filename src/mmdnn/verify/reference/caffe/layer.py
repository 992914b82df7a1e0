"""A layer at work: its parameters and weights as its function asks for them, and the table of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np

from mmdnn.errors import ShapeError, UnsupportedError
from mmdnn.frameworks.caffe.graph import Layer

Array: TypeAlias = np.ndarray
Result: TypeAlias = Array | Sequence[Array]
Function: TypeAlias = Callable[..., Result]

FLOAT_MAX = float(np.finfo(np.float32).max)
FLOAT_MIN = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Entry:
    """What computes a layer type.

    Attributes:
        function: Gets a `Step`, then the bottoms in float64; gives the tops.
        over: The places of bottoms that Caffe lets it write over: it reads each element before.
    """

    function: Function
    over: frozenset[int]


FUNCTIONS: dict[str, Entry] = {}
"""By layer type."""


def computes(*types: str, over: Sequence[int] = ()) -> Callable[[Function], Function]:
    """Enter a function for layer types."""

    def enter(function: Function) -> Function:
        FUNCTIONS.update(dict.fromkeys(types, Entry(function, frozenset(over))))
        return function

    return enter


@dataclass(eq=False)
class Step:
    """A layer that is being computed.

    Attributes:
        layer: The layer.
        folder: Where the network's file is, and others that it names are looked for.
        shares: Set by the function where the tops are the first bottom's own memory.
        known: Blocks of unknown fields that the function has taken.
    """

    layer: Layer
    folder: Path
    shares: bool = False
    known: set[str] = field(default_factory=set)

    @property
    def p(self) -> Any:
        """The type's own parameter block."""
        return self.layer.param()

    @property
    def is_over(self) -> list[bool]:
        """For each bottom, whether the first top is written over it."""
        return [bottom == self.layer.tops[0] for bottom in self.layer.bottoms]

    def refuse(self, why: str) -> NoReturn:
        """Say that the layer is not computed.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(
            f"the reference does not compute this: {why}",
            layer=self.layer.name,
            operator=self.layer.type,
        )

    def wrong(self, why: str) -> NoReturn:
        """Say that the shapes do not fit.

        Raises:
            ShapeError: Always.
        """
        raise ShapeError(why, layer=self.layer.name, operator=self.layer.type)

    def weight(self, index: int, shape: Sequence[int]) -> Array:
        """A weight blob in float64."""
        array: Array = self.layer.blob(index, shape).numpy()
        return array.astype(np.float64)

    def same(self, *arrays: Array) -> None:
        """Hold the arrays to one shape: Caffe never broadcasts."""
        if len({array.shape for array in arrays}) > 1:
            self.wrong(f"its bottoms have the shapes {[array.shape for array in arrays]}")

    def axis(self, axis: int, x: Array) -> int:
        """An axis counted from the front."""
        if not -x.ndim <= axis < x.ndim:
            self.wrong(f"axis {axis} of a blob with the shape {list(x.shape)}")
        return axis % x.ndim

    def fork(self, block: str, **defaults: Any) -> dict[str, Any]:
        """A block of a fork's, which `caffe.proto` does not have, by the fork's own defaults.

        Args:
            block: Its name.
            defaults: Each field's default, of the field's type; None for a whole number without one.

        Raises:
            UnsupportedError: It has other fields, or values of another type.
        """
        self.known.add(block)
        said = self.layer.unknown.get(block, {})
        if not isinstance(said, dict):
            self.refuse(f"{block} is given twice, or is no block")
        found = dict(defaults)
        for name, value in said.items():
            if name not in defaults:
                if name != "engine":
                    self.refuse(f"it does not know {block}.{name}")
                continue
            found[name] = self._typed(f"{block}.{name}", value, defaults[name])
        return found

    def _typed(self, name: str, value: Any, default: Any) -> Any:
        if isinstance(default, list):
            return value if isinstance(value, list) else [value]
        if isinstance(default, dict):
            return value
        kind: Any = int if default is None else type(default)
        if kind is bool and value in (0, 1):
            return bool(value)
        if isinstance(value, bool) or not isinstance(
            value, (int, float) if kind is float else kind
        ):
            self.refuse(f"{name} is {value!r}")
        return value

    def check_known(self) -> None:
        """Refuse what no schema describes and the function has not taken."""
        for name, value in self.layer.unknown.items():
            harmless = isinstance(value, dict) and set(value) <= {"engine"}
            if name not in self.known and name != "engine" and not harmless:
                inner = f".{next(iter(value))}" if isinstance(value, dict) and value else ""
                self.refuse(f"it does not know {name}{inner}")
