"""Which layers a network has in a phase, and whether they fit together.

After src/caffe/net.cpp and src/caffe/util/insert_splits.cpp of BVLC Caffe.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdnn.errors import FormatError
from mmdnn.frameworks.caffe.reader.upgrade import Draft

TRAIN, TEST = 0, 1
_LEVEL = 0
"""Caffe's own interfaces ask for level 0, whatever the file says."""


@dataclass(frozen=True)
class State:
    """What a network's rules are held against.

    Attributes:
        phase: `TRAIN` or `TEST`.
        stages: Named stages.
    """

    phase: int
    stages: frozenset[str]


def is_data(layer: Any) -> bool:
    """Whether a layer brings data from outside, or random numbers in their stead.

    Its type says so; or it is a Python layer without bottoms.
    """
    if layer.bottom:
        return False
    if layer.type == "DummyData":
        return any(filler.type != "constant" for filler in layer.dummy_data_param.data_filler)
    return bool(layer.type.endswith("Data") or layer.type == "Python")


def included(layer: Any, state: State, file: Path | None) -> bool:
    """Whether a layer belongs to the network in that state.

    Raises:
        FormatError: It has rules of both kinds.
    """
    if layer.include and layer.exclude:
        raise FormatError(
            "it has both include and exclude rules",
            file=file,
            layer=layer.name,
            operator=layer.type,
        )
    if layer.include:
        return any(_meets(rule, state) for rule in layer.include)
    return not any(_meets(rule, state) for rule in layer.exclude)


def _meets(rule: Any, state: State) -> bool:
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or rule.min_level <= _LEVEL)
        and (not rule.HasField("max_level") or rule.max_level >= _LEVEL)
        and state.stages.issuperset(rule.stage)
        and state.stages.isdisjoint(rule.not_stage)
    )


def applied(drafts: list[Draft], state: State, file: Path | None, *, saved: bool) -> list[Draft]:
    """The layers of the network in that state.

    Args:
        drafts: All layers of the file.
        state: The state.
        file: Named in errors.
        saved: Whether the file is a binary one. A trained network is saved without the layers that
            its rules forbade, and with the phase it was trained in: then the rules have done their
            work, and only a phase that differs from most layers' was its author's.

    Raises:
        FormatError: A layer has rules of both kinds.
    """
    if not saved or _has_variants(drafts):
        kept = [draft for draft in drafts if included(draft.message, state, file)]
        return _other_sources(drafts, kept) + kept
    phases = Counter(draft.message.phase for draft in drafts if draft.message.HasField("phase"))
    if phases.total() == len(drafts) and phases:
        usual = phases.most_common(1)[0][0]
        for draft in drafts:
            if draft.message.phase == usual:
                draft.message.ClearField("phase")
    return _unsplit(drafts)


def _unsplit(drafts: list[Draft]) -> list[Draft]:
    """Take out the Split that a saved network has wherever a blob is read twice."""
    source: dict[str, str] = {}
    changed = {top for draft in drafts for top in draft.message.top if top in draft.message.bottom}
    kept = []
    for draft in drafts:
        layer = draft.message
        for index, bottom in enumerate(layer.bottom):
            layer.bottom[index] = source.get(bottom, bottom)
        names = [f"{layer.name}_{index}" for index in range(len(layer.top))]
        if layer.type == "Split" and list(layer.top) == names and changed.isdisjoint(names):
            source.update(dict.fromkeys(layer.top, layer.bottom[0]))
        else:
            kept.append(draft)
    return kept


def _other_sources(drafts: list[Draft], kept: list[Draft]) -> list[Draft]:
    """Data layers of other states, where no layer of this one writes any of their blobs.

    Real Caffe cannot run such a network (a file for training only, asked for in the phase TEST);
    as an input of what is converted, the data of any state will do.
    """
    written = {top for draft in kept for top in draft.message.top}
    read = {bottom for draft in kept for bottom in draft.message.bottom}
    left = {id(draft) for draft in kept}
    others = []
    for draft in drafts:
        tops = set(draft.message.top)
        if id(draft) in left or not is_data(draft.message):
            continue
        if tops & read and not tops & written:
            others.append(draft)
            written |= tops
    return others


def _has_variants(drafts: list[Draft]) -> bool:
    """Whether a blob is written twice, not in place: the file describes several states."""
    written: set[str] = set()
    for draft in drafts:
        tops = set(draft.message.top).difference(draft.message.bottom)
        if written & tops:
            return True
        written |= tops
    return False


def check(drafts: list[Draft], inputs: list[str], file: Path | None) -> None:
    """Hold a filtered network to what Caffe holds it to before any layer is made.

    Args:
        drafts: The layers, in order.
        inputs: Blobs that are there without a layer that writes them.
        file: Named in errors.

    Raises:
        FormatError: A layer reads what nobody has written, writes what is written, or changes in
            place a blob that another layer reads.
    """
    readers = _readers(drafts, inputs)
    version = dict.fromkeys(inputs, -1)
    for number, draft in enumerate(drafts):
        layer = draft.message
        problem = _wiring(layer, readers, version) or _parameters(draft)
        if problem:
            raise FormatError(problem, file=file, layer=layer.name, operator=layer.type)
        version.update(dict.fromkeys(layer.top, number))


def _readers(drafts: list[Draft], inputs: list[str]) -> Counter[tuple[str, int]]:
    """How often each blob is read, as written by each layer (its number) or given (-1)."""
    readers: Counter[tuple[str, int]] = Counter()
    version = dict.fromkeys(inputs, -1)
    for number, draft in enumerate(drafts):
        layer = draft.message
        for bottom in layer.bottom:
            if bottom in version:
                readers[bottom, version[bottom]] += 1
        version.update(dict.fromkeys(layer.top, number))
        for top, weight in zip(layer.top, layer.loss_weight, strict=False):
            readers[top, number] += bool(weight)
    return readers


def _wiring(layer: Any, readers: Counter[tuple[str, int]], version: dict[str, int]) -> str:
    for bottom in layer.bottom:
        if bottom not in version:
            return f"nothing before it writes its bottom '{bottom}'"
    bottoms = list(layer.bottom)
    own: set[str] = set()
    for index, top in enumerate(layer.top):
        if top in own:
            return f"it writes its top '{top}' twice"
        own.add(top)
        if top not in version:
            continue
        in_place = bottoms[index : index + 1] == [top]
        if not in_place:
            return f"its top '{top}' is written by another layer already"
        if readers[top, version[top]] > 1:
            return f"it changes '{top}' in place, which another layer reads"
    return ""


def _parameters(draft: Draft) -> str:
    layer = draft.message
    if layer.propagate_down and len(layer.propagate_down) != len(layer.bottom):
        return "propagate_down is to be given once for each bottom"
    if layer.type == "Input":
        shapes = layer.input_param.shape
        if len(shapes) not in {0, 1, len(layer.top)}:
            return f"{len(shapes)} shapes are given for {len(layer.top)} tops"
        if any(dim < 0 for shape in shapes for dim in shape.dim):
            return "a size is negative"
    if layer.type != "BatchNorm" or "batch_norm_param" in draft.unknown or len(layer.param) > 3:
        return ""
    if any(spec.lr_mult for spec in layer.param):
        return "batch statistics are not learned: lr_mult must be 0"
    return ""
