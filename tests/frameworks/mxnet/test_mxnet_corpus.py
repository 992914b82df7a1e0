"""Every case of the conformance corpus: the IR on onnxruntime meets what MXNet 1.9.1 computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx_ir as ir
import pytest

from helpers import SHARED

pytest.importorskip("onnxruntime")

from helpers.mxnet import corpus
from mmdnn.errors import Error
from mmdnn.frameworks.mxnet import _schema, importer, reader

Made = TypeVar("Made")
FOLDER = SHARED / "corpus" / "mxnet"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/golden.npz"))
REFUSED = {
    "bipartite": "_contrib_bipartite_matching",  # it makes targets for training
    "ctc_loss": "CTCLoss",  # a loss
    "multibox_target": "_contrib_MultiBoxTarget",  # it makes targets for training
}
"""Cases that are refused, and the operator that the message names."""


@pytest.mark.skipif(not CASES, reason="there is no ../shared beside the checkout")
def test_few_are_refused() -> None:
    assert len(REFUSED) <= 0.03 * len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_meets_mxnet(shared: Path, case: str) -> None:
    folder = shared / "corpus" / "mxnet" / case
    golden = corpus.golden(folder)
    source = corpus.source(folder)
    if case in REFUSED:
        with pytest.raises(Error, match=REFUSED[case]):
            corpus.convert(source, golden.inputs)
        return
    model = corpus.convert(source, golden.inputs)
    found = corpus.run(model, golden.inputs)
    if not golden.outputs:
        return  # its shape depends on the data; MXNet's executor gives nothing
    outputs = [str(value.name) for value in model.graph.outputs]
    wanted = dict(zip(outputs, golden.outputs, strict=True))
    assert list(corpus.differences(wanted, found)) == []
    parameters = corpus.of_parameters(reader.read(source))
    internals = {n: a for n, a in golden.internals.items() if n not in parameters}
    assert list(corpus.differences(internals, found)) == []


@pytest.mark.parametrize("case", CASES)
def test_names_are_mxnets(shared: Path, case: str) -> None:
    """Outputs are called as `list_outputs` calls them."""
    import json

    folder = shared / "corpus" / "mxnet" / case
    said = json.loads((folder / "case.json").read_text())["outputs"]
    model = reader.read(corpus.source(folder))
    assert [head.node.output_name(head.output) for head in model.symbol.heads] == said


@pytest.mark.parametrize("case", [case for case in CASES if case not in REFUSED])
def test_without_shapes(shared: Path, case: str) -> None:
    """Where the shapes of inputs are not said: the same numbers, or a request to say them."""
    folder = shared / "corpus" / "mxnet" / case
    golden = corpus.golden(folder)
    native = reader.read(corpus.source(folder))
    model = _or_none(lambda: importer.to_ir(native))
    if model is None:
        with pytest.raises(Error, match="--inputShape"):
            importer.to_ir(native)
        return
    found = _or_none(lambda: corpus.run(model, golden.inputs))
    if found is not None and golden.outputs:
        outputs = [str(value.name) for value in model.graph.outputs]
        wanted = dict(zip(outputs, golden.outputs, strict=True))
        assert list(corpus.differences(wanted, found)) == []


@pytest.mark.parametrize("case", [case for case in CASES if case not in REFUSED])
def test_other_batches(shared: Path, case: str) -> None:
    """What is open in the model gives what the file gives when it is given that size."""
    folder = shared / "corpus" / "mxnet" / case
    source, feeds = corpus.source(folder), corpus.golden(folder).inputs
    model = corpus.convert(source, feeds)
    symbols = list(dict.fromkeys(filter(None, map(_symbol, model.graph.inputs))))
    if not symbols:
        pytest.skip("its batch is fixed")
    sizes = {symbol: 3 + place for place, symbol in enumerate(symbols)}
    for value in model.graph.inputs:
        if _symbol(value):
            array = feeds[str(value.name)]
            feeds[str(value.name)] = array[np.arange(sizes[_symbol(value)]) % len(array)]
    wanted = _or_none(lambda: corpus.run(corpus.convert(source, feeds, static=True), feeds))
    found = _or_none(lambda: corpus.run(model, feeds))
    if wanted is None or found is None:
        assert wanted is found, "one of them does not run"
        return
    common = {name: wanted[name] for name in wanted if "/" not in name and name in found}
    assert list(corpus.differences(common, found)) == []


def _symbol(value: ir.Value) -> str:
    return next((str(dim.value) for dim in value.shape or () if not isinstance(dim, int)), "")


def _or_none(run: Callable[[], Made]) -> Made | None:
    try:
        return run()
    except Error:
        return None


def test_files_that_spell_their_defaults_out(shared: Path) -> None:
    """A parameter that stands in the file as it is by default changes nothing, and is not refused."""
    for folder in sorted((shared / "corpus" / "mxnet").iterdir())[::3]:
        if not folder.is_dir():
            continue
        source = replace(
            corpus.source(folder),
            input_shapes={k: a.shape for k, a in corpus.golden(folder).inputs.items()},
        )
        try:
            importer.to_ir(reader.read(source))
        except Error:
            continue
        model = reader.read(source)
        for node in model.symbol.operators:
            known = _schema.operators().get(_schema.canonical(node.op))
            for name, said in known.params.items() if known is not None else ():
                _, has_default, default = said.partition("=")
                if has_default and default not in ("", "None"):
                    node.attrs.setdefault(name, default.strip("'"))
        importer.to_ir(model)
