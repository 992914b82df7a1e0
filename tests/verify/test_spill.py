"""Values that are kept in a file."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from mmdnn.verify import spill


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.bool_, np.complex64, ml_dtypes.bfloat16])
def test_arrays_come_back_as_they_were(kind, monkeypatch):
    monkeypatch.setattr(spill, "LARGE", 1)
    values = {
        "x": np.arange(12).reshape(3, 4).astype(kind).T,
        "scalar": np.asarray(3).astype(kind),
        "nothing": np.zeros((0, 5), kind),
    }
    found = spill.spilled(values)
    assert isinstance(found, spill.Spilled)
    assert list(found) == list(values)
    for name, array in values.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert "y" not in found


def test_small_values_and_objects_stay_where_they_are(monkeypatch):
    small = {"x": np.zeros(3)}
    assert spill.spilled(small) is small
    monkeypatch.setattr(spill, "LARGE", 1)
    text = {"x": np.array(["a"], object)}
    assert spill.spilled(text) is text
