"""Names: what the IR calls its values, functions are called; what CNTK had numbered keeps its number."""

from __future__ import annotations

import re
from collections.abc import Iterable

import onnx_ir as ir

from mmdnn.frameworks.cntk._operators import COMBINE
from mmdnn.frameworks.cntk.exporter.blocks import Assembly
from mmdnn.frameworks.cntk.exporter.scope import Scope
from mmdnn.frameworks.cntk.graph import Function, Variable

_OUTPUT = re.compile(r"([A-Za-z]+\d+)_Output_(\d+)")

_OWN = re.compile(r"(Parameter|Constant|Input)\d+")


class Naming:
    """Names the functions and variables of a graph whose blocks have been made."""

    def __init__(self, scope: Scope, assembly: Assembly) -> None:
        self.scope = scope
        self.assembly = assembly
        self.taken: set[str] = set()
        self.done: set[Function] = set()

    def run(self, outputs: Iterable[tuple[ir.Value, Variable]]) -> None:
        """Name what is an output first, then all else."""
        for value, variable in outputs:
            self._name(str(value.name), variable)
        for value, operand in self.scope.operands.items():
            canonical = operand.is_plain or operand.is_static
            if operand.variable is not None and operand.tensor is None and canonical:
                self._name(str(value.name), self.assembly.outer(operand.variable))
        if self.scope.is_own:
            self._keep_names()

    def _name(self, name: str, variable: Variable) -> None:
        function = variable.owner
        if function is None or function in self.done or name in self.taken:
            return
        if function.op == COMBINE:
            return
        outside = self.assembly.is_outside(function) or function in self.scope.aliases
        found = _OUTPUT.fullmatch(name)
        if found and self.scope.is_own and int(found[2]) == variable.index:
            self._rename(function, found[1])
        elif outside and len(function.results) == 1:
            function.name = name
        else:
            return
        self.done.add(function)
        self.taken.add(name)

    def _rename(self, function: Function, uid: str) -> None:
        function.uid = uid
        for index in range(len(function.results)):
            function.output(index).uid = f"{uid}_Output_{index}"

    def _keep_names(self) -> None:
        """Parameters have the names they had: without their layer's, or CNTK's number, or none."""
        for function, node in self.scope.made.items():
            for variable in function.inputs:
                variable.name = variable.name.removeprefix(f"{node.source_layer}.")
        for variable in self.scope.variables.values():
            if _OWN.fullmatch(variable.name):
                if variable.name not in self.taken:
                    self.taken.add(variable.name)
                    variable.uid = variable.name
                variable.name = ""
