"""The table of ONNX operators, and what an exporting function is given.

    @exporter("Relu", doc=f"{API}/cntk.ops#relu")
    def relu(node, cntk, x):
        return cntk.ReLU(x)

A function gets the node, the `cntk` it writes with, an `Operand` for each input (None for one left out),
and the node's attributes by name (see `mmdnn.ir.exporting`). It returns the `Operand` of its output, or
one for each output.

CNTK has floats only: an integer or a truth value is a float here, exact to 2^24.
"""

from __future__ import annotations

import re

from mmdnn.frameworks.cntk._operators import OPERATORS
from mmdnn.ir import exporting
from mmdnn.ir.exporting import Exporter

LAYERS = frozenset({"BatchNormalization", "Convolution", "Dropout"})
"""Layers called as the function that they are made of."""

API = "https://docs.microsoft.com/python/api/cntk"

exporter = Exporter("CNTK")
"""Registers a function `(node, cntk, *operands, **attributes) -> operand or operands`."""


class ExportedNode(exporting.ExportedNode):
    """A node on its way to CNTK."""

    @property
    def was_block(self) -> bool:
        """Whether CNTK had a block for it. Some are called as functions are; then the number tells."""
        type_ = self.source_type
        if type_ not in OPERATORS or re.fullmatch(r"Block\d+", self.source_layer):
            return True
        return type_ in LAYERS and not self._is_numbered

    def was_function(self, block: str) -> bool:
        """Whether CNTK had a function for it, and no block of this name."""
        return not self.was_block and (self._is_numbered or self.source_type != block)

    @property
    def _is_numbered(self) -> bool:
        found = re.fullmatch(r"([A-Za-z]+)\d+", self.source_layer)
        return found is not None and (
            found[1] in OPERATORS or found[1].startswith(self.source_type)
        )
