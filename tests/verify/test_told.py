"""Nodes of a result that were told something else than the source's."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir
import pytest

from mmdnn import registry, saving
from mmdnn.ir.builder import Builder
from mmdnn.opening import Opened
from mmdnn.progress import Silent
from mmdnn.registry import Source
from mmdnn.verify import conversion
from mmdnn.verify.check import Check


def model(epsilon, *, rectified=False):
    builder = Builder("test")
    op, x = builder.op, builder.input("x", (1, 3, 8, 8))
    x = op.Sigmoid(x) if rectified else x
    y = op.InstanceNormalization(
        x, ir.tensor([1.0, 2.0, 3.0]), ir.tensor([0.0, 1.0, 2.0]), epsilon=epsilon
    )
    builder.rename(y, "y")
    builder.graph.outputs.append(y)
    return builder.model()


@pytest.fixture
def report(tmp_path):
    onnx = registry.framework("onnx")

    def compared(right, other):
        ir.save(right, tmp_path / "net.onnx")
        opened = Opened(onnx, Source(network=tmp_path / "net.onnx"))
        written = saving.write(other, onnx, tmp_path / "other.onnx", None, Path, Silent(), None)
        staged = onnx.arrange([path for _, path in written])
        found, _ = conversion.verified(
            opened, opened.model(), onnx, staged, steps={}, check=Check(), progress=Silent()
        )
        return found

    return compared


def test_an_epsilon_that_small_inputs_show_is_at_fault(report):
    found = report(model(1e-5), model(1e-7))
    assert not found.ok
    assert "'y' (InstanceNormalization): epsilon 1e-05 became 1e-07" in found.faults[0]


def test_the_same_graph_is_not(report):
    found = report(model(1e-5), model(1e-5))
    assert found.same_graph
    assert not found.faults


def test_a_difference_that_no_input_shows_is_listed(report):
    found = report(model(1e-12, rectified=True), model(2e-12, rectified=True))
    assert not found.faults
    assert "epsilon" in found.differences[0]
