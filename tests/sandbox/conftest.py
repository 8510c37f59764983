"""The Rippling simulator that the tests of this folder share, each with companies of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sandbox.core import running
from sandbox.rippling import RipplingSimulator
from tests.sandbox.rippling_world import Rippling


@pytest.fixture(scope="session")
def rippling_address() -> Iterator[str]:
    with running(RipplingSimulator()) as address:
        yield address


@pytest.fixture
def rippling(rippling_address: str) -> Iterator[Callable[..., Rippling]]:
    """Makes companies from creation options; they are gone when the test is over."""
    made: list[Rippling] = []

    def make(**options: object) -> Rippling:
        made.append(Rippling(rippling_address, **options))
        return made[-1]

    yield make
    for company in made:
        company.close()
