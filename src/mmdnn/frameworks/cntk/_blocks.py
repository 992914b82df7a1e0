"""What is inside the blocks that CNTK's own functions make: one table for all who read or make them.

    Select(Less(x, 0), ELU(x) * alpha, x)

A call is a primitive operator, or a block that has a row itself; its keywords are attributes. A name is any
variable or attribute, the same one wherever it stands; `(y := Exp(x))` names what is computed; a number is a
constant of one number. A call in lower case is any operator, which gets that name. `x / y` is a quotient as
CNTK's `element_divide` makes it. (Source/CNTKv2LibraryDll/Function.cpp of CNTK 2.7.)
"""

from __future__ import annotations

import ast

INFIX = {ast.Add: "Plus", ast.Sub: "Minus", ast.Mult: "ElementTimes", ast.Div: "ElementDivide"}

_ALONG = "axis=axis, reductionKeepDimensions=True, reductionOpName="
_SHIFTED = f"x - (m := ReduceElements(x, {_ALONG}'Max'))"

INSIDES = {
    "And": "Greater(Greater(x, 0) * Greater(y, 0), 0)",
    "ElementDivide": "x * Reciprocal(y)",
    "ElementMax": "Select(Greater(x, y), x, y)",
    "ElementMin": "Select(Less(x, y), x, y)",
    "ELU": "Select(Less(x, 0), alpha * ELU(x, name='_ELU'), x)",
    "HardSigmoid": "Select(Greater((b := Select(Less((a := x * alpha + beta), 1), a, 1)), 0), b, 0)",
    "LeakyReLU": "Select(Less(x, 0), alpha * x, x)",
    "LogSoftmax": f"({_SHIFTED}) - Log(ReduceElements(Exp(x - m), {_ALONG}'Sum'))",
    "Not": "-Greater(x, 0) + 1",
    "Or": "Greater(Greater(x, 0) + Greater(y, 0), 0)",
    "PReLU": "Select(Less(x, 0), alpha * x, x)",
    "SELU": "gamma * Select(Less(x, 0), alpha * ELU(x), x)",
    "Softmax": f"(e := Exp({_SHIFTED})) / ReduceElements(e, {_ALONG}'Sum')",
    "Softplus": "LogPlus(x, 0)",
    "Softsign": "x / (Abs(x) + 1)",
    "Xor": "NotEqual(Greater(x, 0), Greater(y, 0))",
}
"""What functions of these names compute, by the type of the block."""

SAME = {
    "HardSigmoid": ("HardSigmoid", "hard_sigmoid"),
    "LeakyReLU": ("LeakyRelu", "leaky_relu"),
    "SELU": ("Selu", "selu"),
    "Softplus": ("Softplus", "softplus"),
    "Softsign": ("Softsign", "softsign"),
}
"""Blocks that are an operator of ONNX, whose attributes are the numbers inside, and CNTK's function."""


class Inside:
    """What is inside a block, parsed once.

    Attributes:
        tree: The expression.
        operands: The variables that it names but does not compute, in order.
        size: How many functions it is of.
    """

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text, mode="eval").body

        self.size = sum(isinstance(node, (ast.Call, ast.BinOp)) for node in ast.walk(self.tree))
        found: dict[str, bool] = {}

        def visit(node: ast.expr) -> None:
            if isinstance(node, ast.Name):
                found.setdefault(node.id, True)
            elif isinstance(node, ast.NamedExpr):
                found[node.target.id] = False
                visit(node.value)
            elif not isinstance(node, ast.Constant):
                for operand in parts(node)[1]:
                    visit(operand)

        visit(self.tree)
        self.operands = [name for name, is_read in found.items() if is_read]


def number(node: ast.Constant) -> float:
    """The number that a constant is."""
    assert isinstance(node.value, (int, float))
    return float(node.value)


def parts(node: ast.expr) -> tuple[str, list[ast.expr], dict[str, ast.expr]]:
    """The operator, operands and attributes of an expression's node."""
    if isinstance(node, ast.BinOp):
        return INFIX[type(node.op)], [node.left, node.right], {}
    if isinstance(node, ast.UnaryOp):
        return "Negate", [node.operand], {}
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    keywords = {str(key.arg): key.value for key in node.keywords}
    return node.func.id.replace("__", "::"), node.args, keywords
