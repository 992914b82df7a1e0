"""A small ONNX model through generated PyTorch source, beside onnxruntime."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers import ROOT
from mmdnn.frameworks.onnx.importer import to_ir
from mmdnn.frameworks.pytorch import codegen
from mmdnn.frameworks.pytorch.engine import as_numpy, as_tensor
from mmdnn.frameworks.pytorch.exporter import from_ir
from mmdnn.frameworks.pytorch.writer import instantiate

Arrays = Mapping[str, np.ndarray]

SNAPSHOTS = ROOT / "tests" / "frameworks" / "pytorch" / "snapshots"
RULES = "E,F,I,W,UP,B,SIM"


def parse(signature: str, body: str, *, opset: int = 22, weights: Arrays | None = None) -> ir.Model:
    """A model from ONNX's text form: `"float[N,3] x => float y"`, `"y = Relu(x)"`.

    Outputs are of any shape; an input with `[]` is a scalar (which is ONNX's `float`, `float[]` being
    of any shape).
    """
    inputs, outputs = signature.split("=>")
    inputs, outputs = inputs.replace("[]", ""), re.sub(r"(\w+) (\w+)", r"\1[] \2", outputs)
    header = f'<ir_version: 10, opset_import: ["": {opset}]>'
    text = f"{header}\nnet ({inputs}) => ({outputs}) {{\n{body}\n}}"
    model = ir.from_onnx_text(text)
    for name, array in (weights or {}).items():
        tensor = ir.tensor(array, name=name)
        value = next(v for v in _values(model) if v.name == name)
        value.const_value = tensor
        value.type, value.shape = ir.TensorType(tensor.dtype), ir.Shape(array.shape)
        model.graph.register_initializer(value)
    return model


def _values(model: ir.Model) -> list[ir.Value]:
    return [value for node in model.graph for value in node.inputs if value is not None]


def ints(*numbers: int) -> np.ndarray:
    """A vector of int64."""
    return np.array(numbers, np.int64)


def random_feeds(model: ir.Model, seed: int = 0) -> dict[str, np.ndarray]:
    """An array for each input; open dimensions are 2."""
    random = np.random.default_rng(seed)
    feeds = {}
    for value in model.graph.inputs:
        assert value.shape is not None
        assert value.dtype is not None
        shape = [dim if isinstance(dim, int) else 2 for dim in value.shape]
        kind = value.dtype.numpy()
        if kind.kind in "iu":
            array = random.integers(-3 if kind.kind == "i" else 0, 7, shape)
        elif kind.kind == "b":
            array = random.integers(0, 2, shape)
        else:
            array = random.standard_normal(shape)
        feeds[str(value.name)] = np.asarray(array).astype(kind)
    return feeds


def check(
    signature: str,
    body: str,
    feeds: Arrays | None = None,
    *,
    opset: int = 22,
    weights: Arrays | None = None,
    reference: bool = False,
) -> str:
    """Compare every output in type, shape and value, and return the source.

    The source is looked at by `assert_clean`, when the module's tests are done.

    Args:
        signature: Inputs and outputs.
        body: The nodes.
        feeds: The inputs; random ones unless given.
        opset: The version of the operators.
        weights: Initializers.
        reference: Ask ONNX's own evaluator instead of onnxruntime.
    """
    model = parse(signature, body, opset=opset, weights=weights)
    given = {**random_feeds(model), **(feeds or {})}
    wanted = run_reference(model, given) if reference else run_onnxruntime(model, given)
    program = from_ir(to_ir(model.clone()))
    text = codegen.source(program)
    _keep(text)
    module = instantiate(program, text)
    results = module(*[as_tensor(given[str(v.name)]) for v in model.graph.inputs])
    results = results if len(model.graph.outputs) > 1 else (results,)
    for (name, expected), result in zip(wanted.items(), results, strict=True):
        found = as_numpy(result)
        assert found.dtype == expected.dtype, f"{name}: {found.dtype}, not {expected.dtype}"
        assert found.shape == expected.shape, f"{name}: {found.shape}, not {expected.shape}"
        if expected.dtype.kind in "iub":
            np.testing.assert_array_equal(found, expected, err_msg=f"{name}\n{text}")
        else:
            np.testing.assert_allclose(found, expected, 1e-4, 1e-5, err_msg=f"{name}\n{text}")
    return text


def run_onnxruntime(model: ir.Model, feeds: Arrays) -> dict[str, np.ndarray]:
    """The outputs by onnxruntime."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    proto = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(proto, options)
    names = [value.name for value in model.graph.outputs]
    return dict(zip(names, session.run(None, dict(feeds)), strict=True))


def run_reference(model: ir.Model, feeds: Arrays) -> dict[str, np.ndarray]:
    """The outputs by ONNX's own evaluator, for what onnxruntime does not have."""
    from onnx.reference import ReferenceEvaluator

    names = [str(value.name) for value in model.graph.outputs]
    results = ReferenceEvaluator(ir.to_proto(model)).run(None, dict(feeds))
    return dict(zip(names, results, strict=True))


_SOURCES: dict[str, str] = {}
"""What `check` has printed since `assert_clean` was last called, by the test's name."""


def _keep(text: str) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "test").partition(" ")[0].rpartition("::")[2]
    _SOURCES[f"{len(_SOURCES)}_{re.sub(r'[^A-Za-z0-9]+', '_', test)[:80]}.py"] = text


def assert_clean() -> None:
    """All sources printed by `check` have the layout and the habits of well-kept Python."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in _SOURCES.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        _SOURCES.clear()
        ruff = [sys.executable, "-m", "ruff"]
        for command in (
            ["format", "--isolated", "--diff"],
            ["check", "--isolated", "--select", RULES, "--output-format", "concise"],
        ):
            done = subprocess.run([*ruff, *command, folder], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout


def forward(text: str) -> str:
    """What `forward` computes, on one line, for a look at a single operator."""
    lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("def forward"))
    body = " ".join(lines[start:]).partition(":")[2].strip()
    return body.replace("( ", "(").replace(" )", ")").replace(",)", ")")


def assert_snapshot(name: str, text: str) -> None:
    """The source is as it was; `UPDATE_SNAPSHOTS=1` writes it anew."""
    path = SNAPSHOTS / f"{name}.py"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
