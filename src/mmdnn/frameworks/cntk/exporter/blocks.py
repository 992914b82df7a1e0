"""Functions that belong together become blocks, as CNTK's own layers are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmdnn.frameworks.cntk._operators import BLOCK, COMBINE, OPERATORS
from mmdnn.frameworks.cntk._order import DELAYS
from mmdnn.frameworks.cntk.graph import Block, Function, Kind, Variable
from mmdnn.ir.exporting import ExportedNode

LAYERS = frozenset({"BatchNormalization", "Convolution", "Dropout"})
"""Layers called as the function that they are made of."""


@dataclass(eq=False)
class Group:
    """Functions that shall be a block.

    Attributes:
        type: The block's type.
        outer: The group that the block is in.
        attributes: The block's.
        source: Whether the source had this block: nodes of one layer, made one after the other.
    """

    type: str
    outer: Group | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    source: bool = False

    @property
    def depth(self) -> int:
        """How many groups it is in."""
        return 0 if self.outer is None else self.outer.depth + 1


def was_block(node: ExportedNode) -> bool:
    """Whether CNTK had a block for it. Some are called as functions are; then the number tells."""
    type_ = node.source_type
    if type_ not in OPERATORS or re.fullmatch(r"Block\d+", node.source_layer):
        return True
    return type_ in LAYERS and not _is_numbered(node)


def was_function(node: ExportedNode, block: str) -> bool:
    """Whether CNTK had a function for it, and no block of this name."""
    return not was_block(node) and (_is_numbered(node) or node.source_type != block)


def _is_numbered(node: ExportedNode) -> bool:
    found = re.fullmatch(r"([A-Za-z]+)\d+", node.source_layer)
    return found is not None and (found[1] in OPERATORS or found[1].startswith(node.source_type))


class Assembly:
    """A graph whose groups become blocks.

    Args:
        groups: The innermost group of each function that is in one.
        uid: Makes a name that nothing else has.
        functions: What the graph is of, in order.
        heads: Its outputs.

    Attributes:
        moved: Variables inside blocks that are outputs of these, to the outputs.
    """

    def __init__(
        self,
        groups: Mapping[Function, Group],
        uid: Callable[[str], str],
        functions: Iterable[Function],
        heads: Iterable[Variable],
    ) -> None:
        self.uid = uid
        self.heads = set(heads)
        self.moved: dict[Variable, Variable] = {}
        self.members: dict[Group, list[Function]] = {}
        self.readers: dict[Variable, dict[Function, None]] = {}
        self._place: dict[Function, int] = {}
        for place, one in enumerate(functions):
            self._place[one] = place
            self._belongs(one, groups.get(one))
            for variable in one.inputs:
                self.readers.setdefault(variable, {})[one] = None

    def run(self) -> None:
        """Make the blocks, inner ones first."""
        groups = {group: None for one in self.members for group in _chain(one)}
        for group in sorted(groups, key=lambda group: -group.depth):
            members = sorted(self.members.pop(group, []), key=self._place.__getitem__)
            made = self._block(group, members) if members and self._is_convex(members) else None
            for one in members if made is None else [made]:
                self._belongs(one, group.outer)

    def is_outside(self, function: Function) -> bool:
        """Whether it is in no block."""
        return function in self._place

    def outer(self, variable: Variable) -> Variable:
        """A variable as seen from outside all blocks."""
        while variable in self.moved:
            variable = self.moved[variable]
        return variable

    def _belongs(self, function: Function, group: Group | None) -> None:
        if group is not None:
            self.members.setdefault(group, []).append(function)

    def _is_convex(self, members: list[Function]) -> bool:
        """Whether nothing outside depends on one of them and is read by another."""
        inside = set(members)
        pending = [v.owner for one in members for v in one.inputs if v.owner not in inside]
        first = self._place[members[0]]
        seen: set[Function] = set()
        while pending:
            function = pending.pop()
            if function is None or function in seen or self._place[function] < first:
                continue
            if function.op in DELAYS:  # what it reads is of another frame
                continue
            if function in inside:
                return False
            seen.add(function)
            pending += [variable.owner for variable in function.inputs]
        return True

    def _block(self, group: Group, members: list[Function]) -> Function | None:
        inside = set(members)
        outputs = [
            variable
            for one in members
            for variable in one.results
            if variable in self.heads or self.readers.get(variable, {}).keys() - inside
        ]
        read = dict.fromkeys(variable for one in members for variable in one.inputs)
        outside = [one for one in read if one.owner is None or one.owner not in inside]
        captured = [one for one in outside if one.kind in (Kind.PARAMETER, Kind.CONSTANT)]
        arguments = {one: self._placeholder(one) for one in outside if one not in set(captured)}
        if not arguments or not outputs:
            return None
        for one in members:
            _rewire(one, arguments)
        block = Function(BLOCK, self.uid(BLOCK), inputs=[*captured, *arguments])
        block.attributes = group.attributes
        root = self._root(members, outputs)
        block.block = Block(
            group.type,
            root,
            {inner: outer for outer, inner in arguments.items()},
            self.uid("CompositeFunction"),
        )
        self._replace(members, block, outputs)
        return block

    def _placeholder(self, outer: Variable) -> Variable:
        uid = self.uid("Placeholder")
        return Variable(uid, Kind.PLACEHOLDER, outer.dtype, outer.shape, outer.axes, outer.name)

    def _root(self, members: list[Function], outputs: list[Variable]) -> Function:
        if len(outputs) == 1:
            owner = outputs[0].owner
            assert owner is not None
            if owner.results == outputs:
                return owner
        return Function(COMBINE, self.uid(COMBINE), inputs=list(outputs))

    def _replace(self, members: list[Function], block: Function, outputs: list[Variable]) -> None:
        """Put the block in the place of its members."""
        inside = set(members)
        self._place[block] = self._place[members[-1]]
        for one in members:
            del self._place[one]
        for index, variable in enumerate(outputs):
            outer = block.output(index, like=variable)
            self.moved[variable] = outer
            if variable in self.heads:
                self.heads.add(outer)
            for reader in self.readers.pop(variable, {}):
                if reader not in inside:
                    _rewire(reader, {variable: outer})
                    self.readers.setdefault(outer, {})[reader] = None
        for variable in block.inputs:
            readers = self.readers.setdefault(variable, {})
            for one in members:
                readers.pop(one, None)
            readers[block] = None


def _rewire(function: Function, onto: Mapping[Variable, Variable]) -> None:
    """Let a function read other variables."""
    function.inputs = [onto.get(one, one) for one in function.inputs]
    if function.block is not None:
        arguments = function.block.arguments
        arguments.update({inner: onto.get(outer, outer) for inner, outer in arguments.items()})


def _chain(group: Group) -> Iterable[Group]:
    found: Group | None = group
    while found is not None:
        yield found
        found = found.outer
