"""Operators of exported programs that run graphs.

https://docs.pytorch.org/docs/stable/cond.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.pytorch.importer.aliases import Tensor
from mmdnn.frameworks.pytorch.importer.control_flow import as_value, branch, loop
from mmdnn.ir.builder import dimensions, rank

Values = list[Any]


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
