"""Values that are kept in a file."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from mmdnn.verify import keeping


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.bool_, np.complex64, ml_dtypes.bfloat16])
def test_arrays_come_back_as_they_were(kind, monkeypatch):
    monkeypatch.setattr(keeping, "LARGE", 1)
    values = {
        "x": np.arange(12).reshape(3, 4).astype(kind).T,
        "scalar": np.asarray(3).astype(kind),
        "nothing": np.zeros((0, 5), kind),
    }
    found = keeping.kept(values)
    assert isinstance(found, keeping.Kept)
    assert list(found) == list(values)
    for name, array in values.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert "y" not in found


def test_small_values_and_objects_stay_where_they_are(monkeypatch):
    small = {"x": np.zeros(3)}
    assert keeping.kept(small) is small
    monkeypatch.setattr(keeping, "LARGE", 1)
    text = {"x": np.array(["a"], object)}
    assert keeping.kept(text) is text
