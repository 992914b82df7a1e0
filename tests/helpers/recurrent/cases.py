"""Nodes with every option of ONNX's recurrent operators."""

from __future__ import annotations

from helpers.recurrent.recurrence import Case

CASES: dict[str, Case] = {}

WAYS = {"": {}, "_back": {"direction": "reverse"}, "_both": {"direction": "bidirectional"}}
KINDS = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "gru_after": ("GRU", {"linear_before_reset": 1}),
    "rnn": ("RNN", {}),
}
STATES = {"LSTM": ("h", "c"), "GRU": ("h",), "RNN": ("h",)}

for kind, (type_, more) in KINDS.items():
    for way, direction in WAYS.items():
        name, options = f"{kind}{way}", more | direction
        CASES[name] = Case(type_, options)
        CASES[f"{name}_unbiased"] = Case(type_, options, inputs=())
        CASES[f"{name}_states"] = Case(type_, options, inputs=("B", *STATES[type_]))
        CASES[f"{name}_lengths"] = Case(
            type_, options, inputs=("B", "lengths"), sizes=(5, 3, 4, 3), lengths=(3, 5, 1)
        )
        CASES[f"{name}_lengths_states"] = Case(
            type_, options, inputs=("B", "lengths", *STATES[type_]), lengths=(2, 4)
        )
        CASES[f"{name}_lengths_known"] = Case(
            type_, options, inputs=("B", "lengths"), lengths=(2, 5), fed=()
        )
        CASES[f"{name}_clip"] = Case(type_, options | {"clip": 0.4})
        CASES[f"{name}_layout"] = Case(
            type_, options | {"layout": 1}, inputs=("B", "lengths", *STATES[type_])
        )
        CASES[f"{name}_layout_plain"] = Case(type_, options | {"layout": 1})
        CASES[f"{name}_one_step"] = Case(type_, options, sizes=(1, 2, 4, 3))
        CASES[f"{name}_one_stream"] = Case(type_, options, sizes=(4, 1, 3, 3))
        CASES[f"{name}_size_one"] = Case(type_, options, sizes=(3, 2, 1, 1))
        CASES[f"{name}_open"] = Case(type_, options, open=("T", "N"))
        CASES[f"{name}_open_lengths"] = Case(
            type_, options, open=("T", "N"), inputs=("B", "lengths", *STATES[type_])
        )
        CASES[f"{name}_last_only"] = Case(type_, options, outputs=("", "Y_h", "Y_c"))
        CASES[f"{name}_steps_only"] = Case(type_, options, outputs=("Y",))
        CASES[f"{name}_computed"] = Case(type_, options, fed=("W", "R", "B"))
    CASES[f"{kind}_no_steps"] = Case(
        type_, more, inputs=("B", "lengths", *STATES[type_]), lengths=(3, 0)
    )
    CASES[f"{kind}_one_step_lengths"] = Case(
        type_, more, inputs=("B", "lengths"), sizes=(1, 2, 4, 3), lengths=(1, 1)
    )

for way, direction in WAYS.items():
    CASES[f"lstm{way}_peepholes"] = Case("LSTM", direction, inputs=("B", "P"))
    CASES[f"lstm{way}_peepholes_clip_lengths"] = Case(
        "LSTM", direction | {"clip": 0.5}, inputs=("B", "P", "lengths", "h", "c")
    )
    CASES[f"lstm{way}_coupled"] = Case("LSTM", direction | {"input_forget": 1})
    CASES[f"lstm{way}_coupled_peepholes"] = Case(
        "LSTM", direction | {"input_forget": 1}, inputs=("P", "h", "c")
    )
    CASES[f"lstm{way}_peepholes_computed"] = Case(
        "LSTM", direction, inputs=("B", "P"), fed=("P", "B")
    )
CASES["lstm_memory_only"] = Case("LSTM", inputs=("B", "c"))
CASES["lstm_hidden_only"] = Case("LSTM", inputs=("B", "h"))
CASES["lstm_only_memory_out"] = Case("LSTM", outputs=("", "", "Y_c"))

ALPHAS = {"LeakyRelu": 0.3, "ThresholdedRelu": 0.4, "Affine": 0.5, "ScaledTanh": 1.3}
ALPHAS |= {"HardSigmoid": 0.3, "Elu": 0.7}
BETAS = {"Affine": 0.2, "ScaledTanh": 0.6, "HardSigmoid": 0.4}
for function in (*ALPHAS, "Sigmoid", "Tanh", "Relu", "Softsign", "Softplus"):
    name = function.lower()
    plain = {"activations": [function]}
    given = plain | {"activation_alpha": [ALPHAS.get(function, 0.0)]}
    given |= {"activation_beta": [BETAS[function]]} if function in BETAS else {}
    usual = {key: value for key, value in given.items() if key != "activations"}
    if function in {"Affine", "ScaledTanh", "ThresholdedRelu"}:
        plain = given  # engines disagree on the parameters that are left out
    CASES[f"rnn_{name}"] = Case("RNN", plain, scale=0.6)
    CASES[f"lstm_{name}"] = Case("LSTM", usual | {"activations": ["Sigmoid", function, "Tanh"]})
CASES["rnn_relu_both"] = Case("RNN", {"activations": ["Relu"] * 2, "direction": "bidirectional"})
CASES["gru_lower_case"] = Case("GRU", {"activations": ["sigmoid", "tanh"]})
CASES["rnn_mixed"] = Case(
    "RNN", {"activations": ["Relu", "Tanh"], "direction": "bidirectional"}, inputs=("B", "lengths")
)
CASES["lstm_activations"] = Case(
    "LSTM",
    {
        "activations": ["HardSigmoid", "ScaledTanh", "Elu"],
        "activation_alpha": [0.3, 1.2, 0.5],
        "activation_beta": [0.4, 0.8],
    },
)
CASES["lstm_activations_both"] = Case(
    "LSTM",
    {
        "direction": "bidirectional",
        "activations": ["Sigmoid", "Tanh", "Affine", "HardSigmoid", "Softsign", "Tanh"],
        "activation_alpha": [0.7, 0.3],
        "activation_beta": [0.1, 0.4],
    },
    inputs=("B", "lengths", "h", "c"),
)
CASES["gru_activations"] = Case("GRU", {"activations": ["HardSigmoid", "Softsign"]})
CASES["gru_after_activations"] = Case(
    "GRU", {"activations": ["Sigmoid", "Relu"], "linear_before_reset": 1}, scale=0.5
)
