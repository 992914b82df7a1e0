"""Running a source on all feeds, the result on the same, and comparing what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from mmdnn.errors import Error, MismatchError, MissingExtraError
from mmdnn.ir import LAYER, TYPE
from mmdnn.ir.sequences import lengths_name
from mmdnn.progress import Silent
from mmdnn.verify import frames, noise
from mmdnn.verify.compare import Difference, Tolerance, apart, difference
from mmdnn.verify.feeds import Feed, Sizes, candidates, feeds, has_free_batch, inputs
from mmdnn.verify.keeping import kept
from mmdnn.verify.report import Layer, Report
from mmdnn.verify.sides import NothingRunsError, Side, sentence

LOST = apart("the result does not have this output")


@dataclass(frozen=True)
class Found:
    """A source that runs, what to feed it, and what came out of it.

    Attributes:
        side: What runs it.
        results: Each feed with the source's outputs.
        notes: What the user should know.
    """

    side: Side
    results: list[tuple[Feed, Mapping[str, np.ndarray]]]
    notes: tuple[str, ...]


def run_source(
    sides: Iterator[tuple[Side | None, str]],
    model: ir.Model,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    progress: Silent | None = None,
) -> Found:
    """Run the source on all feeds, in the first engine that can.

    Args:
        sides: What may run it; see `source_sides`.
        model: Its IR, which says what the inputs are.
        shapes: Input name to shape, where the user has said it.
        progress: Told of each run.

    Raises:
        NothingRunsError: Nothing can run it.
    """
    notes: list[str] = []
    for side, note in sides:
        if note:
            notes.append(note)
        if side is None:
            continue
        try:
            results, more = _run_all(side, model, shapes, progress or Silent())
        except Error as error:
            notes.append(f"{side.title}: {sentence(error)}")
        else:
            return Found(side, results, (*notes, *more))
    raise NothingRunsError(notes)


def _run_all(
    side: Side,
    model: ir.Model,
    shapes: Mapping[str, tuple[int, ...]] | None,
    progress: Silent,
) -> tuple[list[tuple[Feed, Mapping[str, np.ndarray]]], tuple[str, ...]]:
    sizes, (first, values) = _fitting(side, model, shapes)
    results = [(first, kept(values))]
    del values
    varying = _varying(model)
    todo = list(feeds(model, sizes, shapes))[1:]
    runs = progress.each(todo, f"running {side.title}")
    results.extend((feed, kept(_only(side(feed.values), varying))) for feed in runs)
    if not has_free_batch(model) or shapes:
        return results, ()
    pair = next(feeds(model, replace(sizes, batch=2)))
    try:
        results.append((pair, kept(_only(side(pair.values), varying))))
    except Error:
        return results, ("The source does not take a batch of 2, so only 1 was tried.",)
    return results, ()


def _only(values: Mapping[str, np.ndarray], varying: set[str] | None) -> dict[str, np.ndarray]:
    return {name: array for name, array in values.items() if varying is None or name in varying}


def _varying(model: ir.Model) -> set[str]:
    """The values that depend on the inputs; the others are compared once, not for every feed."""
    found: set[ir.Value | None] = set(inputs(model))
    for node in model.graph:
        reads = {*node.inputs, *_captured(node)}
        if reads & found or node.op_type.startswith(_RANDOM):
            found.update(node.outputs)
    return {str(value.name) for value in found if value is not None}


_RANDOM = ("Random", "Bernoulli", "Multinomial")


def _captured(node: ir.Node) -> Iterator[ir.Value]:
    """What a node's subgraphs read."""
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            for inner in ir.traversal.RecursiveGraphIterator(attribute.as_graph()):
                yield from (value for value in inner.inputs if value is not None)


def _fitting(
    side: Side, model: ir.Model, shapes: Mapping[str, tuple[int, ...]] | None
) -> tuple[Sizes, tuple[Feed, dict[str, np.ndarray]]]:
    """The first sizes of the free dimensions that the model takes, and its outputs there."""
    failure: Error | None = None
    for sizes in candidates(model):
        feed = next(feeds(model, sizes, shapes))
        try:
            return sizes, (feed, side(feed.values))
        except MissingExtraError:
            raise
        except Error as error:
            failure = failure or error
    assert failure is not None
    raise failure


def verify(
    found: Found,
    target: Side,
    model: ir.Model,
    *,
    whole: bool = False,
    tolerance: Tolerance | None = None,
    progress: Silent | None = None,
) -> Report:
    """Run the target on what the source was run on, and compare every layer both know.

    Args:
        found: The source and its results.
        target: What runs the other model.
        model: The source's IR: the order of the layers, and their names.
        whole: Whether the target must have all outputs of the model that the source has.
        tolerance: For floats.
        progress: Told of each run.

    Raises:
        MismatchError: The target cannot be run on what the source takes.
    """
    progress = progress or Silent()
    order = {name: place for place, name in enumerate(_values(model))}
    makers = {str(out.name): node for node in model.graph for out in node.outputs}
    worst: dict[str, Layer] = {}
    only_source: set[str] = set()
    only_target: set[str] = set()
    first = found.results[0][1]
    for feed, was in progress.each(found.results, f"running {target.title}"):
        now = _run_target(target, feed)
        now = _as_whole(now, was) if target.floats else now
        only_source |= was.keys() - now.keys()
        only_target |= now.keys() - was.keys() - first.keys()
        common = sorted(was.keys() & now.keys(), key=lambda name: order.get(name, len(order)))
        lost = _lost_outputs(model, was, now) if whole else []
        gaps = _differences(found.side, model, feed, was, now, common, tolerance)
        gaps |= dict.fromkeys(lost, LOST)
        for name, gap in gaps.items():
            layer = _layer(makers.get(name), name, was[name], gap, feed.kind)
            if name not in worst or _rank(layer) > _rank(worst[name]):
                worst[name] = layer
    layers = sorted(worst.values(), key=lambda layer: order.get(layer.value, len(order)))
    return Report(
        source=found.side.title,
        target=target.title,
        layers=tuple(layers),
        feeds=tuple(feed.kind for feed, _ in found.results),
        only_source=tuple(sorted(only_source)),
        only_target=tuple(sorted(only_target)),
        notes=found.notes,
    )


def _run_target(target: Side, feed: Feed) -> dict[str, np.ndarray]:
    try:
        return target(feed.values)
    except MissingExtraError:
        raise
    except Error as error:
        raise MismatchError(
            f"the source runs with the input '{feed.kind}', the result does not: {error}"
        ) from error


def _as_whole(
    now: Mapping[str, np.ndarray], was: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Floats that are whole, in the type of the source's integers and truth values."""
    found = dict(now)
    for name in now.keys() & was.keys():
        kind, array = was[name].dtype, now[name]
        if kind.kind in "iub" and array.dtype.kind == "f" and np.isfinite(array).all():
            with np.errstate(invalid="ignore"):
                whole = array.astype(kind)
            found[name] = whole if np.array_equal(whole, array) else array
    return found


def _differences(
    source: Side,
    model: ir.Model,
    feed: Feed,
    was: Mapping[str, np.ndarray],
    now: Mapping[str, np.ndarray],
    names: Sequence[str],
    tolerance: Tolerance | None,
) -> dict[str, Difference]:
    """Every value's difference; where one fails, the source's own rounding noise is measured."""
    counts = frames.lengths(model, feed.values, was, now)

    def trimmed(values: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        return frames.trimmed(values[name], counts.get(name))

    names = [name for name in names if not _is_lengths(name, was)]
    gaps = {name: difference(trimmed(was, name), trimmed(now, name), tolerance) for name in names}
    failed = [name for name, gap in gaps.items() if not gap.ok]
    if failed:
        wanted = kept({name: trimmed(was, name) for name in failed})
        probed = noise.probes(source, model, feed.values, wanted)
        for name in failed:
            moved = [trimmed(values, name) for values in probed if name in values]
            gaps[name] = difference(wanted[name], trimmed(now, name), tolerance, moved)
    return gaps


def _is_lengths(name: str, values: Mapping[str, np.ndarray]) -> bool:
    """Whether an engine says by it how long the sequences of another value are."""
    owner = name.removesuffix(lengths_name(""))
    return owner != name and owner in values


def _lost_outputs(
    model: ir.Model, was: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray]
) -> list[str]:
    names = [str(value.name) for value in model.graph.outputs]
    return [name for name in names if name in was and name not in now]


def _rank(layer: Layer) -> tuple[bool, bool, float]:
    gap = layer.difference
    return not gap.ok, gap.noisy, gap.excess


def _layer(node: ir.Node | None, name: str, value: np.ndarray, gap: Difference, feed: str) -> Layer:
    metadata = node.metadata_props if node is not None else {}
    type_ = metadata.get(TYPE) or (node.op_type if node is not None else "Input")
    own = metadata.get(LAYER) or (node.name if node is not None else "") or name
    return Layer(name, str(own), type_, value.shape, str(value.dtype), gap, feed)


def _values(model: ir.Model) -> list[str]:
    made = [str(out.name) for node in model.graph for out in node.outputs]
    return [*(str(value.name) for value in inputs(model)), *made]
