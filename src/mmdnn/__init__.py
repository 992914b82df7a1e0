"""Convert trained neural networks between frameworks, and prove the result layer by layer.

    import mmdnn

    model = mmdnn.load("net.prototxt", "net.caffemodel")           # an onnx_ir.Model
    mmdnn.save(model, "net.onnx")
    mmdnn.convert("net.prototxt", "net.caffemodel", "net.py")      # and verify
    print(mmdnn.compare("net.onnx", ["net.prototxt", "net.caffemodel"]).summary())

Everything is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmdnn import _lazy_sympy

if TYPE_CHECKING:
    from mmdnn.api import Result, compare, convert, load, save
    from mmdnn.errors import (
        Error,
        FormatError,
        MismatchError,
        MissingExtraError,
        ShapeError,
        UnsupportedError,
        UsageError,
    )
    from mmdnn.verify.compare import Tolerance
    from mmdnn.verify.report import Report

_lazy_sympy.install()

__all__ = [
    "Error",
    "FormatError",
    "MismatchError",
    "MissingExtraError",
    "Report",
    "Result",
    "ShapeError",
    "Tolerance",
    "UnsupportedError",
    "UsageError",
    "compare",
    "convert",
    "load",
    "save",
]

_HOMES = {
    "mmdnn.api": ("Result", "compare", "convert", "load", "save"),
    "mmdnn.verify.compare": ("Tolerance",),
    "mmdnn.verify.report": ("Report",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mmdnn' has no attribute '{name}'")
    from importlib import import_module

    home = next((home for home, names in _HOMES.items() if name in names), "mmdnn.errors")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
