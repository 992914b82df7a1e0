"""Every model of the corpus from CNTK to CNTK: what CNTK computes with the file that is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SHARED, sampled
from helpers.cntk import corpus as cntk_corpus
from helpers.cntk.corpus import REFUSED
from mmdnn import api
from mmdnn.errors import Error, MissingExtraError
from mmdnn.frameworks.cntk import arrange, engine

NOT_ON_CPU = {"conv_dilation", "conv_dilation_pad"}
NAMES = sampled(f.name for f in cntk_corpus.folders(SHARED) if f.name not in REFUSED)
Ran = dict[str, "dict[str, cntk_corpus.np.ndarray] | Error"]


@pytest.fixture(scope="module")
def ran(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What CNTK makes of each file, all in one process."""
    root = tmp_path_factory.mktemp("files")
    jobs = {}
    for name in NAMES:
        folder = shared / "corpus" / "cntk" / name
        known = cntk_corpus.golden(folder)
        model = cntk_corpus.convert(folder)
        feeds = cntk_corpus.feeds(model, known)
        target = root / f"{name}.dnn"
        api.save(model, target, framework="cntk")
        found = arrange([target])
        assert found is not None
        if known.outputs:
            jobs[name] = (found, feeds)
    try:
        return dict(zip(jobs, engine.run_many(list(jobs.values())), strict=True))
    except MissingExtraError as missing:
        pytest.skip(f"CNTK is not installed: {missing.hint}")


@pytest.mark.parametrize("name", NAMES or [""])
def test_back_in_cntk(shared: Path, ran: Ran, name: str) -> None:
    known = cntk_corpus.golden(shared / "corpus" / "cntk" / name)
    if not known.outputs:
        pytest.skip("CNTK's own file does not run on a CPU")
    found = ran[name]
    if name in NOT_ON_CPU:
        assert isinstance(found, Error)
        assert "Dilated convolution on CPU" in str(found)
        return
    assert not isinstance(found, Error), str(found)
    assert list(cntk_corpus.differences(known, found, nodes=False)) == []
