"""What is packed is unpacked again, and lies where torch has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdnn.ir.recurrent.packing import CUDNN, ONNX, Packing, Weights, reordered

small = st.integers(1, 3)


@st.composite
def packings(draw: st.DrawFn) -> Packing:
    kind = draw(st.sampled_from(sorted(ONNX)))
    size = draw(st.integers(2, 4))
    projection = draw(st.sampled_from([None, 1])) if kind == "LSTM" else None
    return Packing(kind, draw(small), size, draw(small), draw(st.integers(1, 2)), projection)


def weights(packing: Packing, layer: int) -> Weights:
    rng = np.random.default_rng(layer)
    shapes = packing.shapes(layer)
    w, r, b, p = (rng.standard_normal(shapes[name]) for name in "wrbp")
    return Weights(w, r, b, None if packing.projection is None else p)


@given(packings())
def test_there_and_back(packing: Packing) -> None:
    layers = [weights(packing, layer) for layer in range(packing.layers)]
    vector = packing.pack(layers)
    assert vector.shape == (packing.total,)
    for place, layer in enumerate(layers):
        for name in "wrbp":
            given = getattr(layer, name)
            if given is not None:
                np.testing.assert_array_equal(packing.take(name, vector, place), given)


def test_without_biases_there_are_zeros() -> None:
    packing = Packing("GRU", 2, 3)
    one = weights(packing, 0)
    vector = packing.pack([Weights(one.w, one.r)])
    assert not packing.take("b", vector, 0).any()


@given(st.permutations("iofc"), st.permutations("iofc"))
def test_gates_in_another_order(before: list[str], after: list[str]) -> None:
    rows = np.arange(24).reshape(8, 3)
    turned = reordered(rows, "".join(before), "".join(after))
    assert turned.shape == rows.shape
    np.testing.assert_array_equal(reordered(turned, "".join(after), "".join(before)), rows)
    place = after.index("f")
    np.testing.assert_array_equal(turned[2 * place], rows[2 * before.index("f")])


@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_torch_has_the_same_vector(kind: str, ways: int) -> None:
    """Its parameters, all matrices before all biases, are cuDNN's flat weights."""
    torch = pytest.importorskip("torch")
    packing = Packing(kind, 3, 2, layers=2, ways=ways)
    vector = packing.pack([weights(packing, layer) for layer in range(2)]).astype(np.float32)
    layer = getattr(torch.nn, kind)(3, 2, num_layers=2, bidirectional=ways == 2)
    named = dict(layer.named_parameters())
    at = 0
    for word in ("weight", "bias"):
        for name in [name for name in named if name.startswith(word)]:
            count = named[name].numel()
            part = torch.tensor(vector[at : at + count])
            named[name].data = part.reshape(named[name].shape)
            at += count
    assert at == packing.total
    x = np.random.default_rng(9).standard_normal((4, 1, 3)).astype(np.float32)
    (wanted, _) = layer(torch.tensor(x))
    np.testing.assert_allclose(_by_onnxruntime(packing, vector, x), wanted.detach(), atol=1e-5)


def _by_onnxruntime(packing: Packing, vector: np.ndarray, x: np.ndarray) -> np.ndarray:
    from mmdnn.frameworks.onnx import engine
    from mmdnn.ir.builder import Builder

    builder = Builder("mmdnn.test")
    y = builder.input("x", x.shape)
    options = {"linear_before_reset": 1} if packing.kind == "GRU" else {}
    for layer in range(packing.layers):
        given = [builder.constant(packing.take(name, vector, layer)) for name in "wrb"]
        y, *_ = builder.op.outputs(2)[packing.kind](
            y,
            *given,
            hidden_size=packing.size,
            direction="bidirectional" if packing.ways == 2 else "forward",
            **options,
        )
        y = builder.op.Reshape(builder.op.Transpose(y, perm=[0, 2, 1, 3]), [0, 0, -1])
    builder.graph.outputs.append(y)
    found = engine.run(builder.model(), {"x": x})
    return found[str(y.name)]


def test_orders_have_the_same_gates() -> None:
    for kind in ONNX:
        assert sorted(ONNX[kind]) == sorted(CUDNN[kind])
