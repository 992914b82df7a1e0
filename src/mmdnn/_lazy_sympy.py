"""Imports `onnx_ir` without sympy, until a symbolic dimension is calculated with.

onnx_ir keeps open dimensions as sympy expressions, made when somebody adds or multiplies them.
Importing sympy takes 0.27 of the 0.5 seconds that `import onnx_ir` takes, and hardly a conversion
calculates with an open dimension: so sympy, and the one module of onnx_ir that needs it while it is
imported, are loaded at the first use of an attribute (`importlib.util.LazyLoader`).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_LAZY = ("sympy", "onnx_ir._symbolic_shapes")


class _Finder:
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _LAZY:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def install() -> None:
    """Have sympy imported lazily, unless it or onnx_ir has been imported already."""
    if "sympy" not in sys.modules and "onnx_ir" not in sys.modules:
        sys.meta_path.insert(0, _Finder())
