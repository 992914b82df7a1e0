"""Branches and loops: If and Loop, of what runs in their bodies.

What a body writes to tensors from outside becomes an output of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.importer.aliases import Tensor, recorded
from mmdnn.frameworks.pytorch.importer.dtypes import BOOL, DOUBLE, FLOAT, INT64
from mmdnn.frameworks.pytorch.importer.table import GraphImporter
from mmdnn.ir.builder import Builder, dimensions

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
    pairs = list(zip(runs[0].values, runs[1].values, strict=True))
    differ = [place for place, pair in enumerate(pairs) if not _is_same(*pair)]
    outputs = [_outputs(graph, each, runs[1 - i], differ, changed) for i, each in enumerate(runs)]
    graphs = [each.body.finish(found) for each, found in zip(runs, outputs, strict=True)]
    results: Sequence[ir.Value] = ()
    if outputs[0]:
        results = graph.builder.op.outputs(len(outputs[0])).If(
            test, then_branch=graphs[0], else_branch=graphs[1]
        )
        _typed(results, outputs)
    leaves = list(runs[0].leaves)
    for place, value in zip(differ, results, strict=False):
        kind = leaves[place] if not isinstance(leaves[place], Nothing) else runs[1].leaves[place]
        leaves[place] = _wrapped(kind, value)
    for tensor, value in zip(changed, results[len(differ) :], strict=True):
        tensor.write(graph.builder.op, value)
    return rebuilt(runs[0].structure, iter(leaves))


def _outputs(
    graph: GraphImporter, own: Run, other: Run, differ: Sequence[int], changed: Sequence[Tensor]
) -> list[ir.Value]:
    """What a branch gives; something in the place of what it never sets."""
    with own.body.inside():
        found = []
        for place in differ:
            leaf = own.values[place]
            leaf = _idle(graph, other.values[place]) if isinstance(leaf, Nothing) else leaf
            found.append(as_value(graph, leaf))
        return found + [own.written.get(tensor, tensor.value) for tensor in changed]


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


Step: TypeAlias = "Callable[[ir.Value, Any], tuple[Any, Any, Sequence[Any]]]"
"""Of a step's number and what is carried: whether to go on, what is carried on, what is kept of each step."""


@dataclass
class Attempt:
    """A loop's body, made for some shapes of what is carried.

    Attributes:
        body: The body.
        more: Whether to go on.
        ends: What is carried on.
        stacked: What is kept of each step.
        written: What it has written to outer tensors.
    """

    body: Body
    more: ir.Value
    ends: list[ir.Value]
    stacked: list[ir.Value]
    written: dict[Tensor, ir.Value]


def _attempt(
    graph: GraphImporter, carried: Any, begin: Sequence[ir.Value], shapes: Sequence[Any],
    written: Sequence[Tensor], step: Step,
) -> Attempt:  # fmt: skip
    body = Body(graph)
    leaves = flattened(carried)
    with recorded() as journal, body.inside():
        number = body.input(INT64, [])
        body.input(BOOL, [])
        dims = [*shapes, *(_dims(tensor.value) for tensor in written)]
        inputs = [body.input(v.dtype or FLOAT, d) for v, d in zip(begin, dims, strict=True)]
        for tensor, value in zip(written, inputs[len(leaves) :], strict=True):
            journal.note(tensor, written=True)
            tensor.value = value
        given = [_wrapped(leaf, value) for leaf, value in zip(leaves, inputs, strict=False)]
        more, after, kept = step(number, rebuilt(carried, iter(given)))
        ends = [as_value(graph, leaf) for leaf in flattened(after)]
        ends = [_cast(graph, end, value) for end, value in zip(ends, begin, strict=False)]
        flag = as_value(graph, True if more is None else more)
        stacked = [as_value(graph, each) for each in kept]
        changed = {tensor: tensor.value for tensor in journal.written if tensor in journal.before}
    return Attempt(body, flag, ends, stacked, changed)


def loop(
    graph: GraphImporter, count: Any, test: ir.Value | None, carried: Any, step: Step
) -> tuple[Any, list[ir.Value]]:
    """A Loop.

    Args:
        graph: The graph.
        count: How often at most; None: as long as the test is true.
        test: Whether to begin at all.
        carried: A structure that goes from step to step.
        step: What a step makes of it.

    Returns:
        The last structure, and what was kept, stacked.
    """
    leaves = flattened(carried)
    start = [as_value(graph, leaf) for leaf in leaves]
    shapes: list[Any] = [_dims(value) for value in start]
    written: list[Tensor] = []
    for _ in range(_ATTEMPTS):
        begin = [*start, *(tensor.value for tensor in written)]
        made = _attempt(graph, carried, begin, shapes, written, step)
        widened = [_common(a, _dims(b)) for a, b in zip(shapes, made.ends, strict=True)]
        if widened == shapes and set(made.written) == set(written):
            break
        shapes, written = widened, list(made.written)
    else:
        raise UnsupportedError("the sizes of a loop's values do not settle", file=graph.file)
    finals = [made.written[tensor] for tensor in written]
    with made.body.inside():
        inner = made.body.finish([made.more, *made.ends, *finals, *made.stacked])
    results = graph.builder.op.outputs(len(begin) + len(made.stacked)).Loop(
        None if count is None else as_value(graph, count), test, *begin, body=inner
    )
    steps = count if isinstance(count, int) else None
    rows = [None if v.shape is None else [steps, *dimensions(v)] for v in made.stacked]
    like = [*begin, *made.stacked]
    for result, value, dims in zip(
        results, like, [*shapes, *map(_dims, finals), *rows], strict=True
    ):
        result.type = ir.TensorType(value.dtype or FLOAT)
        result.shape = None if dims is None else ir.Shape(dims)
    for tensor, value in zip(written, results[len(start) :], strict=False):
        tensor.write(graph.builder.op, value)
    last = [_wrapped(leaf, value) for leaf, value in zip(leaves, results, strict=False)]
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
