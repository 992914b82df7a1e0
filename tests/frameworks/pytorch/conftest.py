"""Sources are looked at together: ruff takes longer to start than to read them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _clean() -> Iterator[None]:
    yield
    pytest.importorskip("torch")
    from helpers.pytorch import harness

    harness.assert_clean()
