"""What operators' outputs are called: `symbol.get_internals().list_outputs()`, without the nodes' names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Node(Protocol):
    """What names depend on."""

    def param(self, name: str) -> Any:
        """A parameter, or its default."""


def _numbered(count: Callable[[Node], int]) -> Callable[[Node], tuple[str, ...]]:
    def names(node: Node) -> tuple[str, ...]:
        number = count(node)
        return tuple(f"output{i}" for i in range(number)) if number != 1 else ("output",)

    return names


def _always_numbered(count: Callable[[Node], int]) -> Callable[[Node], tuple[str, ...]]:
    return lambda node: tuple(f"output{i}" for i in range(count(node)))


def _sections(node: Node) -> int:
    sections = node.param("sections")
    return int(sections) if sections > 0 else len(node.param("indices"))


def _told(node: Node) -> int:
    return int(node.param("num_outputs"))


def _contrib(*names: str) -> list[str]:
    return [f"_contrib_{name}" for name in names]


def _rnn(node: Node) -> tuple[str, ...]:
    if not node.param("state_outputs"):
        return ("output",)
    states = ("state_output", "statecell_output")
    return ("output", *(states if node.param("mode") == "lstm" else states[:1]))


def _leaky(node: Node) -> tuple[str, ...]:
    return ("output", "mask") if node.param("act_type") == "rrelu" else ("output",)


_TWO: tuple[str, ...] = ("output0", "output1")
_RANGE: tuple[str, ...] = ("output", "min_output", "max_output")
_MOMENTS: tuple[str, ...] = ("output", "mean", "var")

OUTPUTS: dict[str, tuple[str, ...] | Callable[[Node], tuple[str, ...]]] = {
    **dict.fromkeys(
        ("BatchNorm", "BatchNorm_v1", "InstanceNorm", "_contrib_SyncBatchNorm"), _MOMENTS
    ),
    **dict.fromkeys(("CTCLoss", "moments", "sort"), _TWO),
    **dict.fromkeys(("_linalg_gelqf", "_linalg_slogdet", "_linalg_syevd"), _TWO),
    **dict.fromkeys(_contrib("bipartite_matching", "box_encode", "box_nms"), _TWO),
    **dict.fromkeys(_contrib("quantize", "quantize_v2", "requantize"), (*_TWO, "output2")),
    **dict.fromkeys(_contrib("quantized_act", "quantized_concat", "quantized_conv"), _RANGE),
    **dict.fromkeys(_contrib("quantized_elemwise_add", "quantized_flatten"), _RANGE),
    **dict.fromkeys(_contrib("quantized_fully_connected", "quantized_pooling"), _RANGE),
    **dict.fromkeys(("_npi_concatenate", "_npi_dstack", "_npi_hstack", "_npi_matmul"), ("out",)),
    **dict.fromkeys(("_cond", "_foreach", "_while_loop", "amp_multicast"), _numbered(_told)),
    "BilinearSampler": ("output", "tmp"),
    "Correlation": ("output", "tmp1", "tmp2"),
    "Dropout": ("output", "mask"),
    "GridGenerator": ("output", "grid_dst"),
    "GroupNorm": ("output", "mean", "std"),
    "L2Normalization": ("output", "norm"),
    "LRN": ("output", "tmp_norm"),
    "LayerNorm": ("output", "mean", "std"),
    "LeakyReLU": _leaky,
    "RNN": _rnn,
    "ROIPooling": ("output", "maxidx"),
    "SliceChannel": _always_numbered(_told),
    "SpatialTransformer": ("output", "grid_dst", "grid_src"),
    "_contrib_BatchNormWithReLU": (*_MOMENTS, "workspace"),
    "_contrib_DeformablePSROIPooling": ("output", "top_count"),
    "_contrib_MultiBoxTarget": ("loc_target", "loc_mask", "cls_target"),
    "_contrib_MultiProposal": ("output", "score"),
    "_contrib_Proposal": ("output", "score"),
    "_npi_dsplit": _numbered(_sections),
    "_npi_hsplit": _numbered(_sections),
    "_npi_std": ("std", "mean"),
    "_npi_var": ("var", "mean"),
    "_split_v2": _numbered(_sections),
    "make_loss": ("loss",),
    "topk": _numbered(lambda node: 1 if node.param("ret_typ") in {"indices", "mask"} else 2),
}
"""What outputs are called, where it is not one "output": names, or how to find them."""
