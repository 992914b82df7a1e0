"""Initializers used in expressions: `nn.Parameter`s where they can be trained, else buffers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import onnx_ir as ir

from mmdnn.frameworks.pytorch.graph import Member, Program, Variable
from mmdnn.ir import COMPUTED
from mmdnn.python.expressions import Code, Operand
from mmdnn.python.literals import native
from mmdnn.python.statements import Statement

TRAINABLE = {ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE}

WRITTEN_OUT = {
    ir.DataType.FLOAT,
    ir.DataType.DOUBLE,
    ir.DataType.INT64,
    ir.DataType.INT32,
    ir.DataType.BOOL,
}
LITERAL = 8
"""Constants of these types and of up to this many elements are written out."""


def place_constants(program: Program) -> None:
    """Replace every constant variable in the program's code by a member that holds it."""
    members: dict[Variable, Member] = {}

    def member(variable: Variable) -> Member:
        if variable not in members:
            tensor = variable.constant
            assert tensor is not None
            kind, args = _made_by(variable, tensor)
            members[variable] = Member("", kind, args, tensors={"": tensor}, layer=variable.hint)
            program.main.members.append(members[variable])
        return members[variable]

    def visit(code: Code) -> Code:
        operands: list[Operand] = []
        for operand in code.operands:
            if isinstance(operand, Code):
                operand = visit(operand)
            elif isinstance(operand, Variable) and operand.constant is not None:
                operand = member(operand)
            operands.append(operand)
        return replace(code, operands=tuple(operands))

    def walk(statements: Iterable[Statement]) -> None:
        for statement in statements:
            statement.code = visit(statement.code)
            statement.bodies = [(visit(header), body) for header, body in statement.bodies]
            for _, body in statement.bodies:
                walk(body)

    walk(program.main.statements)
    for index, output in enumerate(program.main.outputs):
        if output.constant is not None:
            fresh = Variable(output.hint, None)
            program.main.statements.append(Statement([fresh], Code("{0}", (member(output),))))
            program.main.outputs[index] = fresh


def _made_by(variable: Variable, tensor: ir.TensorProtocol) -> tuple[str, tuple[Any, ...]]:
    """The member's type, and its arguments: the sizes, or, of small constants, the numbers."""
    if _is_weight(variable):
        return "nn.Parameter", tuple(tensor.shape.numpy())
    if 0 < tensor.size <= LITERAL and tensor.dtype in WRITTEN_OUT:
        return "constant", (native(tensor.numpy()),)
    return "buffer", tuple(tensor.shape.numpy())


def _is_weight(variable: Variable) -> bool:
    tensor, value = variable.constant, variable.value
    assert tensor is not None
    assert value is not None
    return tensor.dtype in TRAINABLE and tensor.size > 1 and COMPUTED not in value.metadata_props
