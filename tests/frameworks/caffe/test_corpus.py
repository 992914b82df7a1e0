"""Every case of the conformance corpus: the IR on onnxruntime meets each blob that Caffe computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from helpers import SHARED
from mmdnn.errors import Error

pytest.importorskip("onnxruntime")

from helpers.caffe import corpus

FOLDER = SHARED / "corpus" / "caffe"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/golden.npz"))
REFUSED: dict[str, str] = {}
"""Cases that are refused, and why."""


def test_few_are_refused() -> None:
    assert len(REFUSED) <= 0.03 * max(len(CASES), 1)


@pytest.mark.parametrize("case", CASES)
def test_meets_caffe(shared: Path, case: str) -> None:
    folder = shared / "corpus" / "caffe" / case
    if case in REFUSED:
        with pytest.raises(Error, match=REFUSED[case]):
            corpus.convert(corpus.source(folder))
        return
    model = corpus.convert(corpus.source(folder))
    feeds, blobs, outputs = corpus.golden(folder)
    found = corpus.by_blob(model, corpus.run(model, feeds), feeds)
    assert list(corpus.differences(blobs, found)) == []
    assert [corpus.blob_of(value, blobs) for value in model.graph.outputs] == outputs


@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_other_batches(shared: Path, case: str, batch: int) -> None:
    """What is open in the model gives what the file gives when it says that size."""
    source = corpus.source(shared / "corpus" / "caffe" / case)
    model = corpus.convert(source)
    symbols = list(dict.fromkeys(filter(None, map(_symbol, model.graph.inputs))))
    if not symbols:
        pytest.skip("its batch is fixed")
    sizes = {symbol: batch + place for place, symbol in enumerate(symbols)}
    feeds, _, _ = corpus.golden(shared / "corpus" / "caffe" / case)
    for value in model.graph.inputs:
        if _symbol(value):
            array = feeds[str(value.name)]
            rows = np.arange(sizes[_symbol(value)]) % len(array)
            feeds[str(value.name)] = array[rows] if len(array) else array
    shapes = {name: array.shape for name, array in feeds.items()}
    fixed = replace(source, input_shapes=shapes)
    wanted = _or_none(lambda: corpus.run(corpus.convert(fixed, static=True), feeds))
    found = _or_none(lambda: corpus.run(model, feeds))
    if wanted is None or found is None:
        assert wanted is found, "one of them does not run"
        return
    common = {name: wanted[name] for name in wanted if "/" not in name and name in found}
    assert list(corpus.differences(common, found)) == []


def _symbol(value: ir.Value) -> str:
    dims = value.shape or ()
    return next((str(dim.value) for dim in dims if not isinstance(dim, int)), "")


def _or_none(run: Callable[[], corpus.Arrays]) -> corpus.Arrays | None:
    """Batches that do not fit fail either way: at reading, or in onnxruntime."""
    try:
        return run()
    except Error:
        return None
    except Exception as error:
        if type(error).__module__.startswith("onnxruntime"):
            return None
        raise
