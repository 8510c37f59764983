"""Stories of the flows: whatever they make our connectors ask is held against the vendors' descriptions."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _as_described(as_described: None) -> None:
    """Checked after every story."""


@pytest.fixture(params=["connect", "documents"])
def profile(request: pytest.FixtureRequest) -> str:
    """Each of Plex's two REST profiles in turn."""
    return str(request.param)
