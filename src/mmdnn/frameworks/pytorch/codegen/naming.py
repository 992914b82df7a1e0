"""Names of members and variables: the source model's own where Python allows them."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Sequence

from mmdnn.frameworks.pytorch.codegen.helpers import helper_names
from mmdnn.frameworks.pytorch.graph import Member, Module, Variable
from mmdnn.names import take
from mmdnn.python.names import identifier
from mmdnn.python.statements import name_variables

MODULE_ATTRIBUTES = frozenset(
    [
        "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile",
        "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward",
        "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "ipu",
        "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules",
        "named_parameters", "parameters", "register_backward_hook", "register_buffer",
        "register_forward_hook", "register_module", "register_parameter", "requires_grad_",
        "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty",
        "train", "training", "type", "xpu", "zero_grad", "T_destination",
    ]
)  # fmt: skip
"""What `nn.Module` has already (https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html)."""

LONGEST = 32
"""Characters of an identifier."""

TAKEN = frozenset({"torch", "nn", "F", "math", "self", "record", *keyword.kwlist, *dir(builtins)})
"""What a source imports, what it is given to keep every layer's output, and Python's own names."""


MADE_UP = {
    *("", "graph", "maingraph", "torchjit", "torchjitexport", "network", "net", "model", "tf2onnx")
}
"""Names of graphs that say nothing about the model."""

LONGEST_CLASS = 40


def class_name(graph: str) -> str:
    """A class's name: ResNet50 for "ResNet-50", Net for names that exporters make up.

    What means something else in the source gets "Net" behind: NoneNet.
    """
    parts = re.findall(r"[A-Za-z0-9]+", graph)
    name = "".join(part[:1].upper() + part[1:] for part in parts)
    if name.lower() in MADE_UP or not name[:1].isalpha() or len(name) > LONGEST_CLASS:
        return "Net"
    return f"{name}Net" if name in TAKEN else name


def path_name(name: str) -> str:
    """A Python identifier as close to the name as can be, and short enough to read.

    Of fused layers ("a/x;b/y", as TensorFlow Lite names them) it is the first; of a long path the end.
    """
    parts = re.split(r"[/.]", name.partition(";")[0])
    while len(parts) > 1 and len("_".join(parts)) > LONGEST:
        parts = parts[1:]
    return identifier("_".join(parts), LONGEST)


def name_members(module: Module) -> None:
    """Give each member its attribute name."""
    taken = {*TAKEN, *MODULE_ATTRIBUTES}
    nameless = [member for member in module.members if not (member.name or wish(member))]
    for member, name in zip(nameless, numbered(nameless), strict=True):
        member.name = name
    for member in module.members:
        member.name = take(path_name(member.name or wish(member)), taken, 2)


SHORT_NAMES = {
    "nn.Conv": "conv", "nn.BatchNorm": "bn", "nn.Linear": "fc", "nn.PReLU": "prelu",
    "nn.Dropout": "dropout", "nn.LayerNorm": "norm", "nn.Parameter": "weight", "buffer": "constant",
    "constant": "constant",
    "nn.InstanceNorm": "norm", "nn.GroupNorm": "norm",
}  # fmt: skip
"""By how the class's name begins."""
SHORT_CLASSES = {"Conv": "conv", "Inception": "inception"}
"""Of classes for what repeats."""


def short_name(member: Member) -> str:
    """What an engineer would call a member of its kind."""
    if member.block is not None:
        found = [short for begin, short in SHORT_CLASSES.items() if member.type.startswith(begin)]
        return found[0] if found else "block"
    found = [short for begin, short in SHORT_NAMES.items() if member.type.startswith(begin)]
    return found[0] if found else path_name(member.type.rpartition(".")[2].lower())


def numbered(members: Sequence[Member]) -> list[str]:
    """Names for members that have none: conv1, bn1, conv2, ..."""
    counts = Counter(map(short_name, members))
    seen: Counter[str] = Counter()
    found = []
    for member in members:
        short = short_name(member)
        seen[short] += 1
        found.append(f"{short}{seen[short]}" if counts[short] > 1 else short)
    return found


def wish(member: Member) -> str:
    """The name a member would have: that of its weights without `.weight`, else its layer's."""
    prefixes = {
        str(tensor.name).removesuffix(f".{key}")
        for key, tensor in member.tensors.items()
        if key and str(tensor.name).endswith(f".{key}")
    }
    if len(prefixes) == 1 and len(member.tensors) == sum(
        str(t.name).endswith(f".{k}") for k, t in member.tensors.items()
    ):
        return prefixes.pop()
    return layer_name(member.layer)


def layer_name(layer: str) -> str:
    """A layer's name without what exporters add: "/layer1/layer1.0/conv/Conv" is "layer1.0.conv"."""
    parts = [part for part in layer.split("/") if part]
    if len(parts) > 1 and layer.startswith("/"):
        parts = parts[:-1]
        parts = [
            part
            for part, following in zip(parts, [*parts[1:], ""], strict=True)
            if not following.startswith(f"{part}.")
        ]
    return ".".join(parts) if layer.startswith("/") else layer


def name_module(module: Module) -> dict[Variable, str]:
    """A name for each variable: `x` along the main path, the source's names where paths branch."""
    return name_variables(
        module.statements,
        module.inputs,
        module.outputs,
        lambda variable: path_name(layer_name(variable.hint)),
        {*TAKEN, *helper_names()},
        module.local_names,
    )
