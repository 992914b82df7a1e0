"""What is known of a layer."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What is known of a layer."""

    YES = "yes"
    """Both sides agree by the rule."""
    CARRIED = "carried"
    """They differ by what came from above, or by what an engine rounds within; the layer is right."""
    UNTESTED = "untested"
    """They agree, but on nothing that says anything; or an engine lost the value."""
    UNDECIDED = "undecided"
    """They differ by more than can be carried, and nothing says that one of them is wrong."""
    NO = "no"
    """They disagree."""
