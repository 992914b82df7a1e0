"""Control flow of TensorFlow 1 as the operators If and While, with functions.

A Merge takes what comes of the one or the other branch: each of its inputs comes from Switches of one
predicate. In a loop, a Merge takes what enters or what the last iteration gives (NextIteration), a Switch of
LoopCond leads into the body or out to an Exit (tensorflow/core/common_runtime/lower_while_op.cc).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mmdnn.errors import FormatError, UnsupportedError
from mmdnn.frameworks.tensorflow.graph import ARGUMENT, Call, Graph, Model, Node, Ref
from mmdnn.frameworks.tensorflow.importer.table import SYNTHETIC

MERGE = {"Merge", "RefMerge"}
SWITCH = {"Switch", "RefSwitch"}
ENTER = {"Enter", "RefEnter"}
EXIT = {"Exit", "RefExit"}
NEXT = {"NextIteration", "RefNextIteration"}

Guard = frozenset[tuple[Ref, int]]


def structured(model: Model) -> None:
    """Replace the operators of TensorFlow 1 in all graphs of a model.

    Raises:
        UnsupportedError: They do not make up branches and loops.
        FormatError: A loop lacks a part.
    """
    for graph in [model.graph, *model.functions.values()]:
        if any(node.op in MERGE for node in graph.nodes.values()):
            inputs = {given.ref for given in model.inputs.values()} if not graph.name else set()
            _Structure(model, graph, inputs).apply()


@dataclass
class _Frame:
    """A loop: its variables, and what it takes from around it."""

    merges: list[Node] = field(default_factory=list)
    enters: list[Node] = field(default_factory=list)
    constants: list[Node] = field(default_factory=list)
    condition: str = ""


class _Structure:
    def __init__(self, model: Model, graph: Graph, inputs: set[Ref]) -> None:
        self.model = model
        self.graph = graph
        self.inputs = inputs
        self.nodes = graph.nodes
        self.guards: dict[Ref, Guard] = {}
        self.frames: dict[str, _Frame] = {}
        self.places: dict[Ref, Ref] = {}
        self.functions = 0

    def apply(self) -> None:
        """Put loops in place, then branches, the inner ones first."""
        self._find_frames()
        loops = [(name, frame) for name, frame in self.frames.items() if frame.merges]
        merges = [n for n in self.nodes.values() if n.op in MERGE and not self._next(n)]
        for name, frame in loops:
            self._replace(name, frame)
        for merge in merges:
            self._branch(merge)
        for name, frame in loops:
            self._fill(name, frame)

    def _find_frames(self) -> None:
        for node in self.nodes.values():
            if node.op in ENTER:
                frame = self.frames.setdefault(str(node.attributes.get("frame_name")), _Frame())
                frame.constants.append(node)
        for node in list(self.nodes.values()):
            if node.op not in MERGE or not self._next(node):
                continue
            enter = next(
                (self.nodes[r.node] for r in node.inputs if self.nodes[r.node].op in ENTER), None
            )
            if enter is None:
                raise FormatError("nothing enters its loop", layer=node.name, operator=node.op)
            frame = self.frames[str(enter.attributes.get("frame_name"))]
            frame.constants.remove(enter)
            frame.merges.append(node)
            frame.enters.append(enter)
            for place in range(2):
                self.places[Ref(node.name, place)] = Ref(node.name)

    def _next(self, merge: Node) -> Node | None:
        """What gives a loop's variable after an iteration; None for a Merge that is no loop's."""
        found = [self.nodes[ref.node] for ref in merge.inputs if self.nodes[ref.node].op in NEXT]
        return found[0] if found else None

    def _replace(self, name: str, frame: _Frame) -> None:
        """A While where the loop was; its Exits give what that gives."""
        label = f"{name.rstrip('/')}/While"
        inputs = [enter.inputs[0] for enter in [*frame.enters, *frame.constants]]
        node = Node(label, "While", inputs, attributes={SYNTHETIC: True})
        node.attributes["cond"], node.attributes["body"] = (
            Call(f"{label}/cond"),
            Call(f"{label}/body"),
        )
        self.nodes[label] = node
        merges = {merge.name: place for place, merge in enumerate(frame.merges)}
        for switch in list(self.nodes.values()):
            if switch.op not in SWITCH or switch.inputs[0].node not in merges:
                continue
            condition = self.nodes[switch.inputs[1].node]
            if condition.op != "LoopCond":
                continue
            frame.condition = condition.name
            place = merges[switch.inputs[0].node]
            self.places[Ref(switch.name, 1)] = Ref(frame.merges[place].name)
            self.places[Ref(switch.name, 0)] = Ref(label, place)
        for exit_ in list(self.nodes.values()):
            if exit_.op in EXIT and self.places.get(exit_.inputs[0], Ref("")).node == label:
                left = self.places[exit_.inputs[0]]
                self.nodes[exit_.name] = Node(exit_.name, "Identity", [left])
        if not frame.condition:
            raise FormatError("its loop has no condition", layer=name)

    def _fill(self, name: str, frame: _Frame) -> None:
        """The functions of a loop."""
        label = f"{name.rstrip('/')}/While"
        sources = [Ref(node.name) for node in [*frame.merges, *frame.constants]]

        def stop(ref: Ref) -> Ref | None:
            place = self.places.get(ref, ref)
            return place if place in sources else None

        loop = self.nodes[label]
        condition = self.nodes[frame.condition].inputs[0]
        self._function(f"{label}/cond", [condition], stop, sources, loop)
        ends = []
        for merge in frame.merges:
            node = self._next(merge)
            assert node is not None
            ends.append(node.inputs[0])
        ends += [Ref(node.name) for node in frame.constants]
        self._function(f"{label}/body", ends, stop, sources, loop)

    def _branch(self, merge: Node) -> None:
        """An If where a Merge was."""
        if self.nodes[merge.name] is not merge or len(merge.inputs) != 2:
            return
        for ref in merge.inputs:
            for inner in self._behind(ref):
                if inner.op in MERGE and not self._next(inner) and inner is not merge:
                    self._branch(inner)
        first, second = (self._guard(ref) for ref in merge.inputs)
        found = [(pred, k) for pred, k in first if (pred, 1 - k) in second]
        if not found:
            raise UnsupportedError(
                "its inputs are not two branches of a condition",
                layer=merge.name,
                operator=merge.op,
            )
        pred, branch = min(found)
        then, otherwise = merge.inputs[::-1] if branch == 0 else merge.inputs
        label = f"{merge.name}/If"
        captured: dict[Ref, None] = {}

        def stop(ref: Ref) -> Ref | None:
            node = self.nodes[ref.node]
            if node.op in SWITCH and self._predicate(node) == pred:
                source = node.inputs[0]
            elif pred in {each for each, _ in self._guard(ref)}:
                return None
            else:
                source = ref
            captured.setdefault(source)
            return source

        bodies = [
            self._function(f"{label}/{name}", [end], stop, captured, None)
            for name, end in (("then", then), ("else", otherwise))
        ]
        for body in bodies:
            _argue(body, captured)
        node = Node(label, "If", [pred, *captured], attributes={SYNTHETIC: True})
        node.attributes["then_branch"], node.attributes["else_branch"] = (
            Call(b.name) for b in bodies
        )
        self.nodes[label] = node
        self.nodes[merge.name] = Node(merge.name, "Identity", [Ref(label)])
        common = (first | second) - {(pred, 0), (pred, 1)}
        self.guards[Ref(merge.name)] = self.guards[Ref(label)] = common

    def _behind(self, ref: Ref) -> Iterable[Node]:
        """The nodes that a value depends on, up to those of its loop's begin."""
        seen: set[str] = set()
        todo = [ref.node]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                node = self.nodes[name]
                yield node
                if not (node.op in MERGE and self._next(node)):
                    todo += [each.node for each in node.inputs]

    def _guard(self, ref: Ref) -> Guard:
        """Of which predicates a value depends, and which branches it lies in."""
        todo = [ref]
        while todo:
            top = todo[-1]
            if top in self.guards:
                todo.pop()
                continue
            node = self.nodes[top.node]
            needed = self._reads(node)
            missing = [each for each in needed if each not in self.guards]
            if missing:
                if len(todo) > 4 * len(self.nodes) + 8:
                    raise FormatError("its nodes read each other in a circle", layer=node.name)
                todo += missing
                continue
            todo.pop()
            guard: Guard = frozenset().union(*(self.guards[each] for each in needed))
            if node.op in SWITCH and self.nodes[node.inputs[1].node].op != "LoopCond":
                guard |= {(self._predicate(node), top.output)}
            elif node.op in MERGE and not self._next(node):
                branches = [self.guards[each] for each in needed[:2]]
                opposed = {p for p, k in branches[0] if (p, 1 - k) in branches[-1]}
                guard = frozenset((p, k) for p, k in guard if p not in opposed)
            self.guards[top] = guard
        return self.guards[ref]

    def _predicate(self, switch: Node) -> Ref:
        """What decides where a Switch leads, but for identities."""
        ref = switch.inputs[1]
        while self.nodes[ref.node].op == "Identity":
            ref = self.nodes[ref.node].inputs[0]
        return ref

    def _reads(self, node: Node) -> list[Ref]:
        """What decides whether a node runs."""
        if node.op in MERGE and self._next(node):
            return [ref for ref in node.inputs if self.nodes[ref.node].op in ENTER]
        controls = [Ref(name) for name in node.controls if self.nodes[name].op not in SWITCH]
        return [*node.inputs, *controls]

    def _function(
        self,
        name: str,
        ends: Sequence[Ref],
        stop: Callable[[Ref], Ref | None],
        sources: Iterable[Ref],
        loop: Node | None,
    ) -> Graph:
        """The nodes between what is stopped at and some ends, as a function of the one."""
        body = Graph(name=name)

        def placed(ref: Ref) -> Ref:
            source = stop(ref)
            if source is None and loop is not None and ref in self.inputs:
                source = ref
                if ref not in sources and ref not in loop.inputs:
                    raise UnsupportedError("a loop reads an input from outside", layer=name)
            return self.places.get(ref, ref) if source is None else _argument(source)

        todo = []
        for end in ends:
            body.results.append(placed(end))
            if stop(end) is None:
                todo.append(self.places.get(end, end).node)
        while todo:
            node = self.nodes[todo.pop()]
            if node.name in body.nodes:
                continue
            copy = Node(
                node.name, node.op, [placed(ref) for ref in node.inputs], [], node.attributes
            )
            body.nodes[node.name] = copy
            free = [ref for ref in node.inputs if stop(ref) is None]
            todo += [self.places.get(ref, ref).node for ref in free]
        if loop is not None:
            _argue(body, sources)
        self.model.functions[name] = body
        return body


def _argument(source: Ref) -> Ref:
    """The argument that stands for a value from outside."""
    return Ref(f"{source}/argument")


def _argue(body: Graph, sources: Iterable[Ref]) -> None:
    """Give a function its arguments."""
    for source in sources:
        name = _argument(source).node
        body.arguments.append(name)
        body.nodes[name] = Node(name, ARGUMENT)
