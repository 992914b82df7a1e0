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
    "BatchNorm": _MOMENTS,
    "BatchNorm_v1": _MOMENTS,
    "BilinearSampler": ("output", "tmp"),
    "CTCLoss": _TWO,
    "Correlation": ("output", "tmp1", "tmp2"),
    "Dropout": ("output", "mask"),
    "GridGenerator": ("output", "grid_dst"),
    "GroupNorm": ("output", "mean", "std"),
    "InstanceNorm": _MOMENTS,
    "L2Normalization": ("output", "norm"),
    "LRN": ("output", "tmp_norm"),
    "LayerNorm": ("output", "mean", "std"),
    "LeakyReLU": _leaky,
    "RNN": _rnn,
    "ROIPooling": ("output", "maxidx"),
    "SliceChannel": _always_numbered(lambda node: int(node.param("num_outputs"))),
    "SpatialTransformer": ("output", "grid_dst", "grid_src"),
    "_cond": _numbered(lambda node: int(node.param("num_outputs"))),
    "_contrib_BatchNormWithReLU": (*_MOMENTS, "workspace"),
    "_contrib_DeformablePSROIPooling": ("output", "top_count"),
    "_contrib_MultiBoxTarget": ("loc_target", "loc_mask", "cls_target"),
    "_contrib_MultiProposal": ("output", "score"),
    "_contrib_Proposal": ("output", "score"),
    "_contrib_SyncBatchNorm": _MOMENTS,
    "_contrib_bipartite_matching": _TWO,
    "_contrib_box_encode": _TWO,
    "_contrib_box_nms": _TWO,
    "_contrib_quantize": ("output0", "output1", "output2"),
    "_contrib_quantize_v2": ("output0", "output1", "output2"),
    "_contrib_requantize": ("output0", "output1", "output2"),
    "_contrib_quantized_act": _RANGE,
    "_contrib_quantized_concat": _RANGE,
    "_contrib_quantized_conv": _RANGE,
    "_contrib_quantized_elemwise_add": _RANGE,
    "_contrib_quantized_flatten": _RANGE,
    "_contrib_quantized_fully_connected": _RANGE,
    "_contrib_quantized_pooling": _RANGE,
    "_foreach": _numbered(lambda node: int(node.param("num_outputs"))),
    "_linalg_gelqf": _TWO,
    "_linalg_slogdet": _TWO,
    "_linalg_syevd": _TWO,
    "_npi_concatenate": ("out",),
    "_npi_dsplit": _numbered(_sections),
    "_npi_dstack": ("out",),
    "_npi_hsplit": _numbered(_sections),
    "_npi_hstack": ("out",),
    "_npi_matmul": ("out",),
    "_npi_std": ("std", "mean"),
    "_npi_var": ("var", "mean"),
    "_split_v2": _numbered(_sections),
    "_while_loop": _numbered(lambda node: int(node.param("num_outputs"))),
    "amp_multicast": _numbered(lambda node: int(node.param("num_outputs"))),
    "make_loss": ("loss",),
    "moments": _TWO,
    "sort": _TWO,
    "topk": _numbered(lambda node: 1 if node.param("ret_typ") in {"indices", "mask"} else 2),
}
"""What outputs are called, where it is not one "output": names, or how to find them."""
