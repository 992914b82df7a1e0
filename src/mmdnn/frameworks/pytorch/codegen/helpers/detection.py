"""Choosing among boxes.

https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html
"""

from __future__ import annotations

import torch


def box_overlaps(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (y1, x1, y2, x2), each `a` with each `b`."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None, :] - shared)


def non_max_suppression(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    limit: int | torch.Tensor = 0,
    overlap: float | torch.Tensor = 0.0,
    threshold: float | torch.Tensor | None = None,
    center_point_box: bool = False,
) -> torch.Tensor:
    """Rows (batch, class, box): boxes that no better one overlaps too much."""
    if center_point_box:
        x, y, w, h = boxes.unbind(-1)
        boxes = torch.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], dim=-1)
    else:
        ends = boxes[..., :2], boxes[..., 2:]
        boxes = torch.cat([torch.minimum(*ends), torch.maximum(*ends)], dim=-1)
    chosen = []
    for n in range(scores.shape[0]):
        for c in range(scores.shape[1]):
            order = scores[n, c].argsort(descending=True, stable=True)
            if threshold is not None:
                order = order[scores[n, c][order] > threshold]
            kept = 0
            while len(order) > 0 and kept < int(limit):
                best, order = order[0], order[1:]
                chosen.append(
                    torch.stack([best.new_tensor(n), best.new_tensor(c), best])
                )
                kept += 1
                shared = box_overlaps(boxes[n, best][None], boxes[n, order])[0]
                order = order[~(shared > overlap)]
    return torch.stack(chosen) if chosen else torch.empty(0, 3, dtype=torch.int64)
