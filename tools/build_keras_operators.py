"""Writes `frameworks/keras/operators.json`: what Keras 3 says of its layers and operations.

    KERAS_BACKEND=tensorflow .venv/bin/python tools/build_keras_operators.py

Of a layer: the parameters that it needs, and the others with their defaults. Of an operation, also the
arguments that it is called with. What only training or saving reads is left out.
"""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "src/mmdnn/frameworks/keras/operators.json"
MODULES = ("core", "einops", "image", "linalg", "math", "nn", "numpy")
LEFT_OUT = {"self", "name", "dtype", "trainable"}
TRAINING = ("_initializer", "_regularizer", "_constraint")


def row(function: Any, left_out: set[str]) -> dict[str, Any]:
    needed, optional = [], {}
    for parameter in inspect.signature(function).parameters.values():
        name, default = parameter.name, parameter.default
        various = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if various or name in left_out or name.endswith(TRAINING):
            continue
        if default is parameter.empty:
            needed.append(name)
        else:
            optional[name] = default
    return {"needed": needed, "optional": optional}


def layers() -> dict[str, Any]:
    from keras import layers

    found = [getattr(layers, name) for name in dir(layers)]
    classes = [each for each in found if inspect.isclass(each) and issubclass(each, layers.Layer)]
    return {each.__name__: row(each.__init__, LEFT_OUT) for each in classes}


def operations() -> dict[str, Any]:
    from keras.src.ops.operation import Operation

    found = {}
    for name in MODULES:
        module = importlib.import_module(f"keras.src.ops.{name}")
        for title, each in vars(module).items():
            if inspect.isclass(each) and issubclass(each, Operation) and each is not Operation:
                own, call = row(each.__init__, {"self", "name"}), row(each.call, {"self"})
                own["optional"] |= call["optional"]
                found[title] = own | {"inputs": [*call["needed"], *call["optional"]]}
    return found


def main() -> None:
    import keras

    tables = {"layers": layers(), "operations": operations()}
    lines = [f'{{"keras": {json.dumps(keras.__version__)}']
    for title, rows in tables.items():
        texts = [f"  {json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows)]
        lines.append(f'"{title}": {{\n' + ",\n".join(texts) + "}")
    TARGET.write_text(",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
