"""Builds the models of `networks`, runs them in TensorFlow Lite's interpreter, and packs both.

PYTHONPATH=tests:src python -m conformance.tflite.make
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from conformance import pack
from conformance.tflite.networks import Case, Fed, build, cases

CASES = Path(__file__).with_name("cases.tar.xz")


def main() -> None:
    """Make the file anew."""
    with tempfile.TemporaryDirectory() as name:
        for label, case in cases():
            folder = Path(name) / label.lower()
            folder.mkdir()
            _write(folder, case)
        pack(Path(name), CASES)


def _write(folder: Path, case: Case) -> None:
    from tensorflow.lite.python.interpreter import Interpreter, OpResolverType

    data = build(case)
    (folder / "model.tflite").write_bytes(data)
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    model = Interpreter(model_content=data, experimental_op_resolver_type=plain)
    model.allocate_tensors()
    feeds = [given.array for given in case.inputs if isinstance(given, Fed)]
    arrays: dict[str, Any] = {}
    for said, array in zip(model.get_input_details(), feeds, strict=True):
        model.set_tensor(said["index"], array)
        arrays[f"input/{said['name']}"] = array
    model.invoke()
    info = {"expect": "convert", "outputs": {}}
    for (dtype, *how), said in zip(case.outputs, model.get_output_details(), strict=True):
        found = np.asarray(model.get_tensor(said["index"]))
        arrays[f"output/{said['name']}"] = found
        info["outputs"][said["name"]] = [list(found.shape), dtype, *(how if how[0] else [])]
    (folder / "case.json").write_text(json.dumps(info))
    np.savez(folder / "golden.npz", **arrays)


if __name__ == "__main__":
    main()
