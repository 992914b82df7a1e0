"""What pieces that repeat take as parameters."""

from __future__ import annotations

from mmdnn.python.repeats import Hole, parameters


def row(*values: str | None) -> list[Hole]:
    labels = ("size", "stride", "channels", "stride")
    return [
        Hole(value, label, "1" if label == "stride" else None)
        for value, label in zip(values, labels, strict=False)
    ]


def test_what_is_the_same_everywhere_is_no_parameter() -> None:
    given = parameters([row("3", "1"), row("3", "2")], ("x",))
    assert given is not None
    assert [(one.declared, one.values) for one in given] == [("stride=1", ["1", "2"])]


def test_labels_of_one_kind_share_a_parameter() -> None:
    pieces = [row("3", "1", "3"), row("5", "1", "5")]
    apart, shared = parameters(pieces, ()), parameters(pieces, (), lambda label: "")
    assert apart is not None
    assert shared is not None
    assert [one.name for one in apart] == ["size", "channels"]
    assert [(one.name, list(one.places)) for one in shared] == [("size", [0, 2])]


def test_what_some_pieces_lack_is_what_the_others_have() -> None:
    pieces = [row("3", "1", "8", None), row("3", "2", "8", "2"), row("3", "1", None, None)]
    given = parameters(pieces, (), lambda label: label)
    assert given is not None
    assert [(one.name, list(one.places)) for one in given] == [("stride", [1, 3])]
