"""The functions of a model as statements that make them again."""

from __future__ import annotations

from mmdnn.errors import UnsupportedError
from mmdnn.frameworks.cntk._order import components, is_loop, step
from mmdnn.frameworks.cntk.codegen import blocks, layers, recurrent
from mmdnn.frameworks.cntk.codegen.operands import Operands, fed, unbound
from mmdnn.frameworks.cntk.codegen.statements import Assign, Define, Do, Statement, call, kind, wish
from mmdnn.frameworks.cntk.codegen.table import PRINTERS, Node
from mmdnn.frameworks.cntk.graph import COMBINE, Function, Kind, Model, Variable
from mmdnn.python.expressions import Operand, member, method

VALUED = {"BatchNormalization", "OptimizedRNNStack", "Convolution", "PackedIndex", "GatherPacked"}
VALUED |= {"ScatterPacked", "ConvolutionSequenceShape", "TransposeTimes", "EyeLike"}
"""Operators whose Python functions take no plain numbers as operands."""
REORDERED = {"Gemm", "GatherOp"}
"""Blocks that Python cannot define: by their names alone CNTK counts on how many operands they have."""
MAX_NESTING = 30
"""How many blocks may stand inside one another."""


class Network(Operands):
    """A model's statements.

    Attributes:
        results: What the model gives.
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        for variable in model.variables.values():
            if variable.kind == Kind.INPUT:
                self.statements.append(Assign(variable, fed(variable), variable.name or "x"))
        for variable in _open(model):
            self.statements.append(Assign(variable, unbound(variable), variable.name or "x"))
        self.body(self.statements, model.root, 0)
        self.results = self._results(model.root)

    def body(self, into: list[Statement], root: Function, nesting: int) -> None:
        """Add the statements that make a function and all that it needs, in an order that works."""
        before, self.nesting = self.nesting, nesting
        for component in components([root], blocks.reads):
            if is_loop(component, blocks.reads):
                steps = step(component, lambda function: function.inputs)
                self._loop(into, [one for inner in steps for one in inner], nesting)
            elif component[0].op != COMBINE:
                self._function(into, component[0], nesting)
        self.nesting = before

    def _function(self, into: list[Statement], function: Function, nesting: int) -> None:
        made = layers.expressed(function, self) if not nesting else None
        if made is not None:
            into.append(Assign(function, made, wish(function), kind(function)))
            return
        several = len(function.results) > 1
        value = blocks.expression(function, lambda one: self.operand(one, numbers=False))
        if value is None:
            made = self._block(into, function, nesting) if function.block else None
            value = self._primitive(function) if made is None else made
        apart = several or bool(function.name)
        into.append(Assign(function, value, wish(function), kind(function), several, apart))

    def _primitive(self, function: Function) -> Operand:
        if function.op not in PRINTERS:
            raise UnsupportedError(
                "CNTK's Python has no such function", layer=function.label, operator=function.op
            )
        node = Node(function)
        plain = function.op in VALUED or not any(_moves(one) for one in function.inputs)
        inputs = [self.operand(one, numbers=not plain) for one in function.inputs]
        value = PRINTERS[function.op](node, *inputs)
        node.done()
        return value

    def _block(self, into: list[Statement], function: Function, nesting: int) -> Operand:
        block = function.block
        assert block is not None
        if nesting > MAX_NESTING:
            raise UnsupportedError("blocks within blocks within blocks", layer=function.label)
        if block.type in REORDERED and len(block.outputs) == 1:
            return self._spelled(into, function, nesting)
        inner: list[Statement] = []
        self.body(inner, block.root, nesting + 1)
        results = [self.operand(one, numbers=False) for one in block.outputs]
        into.append(Define(function, list(block.arguments), inner, results))
        args = [self.operand(one, numbers=False) for one in block.arguments.values()]
        return call(function, *args)

    def _spelled(self, into: list[Statement], function: Function, nesting: int) -> Operand:
        """What is inside a block, without the block; its name is the result's."""
        assert function.block is not None
        self.loose |= function.block.arguments
        self.body(into, function.block.root, nesting)
        result = self.operand(function.block.outputs[0], numbers=False)
        if not function.name:
            return result
        return call("C.alias", result, name=function.name)

    def _loop(self, into: list[Statement], component: list[Function], nesting: int) -> None:
        """A loop: what is read before it is computed has a placeholder, replaced at the end."""
        made = recurrent.loop(component, self) if not nesting else None
        if made is not None:
            function, value, several = made
            into.append(Assign(function, value, wish(function), kind(function), several))
            return
        replaced: dict[Variable, Variable] = {}
        computed: set[Function] = set()
        for function in component:
            late = [one for one in function.inputs if one.owner in component]
            for variable in late:
                if variable.owner not in computed and variable not in replaced:
                    placeholder = Variable(f"{variable.uid} before", Kind.PLACEHOLDER)
                    replaced[variable] = self.loose[variable] = placeholder
                    before = f"{wish(variable.owner)}_before" if variable.owner else "state"
                    into.append(Assign(placeholder, call("C.placeholder"), before))
            self._function(into, function, nesting)
            computed.add(function)
            for variable in [one for one in self.loose if one.owner is function]:
                del self.loose[variable]
        states = {one: _output(variable) for variable, one in replaced.items()}
        last = component[-1] if self.model.root not in component else self.model.root
        into.append(Do(method(last, "replace_placeholders", states)))

    def _results(self, root: Function) -> list[Operand]:
        """What is returned: the last function, or a combination of several."""
        if root.op != COMBINE:
            return [root]
        found = [self.operand(one, numbers=False) for one in root.inputs]
        owner = root.inputs[0].owner if len(found) == 1 and not root.name else None
        if owner is not None and len(owner.results) == 1:
            return found
        return [call("C.combine", found, name=root.name or None)]


def _moves(variable: Variable) -> bool:
    """Whether it is no constant."""
    return variable.kind != Kind.CONSTANT or variable.value is None


def _open(model: Model) -> list[Variable]:
    """Placeholders that are read and stand for nothing."""
    bound = {one for function in model.walk() if function.block for one in function.block.arguments}
    read = {one for function in model.walk() for one in function.inputs}
    return [
        one
        for one in model.variables.values()
        if one.kind == Kind.PLACEHOLDER and one in read - bound
    ]


def _output(variable: Variable) -> Operand:
    owner = variable.owner
    several = owner is not None and len(owner.results) > 1
    return variable if several else member(variable, "output")
