"""How two models are to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmdnn.verify.compare import Tolerance
from mmdnn.verify.feeds import Feed


@dataclass(frozen=True)
class Check:
    """How two models are to be compared.

    Attributes:
        tolerance: What floats may differ by.
        given: Inputs of the user's own, fed first.
        feeds: How many further random inputs are wanted.
        shapes: Input name to shape, where the result takes no other.
        options: What the target's exporter was told.
        closely: Whether the report is to show elements of each layer, and what was fed.
    """

    tolerance: Tolerance | None = None
    given: Feed | None = None
    feeds: int = 0
    shapes: Mapping[str, tuple[int, ...]] | None = None
    options: Mapping[str, str] | None = None
    closely: bool = False

    @classmethod
    def of(cls, inputs: Mapping[str, np.ndarray] | None, **asked: Any) -> Check:
        """With inputs of the user's own by name, where there are any."""
        return cls(given=Feed("the user's own", dict(inputs)) if inputs else None, **asked)
