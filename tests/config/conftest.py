"""Acme and its people."""

from __future__ import annotations

import pytest

from tests.cast import Cast, make_cast


@pytest.fixture
def cast() -> Cast:
    return make_cast()
