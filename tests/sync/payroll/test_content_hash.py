"""What was approved is what is posted: its hash changes with whatever is posted, and with nothing else."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from sync.payroll.journals import content_hash
from tests.sync.payroll.example import journals_of

SALT = uuid.UUID("5f1a4c1e-3f0e-4f5a-9c58-0d8a3d6b7e21")


def test_the_hash_is_pinned() -> None:
    (journal,) = journals_of().journals

    assert content_hash(journal, SALT) == "89d0e97d871de289a3364ef884ef3c62c417be7203b8591fb12b4c500fd0c0e8"


@pytest.mark.parametrize(
    "change",
    [
        {"company": "20"},
        {"currency": "CAD"},
        {"posting_date": date(2026, 6, 16)},
        {"description": "Payroll"},
        {"lines": ()},
    ],
)
def test_whatever_is_posted_changes_the_hash(change: dict[str, object]) -> None:
    (journal,) = journals_of().journals

    assert content_hash(msgspec.structs.replace(journal, **change), SALT) != content_hash(journal, SALT)


@pytest.mark.parametrize(
    "change",
    [
        {"account": "6000-311"},
        {"debit": Decimal("4515.751")},
        {"debit": Decimal(0), "credit": Decimal("4515.75")},
        {"description": "Pay"},
    ],
)
def test_whatever_a_line_posts_changes_the_hash(change: dict[str, object]) -> None:
    (journal,) = journals_of().journals
    lines = (msgspec.structs.replace(journal.lines[0], **change), *journal.lines[1:])

    assert content_hash(msgspec.structs.replace(journal, lines=lines), SALT) != content_hash(journal, SALT)


def test_zeros_at_the_end_of_an_amount_change_no_hash() -> None:
    (journal,) = journals_of().journals
    stored = tuple(
        msgspec.structs.replace(
            line, debit=line.debit.quantize(Decimal("0.0001")), credit=line.credit.quantize(Decimal("0.0001"))
        )
        for line in journal.lines
    )

    assert content_hash(msgspec.structs.replace(journal, lines=stored), SALT) == content_hash(journal, SALT)


def test_the_same_content_hashes_otherwise_with_another_salt() -> None:
    (journal,) = journals_of().journals

    assert content_hash(journal, uuid.uuid4()) != content_hash(journal, SALT)
