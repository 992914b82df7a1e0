"""Python source that builds an MXNet symbol, as a person would write it.

The source has a function for the network, with the layers' names, and one that reads the weights. Its
`train` puts the loss, with a label, in the place of what a network only needs to be used.
"""

from __future__ import annotations

from mmdnn.frameworks.mxnet.codegen.network import Network
from mmdnn.frameworks.mxnet.graph import Model
from mmdnn.python.literals import docstring, string

_LOAD = '''

def load(weights, train=False):
    """The symbol, its parameters and its auxiliary states, for `mx.mod.Module` and others."""
    arrays = mx.nd.load(weights)
    parameters = {key[4:]: array for key, array in arrays.items() if key[:4] == "arg:"}
    states = {key[4:]: array for key, array in arrays.items() if key[:4] == "aux:"}
    return network(train), parameters, states
'''


def source(model: Model, *, weights: str = "") -> str:
    """A module's text.

    Args:
        model: What the exporter made, or the reader read.
        weights: The name of the file with its parameters, for the module's docstring.
    """
    network = Network(model)
    about = "A network as an MXNet symbol."
    if weights:
        call = f"symbol, parameters, states = load({string(weights)})"
        about += f"\n\nIts weights are in {weights}:\n\n    {call}"
    return (
        f"{docstring(about)}\n\nimport mxnet as mx\n\n\n"
        + "\n".join(network.lines())
        + "\n"
        + (_LOAD if model.params else "")
    )
