"""What repeats becomes a class: the class, its parameters, its numbers, its weights' names."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.frameworks.pytorch import codegen, engine
from mmdnn.frameworks.pytorch.exporter import from_ir
from mmdnn.ir.builder import Builder

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("torch")


class Net:
    """Convolutions and what joins them."""

    def __init__(self, channels: int) -> None:
        self.builder = Builder("mmdnn.test", "net")
        self.random = np.random.default_rng(0)
        self.x = self.builder.input("data", ("batch", channels, 8, 6))
        self.count = 0

    def convolve(self, x: ir.Value, outputs: int, kernel: int = 3, stride: int = 1) -> ir.Value:
        self.count += 1
        inputs = int(x.shape[1])  # type: ignore[index]
        shape = (outputs, inputs, kernel, kernel)
        data = self.random.standard_normal(shape).astype(np.float32) / (3 * inputs**0.5)
        with self.builder.layer(f"c{self.count}", "Convolution"):
            weight = self.builder.weight("weight", ir.tensor(data))
            pads = [kernel // 2] * 4
            return self.builder.op.Conv(
                x, weight, kernel_shape=[kernel] * 2, pads=pads, strides=[stride] * 2
            )

    def residual(self, x: ir.Value, outputs: int, stride: int = 1, path: int = 1) -> ir.Value:
        op = self.builder.op
        shortcut = x
        if stride > 1 or x.shape[1] != outputs:  # type: ignore[index]
            for i in range(path):
                shortcut = self.convolve(shortcut, outputs, 1, 1 if i else stride)
        y = op.Relu(self.convolve(x, outputs, 3, stride))
        return op.Relu(op.Add(shortcut, self.convolve(y, outputs)))

    def finish(self, *outputs: ir.Value) -> ir.Model:
        for index, value in enumerate(outputs):
            self.builder.rename(value, f"out{index}")
        self.builder.graph.outputs.extend(outputs)
        return self.builder.model()


def check(model: ir.Model) -> str:
    """Run the generated source and onnxruntime, compare, and return the source."""
    program = from_ir(model)
    feeds = {
        value.name: np.random.default_rng(1)
        .standard_normal([d if isinstance(d, int) else 2 for d in value.shape])
        .astype(np.float32)
        for value in model.graph.inputs
    }
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    expected = dict(
        zip([o.name for o in model.graph.outputs], session.run(None, feeds), strict=True)
    )
    found = engine.run(program, feeds)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, rtol=1e-4)
    for value in (output for node in model.graph for output in node.outputs):
        assert value.name in found
    return codegen.source(program)


def test_a_residual_block_is_one_class_with_and_without_projection() -> None:
    net = Net(4)
    x = net.residual(net.x, 4)
    x = net.residual(x, 8, stride=2)
    x = net.residual(x, 8)
    text = check(net.finish(net.residual(x, 8)))
    assert text.count("class ") == 2
    assert "class BasicBlock(nn.Module):" in text
    assert "if projection:" in text
    assert text.count("nn.Conv2d(") == 3
    assert text.count("= BasicBlock(") == 4


def test_blocks_of_one_kind_only_have_no_options() -> None:
    net = Net(4)
    x = net.residual(net.residual(net.x, 4), 4)
    text = check(net.finish(x))
    assert "shortcut" not in text
    assert "nn.Identity" not in text


def test_a_value_that_is_used_later_ends_no_block() -> None:
    net = Net(4)
    x = net.residual(net.x, 4)
    y = net.residual(x, 4)
    text = check(net.finish(net.builder.op.Concat(y, x, net.residual(y, 4), axis=1)))
    assert text.count("= BasicBlock(") == 3


def test_an_inner_value_that_is_an_output_keeps_its_block_open() -> None:
    net = Net(4)
    op = net.builder.op
    first = op.Relu(net.convolve(net.x, 4))
    x = op.Relu(op.Add(net.x, net.convolve(first, 4)))
    x = net.residual(net.residual(x, 4), 4)
    text = check(net.finish(x, first))
    assert text.count("= BasicBlock(") == 2


def test_branches_that_join_in_a_concatenation() -> None:
    net = Net(4)
    op = net.builder.op

    def branch(x: ir.Value) -> ir.Value:
        a = op.Relu(net.convolve(x, 2, 1))
        b = op.Relu(net.convolve(op.Relu(net.convolve(x, 3, 1)), 2, 3))
        return op.Concat(a, b, axis=1)

    text = check(net.finish(branch(branch(net.x))))
    assert "class Inception(nn.Module):" in text


def test_shared_weights_are_not_hidden_in_a_class() -> None:
    net = Net(4)
    op = net.builder.op
    weight = net.builder.constant(net.random.standard_normal((4, 4, 1, 1)).astype(np.float32))

    def block(x: ir.Value) -> ir.Value:
        y = op.Relu(op.Conv(x, weight, kernel_shape=[1, 1]))
        return op.Relu(op.Add(x, op.Conv(y, weight, kernel_shape=[1, 1])))

    text = check(net.finish(block(block(net.x))))
    assert text.count("nn.Conv2d(") == 1


@pytest.mark.parametrize("paths", [(1, 2, 1), (2, 1, 1), (1, 2, 2)])
def test_residual_paths_of_other_layers_are_no_part_of_a_class(paths: tuple[int, ...]) -> None:
    net = Net(4)
    x = net.x
    for i, path in enumerate(paths):
        x = net.residual(x, 6 + 2 * i, path=path)
    text = check(net.finish(x))
    assert text.count(" = BasicBlock(") == 2


def test_what_torch_assumes_depends_on_the_class() -> None:
    net = Net(4)
    x = net.x
    for i in range(4):
        x = net.convolve(x, 5 + i)
        ones = net.builder.weight(f"scale{i}", ir.tensor(np.full(5 + i, 1.5, np.float32)))
        steps = net.builder.weight(f"shift{i}", ir.tensor(np.arange(5 + i).astype(np.float32)))
        x = net.builder.op.InstanceNormalization(x, ones, steps, epsilon=1e-5)
    assert "nn.InstanceNorm2d(out_channels, affine=True)" in check(net.finish(x))


@pytest.mark.parametrize("rows", [1, 8])
def test_a_class_may_hold_nothing_but_constants(rows: int) -> None:
    builder = Builder("mmdnn.test", "net")
    op, x = builder.op, builder.input("data", (8, 6))
    for i in range(3):
        constant = builder.constant(np.full((rows, 6), i + 1.5, np.float32))
        x = op.Mul(op.Tanh(op.Add(op.Sin(x), constant)), op.Sin(x))
    builder.rename(x, "out")
    builder.graph.outputs.append(x)
    assert "class Constant(nn.Module):" in check(builder.model())


def test_constants_of_other_types_are_no_part_of_a_class() -> None:
    builder = Builder("mmdnn.test", "net")
    op, x = builder.op, builder.input("data", (8, 6))
    for i, kind in enumerate((ir.DataType.DOUBLE, ir.DataType.FLOAT, ir.DataType.DOUBLE)):
        x = op.Cast(x, to=kind)
        constant = builder.constant(np.full((8, 6), i + 1.5, kind.numpy()))
        x = op.Mul(op.Tanh(op.Add(op.Sin(x), constant)), op.Sin(x))
        x = op.Cast(x, to=ir.DataType.FLOAT)
    builder.rename(x, "out")
    builder.graph.outputs.append(x)
    assert check(builder.model()).count(" = Constant(") == 2
