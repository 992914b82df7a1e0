"""Every exported program and TorchScript archive of the corpus: the IR meets what torch computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SHARED, torch_files
from mmdnn.errors import Error

pytest.importorskip("onnxruntime")

FOLDER = SHARED / "corpus" / "pytorch"
CASES = sorted(
    path.parent.name
    for path in FOLDER.glob("*/case.json")
    if torch_files.info(path.parent)["form"].startswith(("pt2", "torchscript"))
)
REFUSED = {
    "bf16",
    "bf16_model",
    "cholesky",
    "complex_mul",
    "complex_out",
    "dyn_pool",
    "fft",
    "fft2",
    "irfft",
    "parametrised_orthogonal",
    "polygamma",
    "rfft",
    "rfft2_n",
    "trace1131_q_fx_int8",
    "trace_q_dynamic",
    "trace_q_fx_int8",
}
"""Cases that are not read yet."""


@pytest.mark.parametrize("name", CASES)
def test_meets_torch(shared: Path, name: str) -> None:
    folder = shared / "corpus" / "pytorch" / name
    if name in REFUSED or torch_files.info(folder).get("expected") == "refused":
        with pytest.raises(Error):
            torch_files.unmet(folder)
        return
    assert torch_files.unmet(folder) == []
