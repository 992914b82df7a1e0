"""Finding what repeats: pieces of `forward` with one way in and one way out, alike but for numbers.

A *cell* begins where a value forks and ends where its branches have merged again: a residual block, an
inception module, a dense layer. A *chain* is a run of steps without a fork: convolution, batch norm,
activation. Cells whose residual path is either the input itself or a few modules are alike.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mmdnn.frameworks.pytorch.codegen.parameters import SIGNATURES, made_by
from mmdnn.frameworks.pytorch.graph import Member, Variable
from mmdnn.python.expressions import Code, Operand
from mmdnn.python.literals import literal
from mmdnn.python.statements import Statement

ACTIVATION = re.compile(
    r"F\.(relu6?|leaky_relu|elu|selu|celu|gelu|silu|mish|hardswish|hardtanh|hardsigmoid|softplus)\("
    r"|torch\.(sigmoid|tanh)\("
)
"""Calls that belong to what stands before them."""

SMALLEST_CELL = 4
"""Statements a cell must have to become a class."""

CHAIN_MEMBERS = 2
CHAIN_REPEATS = 4
"""A chain becomes a class with that many members, when it occurs that often."""


@dataclass(eq=False)
class Piece:
    """A stretch of statements with one input and one output.

    Attributes:
        statements: In order; without the shortcut's.
        start: Position of the first of them in the module.
        stop: Position after the last.
        entry: The variable it takes.
        exit: The variable it gives.
        shortcut: The residual path's members; empty for the input itself, None where there is no such path.
    """

    statements: list[Statement]
    start: int
    stop: int
    entry: Variable
    exit: Variable
    shortcut: list[Statement] | None = None

    @property
    def key(self) -> str:
        """Equal for pieces that differ in numbers only."""
        return signature(self)

    def members(self) -> list[Member]:
        """The members its statements use, in order, without the shortcut's."""
        return unique(m for statement in self.statements for m in statement.code.references(Member))


SHORTCUT = Member("shortcut", "shortcut")
"""Stands in a piece's last statement for its residual path."""


def unique(members: Iterable[Member]) -> list[Member]:
    """Each once, in order."""
    return list(dict.fromkeys(members))


def cells(statements: Sequence[Statement], outputs: Sequence[Variable]) -> Iterator[Piece]:
    """Every smallest cell, nested ones included."""
    users = _users(statements)
    defined = {t: i for i, s in enumerate(statements) for t in s.targets}
    outside = set(outputs)
    for entry, positions in list(users.items()):
        if len(positions) > 1:
            piece = _close(statements, users, defined, outside, entry, positions[0])
            if piece is not None:
                yield _absorb(_with_shortcut(piece), statements, users, outside)


def _users(statements: Sequence[Statement]) -> dict[Variable, list[int]]:
    users: dict[Variable, list[int]] = defaultdict(list)
    for index, statement in enumerate(statements):
        for variable in dict.fromkeys(statement.code.references(Variable)):
            users[variable].append(index)
    return users


def _close(
    statements: Sequence[Statement],
    users: dict[Variable, list[int]],
    defined: dict[Variable, int],
    outside: set[Variable],
    entry: Variable,
    start: int,
) -> Piece | None:
    """The stretch from `start` to where only one variable is needed any more."""
    live: dict[Variable, int] = {}
    for index in range(start, len(statements)):
        statement = statements[index]
        if statement.bodies or len(statement.targets) != 1:
            return None
        foreign = [
            v
            for v in statement.code.references(Variable)
            if v is not entry and defined.get(v, -1) < start
        ]
        if foreign:
            return None
        target = statement.targets[0]
        live[target] = len(statements) if target in outside else max(users[target], default=-1)
        remaining = [v for v, last in live.items() if last > index]
        forks = sum(start <= user <= index for user in users[entry]) > 1
        if remaining == [target] and forks:
            return Piece(list(statements[start : index + 1]), start, index + 1, entry, target)
        if any(v in outside for v in remaining if v is not target):
            return None
    return None


def _with_shortcut(piece: Piece) -> Piece:
    """Take the residual path out of a cell that ends in a sum of two branches."""
    last = piece.statements[-1]
    operands = last.code.operands
    if last.code.text != "{0} + {1}" or not all(isinstance(x, Variable) for x in operands):
        return piece
    paths = [_path(piece, x) for x in operands if isinstance(x, Variable)]
    candidates = [(len(path), i) for i, path in enumerate(paths) if path is not None]
    if not candidates:
        return piece
    _, index = min(candidates)
    path = paths[index] or []
    call = Code("{0}({1})", (SHORTCUT, piece.entry))
    changed = tuple(call if i == index else x for i, x in enumerate(operands))
    ending = replace(last, code=replace(last.code, operands=changed))
    rest = [s for s in piece.statements[:-1] if s not in path]
    return replace(piece, statements=[*rest, ending], shortcut=path)


def _path(piece: Piece, variable: Variable) -> list[Statement] | None:
    """The statements from the entry to a variable, if each is one call of a module on the one before."""
    path: list[Statement] = []
    while variable is not piece.entry:
        made = [s for s in piece.statements if variable in s.targets]
        uses = sum(variable in set(s.code.references(Variable)) for s in piece.statements)
        if len(made) != 1 or uses != 1 or not _is_call(made[0].code):
            return None
        path.append(made[0])
        variable = next(made[0].code.references(Variable))
    return path[::-1]


def _is_call(code: Code) -> bool:
    return (
        code.text == "{0}({1})"
        and isinstance(code.operands[0], Member)
        and code.operands[0].type.startswith("nn.")
        and isinstance(code.operands[1], Variable)
    )


def _absorb(
    piece: Piece,
    statements: Sequence[Statement],
    users: dict[Variable, list[int]],
    outside: set[Variable],
) -> Piece:
    """An activation right behind a cell belongs to it."""
    if piece.stop >= len(statements) or piece.exit in outside or users[piece.exit] != [piece.stop]:
        return piece
    following = statements[piece.stop]
    code = following.code
    plain = (
        len(following.targets) == 1 and not following.bodies and not list(code.references(Member))
    )
    if (
        not plain
        or list(code.references(Variable)) != [piece.exit]
        or not ACTIVATION.match(code.text)
    ):
        return piece
    return replace(
        piece,
        statements=[*piece.statements, following],
        stop=piece.stop + 1,
        exit=following.targets[0],
    )


def extend(
    pieces: list[Piece],
    statements: Sequence[Statement],
    taken: set[int],
    outside: Sequence[Variable],
) -> list[Piece]:
    """Cells alike, with what stands before each of them, as far as that is alike too.

    Args:
        pieces: Cells with the same text.
        statements: Those of the module.
        taken: Positions that belong to cells already.
        outside: The module's outputs.
    """
    users = _users(statements)
    longer = pieces
    while True:
        grown = [_grown(piece, statements, users, taken, outside) for piece in longer]
        whole = [piece for piece in grown if piece is not None]
        if len(whole) < len(pieces) or len({piece.key for piece in whole}) > 1:
            return pieces
        longer = whole
        if any(longer[0].statements[0].code.references(Member)):
            pieces = longer


def _grown(
    piece: Piece,
    statements: Sequence[Statement],
    users: dict[Variable, list[int]],
    taken: set[int],
    outside: Sequence[Variable],
) -> Piece | None:
    """The piece with the statement before it, if nothing else needs what that gives."""
    index = piece.start - 1
    if index < 0 or index in taken or piece.entry in outside:
        return None
    before = statements[index]
    entries = list(before.code.references(Variable))
    step = _is_call(before.code) or bool(ACTIVATION.match(before.code.text))
    inside = all(piece.start <= user < piece.stop for user in users[piece.entry])
    whole = before.targets == [piece.entry] and not before.bodies and len(entries) == 1
    if not (whole and step and inside):
        return None
    return replace(piece, statements=[before, *piece.statements], start=index, entry=entries[0])


def chains(statements: Sequence[Statement], outputs: Sequence[Variable]) -> list[Piece]:
    """Runs of single steps that begin with a convolution and occur often, longest first."""
    users = _users(statements)
    found: dict[str, list[Piece]] = defaultdict(list)
    for start, statement in enumerate(statements):
        if not _begins_chain(statement):
            continue
        stop = start + 1
        while stop < len(statements) and _follows(statements, stop, users, outputs):
            stop += 1
        entry = next(iter(statement.code.references(Variable)))
        exit_ = statements[stop - 1].targets[0]
        piece = Piece(list(statements[start:stop]), start, stop, entry, exit_)
        if len(piece.members()) >= CHAIN_MEMBERS:
            found[piece.key].append(piece)
    return [p for pieces in found.values() if len(pieces) >= CHAIN_REPEATS for p in pieces]


def _begins_chain(statement: Statement) -> bool:
    return (
        len(statement.targets) == 1
        and _is_call(statement.code)
        and any(m.type.startswith("nn.Conv") for m in statement.code.references(Member))
    )


def _follows(
    statements: Sequence[Statement],
    index: int,
    users: dict[Variable, list[int]],
    outputs: Sequence[Variable],
) -> bool:
    before, statement = statements[index - 1].targets[0], statements[index]
    return (
        len(statement.targets) == 1
        and not statement.bodies
        and users[before] == [index]
        and before not in outputs
        and list(statement.code.references(Variable)) == [before]
        and all(_is_norm_or_activation(m) for m in statement.code.references(Member))
        and (
            bool(list(statement.code.references(Member)))
            or bool(ACTIVATION.match(statement.code.text))
        )
    )


def _is_norm_or_activation(member: Member) -> bool:
    return "Norm" in member.type or member.type in {"nn.PReLU"}


def signature(piece: Piece) -> str:
    """The piece's text with its variables and members numbered."""
    numbers: dict[Variable, int] = {piece.entry: 0}
    members: dict[Member, int] = {}

    def operand(x: Operand) -> str:
        if isinstance(x, Member):
            members.setdefault(x, len(members))
            held = sorted((key, tensor.dtype.name) for key, tensor in x.tensors.items())
            return f"m{members[x]}:{SIGNATURES.outline(made_by(x), {})}:{held}"
        if isinstance(x, Variable):
            return f"v{numbers.get(x, -1)}"
        if not isinstance(x, Code):
            return literal(x)
        return f"({x.text}|{', '.join(map(operand, x.operands))})"

    lines = []
    for statement in piece.statements:
        lines.append(operand(statement.code))
        numbers[statement.targets[0]] = len(numbers)
    return "\n".join(lines)


def private(piece: Piece, uses: Counter[Member]) -> bool:
    """Whether no member of the piece is used outside it."""
    inside = Counter(
        m
        for statement in [*piece.statements, *(piece.shortcut or [])]
        for m in statement.code.references(Member)
        if m is not SHORTCUT
    )
    return all(uses[member] == count for member, count in inside.items())
