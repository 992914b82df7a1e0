"""As much of pycaffe as the generated source needs, on the project's own `caffe.proto`.

What a NetSpec does is described in the docstrings of python/caffe/net_spec.py of BVLC Caffe.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmdnn.frameworks.caffe import graph


class Made:
    """A layer before it has names."""

    def __init__(self, kind: str, bottoms: tuple[Top, ...], settings: dict[str, Any]) -> None:
        self.kind, self.bottoms = kind, bottoms
        self.in_place = settings.pop("in_place", False)
        self.tops = [Top(self, index) for index in range(settings.pop("ntop", 1))]
        self.settings = settings

    def message(self, names: dict[Any, str], written: dict[Any, str]) -> Any:
        layer = graph.message("LayerParameter")
        layer.type = self.kind
        layer.bottom.extend(written[bottom] for bottom in self.bottoms)
        layer.name = names[self.tops[0] if self.tops else self]
        for bottom, top in zip(self.bottoms, self.tops, strict=False):
            written[top] = written[bottom] if self.in_place else names[top]
        for top in self.tops[len(self.bottoms) :]:
            written[top] = names[top]
        layer.top.extend(written[top] for top in self.tops)
        own = own_block(layer, self.kind)
        for key, value in self.settings.items():
            mine = own and not key.endswith("param") and key in own.DESCRIPTOR.fields_by_name
            assign(own if mine else layer, key, value)
        return layer


class Top:
    def __init__(self, made: Made, index: int) -> None:
        self.made, self.index = made, index


def own_block(layer: Any, kind: str) -> Any:
    for known in layer.DESCRIPTOR.fields:
        if known.message_type is not None and known.message_type.name == f"{kind}Parameter":
            return getattr(layer, known.name)
    return None


def assign(message: Any, name: str, value: Any) -> None:
    target = getattr(message, name)
    if hasattr(target, "extend"):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                fill(target.add(), item)
            else:
                target.append(item)
    elif isinstance(value, dict):
        fill(target, value)
    else:
        setattr(message, name, value)


def fill(message: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        assign(message, key, value)


class NetSpec:
    def __init__(self) -> None:
        object.__setattr__(self, "tops", {})

    def __setattr__(self, name: str, value: Any) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        return self.tops[name]

    __setitem__, __getitem__ = __setattr__, __getattr__

    def to_proto(self) -> Any:
        net = graph.message("NetParameter")
        names = {top: name for name, top in self.tops.items()}
        written: dict[Any, str] = {}
        done: list[Made] = []
        for top in self.tops.values():
            made = top if isinstance(top, Made) else top.made
            if made not in done:
                done.append(made)
                net.layer.append(made.message(names, written))
        return net


class Layers:
    def __getattr__(self, kind: str) -> Any:
        def make(*bottoms: Top, **settings: Any) -> Any:
            made = Made(kind, bottoms, settings)
            return made if not made.tops else made.tops[0] if len(made.tops) == 1 else made.tops

        return make


class Parameters:
    def __getattr__(self, name: str) -> Any:
        return type(graph.message(f"{name}Parameter"))


@contextmanager
def installed() -> Iterator[None]:
    """`import caffe` gives this, for a while."""
    module: Any = types.ModuleType("caffe")
    module.NetSpec, module.layers, module.params = NetSpec, Layers(), Parameters()
    sys.modules["caffe"] = module
    try:
        yield
    finally:
        del sys.modules["caffe"]
