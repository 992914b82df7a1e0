"""Makes `cases.tar.xz`: small graphs of TensorFlow in every form, and what TensorFlow computes of them.

PYTHONPATH=tests python -m conformance.tensorflow.make

A case is a folder with `graph.pb`, a checkpoint `model.*` or `saved_model/`, and `golden.npz`: `input/<name>`
and `output/<name>`. Made with TensorFlow 2.21, its rewriting of graphs off.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from conformance import pack

tf1 = tf.compat.v1
CASES = Path(__file__).with_name("cases.tar.xz")
RNG = np.random.default_rng(7)
Arrays = dict[str, np.ndarray]


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def folder(name: str) -> Path:
    path = Path(name)
    path.mkdir(parents=True)
    return path


def session(graph: Any) -> Any:
    config = tf1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf1.Session(graph=graph, config=config)


def save(path: Path, feeds: Arrays, results: Arrays) -> None:
    named = {f"input/{n}": a for n, a in feeds.items()}
    np.savez_compressed(
        path / "golden.npz", **named, **{f"output/{n}": a for n, a in results.items()}
    )


def placeholders(feeds: Arrays, open_: bool) -> dict[str, Any]:
    return {
        name: tf1.placeholder(a.dtype, [None, *a.shape[1:]] if open_ and a.ndim else a.shape, name)
        for name, a in feeds.items()
    }


def frozen(name: str, build: Callable[..., Any], open_: bool = False, **feeds: np.ndarray) -> None:
    """A graph of TensorFlow 1 without variables, loops of Switch and Merge."""
    path = folder(name)
    with tf.Graph().as_default() as graph, session(graph) as running:
        tf1.disable_control_flow_v2()
        outs = build(**placeholders(feeds, open_))
        outs = {f"out{i}": tf.identity(y, f"out{i}") for i, y in enumerate(outs)}
        found = running.run(outs, {f"{n}:0": a for n, a in feeds.items()})
        (path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
        tf1.enable_control_flow_v2()
    save(path, feeds, found)


def checkpoint(name: str, build: Callable[..., Any], resource: bool, **feeds: np.ndarray) -> None:
    """A checkpoint and its graph."""
    path = folder(name)
    with tf.Graph().as_default() as graph, session(graph) as running:
        tf1.get_variable_scope().set_use_resource(resource)
        outs = build(**placeholders(feeds, True))
        outs = {f"out{i}": tf.identity(y, f"out{i}") for i, y in enumerate(outs)}
        running.run(tf1.global_variables_initializer())
        found = running.run(outs, {f"{n}:0": a for n, a in feeds.items()})
        tf1.train.Saver().save(running, str(path / "model"))
    (path / "checkpoint").unlink()
    save(path, feeds, found)


def saved(name: str, module: Any, function: Any, **feeds: np.ndarray) -> None:
    """A SavedModel of TensorFlow 2."""
    path = folder(name)
    specs = {n: tf.TensorSpec([None, *a.shape[1:]], a.dtype, n) for n, a in feeds.items()}
    concrete = tf.function(function).get_concrete_function(**specs)
    tf.saved_model.save(module, str(path / "saved_model"), signatures=concrete)
    found = concrete(**{n: tf.constant(a) for n, a in feeds.items()})
    save(path, feeds, {n: y.numpy() for n, y in found.items()})
    shutil.rmtree(path / "saved_model" / "assets", ignore_errors=True)
    (path / "saved_model" / "fingerprint.pb").unlink(missing_ok=True)


KERNEL, NARROW = numbers(3, 3, 2, 4), numbers(2, 2, 2, 3)
EAST, SQUARE = numbers(4, 5), numbers(4, 4)


def convolutions(x: Any) -> Any:
    same = tf.nn.conv2d(x, KERNEL, 2, "SAME")
    wide = tf.nn.conv2d(x, KERNEL, 1, "VALID", dilations=2)
    deep = tf1.nn.depthwise_conv2d(x, NARROW, [1, 1, 1, 1], "SAME")
    up = tf.nn.conv2d_transpose(same, KERNEL, tf.shape(x), 2, "SAME")
    return same, wide, deep, up


def pools(x: Any) -> Any:
    most, place = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")
    return tf.nn.avg_pool2d(x, 3, 2, "SAME"), tf.nn.max_pool2d(x, 3, 1, "VALID"), most, place


def slices(x: Any) -> Any:
    return x[..., 1], x[:, None, ::-2], x[:, 1:3, -1], x[:, tf.shape(x)[1] - 2]


def sizes(x: Any) -> Any:
    shape = tf.shape(x)
    flat = tf.reshape(x, [shape[0], shape[1] * shape[2] * 2])
    return flat, tf.image.resize(x, shape[1:3] * 2), tf.tile(x, tf.stack([1, 1, 1, shape[0]]))


def images(x: Any) -> Any:
    old = tf1.image.resize_bilinear(x, [5, 7]), tf1.image.resize_nearest_neighbor(x, [4, 9])
    cubic = tf1.image.resize_bicubic(x, [9, 4]), tf.image.resize(x, [9, 4], "bicubic")
    boxes = tf.constant([[0.1, 0.2, 0.9, 1.2], [0.8, 0.9, 0.1, 0.0]])
    return *old, *cubic, tf.image.crop_and_resize(x, boxes, [1, 0], [3, 4])


def integers(x: Any, y: Any) -> Any:
    return x // y, x % y, tf1.div(x, y), tf.truncatemod(x, y), tf.bitwise.right_shift(x, y * 0 + 1)


def branches(x: Any) -> Any:
    inner = lambda: tf1.cond(tf.reduce_max(x) > 9, lambda: -x, lambda: x * 2)  # noqa: E731
    return (tf1.cond(tf.reduce_sum(x) > 0, lambda: tf.matmul(x, SQUARE), inner),)


def loops(x: Any) -> Any:
    def body(i: Any, h: Any, array: Any) -> Any:
        h = tf.tanh(tf.matmul(h, SQUARE) + x)
        return i + 1, h, array.write(i, h)

    array = tf1.TensorArray(tf.float32, 3)
    _, last, array = tf1.while_loop(lambda i, *_: i < 3, body, (0, x, array))
    halved = tf1.while_loop(lambda h: tf.reduce_max(h) > 0.5, lambda h: [h / 2], [x])
    return last, array.stack(), halved


def recurrent(x: Any) -> Any:
    w, b = tf.constant(numbers(9, 20)), tf.constant(numbers(20))
    zero = tf.zeros([2, 5])
    said = {"wci": w[0, :5], "wcf": w[0, :5], "wco": w[0, :5]}
    old = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.constant(3, tf.int64), x=x, cs_prev=zero, h_prev=zero, w=w, b=b, **said
    )
    new = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.constant(2, tf.int64), x=x, cs_prev=zero, h_prev=zero, w=w, b=b,
        cell_clip=0.5, use_peephole=True, **said,
    )  # fmt: skip
    return old.h, new.cs, new.h


def dense(x: Any) -> Any:
    w = tf1.get_variable("w", initializer=tf.constant(EAST), partitioner=None)
    b = tf1.get_variable("b", initializer=tf.constant(numbers(5)))
    return (tf.nn.relu(tf.matmul(x, w) + b),)


class Module(tf.Module):
    def __init__(self) -> None:
        self.w = [tf.Variable(EAST), tf.Variable(numbers(5))]

    def dense(self, x: Any) -> Any:
        return {"y": tf.nn.elu(tf.matmul(x, self.w[0]) + self.w[1])}

    def looping(self, x: Any) -> Any:
        steps = tf.TensorArray(tf.float32, tf.shape(x)[1])
        h = tf.zeros_like(x[:, 0])
        for i in tf.range(tf.shape(x)[1]):
            h = tf.tanh(h + tf.matmul(x[:, i], SQUARE))
            steps = steps.write(i, h)
        return {"all": steps.stack(), "last": h}


def main() -> None:
    """Make the file anew."""
    with tempfile.TemporaryDirectory() as root, contextlib.chdir(root):
        make()
        pack(Path(root), CASES)


def make() -> None:
    """Make them all in the current folder."""
    image = numbers(2, 6, 5, 2)
    frozen("convolutions", convolutions, x=image)
    frozen("convolutions_open", convolutions, open_=True, x=image)
    frozen("pools", pools, x=image)
    frozen("slices", slices, x=image)
    frozen("sizes", sizes, x=image)
    frozen("images", images, x=image)
    whole = RNG.integers(-9, 9, (3, 4)).astype(np.int32)
    frozen("integers", integers, x=whole, y=np.where(whole % 3 == 0, 2, -3).astype(np.int32))
    frozen("branches", branches, x=numbers(2, 4))
    frozen("loops", loops, x=numbers(2, 4))
    frozen("recurrent", recurrent, x=numbers(3, 2, 4))
    checkpoint("checkpoint", dense, resource=False, x=numbers(2, 4))
    checkpoint("checkpoint_resource", dense, resource=True, x=numbers(2, 4))
    module = Module()
    saved("saved_dense", module, module.dense, x=numbers(2, 4))
    saved("saved_loop", module, module.looping, x=numbers(2, 3, 4))


if __name__ == "__main__":
    main()
