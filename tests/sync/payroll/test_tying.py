"""Four ways to the same cent: register, our journals, what the ledger took, and the clearing account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.payroll.journals import JournalKind
from sync.payroll.tying import (
    Clearing,
    Difference,
    JournalFigures,
    LedgerFigures,
    Measure,
    PostedFigures,
    RegisterFigures,
    TieOut,
    Where,
    tie,
)

D = Decimal
CENT = D("0.01")
PLACE = ("Toledo", "USD")

WAGES, TAX_COST, TAX_OWED, NET, CASH = "6000", "6100", "2100", "2000", "1000"


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """One run everywhere it is written down."""

    register: tuple[RegisterFigures, ...] = ()
    journals: tuple[JournalFigures, ...] = ()
    posted: tuple[PostedFigures, ...] = ()
    ledger: tuple[LedgerFigures, ...] = ()
    clearing: tuple[Clearing, ...] = ()

    def tied(self) -> TieOut:
        return tie(self.register, self.journals, self.posted, self.ledger, self.clearing)

    def with_journal(self, journal: JournalFigures) -> Books:
        """The same with one more journal, posted and on the accounts as it should be."""
        number = f"GL-{journal.reference}"
        lines: dict[str, Any] = {name: getattr(journal, name) for name in ("by_account", "debit", "credit", "company")}
        posted = PostedFigures(
            reference=journal.reference,
            currency=journal.currency,
            number=number,
            line_count=journal.line_count,
            **lines,
        )
        return msgspec.structs.replace(
            self,
            journals=(*self.journals, journal),
            posted=(*self.posted, posted),
            ledger=(*self.ledger, LedgerFigures(number=number, **lines)),
        )

    def changed(self, part: str, index: int, **values: object) -> Books:
        """The same with one of its figures changed."""
        items = list(getattr(self, part))
        items[index] = msgspec.structs.replace(items[index], **values)
        return msgspec.structs.replace(self, **{part: tuple(items)})

    def without(self, part: str, index: int) -> Books:
        items = getattr(self, part)
        return msgspec.structs.replace(self, **{part: items[:index] + items[index + 1 :]})


def journal(
    reference: str,
    by_account: Mapping[str, Decimal],
    kind: JournalKind = JournalKind.PAYROLL,
    *,
    share: int = 1,
    reverses: str = "",
    place: tuple[str, str] = PLACE,
) -> JournalFigures:
    """``share``: 1 where the journal books the register's, -1 where it takes that back, 0 where neither."""
    debit = sum((amount for amount in by_account.values() if amount > 0), D(0))
    return JournalFigures(
        reference=reference,
        kind=kind,
        company=place[0],
        currency=place[1],
        reverses=reverses,
        by_account=dict(by_account),
        debit=debit,
        credit=-sum((amount for amount in by_account.values() if amount < 0), D(0)),
        line_count=len(by_account),
        cost=share * debit,
        owed=share * debit,
    )


def mirrored(by_account: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {account: -amount for account, amount in by_account.items()}


def register(wages: Decimal, tax: Decimal, withheld: Decimal, place: tuple[str, str] = PLACE) -> RegisterFigures:
    return RegisterFigures(
        company=place[0], currency=place[1], cost=wages + tax, owed=wages + tax, net_pay=wages - withheld
    )


def accounts(wages: Decimal, tax: Decimal, withheld: Decimal) -> dict[str, Decimal]:
    return {WAGES: wages, TAX_COST: tax, TAX_OWED: -tax - withheld, NET: withheld - wages}


WHAT = (D("52000.00"), D("3978.00"), D("13520.00"))
CLEARING = Clearing(company="Toledo", currency="USD", accounts=frozenset({NET}))
RUN = Books(register=(register(*WHAT),), clearing=(CLEARING,)).with_journal(journal("PR-1", accounts(*WHAT)))
SETTLEMENT = journal("PR-1-S", {NET: D("38480.00"), CASH: D("-38480.00")}, JournalKind.SETTLEMENT, share=0)


def only(tied: TieOut) -> Difference:
    assert not tied.tied
    [difference] = tied.differences
    return difference


def figures(tied: TieOut) -> dict[tuple[str, str], str]:
    return {(row.where.value, row.measure.value): str(row.amount) for row in tied.figures}


def test_a_run_in_one_journal_ties_out() -> None:
    tied = RUN.tied()

    assert tied.tied
    assert figures(tied) == {
        ("register", "cost"): "55978.00",
        ("journal", "cost"): "55978.00",
        ("register", "owed"): "55978.00",
        ("journal", "owed"): "55978.00",
        ("journal", "debit"): "55978.00",
        ("posted", "debit"): "55978.00",
        ("ledger", "debit"): "55978.00",
        ("register", "net_pay"): "38480.00",
        ("clearing", "net_pay"): "38480.00",
    }


def test_after_the_settlement_nothing_is_left_on_the_clearing_account() -> None:
    tied = RUN.with_journal(SETTLEMENT).tied()

    assert tied.tied
    assert figures(tied)["clearing", "net_pay"] == "38480.00"
    assert figures(tied)["clearing", "balance"] == "0.00"


def test_a_settlement_of_another_account_leaves_the_net_pay_where_it_is() -> None:
    taxes = journal("PR-1-S", {TAX_OWED: D("17498.00"), CASH: D("-17498.00")}, JournalKind.SETTLEMENT, share=0)
    assert RUN.with_journal(taxes).tied().tied


def test_a_settlement_that_was_taken_back_leaves_the_net_pay_again() -> None:
    back = journal("PR-1-R", mirrored(SETTLEMENT.by_account), JournalKind.REVERSAL, share=0, reverses="PR-1-S")
    tied = RUN.with_journal(SETTLEMENT).with_journal(back).tied()

    assert tied.tied
    assert figures(tied)["clearing", "net_pay"] == "38480.00"
    assert ("clearing", "balance") not in figures(tied)


def test_a_settlement_that_is_a_cent_short_leaves_it_on_the_clearing_account() -> None:
    short = journal("PR-1-S", {NET: D("38479.99"), CASH: D("-38479.99")}, JournalKind.SETTLEMENT, share=0)
    difference = only(RUN.with_journal(short).tied())

    assert (difference.where, difference.account) == (Where.CLEARING, NET)
    assert (difference.expected, difference.found) == (D(0), CENT)


def test_a_clearing_account_that_taxes_stand_on_too() -> None:
    everything = {WAGES: WHAT[0], TAX_COST: WHAT[1], NET: -WHAT[0] - WHAT[1]}
    books = Books(register=RUN.register, clearing=RUN.clearing).with_journal(journal("PR-1", everything))

    assert only(books.tied()).measure is Measure.NET_PAY
    books = books.changed("clearing", 0, besides=D("17498.00"))
    assert books.tied().tied

    books = books.with_journal(SETTLEMENT)
    assert only(books.tied()).measure is Measure.BALANCE
    assert books.changed("clearing", 0, stays=D("17498.00")).tied().tied


def reposted() -> Books:
    """A run whose first journal had the wages on a wrong account: reversed, and posted once more."""
    wrong = accounts(*WHAT)
    wrong["6999"] = wrong.pop(WAGES)
    books = Books(register=RUN.register, clearing=RUN.clearing).with_journal(journal("PR-1", wrong))
    back = journal("PR-2", mirrored(wrong), JournalKind.REVERSAL, share=-1, reverses="PR-1")
    return books.with_journal(back).with_journal(journal("PR-3", accounts(*WHAT)))


def test_a_reversal_and_a_repost_tie_out() -> None:
    assert reposted().tied().tied


def test_a_reversal_that_leaves_something_is_named_with_its_account() -> None:
    books = reposted()
    lines = {**books.ledger[1].by_account, WAGES: CENT}

    found = books.changed("ledger", 1, by_account=lines).tied().differences

    assert {(d.measure, d.reference, d.account, d.found) for d in found} == {
        (Measure.ACCOUNT, "PR-2", WAGES, CENT),
        (Measure.PAIR, "PR-1", WAGES, CENT),
    }


def test_a_month_end_journal_taken_back_twice_is_named() -> None:
    share = {WAGES: D("9000.00"), "2300": D("-9000.00")}
    books = RUN.with_journal(journal("ME", share, JournalKind.MONTH_END, share=0))
    for reference in ("ME-R", "ME-R2"):
        back = journal(reference, mirrored(share), JournalKind.MONTH_END_REVERSAL, share=0, reverses="ME")
        books = books.with_journal(back)
        if reference == "ME-R":
            assert books.tied().tied

    assert {(d.measure, d.reference, d.account) for d in books.tied().differences} == {
        (Measure.PAIR, "ME", WAGES),
        (Measure.PAIR, "ME", "2300"),
    }


def test_a_reversal_of_a_journal_that_there_is_not() -> None:
    lone = journal("X-R", {WAGES: D(-5), NET: D(5)}, JournalKind.REVERSAL, share=-1, reverses="X")
    found = RUN.with_journal(lone).tied().differences

    assert (Where.JOURNAL, Measure.PRESENCE, "X") in {(d.where, d.measure, d.reference) for d in found}


def test_a_journal_that_is_gone_from_the_ledger() -> None:
    assert only(RUN.with_journal(SETTLEMENT).changed("posted", 0, gone=True).tied()) == Difference(
        Where.POSTED, Measure.PRESENCE, "PR-1", *PLACE, D("55978.00"), None
    )
    missing = RUN.without("posted", 0).without("ledger", 0).tied()
    assert {(d.where, d.reference) for d in missing.differences} == {(Where.POSTED, "PR-1"), (Where.CLEARING, "")}


def test_a_journal_posted_twice_is_one_too_many() -> None:
    books = RUN.with_journal(SETTLEMENT)
    twice = msgspec.structs.replace(books.posted[0], number="GL-9")
    again = msgspec.structs.replace(books.ledger[0], number="GL-9")
    books = msgspec.structs.replace(books, posted=(*books.posted, twice), ledger=(*books.ledger, again))

    assert [(d.where, d.measure, d.reference, d.expected, d.found) for d in books.tied().differences] == [
        (Where.POSTED, Measure.PRESENCE, "PR-1", None, D("55978.00")),
        (Where.LEDGER, Measure.PRESENCE, "PR-1", None, D("55978.00")),
    ]


def test_a_journal_in_another_company_is_missing_here_and_too_many_there() -> None:
    found = RUN.changed("posted", 0, company="Austin").tied().differences
    presence = {(d.where, d.company, d.expected is None) for d in found if d.measure is Measure.PRESENCE}

    assert {(Where.POSTED, "Toledo", False), (Where.POSTED, "Austin", True)} <= presence


def test_an_extra_line_that_comes_to_nothing() -> None:
    assert only(RUN.changed("posted", 0, line_count=5).tied()) == Difference(
        Where.POSTED, Measure.LINES, "PR-1", *PLACE, D(4), D(5)
    )


def test_a_journal_that_is_gone_and_left_other_amounts_on_the_accounts() -> None:
    books = RUN.changed("posted", 0, gone=True).changed("ledger", 0, debit=D("55978.01"))
    assert {(d.where, d.measure) for d in books.tied().differences} == {
        (Where.POSTED, Measure.PRESENCE),
        (Where.LEDGER, Measure.DEBIT),
    }


def test_a_journal_that_does_not_balance_anywhere() -> None:
    books = RUN
    for part in ("journals", "posted", "ledger"):
        books = books.changed(part, 0, credit=D("55978.01"))
    assert only(books.tied()) == Difference(Where.JOURNAL, Measure.CREDIT, "PR-1", *PLACE, D("55978.00"), D("55978.01"))


def test_a_clearing_account_nobody_named_does_not_tie_out() -> None:
    assert only(msgspec.structs.replace(RUN, clearing=()).tied()).measure is Measure.NET_PAY


def test_a_register_without_any_journal_does_not_tie_out() -> None:
    found = Books(register=RUN.register, clearing=RUN.clearing).tied().differences
    assert {d.measure for d in found} == {Measure.COST, Measure.OWED, Measure.NET_PAY}


cents = st.integers(1, 10_000_000).map(lambda n: D(n) / 100)
places = st.lists(st.sampled_from([("Toledo", "USD"), ("Toledo", "CAD"), ("Austin", "USD")]), min_size=1, unique=True)


@st.composite
def books(draw: st.DrawFn) -> Books:
    """Any run that ties out: some companies and currencies, settled or not, corrected or not."""
    whole = Books()
    for place in draw(places):
        wages, tax = draw(cents), draw(cents)
        what = (wages, tax, wages * draw(st.integers(0, 9)) / 10)
        name = "-".join(place)
        whole = msgspec.structs.replace(
            whole,
            register=(*whole.register, register(*what, place)),
            clearing=(*whole.clearing, Clearing(company=place[0], currency=place[1], accounts=frozenset({NET}))),
        )
        whole = whole.with_journal(journal(f"{name}-1", accounts(*what), place=place))
        if draw(st.booleans()):
            back = mirrored(accounts(*what))
            takes = journal(f"{name}-2", back, JournalKind.REVERSAL, share=-1, reverses=f"{name}-1", place=place)
            whole = whole.with_journal(takes).with_journal(journal(f"{name}-3", accounts(*what), place=place))
        if draw(st.booleans()):
            paid = {NET: what[0] - what[2], CASH: what[2] - what[0]}
            whole = whole.with_journal(journal(f"{name}-S", paid, JournalKind.SETTLEMENT, share=0, place=place))
    return whole


@given(books())
def test_books_that_agree_tie_out(whole: Books) -> None:
    tied = whole.tied()

    assert tied.tied, tied.differences
    assert {(row.company, row.currency) for row in tied.figures} == {(r.company, r.currency) for r in whole.register}
    assert all(type(row.amount) is Decimal for row in tied.figures)


MONEY: dict[str, tuple[str, ...]] = {
    "register": ("cost", "owed", "net_pay"),
    "journals": ("cost", "owed", "debit", "credit", "line_count"),
    "posted": ("debit", "credit", "line_count"),
    "ledger": ("debit", "credit"),
}
BOOKED: dict[str, Callable[[Any], str]] = {
    "journals": lambda part: str(part.reference),
    "posted": lambda part: str(part.reference),
    "ledger": lambda part: str(part.number).removeprefix("GL-"),
}


@given(books(), st.data())
def test_any_figure_that_is_a_cent_off_is_named(whole: Books, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(sorted(MONEY)))
    index = data.draw(st.integers(0, len(getattr(whole, part)) - 1))
    name = data.draw(st.sampled_from(MONEY[part]))
    item = getattr(whole, part)[index]
    off = 1 if name == "line_count" else data.draw(st.sampled_from([CENT, -CENT]))

    tied = whole.changed(part, index, **{name: getattr(item, name) + off}).tied()

    assert not tied.tied
    measure = Measure.LINES if name == "line_count" else Measure(name)
    sums = measure in (Measure.COST, Measure.OWED, Measure.NET_PAY)
    reference = "" if sums else BOOKED[part](item)
    assert (measure, item.company, reference) in {(d.measure, d.company, d.reference) for d in tied.differences}


@given(books(), st.data())
def test_any_account_that_is_a_cent_off_is_named(whole: Books, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(sorted(BOOKED)))
    index = data.draw(st.integers(0, len(getattr(whole, part)) - 1))
    item = getattr(whole, part)[index]
    account = data.draw(st.sampled_from([*sorted(item.by_account), "9999"]))
    lines = {**item.by_account, account: item.by_account.get(account, D(0)) + CENT}

    tied = whole.changed(part, index, by_account=lines).tied()

    assert not tied.tied
    named = {(d.measure, d.reference, d.account) for d in tied.differences}
    assert (Measure.ACCOUNT, BOOKED[part](item), account) in named


@given(books(), st.data())
def test_anything_that_is_not_there_is_named(whole: Books, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(sorted(BOOKED)))
    index = data.draw(st.integers(0, len(getattr(whole, part)) - 1))
    item = getattr(whole, part)[index]

    tied = whole.without(part, index).tied()

    assert not tied.tied
    assert (Measure.PRESENCE, BOOKED[part](item)) in {(d.measure, d.reference) for d in tied.differences}


@pytest.mark.parametrize("account", [WAGES, TAX_COST, TAX_OWED, NET])
def test_an_account_that_comes_to_zero_may_be_left_out(account: str) -> None:
    zero = {**RUN.journals[0].by_account, "7000": D(0)}
    assert RUN.changed("journals", 0, by_account=zero).tied().tied
    less = {name: amount for name, amount in RUN.journals[0].by_account.items() if name != account}
    assert account in {d.account for d in RUN.changed("posted", 0, by_account=less).tied().differences}
