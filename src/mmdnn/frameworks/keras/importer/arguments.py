"""What layers are called with: lists and dictionaries, tensors in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmdnn.frameworks.keras.graph import Call, Tensor


def flattened(value: Any) -> list[Any]:
    """The leaves of lists, and of dictionaries in the order of their keys."""
    if isinstance(value, Mapping):
        return [leaf for key in sorted(value) for leaf in flattened(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in flattened(each)]
    return [value]


def tensors(value: Any) -> list[Tensor]:
    """The tensors in an argument."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [tensor for each in value.values() for tensor in tensors(each)]
    if isinstance(value, (list, tuple)):
        return [tensor for each in value for tensor in tensors(each)]
    return []


def filled_call(call: Call, values: Mapping[Tensor, Any]) -> Call:
    """A call with values for tensors."""

    def filled(value: Any) -> Any:
        if isinstance(value, Tensor):
            return values[value]
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else value

    return Call(tuple(map(filled, call.args)), filled(call.kwargs))
