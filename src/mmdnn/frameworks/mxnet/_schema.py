"""What MXNet 1.9.1 itself says of its operators: `operators.json` (see `tools/build_mxnet_operators.py`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Operator:
    """What MXNet says of one of its operators.

    Attributes:
        inputs: Names of its tensor inputs; one that takes any number has one name for all.
        params: Parameter name to "type" or "type=default".
    """

    inputs: tuple[str, ...]
    params: dict[str, str]


@cache
def _table() -> Any:
    text = files("mmdnn.frameworks.mxnet").joinpath("operators.json").read_text()
    return json.loads(text)


@cache
def operators() -> dict[str, Operator]:
    """All operators by their own names."""
    rows = _table()["operators"].items()
    return {name: Operator(tuple(row["inputs"]), row["params"]) for name, row in rows}


def canonical(op: str) -> str:
    """An operator's own name."""
    return str(_table()["aliases"].get(op, op))


HIDDEN = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
"""Attributes of nodes that say nothing about their operator, as old files write them."""


def is_hidden(key: str) -> bool:
    """Whether an attribute is the user's, not the operator's (src/nnvm/legacy_json_util.cc)."""
    return (key.startswith("__") and key.endswith("__")) or key.endswith(HIDDEN)


AUXILIARY: dict[str, tuple[str, ...]] = {
    "BatchNorm": ("moving_mean", "moving_var"),
    "BatchNorm_v1": ("moving_mean", "moving_var"),
    "_contrib_SyncBatchNorm": ("moving_mean", "moving_var"),
    "_contrib_BatchNormWithReLU": ("moving_mean", "moving_var"),
    "IdentityAttachKLSparseReg": ("moving_avg",),
}
"""Auxiliary states: the last inputs. Symbol files before 0.9 leave them out."""

PARAMETERS = frozenset(
    {"weight", "bias", "gamma", "beta", "parameters", "moving_mean", "moving_var"}
)
"""What MXNet calls the inputs, behind the data, that layers have of their own."""

LABELS: dict[str, int] = {
    "SoftmaxOutput": 1,
    "LinearRegressionOutput": 1,
    "LogisticRegressionOutput": 1,
    "MAERegressionOutput": 1,
    "SVMOutput": 1,
}
"""The place of the label among the inputs of operators whose output does not depend on it."""
