"""Models that are well-formed files and no valid networks end in an error, never in a traceback."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from mmdnn.errors import Error
from mmdnn.frameworks.pytorch.exporter import from_ir

HEAD = '<ir_version: 10, opset_import: ["" : 22]> g (float[2, 3] x) => (float[a, b] y)'


@pytest.mark.parametrize(
    "body",
    [
        '{ p = Constant <value_ints = [0, 1, 0, 1]> () y = Pad <mode = "reflected"> (x, p) }',
        "{ s = Constant <value_ints = [-2, 3]> () y = ConstantOfShape (s) }",
    ],
    ids=["mode of Pad", "negative size"],
)
def test_refused(body: str) -> None:
    with pytest.raises(Error):
        from_ir(ir.from_onnx_text(f"{HEAD} {body}"))
