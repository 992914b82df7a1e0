"""Values that are kept in a file."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from mmdnn.verify import spill
from mmdnn.verify.spill import Chain, Values, View


@pytest.mark.parametrize("large", [1, 1 << 20])
@pytest.mark.parametrize("kind", [np.float32, np.int64, np.bool_, np.complex64, ml_dtypes.bfloat16])
def test_arrays_come_back_as_they_were(kind, large, monkeypatch):
    monkeypatch.setattr(spill, "LARGE", large)
    arrays = {
        "x": np.arange(12).reshape(3, 4).astype(kind).T,
        "scalar": np.asarray(3).astype(kind),
        "nothing": np.zeros((0, 5), kind),
    }
    found = Values(arrays)
    found["text"] = np.array(["a", None], object)
    found["x"] = arrays["x"]
    assert set(found) == {*arrays, "text"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert "y" not in found
    del found["x"]
    assert set(found) == {"scalar", "nothing", "text"}


def test_what_a_view_does_not_ask_for_is_not_read():
    class Once(dict):
        def __getitem__(self, name):
            assert name == "b"
            return super().__getitem__(name)

    arrays = Once(a=np.zeros(3), b=np.ones(3))
    view = View(arrays, {"one": "a", "other": "b"})
    chain = Chain({"mine": np.zeros(1)}, view)
    assert list(chain) == ["mine", "one", "other"]
    assert len(chain) == 3
    assert "a" not in chain
    np.testing.assert_array_equal(chain["other"], arrays["b"])
    with pytest.raises(KeyError):
        chain["a"]
