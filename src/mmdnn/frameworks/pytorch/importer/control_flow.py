"""Branches and loops: If and Loop, of what runs in their bodies.

What a body writes to tensors from outside becomes an output of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.importer.aliases import Tensor, recorded
from mmdnn.frameworks.pytorch.importer.dtypes import BOOL, DOUBLE, FLOAT, INT64
from mmdnn.frameworks.pytorch.importer.table import GraphImporter
from mmdnn.ir.builder import Builder, dimensions, rank

Values = list[Any]


class Body:
    """A graph within a node, under way."""

    def __init__(self, graph: GraphImporter) -> None:
        self.graph = graph
        outer = graph.builder
        self.builder = Builder(outer.domain, outer.unique("body"))
        self.builder._names = outer._names
        self.builder._layer, self.builder._origin = outer._layer, outer._origin

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Operators are made in the body."""
        outer, self.graph.builder = self.graph.builder, self.builder
        try:
            yield
        finally:
            self.graph.builder = outer

    def input(self, dtype: ir.DataType, dims: Sequence[Any] | None) -> ir.Value:
        """An input of the body."""
        value = self.builder.input(self.builder.unique("body/input"), [], dtype)
        value.shape = None if dims is None else ir.Shape(dims)
        return value

    def finish(self, outputs: Sequence[ir.Value]) -> ir.Graph:
        """The graph, each output a value of its own."""
        made = {value for node in self.builder.graph for value in node.outputs}
        for value in outputs:
            fresh = value in made and value not in self.builder.graph.outputs
            self.builder.graph.outputs.append(value if fresh else self.builder.op.Identity(value))
        return self.builder.graph


def flattened(value: Any) -> Values:
    """The tensors and numbers in a structure, in order."""
    if isinstance(value, (list, tuple)):
        return [each for item in value for each in flattened(item)]
    if isinstance(value, dict):
        return [each for item in value.values() for each in flattened(item)]
    return [value]


def rebuilt(value: Any, leaves: Iterator[Any]) -> Any:
    """A structure with other tensors and numbers in it."""
    if isinstance(value, (list, tuple)):
        return type(value)(rebuilt(item, leaves) for item in value)
    if isinstance(value, dict):
        return {key: rebuilt(item, leaves) for key, item in value.items()}
    return next(leaves)


def as_value(graph: GraphImporter, leaf: Any) -> ir.Value:
    """A tensor or a number as a value."""
    if isinstance(leaf, Tensor):
        return leaf.read(graph.builder.op)
    if isinstance(leaf, ir.Value):
        return leaf
    for kind, dtype in ((bool, BOOL), (int, INT64), (float, DOUBLE)):
        if type(leaf) is kind:
            return graph.builder.constant(np.asarray(leaf, dtype.numpy()))
    raise UnsupportedError(
        f"what a branch or loop gives is a {type(leaf).__name__}", file=graph.file
    )


def _wrapped(leaf: Any, value: ir.Value) -> Any:
    return Tensor(value) if isinstance(leaf, Tensor) else value


class Nothing:
    """The value of a variable that nobody has set."""


@dataclass
class Run:
    """What a body has given: its leaves, and what it has written to outer tensors."""

    body: Body
    structure: Any
    leaves: Values
    values: list[ir.Value]
    written: dict[Tensor, ir.Value]


def run(graph: GraphImporter, make: Callable[[], Any]) -> Run:
    """Run something in a body, and take back what it has changed."""
    body = Body(graph)
    with recorded() as journal, body.inside():
        structure = make()
        leaves = flattened(structure)
        values = [
            leaf.read(body.builder.op) if isinstance(leaf, Tensor) else leaf for leaf in leaves
        ]
        written = {tensor: tensor.value for tensor in journal.written if tensor in journal.before}
    return Run(body, structure, leaves, values, written)


def branch(
    graph: GraphImporter, test: ir.Value, then: Callable[[], Any], otherwise: Callable[[], Any]
) -> Any:
    """What one of two bodies gives.

    Raises:
        UnsupportedError: They give structures of other forms.
    """
    runs = [run(graph, then), run(graph, otherwise)]
    if len(runs[0].leaves) != len(runs[1].leaves):
        raise UnsupportedError("two branches give other numbers of tensors", file=graph.file)
    changed = list({**runs[0].written, **runs[1].written})
    changed = [tensor for tensor in changed if not isinstance(tensor, Nothing)]
    pairs = list(zip(runs[0].values, runs[1].values, strict=True))
    same = [_is_same(a, b) for a, b in pairs]
    graphs, kinds = (
        [],
        [
            a if not isinstance(a, Nothing) else b
            for a, b in zip(runs[0].leaves, runs[1].leaves, strict=True)
        ],
    )
    outputs: list[list[ir.Value]] = []
    for place, each in enumerate(runs):
        with each.body.inside():
            found = [
                as_value(
                    graph,
                    each.values[i]
                    if not isinstance(each.values[i], Nothing)
                    else _idle(graph, pairs[i][1 - place]),
                )
                for i in range(len(pairs))
                if not same[i]
            ]
            found += [each.written.get(tensor, tensor.value) for tensor in changed]
            outputs.append(found)
            graphs.append(each.body.finish(found))
    if outputs[0]:
        results = graph.builder.op.outputs(len(outputs[0])).If(
            test, then_branch=graphs[0], else_branch=graphs[1]
        )
        _typed(results, outputs)
    else:
        results = ()
    fresh = iter(results)
    leaves = [
        runs[0].leaves[i] if same[i] else _wrapped(kinds[i], next(fresh)) for i in range(len(pairs))
    ]
    for tensor, value in zip(changed, fresh, strict=True):
        tensor.write(graph.builder.op, value)
    return rebuilt(runs[0].structure, iter(leaves))


def _idle(graph: GraphImporter, other: Any) -> Any:
    """Something in the place of what is never read."""
    if isinstance(other, ir.Value):
        dims = dimensions(other) if other.shape is not None else ()
        shape = [dim if isinstance(dim, int) else 1 for dim in dims]
        return graph.builder.op.Expand(
            np.zeros((), (other.dtype or FLOAT).numpy()), np.asarray(shape, np.int64)
        )
    return other


def _is_same(a: Any, b: Any) -> bool:
    if isinstance(a, ir.Value) or isinstance(b, ir.Value):
        return False
    if isinstance(a, Nothing) and isinstance(b, Nothing):
        return True
    return type(a) is type(b) and bool(a == b)


def _typed(results: Sequence[ir.Value], outputs: Sequence[Sequence[ir.Value]]) -> None:
    for result, *values in zip(results, *outputs, strict=True):
        result.type = ir.TensorType(values[0].dtype or FLOAT)
        shapes = [value.shape for value in values]
        if None in shapes or len({len(shape) for shape in shapes if shape is not None}) > 1:
            result.shape = None
            continue
        dims = [dimensions(value) for value in values]
        result.shape = ir.Shape(
            [
                a if all(a == other for other in rest) else None
                for a, *rest in zip(*dims, strict=True)
            ]
        )


def loop(
    graph: GraphImporter,
    count: Any,
    test: ir.Value | None,
    carried: Any,
    step: Callable[[ir.Value, Any], tuple[Any, Any, Sequence[Any]]],
) -> tuple[Any, list[ir.Value]]:
    """A Loop.

    Args:
        graph: The graph.
        count: How often at most; None: as long as the test is true.
        test: Whether to begin at all.
        carried: A structure that goes from step to step.
        step: Of the step's number and the structure: whether to go on, the next structure, and what is
            kept of each step.

    Returns:
        The last structure, and what was kept, stacked.
    """
    leaves = flattened(carried)
    start = [as_value(graph, leaf) for leaf in leaves]
    shapes: list[Any] = [None if v.shape is None else list(dimensions(v)) for v in start]
    written: list[Tensor] = []
    for _attempt in range(_ATTEMPTS):
        body = Body(graph)
        with recorded() as journal, body.inside():
            number = body.input(INT64, [])
            going = body.input(BOOL, [])
            begin = [*start, *(tensor.value for tensor in written)]
            dims = [*shapes[: len(start)], *(_dims(tensor.value) for tensor in written)]
            inputs = [body.input(v.dtype or FLOAT, d) for v, d in zip(begin, dims, strict=True)]
            for tensor, value in zip(written, inputs[len(start) :], strict=True):
                journal.note(tensor, written=True)
                tensor.value = value
            given = rebuilt(
                carried, iter([_wrapped(k, v) for k, v in zip(leaves, inputs, strict=False)])
            )
            more, after, kept = step(number, given)
            ends = [as_value(graph, leaf) for leaf in flattened(after)]
            ends = [_cast(graph, e, b) for e, b in zip(ends, start, strict=True)]
            more = as_value(graph, True if more is None else more)
            stacked = [as_value(graph, each) for each in kept]
            changed = [tensor for tensor in journal.written if tensor in journal.before]
            finals = [tensor.value for tensor in changed]
        del going
        widened = [_common(a, _dims(b)) for a, b in zip(shapes, ends, strict=True)]
        if widened == shapes and set(changed) == set(written):
            break
        shapes, written = widened, changed
    else:
        raise UnsupportedError("the sizes of a loop's values do not settle", file=graph.file)
    order = [finals[changed.index(tensor)] for tensor in written]
    with body.inside():
        inner = body.finish([more, *ends, *order, *stacked])
    total = None if count is None else as_value(graph, count)
    begin = [*start, *(tensor.value for tensor in written)]
    results = graph.builder.op.outputs(len(begin) + len(stacked)).Loop(
        total, test if test is not None else None, *begin, body=inner
    )
    for result, value, dim in zip(results, begin, [*shapes, *map(_dims, order)], strict=False):
        result.type = ir.TensorType(value.dtype or FLOAT)
        result.shape = None if dim is None else ir.Shape(dim)
    for result, value in zip(results[len(begin) :], stacked, strict=True):
        result.type = ir.TensorType(value.dtype or FLOAT)
        steps = count if isinstance(count, int) else None
        result.shape = None if value.shape is None else ir.Shape([steps, *dimensions(value)])
    for tensor, value in zip(written, results[len(start) :], strict=False):
        tensor.write(graph.builder.op, value)
    last = [_wrapped(k, v) for k, v in zip(leaves, results, strict=False)]
    return rebuilt(carried, iter(last)), list(results[len(begin) :])


_ATTEMPTS = 5


def _cast(graph: GraphImporter, value: ir.Value, like: ir.Value) -> ir.Value:
    return value if value.dtype == like.dtype else graph.builder.op.Cast(value, to=like.dtype)


def _dims(value: ir.Value) -> list[Any] | None:
    return None if value.shape is None else list(dimensions(value))


def _common(a: list[Any] | None, b: list[Any] | None) -> list[Any] | None:
    if a is None or b is None or len(a) != len(b):
        return None
    return [x if x == y else None for x, y in zip(a, b, strict=True)]


def higher_order(runner: Any, name: str, args: Sequence[Any], node: Mapping[str, Any]) -> Any:
    """What an operator gives that runs graphs.

    Raises:
        UnsupportedError: It is not known here.
    """
    if name not in _HIGHER:
        raise UnsupportedError(f"{name} is not read from PyTorch", file=runner.graph.file)
    return _HIGHER[name](runner, *args)


def _cond(runner: Any, test: Any, then: Any, otherwise: Any, operands: Sequence[Any] = ()) -> Any:
    graph = runner.graph
    if not isinstance(test, (Tensor, ir.Value)):
        return runner.inner(then if test else otherwise, operands)
    flag = test.read(graph.builder.op) if isinstance(test, Tensor) else test
    flag = graph.builder.op.Reshape(flag, np.zeros(0, np.int64)) if rank(flag) else flag
    return branch(
        graph, flag, lambda: runner.inner(then, operands), lambda: runner.inner(otherwise, operands)
    )


def _while(
    runner: Any, test: Any, body: Any, carried: Sequence[Any], more: Sequence[Any] = ()
) -> Any:
    graph = runner.graph

    def truth(now: Sequence[Any]) -> Any:
        (found,) = runner.inner(test, [*now, *more])
        value = as_value(graph, found)
        return graph.builder.op.Reshape(value, np.zeros(0, np.int64)) if rank(value) else value

    def step(_number: ir.Value, now: Any) -> tuple[Any, Any, Sequence[Any]]:
        after = runner.inner(body, [*now, *more])
        return truth(after), after, ()

    last, _ = loop(graph, None, truth(carried), list(carried), step)
    return last


def _scan(
    runner: Any, combine: Any, init: Sequence[Any], xs: Sequence[Any], more: Sequence[Any] = ()
) -> Any:
    """Over the first axis."""
    graph = runner.graph
    op = graph.builder.op
    data = [x.read(op) for x in xs]

    def step(number: ir.Value, now: Any) -> tuple[Any, Any, Sequence[Any]]:
        rows = [Tensor(graph.builder.op.Gather(x, number, axis=0)) for x in data]
        found = runner.inner(combine, [*now, *rows, *more])
        return None, found[: len(init)], found[len(init) :]

    last, stacked = loop(graph, _length(op, data[0]), None, list(init), step)
    return [*last, *(Tensor(value) for value in stacked)]


def _length(op: Any, x: ir.Value) -> Any:
    dim = dimensions(x)[0]
    return dim if isinstance(dim, int) else op.Squeeze(op.Shape(x, start=0, end=1), [0])


def _map(runner: Any, function: Any, xs: Sequence[Any], more: Sequence[Any] = ()) -> Any:
    graph = runner.graph
    op = graph.builder.op
    data = [x.read(op) for x in xs]

    def step(number: ir.Value, now: Any) -> tuple[Any, Any, Sequence[Any]]:
        rows = [Tensor(graph.builder.op.Gather(x, number, axis=0)) for x in data]
        return None, now, runner.inner(function, [*rows, *more])

    _, stacked = loop(graph, _length(op, data[0]), None, [], step)
    return [Tensor(value) for value in stacked]


def _inlined(runner: Any, *args: Any) -> Any:
    """A graph within a graph, where gradients or autocast are switched."""
    place = next(i for i, each in enumerate(args) if isinstance(each, dict))
    return runner.inner(args[place], args[place + 1 :])


_HIGHER: dict[str, Callable[..., Any]] = {
    "cond": _cond,
    "while_loop": _while,
    "scan": _scan,
    "map_impl": _map,
    "wrap_with_set_grad_enabled": _inlined,
    "wrap_with_autocast": _inlined,
}
