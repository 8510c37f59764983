"""Acme and Olga's company, and a key for each of their programs."""

from __future__ import annotations

import pytest

from tenants.models import Role
from tests.api.caller import Caller
from tests.cast import Cast, make_cast, make_key


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def ada(cast: Cast) -> Caller:
    """Acme's administrator."""
    return Caller(make_key(cast.acme, Role.ADMINISTRATOR))


@pytest.fixture
def pat(cast: Cast) -> Caller:
    """Acme's preparer."""
    return Caller(make_key(cast.acme, Role.PREPARER))


@pytest.fixture
def vera(cast: Cast) -> Caller:
    """Acme's viewer."""
    return Caller(make_key(cast.acme, Role.VIEWER))


@pytest.fixture
def olga(cast: Cast) -> Caller:
    """Administrator of another company."""
    return Caller(make_key(cast.other, Role.ADMINISTRATOR))
