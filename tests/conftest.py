"""What tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SHARED


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of corpora and models beside the checkout; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip("there is no ../shared beside the checkout")
    return SHARED
