"""The intermediate representation: a standard ONNX graph, channels-first, at one fixed opset.

The IR is an `onnx_ir.Model`. Each node records the layer it came from in its metadata
(`LAYER`, `TYPE`), and each value keeps the name it had in the source model.
"""

OPSET = 22
IR_VERSION = 10

FUNCTION_DOMAIN = "mmdnn"
"""Local functions live in `mmdnn.<framework>`; their bodies are standard ONNX."""

CHANNELS_LAST = "mmdnn.channels_last"
"""Local functions that are operators of ONNX, with images channels-last; see `ir.layout`."""

FRAMEWORK = "mmdnn.framework"
"""Of a model: the framework that it was read from."""

LAYER = "mmdnn.layer"
TYPE = "mmdnn.type"

UNNAMED = "mmdnn.unnamed"
"""Of a node: nobody has named its layer, which is called by the number that its framework gave it."""

COMPUTED = "mmdnn.computed"
"""Marks initializers that are no weights: constants, and what was computed from them."""

LIKE = "mmdnn.like"
"""On a Slice: the name of the value whose sizes it cuts to, which is not read otherwise."""

FIXED = "mmdnn.fixed"
"""Marks initializers that are not trained."""

PARAMETERS = "mmdnn.parameters"
"""Of a node: what the files say of its layer, as its framework writes that; see `ir.lifting`."""

SAID = "mmdnn.said"
"""On an input whose first size is open: the size that the files say there."""
