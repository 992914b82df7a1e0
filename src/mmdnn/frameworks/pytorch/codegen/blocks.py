"""Classes for what repeats: a ResNet's bottleneck is written once, and used sixteen times.

Pieces with the same text become one class; where their numbers differ, the class takes parameters.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from os.path import commonprefix
from typing import Any

from mmdnn.frameworks.pytorch.codegen.cells import (
    SHORTCUT,
    SMALLEST_CELL,
    Piece,
    cells,
    chains,
    extend,
    private,
    signature,
    unique,
)
from mmdnn.frameworks.pytorch.codegen.naming import (
    TAKEN,
    layer_name,
    numbered,
    short_name,
    wish,
)
from mmdnn.frameworks.pytorch.codegen.parameters import PROJECTION, generic
from mmdnn.frameworks.pytorch.graph import Member, Module, Program, Variable
from mmdnn.names import take
from mmdnn.python.expressions import Call, Code, call
from mmdnn.python.literals import Raw, literal
from mmdnn.python.repeats import settled
from mmdnn.python.statements import Statement, substitute

Replacement = dict[int, tuple[Statement, Member]]
"""The call of a block, and the block's member, by where the piece they replace starts."""


def fold_blocks(program: Program) -> None:
    """Replace what repeats in the network's `forward` by calls of block classes."""
    names = {program.main.name, *TAKEN}
    for find in (_repeated_cells, chains):
        pieces = list(find(program.main.statements, program.main.outputs))
        uses = Counter(m for s in program.main.statements for m in s.references(Member))
        groups: dict[str, list[Piece]] = defaultdict(list)
        for piece in pieces:
            if private(piece, uses):
                groups[piece.key].append(piece)
        alike = [_with_one_path(group) for group in groups.values()]
        repeated = [group for group in alike if len(group) > 1]
        taken = {i for group in repeated for p in group for i in range(p.start, p.stop)}
        if find is _repeated_cells:
            repeated = [_extended(group, program.main, taken, uses) for group in repeated]
        replacement: Replacement = {}
        for group in repeated:
            replacement |= _make_class(program, group, names)
        _replace(program.main, [piece for group in repeated for piece in group], replacement)


def _with_one_path(group: list[Piece]) -> list[Piece]:
    """Without those whose residual path has other modules than most of those that have any."""
    paths = [p.shortcut and signature(replace(p, statements=p.shortcut)) for p in group]
    usual = [path for path, _ in Counter(filter(None, paths)).most_common(1)]
    return [piece for piece, path in zip(group, paths, strict=True) if not path or path in usual]


def _extended(
    group: list[Piece], main: Module, taken: set[int], uses: Counter[Member]
) -> list[Piece]:
    """The cells with what stands before all of them alike, where no member is used elsewhere too."""
    longer = extend(group, main.statements, taken, main.outputs)
    taken.update(i for piece in longer for i in range(piece.start, piece.stop))
    return longer if all(private(piece, uses) for piece in longer) else group


def _repeated_cells(statements: Sequence[Statement], outputs: Sequence[Variable]) -> list[Piece]:
    """The outermost cells that occur at least twice, and do not overlap."""
    found = [p for p in cells(statements, outputs) if _is_large(p)]
    counts = Counter(piece.key for piece in found)
    chosen: list[Piece] = []
    for piece in sorted(found, key=lambda p: (p.start - p.stop, p.start)):
        apart = all(piece.stop <= other.start or other.stop <= piece.start for other in chosen)
        if counts[piece.key] > 1 and apart:
            chosen.append(piece)
    remaining = Counter(piece.key for piece in chosen)
    return sorted((p for p in chosen if remaining[p.key] > 1), key=lambda p: p.start)


def _is_large(piece: Piece) -> bool:
    own = [member for member in piece.members() if member is not SHORTCUT]
    return len(piece.statements) >= SMALLEST_CELL and bool(own)


def _make_class(program: Program, pieces: list[Piece], names: set[str]) -> Replacement:
    """Add the class to the program; returns the calls of it, by where the pieces start."""
    block = Module(take(_title(pieces[0]), names, 2), local_names=("x", "y"))
    template = next((p for p in pieces if p.shortcut), pieces[0])
    columns = [piece.members() for piece in pieces]
    pattern = columns[pieces.index(template)]
    paths = [_path_members(piece) for piece in pieces]
    length = max(map(len, paths))
    layers = [[path[i] if path else None for path in paths] for i in range(length)]
    own = [
        [column[i] for column in columns] for i, member in enumerate(pattern) if member != SHORTCUT
    ]
    made, given = generic([*own, *layers], _final_channels(columns), [bool(p) for p in paths])
    path = Member("", "identity")
    if length:
        path = Member("shortcut", "nn.Sequential", children=tuple(made[len(own) :]))
        path.kwargs |= {} if all(paths) else {"when": PROJECTION}
    rest = iter(made)
    inner = {member: path if member is SHORTCUT else next(rest) for member in pattern}
    _name_inner(list(inner.values()), columns)
    block.members = [m for m in inner.values() if m.type != "identity"]
    variables = {template.entry: Variable("x")}
    for statement in template.statements:
        variables[statement.targets[0]] = Variable(_role(statement, inner))
    block.inputs = [variables[template.entry]]
    block.outputs = [variables[template.exit]]
    block.statements = [
        Statement([variables[s.targets[0]]], _rewrite(s.code, {**variables, **inner}))
        for s in template.statements
    ]
    block.parameters = [one.declared for one in given]
    program.blocks.append(block)
    return {
        piece.start: _instance(
            block,
            piece,
            template,
            variables,
            column,
            settled(call(name, **{one.name: Raw(one.values[i]) for one in given}), given),
        )
        for i, (piece, column, name) in enumerate(
            zip(pieces, columns, _instance_names(pieces), strict=True)
        )
    }


def _path_members(piece: Piece) -> list[Member]:
    return [m for s in piece.shortcut or [] for m in s.code.references(Member)]


def _final_channels(columns: list[list[Member]]) -> list[str]:
    """How many channels the last convolution of each piece gives, as text."""
    convolutions = [[m for m in column if m.type.startswith("nn.Conv")] for column in columns]
    return [literal(members[-1].args[1]) for members in convolutions if members]


def _instance(
    block: Module,
    piece: Piece,
    template: Piece,
    variables: dict[Variable, Variable],
    members: list[Member],
    made: Call,
) -> tuple[Statement, Member]:
    optional = any(member.name == "shortcut" for member in block.members)
    children = [
        _shortcut_instance(piece) if member is SHORTCUT else member
        for member in members
        if member is not SHORTCUT or optional
    ]
    originals = {
        variables[ours.targets[0]]: theirs.targets[0]
        for ours, theirs in zip(template.statements, piece.statements, strict=True)
    }
    member = Member(
        made.function, block.name, made.args, made.kwargs,
        layer=made.function, block=block, children=tuple(children), originals=originals,
    )  # fmt: skip
    node = piece.statements[-1].node
    return Statement([piece.exit], Code("{0}({1})", (member, piece.entry)), node=node), member


def _replace(main: Module, pieces: list[Piece], replacement: Replacement) -> None:
    """Put the calls in place of the pieces, and their members in place of the pieces' own."""
    inside = {i: p for p in pieces for i in range(p.start, p.stop)}
    gone = {
        m: p
        for p in pieces
        for s in [*p.statements, *(p.shortcut or [])]
        for m in s.code.references(Member)
    }
    main.statements = [
        replacement[i][0] if i in replacement else statement
        for i, statement in enumerate(main.statements)
        if i not in inside or i in replacement
    ]
    main.members = unique(replacement[gone[m].start][1] if m in gone else m for m in main.members)


def _shortcut_instance(piece: Piece) -> Member:
    members = []
    for statement in piece.shortcut or []:
        member = next(statement.code.references(Member))
        member.result = statement.targets[0]
        members.append(member)
    if not members:
        return Member("shortcut", "nn.Identity")
    return Member("shortcut", "nn.Sequential", children=tuple(members))


def _rewrite(code: Code, by: dict[Any, Any]) -> Code:
    """The code with a class's own variables and members, and without a residual path that is none."""
    if SHORTCUT in by and by[SHORTCUT].type == "identity":
        operands = [
            x.operands[1] if isinstance(x, Code) and x.operands[:1] == (SHORTCUT,) else x
            for x in code.operands
        ]
        code = replace(code, operands=tuple(operands))
    return substitute(code, by)


def _name_inner(members: list[Member], columns: list[list[Member]]) -> None:
    """Names inside the class: those the source uses in every piece, else conv1, bn1, ..."""
    suffixes = [_suffixes(column) for column in columns]
    if all(s == suffixes[0] for s in suffixes) and len(set(suffixes[0])) == len(suffixes[0]):
        for member, name in zip(members, suffixes[0], strict=True):
            member.name = member.name or name
        return
    for member, name in zip(members, numbered(members), strict=True):
        member.name = member.name or name


def _suffixes(members: list[Member]) -> list[str]:
    """The members' names without the part they share, if what remains are names."""
    wishes = [wish(m) for m in members if m is not SHORTCUT]
    cut = _separated(commonprefix(wishes))
    rest = iter([w[len(cut) :] for w in wishes])
    names = ["shortcut" if m is SHORTCUT else next(rest) for m in members]
    plausible = all(name.isidentifier() and len(name) > 1 for name in names)
    return names if plausible and cut else [f"?{id(members)}{i}" for i in range(len(names))]


def _separated(prefix: str) -> str:
    """A common prefix up to its last separator."""
    ends = max(prefix.rfind(sign) for sign in "._/")
    return prefix[: ends + 1]


def _role(statement: Statement, inner: dict[Member, Member]) -> str:
    """What a variable in a class is called: after the member that makes it."""
    members = [inner[m].name for m in statement.code.references(Member) if m in inner]
    return f"{members[-1]}_out" if members and members[-1] != "shortcut" else "out"


def _instance_names(pieces: list[Piece]) -> list[str]:
    """The source's names, or none where it has not one for each."""
    found = [_instance_name(piece) for piece in pieces]
    return found if all(found) else [""] * len(found)


def _instance_name(piece: Piece) -> str:
    """What the pieces' layers share, else the name of the layer at its end."""
    wishes = [wish(m) for m in piece.members() if m is not SHORTCUT]
    shared = _separated(commonprefix(wishes)).strip("._/")
    if len(wishes) > 1 and shared:
        return shared
    last = [s for s in piece.statements if not s.code.text.startswith("F.")][-1]
    made_up = last.node is not None and re.fullmatch(
        rf"{last.node.op_type}(_\d+)?", last.targets[0].hint, re.IGNORECASE
    )
    return "" if made_up else layer_name(last.targets[0].hint)


def _title(piece: Piece) -> str:
    """The name an engineer would give the class."""
    members = [m for m in piece.members() if m is not SHORTCUT]
    convolutions = sum(m.type.startswith("nn.Conv") for m in members)
    text = " ".join(s.code.text for s in piece.statements)
    rules: list[tuple[Callable[[], bool], str]] = [
        (lambda: piece.shortcut is not None and convolutions == 3, "Bottleneck"),
        (lambda: piece.shortcut is not None and convolutions == 2, "BasicBlock"),
        (lambda: piece.shortcut is not None, "ResidualBlock"),
        (lambda: "torch.cat" in text and _keeps_entry(piece), "DenseLayer"),
        (lambda: "torch.cat" in text, "Inception"),
    ]
    for applies, title in rules:
        if applies():
            return title
    parts = [_TITLES.get(short_name(m), m.type.rpartition(".")[2]) for m in members]
    parts += ["ReLU"] if "F.relu(" in text else []
    return "".join(dict.fromkeys(parts)) if len(parts) <= 4 else "Block"


_TITLES = {
    "conv": "Conv", "bn": "BN", "prelu": "PReLU", "fc": "Linear", "constant": "Constant",
}  # fmt: skip


def _keeps_entry(piece: Piece) -> bool:
    return any(
        "torch.cat" in s.code.text and piece.entry in set(s.code.references(Variable))
        for s in piece.statements
    )
