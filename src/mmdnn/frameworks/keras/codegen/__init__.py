"""Python source that builds a Keras 3 model by its functional API, as a person would write it.

The module has a function for the network, with the layers' names, and one that loads the weights; any backend
of Keras runs it.
"""

from __future__ import annotations

from mmdnn.frameworks.keras.codegen.network import Source
from mmdnn.frameworks.keras.graph import Model
from mmdnn.python.literals import docstring, string

_LOAD = '''

def load(weights={0}):
    """The model with its weights."""
    model = network()
    model.load_weights(weights)
    return model
'''


def source(model: Model, *, weights: str = "") -> str:
    """A module's text.

    Args:
        model: What the exporter made.
        weights: The name of the file with its arrays.

    Raises:
        UnsupportedError: It has constants that are too large for source code.
    """
    made = Source(model)
    lines = made.lines()
    about = f"{model.name} as a Keras model."
    if weights:
        about += f"\n\nIts weights are in {weights}:\n\n    model = load()"
    imports = ["import keras"]
    if made.uses_numpy:
        imports.append("import numpy as np")
    words = [word for word in ("layers", "ops") if any(f"{word}." in line for line in lines)]
    if words:
        imports.append(f"from keras import {', '.join(words)}")
    text = f"{docstring(about)}\n\n" + "\n".join(imports) + "\n\n\n" + "\n".join(lines) + "\n"
    return text + (_LOAD.format(string(weights)) if weights else "")
