"""One server process of the site for all stories of announcements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sync.story import Story, tell
from tests.sync.webhooks.site import Site, own_app, serving


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    with serving() as one:
        yield one


@pytest.fixture
def acme(sandbox: dict[str, str]) -> Story:
    """Twelve people in agreement; Acme has an app of its own in Rippling, with a bearer."""
    story = tell(sandbox)
    own_app(story)
    story.map_everything()
    story.run()
    return story
