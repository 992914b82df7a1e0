"""What Keras says of its layers: parameters and their defaults, variables, layers inside.

`operators.json` is Keras 3's own (`tools/build_keras_operators.py`). The layers that only Keras 1 and 2
have stand here, and so do the variables of all: in the order in which Keras makes them, those that are
trained first; `name?parameter` is there where the parameter is true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from mmdnn.frameworks.keras.graph import Generation, Layer

_CONV = {
    "strides": 1,
    "padding": "valid",
    "data_format": None,
    "activation": None,
    "use_bias": True,
}
_OLD: dict[str, dict[str, Any]] = {
    "ThresholdedReLU": {"theta": 1.0},
    "LocallyConnected1D": {**_CONV, "implementation": 1, "input_shape": None},
    "LocallyConnected2D": {**_CONV, "implementation": 1, "input_shape": None},
    "Highway": {"activation": None, "use_bias": True},
    "MaxoutDense": {"nb_feature": 4, "use_bias": True},
    "ParametricSoftplus": {"shared_axes": None},
    "SReLU": {"shared_axes": None},
}
"""Layers that Keras 3 does not have, and defaults of their parameters."""

_DEFAULTS: dict[tuple[str, str], tuple[Generation, Any]] = {
    ("LSTM", "recurrent_activation"): (Generation.KERAS2, "hard_sigmoid"),
    ("GRU", "recurrent_activation"): (Generation.KERAS2, "hard_sigmoid"),
    ("GRU", "reset_after"): (Generation.KERAS2, False),
    **{
        (f"ConvLSTM{n}D", "recurrent_activation"): (Generation.TF, "hard_sigmoid")
        for n in (1, 2, 3)
    },
}
"""Defaults of older generations: up to which, and what."""

_KERNEL = "kernel bias?use_bias"
_RECURRENT = "kernel recurrent_kernel bias?use_bias"
_SEPARABLE = "depthwise_kernel pointwise_kernel bias?use_bias"
_QUANTIZED = "kernel bias?use_bias kernel_scale?int8"
VARIABLES: dict[str, str] = {
    "Dense": _QUANTIZED,
    "EinsumDense": "kernel bias?bias_axes kernel_scale?int8",
    "Embedding": "embeddings embeddings_scale?int8",
    "ReversibleEmbedding": "embeddings reverse_embeddings?untied",
    **{f"Conv{n}D{kind}": _KERNEL for n in (1, 2, 3) for kind in ("", "Transpose")},
    **{f"DepthwiseConv{n}D": _KERNEL for n in (1, 2)},
    **{f"SeparableConv{n}D": _SEPARABLE for n in (1, 2)},
    **{f"LocallyConnected{n}D": _KERNEL for n in (1, 2)},
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell", "ConvLSTMCell"), _RECURRENT),
    "BatchNormalization": "gamma?scale beta?center moving_mean! moving_variance!",
    "LayerNormalization": "gamma?scale beta?center",
    "GroupNormalization": "gamma?scale beta?center",
    "RMSNormalization": "scale",
    "Normalization": "mean!?adapted variance!?adapted count!?adapted",
    "PReLU": "alpha",
    "Attention": "scale?use_scale concat_score_weight?concat",
    "AdditiveAttention": "scale?use_scale",
    "SpectralNormalization": "vector_u!",
    "LayerScale": "gamma",
    "STFTSpectrogram": "real_kernel?real imag_kernel?imag",
    "Highway": "kernel carry_kernel bias?use_bias carry_bias?use_bias",
    "MaxoutDense": _KERNEL,
    "ParametricSoftplus": "alpha beta",
    "SReLU": "t_left a_left t_right a_right",
}
"""`!`: it is not trained."""

_FACTS: Mapping[str, Any] = {
    "int8": lambda c: (c.get("quantized") or "") == "int8",
    "untied": lambda c: not c.get("tie_weights", True),
    "adapted": lambda c: c.get("mean") is None,
    "real": lambda c: c.get("mode", "log") != "imag",
    "imag": lambda c: c.get("mode", "log") != "real",
    "concat": lambda c: c.get("score_mode") == "concat",
}
"""What is said of a variable's presence that is no parameter itself."""

_RNN_CELLS = {"LSTM": "LSTMCell", "GRU": "GRUCell", "SimpleRNN": "SimpleRNNCell"}
CELLS = {**_RNN_CELLS, **{f"ConvLSTM{n}D": "ConvLSTMCell" for n in (1, 2, 3)}}
"""The cell of each recurrent layer."""

IGNORED = frozenset(
    {
        *(
            "name",
            "trainable",
            "dtype",
            "batch_input_shape",
            "batch_shape",
            "input_dim",
            "input_length",
        ),
        *("seed", "dropout", "recurrent_dropout", "autocast", "noise_shape", "sparse", "ragged"),
        *("implementation", "unit_forget_bias", "use_cudnn", "flash_attention", "momentum", "init"),
        *("inner_init", "forget_bias_init", "consume_less", "synchronized", "fused", "input_dtype"),
        *("virtual_batch_size", "adjustment", "renorm", "renorm_clipping", "renorm_momentum"),
        *("W_learning_rate_multiplier", "b_learning_rate_multiplier", "stateful", "unroll"),
        *(
            "groups",
            "lora_rank",
            "lora_alpha",
            "quantization_config",
            "quantized",
            "rms_scaling",
            "optional",
        ),
        *("dropout_W", "dropout_U", "weights", "build_config", "input_shape", "inp_shape"),
        *("gptq_unpacked_column_size", "keras1", "kernel_scale", "batch_size"),
    }
)
"""Parameters that say how a layer is made, trained or run, not what it computes."""
_TRAINING = re.compile(r".*(_initializer|_regularizer|_constraint|_init)$")


@cache
def table() -> Any:
    """`operators.json`."""
    return json.loads(files("mmdnn.frameworks.keras").joinpath("operators.json").read_text())


def defaults(type_: str) -> Mapping[str, Any]:
    """The parameters that need not be said, and what they are then."""
    if type_.startswith("ops."):
        row = table()["operations"].get(type_.removeprefix("ops."), {"optional": {}})
    else:
        row = table()["layers"].get(type_, {"optional": _OLD.get(type_, {})})
    found: dict[str, Any] = row["optional"]
    return found


def default(type_: str, name: str, generation: Generation) -> Any:
    """What a parameter is where the file does not say it; None for one that must be said."""
    until, older = _DEFAULTS.get((type_.removesuffix("Cell"), name), (None, None))
    if until is not None and generation <= until:
        return older
    return defaults(type_).get(name)


def is_ignored(name: str) -> bool:
    """Whether a parameter has no say in what a layer computes."""
    return name in IGNORED or _TRAINING.fullmatch(name) is not None


def variables(layer: Layer) -> list[tuple[str, bool]]:
    """The names of a layer's own variables, in order, and whether they are trained."""
    found = []
    for word in VARIABLES.get(layer.type, "").split():
        name, _, condition = word.partition("?")
        if not condition or _holds(layer, condition):
            found.append((name.rstrip("!"), not name.endswith("!")))
    return found


def _holds(layer: Layer, condition: str) -> bool:
    if condition in _FACTS:
        return bool(_FACTS[condition](layer.config))
    return bool(layer.config.get(condition, defaults(layer.type).get(condition, True)))


def snake(name: str) -> str:
    """A class's name as the `.keras` format writes it."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _attention(config: Mapping[str, Any]) -> list[str]:
    gate = ["gate"] if config.get("use_gate") else []
    return ["query", "key", "value", *gate, "output"]


PROJECTIONS = {"MultiHeadAttention": _attention, "GroupedQueryAttention": _attention}
"""The dense layers inside attention, each held as `<name>_dense`."""
