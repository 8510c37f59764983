"""What somebody who knows the ways around would try: parts for a sum, another's lines, a guess for a masked amount."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from django.db import DatabaseError, transaction

from sync.models import Approval, PayrollSettings, Posting, PostingLine
from tests.sync.payroll.payday import Payday, open_books, ready
from tests.sync.payroll.test_correcting import posted, take_back


def change_settings(payday: Payday, **values: Any) -> None:
    with payday.scope():
        PayrollSettings.objects.update(**values)


def in_parts(sandbox: dict[str, str]) -> tuple[Payday, list[Posting]]:
    """A ledger that takes short journals only: the run's one comes in parts."""
    payday = open_books(sandbox)
    with payday.scope():
        payday.story.target.refresh_from_db()
        payday.story.target.settings |= {"journal_max_lines": "8"}
        payday.story.target.save()
    payday.read()
    payday.write_rules()
    payday.read()
    return payday, payday.postings()


def test_a_journal_in_parts_needs_as_many_approvers_as_it_would_in_one(sandbox: dict[str, str]) -> None:
    payday, parts = in_parts(sandbox)
    change_settings(payday, second_approver_above=max(part.debit for part in parts) + 1)
    assert len(parts) > 1

    assert payday.approve(payday.pay_run()) == []
    done = payday.approve(payday.pay_run(), by="otto")

    assert [posting.state for posting in done] == [Posting.State.APPROVED] * len(parts)


def test_parts_that_are_together_below_the_limit_need_one_approver(sandbox: dict[str, str]) -> None:
    payday, parts = in_parts(sandbox)
    change_settings(payday, second_approver_above=sum(part.debit for part in parts))

    assert len(payday.approve(payday.pay_run())) == len(parts)


def test_no_line_leaves_or_joins_a_journal_that_is_no_draft(sandbox: dict[str, str]) -> None:
    payday, _, posting = posted(sandbox)
    draft = take_back(payday, posting)
    with payday.scope():
        own = PostingLine.objects.filter(posting=posting, number=1)
        drafted = PostingLine.objects.filter(posting=draft, number=1)

    for change in (
        lambda: own.update(posting=draft, number=999),
        lambda: drafted.update(posting=posting, number=999),
        own.delete,
    ):
        with payday.scope(), pytest.raises(DatabaseError, match="no draft cannot change"), transaction.atomic():
            change()
    with payday.scope():
        assert drafted.update(number=999) == 1
        assert PostingLine.objects.filter(posting=posting).count() == posting.line_count
        assert PostingLine.objects.filter(posting=draft).count() == draft.line_count


def test_nobody_can_undo_an_approval_by_taking_it_off_the_record(sandbox: dict[str, str]) -> None:
    payday, _, _ = posted(sandbox)

    with payday.scope(), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Approval.objects.all().delete()
    with payday.scope(), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Approval.objects.update(by="Somebody else")

    with payday.scope():
        assert Approval.objects.get().by == "ann"


def test_a_masked_amount_does_not_follow_from_the_hash_of_the_content(sandbox: dict[str, str]) -> None:
    payday, _ = ready(sandbox)
    (posting,) = payday.postings()
    with payday.scope():
        lines = list(PostingLine.objects.filter(posting=posting).order_by("number"))

    def hashed(*salt: object) -> str:
        """With the right guess for every amount."""
        amounts = [[r.account, f"{r.debit.normalize():f}", f"{r.credit.normalize():f}", r.description] for r in lines]
        head = [posting.company, posting.currency, posting.posting_date, posting.description]
        return hashlib.sha256(msgspec.json.encode([1, *salt, *head, amounts])).hexdigest()

    assert hashed() != posting.content_hash
    assert hashed(posting.salt) == posting.content_hash


def test_a_draft_made_anew_keeps_its_salt_so_that_the_same_content_stays_approved(sandbox: dict[str, str]) -> None:
    payday, pay_run = ready(sandbox)
    (before,) = payday.postings()
    payday.approve(pay_run)

    payday.check_again(pay_run)

    (after,) = payday.postings()
    assert (after.salt, after.content_hash, after.state) == (before.salt, before.content_hash, Posting.State.APPROVED)
    with payday.scope(), pytest.raises(DatabaseError, match="keeps its content"), transaction.atomic():
        Posting.objects.update(salt=pay_run.integration.key)
