"""Messages of `caffe.proto` that layers are: made, filled, read by axis, and told in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf import text_format

from mmdnn.frameworks.caffe.graph import Layer, block_of, message


def new_layer(
    type_: str,
    fields: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    bottoms: Iterable[str] = (),
    tops: Iterable[str] = (),
) -> Any:
    """A LayerParameter of this type, with these fields in its type's own block."""
    made = message("LayerParameter")
    made.type = type_
    if name:
        made.name = name
    made.bottom.extend(bottoms)
    made.top.extend(tops)
    if fields:
        fill(made, {block_of(type_): dict(fields)})
    return made


def fill(message: Any, values: dict[str, Any]) -> None:
    """Set a message's fields: None, and what is the declared default of a number, is left out.

    Sizes by axis (`pad_h`, `pad_w`) are said together, whatever they are; so is whether a PriorBox clips,
    for which OpenCV has another default.
    """
    for name, value in values.items():
        known = message.DESCRIPTOR.fields_by_name[name]
        if value is None:
            continue
        if isinstance(value, dict):
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
            if name.endswith("_param") and not getattr(message, name).ListFields():
                message.ClearField(name)
        elif isinstance(value, (list, tuple)):
            if value and isinstance(value[0], dict):
                for item in value:
                    fill(getattr(message, name).add(), item)
            else:
                getattr(message, name).extend(value)
        else:
            default = known.has_default_value and known.enum_type is None
            default &= not name.endswith(("_h", "_w")) and name != "clip"
            if isinstance(value, str) and known.enum_type is not None:
                value = known.enum_type.values_by_name[value].number
            if not default or _differs(value, known.default_value):
                setattr(message, name, value)


def _differs(value: Any, default: Any) -> bool:
    """Numbers are those of the file, float32."""
    return bool(np.float32(value) != default if isinstance(value, float) else value != default)


def by_axis(block: Any, name: str) -> list[int] | None:
    """Height and width as `pad_h` and `pad_w` (`kernel_h`, `kernel_w`) say them; None if neither does."""
    stem = name.removesuffix("_size")
    sides = [f"{stem}_{side}" for side in "hw"]
    given = any(block.HasField(side) for side in sides)
    return [getattr(block, side) for side in sides] if given else None


def described(layer: Layer, bottoms: Sequence[str]) -> str:
    """What a file says of a layer but for its names and how it is trained, as one line of prototxt.

    Args:
        layer: The layer.
        bottoms: What it reads, by the names that these have in the IR.
    """
    found = message("LayerParameter")
    found.bottom.extend(bottoms)
    for known, block in layer.message.ListFields():
        if known.name.endswith("_param"):
            getattr(found, known.name).CopyFrom(block)
    if layer.type == "BatchNorm" and not layer.param().HasField("use_global_stats"):
        found.batch_norm_param.use_global_stats = layer.phase == "TEST"
    own = block_of(layer.type)
    if own and layer.type != "DummyData" and found.HasField(own):
        block = getattr(found, own)
        for known, _ in block.ListFields():
            if known.name.endswith("filler"):
                block.ClearField(known.name)
        if not block.ListFields():
            found.ClearField(own)
    return text_format.MessageToString(found, as_one_line=True)
