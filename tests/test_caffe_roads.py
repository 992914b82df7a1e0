"""Every Caffe case of the corpus, through files, to PyTorch: source and weights meet each blob."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers import SHARED, sampled

pytest.importorskip("torch")

from helpers.caffe import corpus
from mmdnn.frameworks.pytorch import engine, writer
from mmdnn.frameworks.pytorch.exporter import from_ir
from mmdnn.registry import Source

CASES = sampled(
    sorted(path.name for path in (SHARED / "corpus" / "caffe").glob("*") if path.is_dir())
)


@pytest.mark.skipif(not CASES, reason="needs the corpus, beside the checkout")
@pytest.mark.parametrize("name", CASES)
def test_every_blob_in_pytorch(name: str, shared: Path, tmp_path: Path) -> None:
    folder = shared / "corpus" / "caffe" / name
    feeds, blobs, _ = corpus.golden(folder)
    model = corpus.convert(corpus.source(folder))
    program = from_ir(model)
    assert program.model is not None
    source = Source(*writer.write(program, tmp_path / "net.py"))
    values = engine.run(source, {value.name: feeds[value.name] for value in model.graph.inputs})
    found = corpus.by_blob(model, values, feeds)
    computed = {
        output.name
        for node in program.model.graph
        for output in node.outputs
        if (output.uses() or output.is_graph_output())
        and any(value is not None and value.const_value is None for value in node.inputs)
    }
    for blob, expected in blobs.items():
        if blob in found or blob in computed:
            np.testing.assert_allclose(found[blob], expected, atol=1e-5, rtol=1e-4, strict=True)
