"""Mail goes to a list, and there is a company to be told about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sync.notices.company import Company, found_company
from tests.sync.notices.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def _mail_is_set_up(settings: Any) -> None:
    settings.MAIL_IS_SET_UP = True


@pytest.fixture
def company() -> Company:
    return found_company()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as program:
        yield program
