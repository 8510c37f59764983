"""Pay runs as payroll sends them, odd ones included: nothing is posted wrongly, and what is wrong is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync.models import Assignment, PaidLine, PayrollSettings, PayRun, Posting, Run
from sync.payroll.approval import accept_finding
from tests.sync.payroll.payday import Payday, open_books, ready

GOOD = [
    {"kind": "earning", "code": "REG", "name": "Regular pay", "amount": "1000.00"},
    {"kind": "employee_tax", "code": "FIT", "name": "Federal income tax", "amount": "100.00"},
]


def workers(payday: Payday) -> list[dict[str, Any]]:
    """Who Rippling has, active ones."""
    return [w for w in payday.story.rippling.snapshot()["workers"] if w["status"] == "ACTIVE"]


def pay(payday: Payday, lines: dict[str, Any], **values: Any) -> str:
    """An off-cycle run for these workers only; returns its id."""
    run = {"check_date": "2026-06-12", "type": "OFF_CYCLE", "workers": list(lines), "lines": lines, **values}
    return str(payday.story.rippling.change("run_payroll", **run)["run_id"])


def run_of(payday: Payday, run_id: str) -> PayRun:
    return next(run for run in payday.pay_runs() if run.source_id == run_id)


def codes(payday: Payday, pay_run: PayRun) -> list[str]:
    return sorted(finding.code for finding in payday.findings(pay_run))


@pytest.fixture
def payday(sandbox: dict[str, str]) -> Payday:
    """Acme's regular run is ready; all its items have rules."""
    story, pay_run = ready(sandbox)
    assert pay_run.state == PayRun.State.READY
    return story


def read_odd(payday: Payday, lines: list[dict[str, str]], **values: Any) -> PayRun:
    """One worker is paid these lines; the run as we have it afterwards, with rules for all its items."""
    worker = workers(payday)[0]["id"]
    run_id = pay(payday, {worker: lines}, **values)
    payday.read()
    payday.write_rules()
    payday.check_again(run_of(payday, run_id))
    return run_of(payday, run_id)


def test_amounts_with_four_decimals_are_exact_and_their_rounding_is_a_line(payday: Payday) -> None:
    with payday.scope():
        PayrollSettings.objects.update(rounding_account="69900-000-0000")
    worker = workers(payday)[0]["id"]
    odd = [{**GOOD[0], "amount": "1000.0050"}, {**GOOD[1], "amount": "100.0025"}]

    fine = read_odd(payday, odd, stated={worker: {"net_pay": "900.00"}})

    with payday.scope():
        kept = PaidLine.objects.filter(pay_run=fine, kind="earning").get()
    assert kept.amount == Decimal("1000.0050")
    assert fine.state == PayRun.State.READY, [finding.sentence for finding in payday.findings(fine)]
    payday.approve(fine)
    done = payday.advance(fine)
    (journal,) = payday.ours()
    amounts = {line["accountNo"]: (line["debit"], line["credit"]) for line in journal["lines"]}
    assert done.state == PayRun.State.RECONCILED
    assert amounts["69900-000-0000"] == ("0.00", "0.01")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "", "12,50", "1e400"])
def test_an_amount_that_is_none_blocks_the_run_and_names_the_field(payday: Payday, amount: str) -> None:
    held = read_odd(payday, [{**GOOD[0], "amount": amount}, GOOD[1]])

    assert held.state == PayRun.State.HELD
    assert "unreadable_pay" in codes(payday, held)
    (finding,) = [f for f in payday.findings(held) if f.code == "unreadable_pay"]
    assert "amount" in finding.sentence
    assert amount not in finding.sentence or not amount
    assert payday.ours() == []


LONG = "Contribution to the supplementary occupational pension of the metal workers " * 3


@pytest.mark.parametrize(
    ("odd", "values", "field"),
    [
        ({"code": LONG, "name": "Pension"}, {}, "code of a pay item"),
        ({"code": "REG\x00"}, {}, "code of a pay item"),
        ({"name": "Regular\x00pay"}, {}, "name of a pay item"),
        ({}, {"currency": "US Dollar"}, "currency"),
        ({}, {"currency": "usd"}, "currency"),
        ({"amount": "12345678901234.00"}, {}, "amount"),
    ],
)
def test_what_cannot_be_kept_as_it_was_sent_holds_its_run_and_no_other(
    payday: Payday, odd: dict[str, str], values: dict[str, str], field: str
) -> None:
    worker = workers(payday)[0]["id"]
    currencies = {worker: values["currency"]} if values else {}
    run_id = pay(payday, {worker: [{**GOOD[0], **odd}, GOOD[1]]}, currencies=currencies)
    later = pay(payday, {worker: GOOD}, check_date="2026-06-19")

    payday.read()

    held = run_of(payday, run_id)
    assert held.state == PayRun.State.HELD
    (finding,) = [f for f in payday.findings(held) if f.code == "unreadable_pay"]
    assert (finding.culprit, finding.people_count) == (field, 1)
    assert f"({field})" in finding.sentence
    payday.write_rules()
    payday.check_again(run_of(payday, later))
    assert run_of(payday, later).state == PayRun.State.READY


def test_a_title_of_any_length_and_letters_is_cut_and_stops_nothing(payday: Payday) -> None:
    fine = read_odd(payday, GOOD, title=f"Bonus\x00 {LONG}")

    assert fine.state == PayRun.State.READY
    assert fine.title.startswith("Bonus\ufffd Contribution")
    assert len(fine.title) == 200


def test_long_names_of_two_pay_items_are_cut_and_the_items_stay_two(payday: Payday) -> None:
    alike = [{"kind": "earning", "code": f"REG-{n}", "name": f"{LONG} {n}", "amount": f"{n}.00"} for n in (1, 2)]
    fine = read_odd(payday, alike)

    assert fine.state == PayRun.State.READY
    with payday.scope():
        kept = PaidLine.objects.filter(pay_run=fine, kind="earning").order_by("item")
        assert [(line.item, line.amount) for line in kept] == [
            ("earning:REG-1", Decimal(1)),
            ("earning:REG-2", Decimal(2)),
        ]


def test_pay_that_does_not_add_up_blocks_the_run(payday: Payday) -> None:
    worker = workers(payday)[0]["id"]
    run_id = pay(payday, {worker: GOOD}, stated={worker: {"net_pay": "950.00"}})
    payday.read()

    held = run_of(payday, run_id)

    assert held.state == PayRun.State.HELD
    (finding,) = [f for f in payday.findings(held) if f.code == "net_differs"]
    assert finding.amount == Decimal("50.00")
    assert finding.people_count == 1
    assert finding.remedy


def test_a_negative_tax_can_be_accepted_with_a_reason(payday: Payday) -> None:
    odd = [GOOD[0], {**GOOD[1], "amount": "-20.00"}]
    held = read_odd(payday, odd)
    assert (held.state, codes(payday, held)) == (PayRun.State.HELD, ["direction"])

    with payday.acting("ann"):
        accept_finding(payday.findings(held)[0], "Tax refund of last quarter", now=payday.story.world.now())

    again = run_of(payday, held.source_id)
    assert again.state == PayRun.State.READY
    payday.check_again(again)
    assert run_of(payday, held.source_id).state == PayRun.State.READY, "what was accepted stays accepted"


def test_two_regular_runs_for_one_period_stop_and_ask(payday: Payday) -> None:
    first = payday.pay_runs()[0]
    payday.approve(first)
    payday.advance(first)
    worker = workers(payday)[0]["id"]
    period = {"period_start": str(first.period_start), "period_end": str(first.period_end)}
    run_id = pay(payday, {worker: GOOD}, type="REGULAR", check_date="2026-06-05", **period)

    payday.read()
    payday.write_rules()
    payday.check_again(run_of(payday, run_id))

    again = run_of(payday, run_id)
    assert (again.state, codes(payday, again)) == (PayRun.State.HELD, ["same_period"])
    assert first.title in payday.findings(again)[0].sentence


def test_two_currencies_are_two_journals_and_a_foreign_one_is_not_posted(payday: Payday) -> None:
    one, two = (worker["id"] for worker in workers(payday)[:2])
    run_id = pay(payday, {one: GOOD, two: GOOD}, currencies={two: "CAD"})
    payday.read()
    payday.write_rules()
    payday.check_again(run_of(payday, run_id))

    held = run_of(payday, run_id)

    assert sorted(p.currency for p in payday.postings(held)) == ["CAD", "USD"]
    assert (held.state, codes(payday, held)) == (PayRun.State.HELD, ["currency"])
    assert "CAD" in payday.findings(held)[0].sentence


def test_a_run_that_pays_nobody_is_not_a_success_until_a_person_says_so(payday: Payday) -> None:
    worker = workers(payday)[0]["id"]
    zero = [{**GOOD[0], "amount": "0.00"}]
    run_id = pay(payday, {worker: zero})
    payday.read()

    empty = run_of(payday, run_id)
    assert (empty.state, codes(payday, empty)) == (PayRun.State.HELD, ["empty_run"])

    with payday.acting("ann"):
        accept_finding(payday.findings(empty)[0], "Reversed before payment", now=payday.story.world.now())
    assert run_of(payday, run_id).state == PayRun.State.EMPTY


def test_an_unknown_run_type_is_kept_in_the_sources_words(payday: Payday) -> None:
    worker = workers(payday)[0]["id"]
    run_id = pay(payday, {worker: GOOD}, type="MOON_BONUS")
    payday.read()

    assert run_of(payday, run_id).source_kind == "MOON_BONUS"


def test_who_moves_after_the_check_date_is_booked_where_they_belonged(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    payday.read()
    worker = workers(payday)[0]
    with payday.scope():
        before = Assignment.objects.get(worker_id=worker["id"])
        booked = set(PaidLine.objects.filter(worker=worker["id"]).values_list("department", flat=True))
    other = next(
        d["name"] for d in payday.story.rippling.snapshot()["departments"] if d["name"] != worker["department"]
    )
    payday.story.rippling.change("transfer", worker=worker["id"], department=other)

    payday.read()
    payday.check_again(payday.pay_run())

    with payday.scope():
        after = set(PaidLine.objects.filter(worker=worker["id"]).values_list("department", flat=True))
        now = Assignment.objects.filter(worker_id=worker["id"]).order_by("-since").first()
    assert booked == {before.department}
    assert now is not None
    assert now.department != before.department
    assert after == booked


def test_a_run_payroll_cancels_before_posting_is_void_and_its_journal_goes(payday: Payday) -> None:
    pay_run = payday.pay_run()
    payday.approve(pay_run)
    payday.story.rippling.change("set_run", run=pay_run.source_id, state="FAILED")

    payday.read()
    payday.advance(pay_run)

    assert payday.pay_run().state == PayRun.State.VOID
    assert [p.state for p in payday.postings()] == [Posting.State.SUPERSEDED]
    assert payday.ours() == []


def test_a_change_after_approval_voids_it(payday: Payday) -> None:
    pay_run = payday.pay_run()
    payday.approve(pay_run)
    worker = workers(payday)[0]["id"]
    more = [{"kind": "earning", "code": "REG", "name": "Regular pay", "amount": "12.00"}]
    payday.story.rippling.change("change_record", run=pay_run.source_id, worker=worker, extra=more)

    payday.check_again(pay_run)
    payday.advance(pay_run)

    (posting,) = payday.postings()
    assert posting.state == Posting.State.DRAFTED
    assert posting.approved_hash == ""
    assert payday.ours() == []


@pytest.mark.parametrize(
    ("act", "change"), [("voided", {"state": "FAILED"}), ("changed", {}), ("gone", None)], ids=lambda v: str(v)[:7]
)
def test_what_payroll_does_to_a_posted_run_is_said_and_not_followed(payday: Payday, act: str, change: Any) -> None:
    pay_run = payday.pay_run()
    payday.approve(pay_run)
    payday.advance(pay_run)
    if change is None:
        payday.story.rippling.change("remove_run", run=pay_run.source_id)
    elif change:
        payday.story.rippling.change("set_run", run=pay_run.source_id, **change)
    else:
        extra = [{"kind": "earning", "code": "REG", "name": "Regular pay", "amount": "12.00"}]
        worker = workers(payday)[0]["id"]
        payday.story.rippling.change("change_record", run=pay_run.source_id, worker=worker, extra=extra)

    if act == "changed":
        payday.check_again(pay_run)
    elif act == "gone":
        pay(payday, {workers(payday)[0]["id"]: GOOD})  # or nothing at all would be shown, which holds the run
        payday.read()
    else:
        payday.read()

    told = run_of(payday, pay_run.source_id)
    assert told.source_change == act
    assert told.state == PayRun.State.RECONCILED
    assert len(payday.ours()) == 1


def test_pay_runs_that_all_disappear_hold_the_run(payday: Payday) -> None:
    payday.story.rippling.change("remove_run", run=payday.pay_run().source_id)

    held = payday.read()

    assert held.state == Run.State.HELD
    assert "no pay run at all" in held.message
    assert payday.pay_run().state == PayRun.State.READY


def test_nothing_is_read_before_a_start_date_is_chosen(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    with payday.scope():
        PayrollSettings.objects.update(start_date=None)

    failed = payday.read()

    assert failed.state == Run.State.FAILED
    assert "from which check date" in failed.message
    assert payday.pay_runs() == []


def test_runs_before_the_start_date_are_ignored(sandbox: dict[str, str]) -> None:
    payday = open_books(sandbox)
    with payday.scope():
        PayrollSettings.objects.update(start_date="2026-06-06")

    assert payday.read().state == Run.State.SUCCEEDED
    assert payday.pay_runs() == []


def test_a_run_without_an_end_in_payroll_waits(payday: Payday) -> None:
    worker = workers(payday)[0]["id"]
    run_id = pay(payday, {worker: GOOD}, state="APPROVED")
    payday.read()
    assert run_of(payday, run_id).state == PayRun.State.WAITING

    with payday.scope():
        PayrollSettings.objects.update(post_when=PayrollSettings.PostWhen.APPROVED)
    payday.read()
    assert run_of(payday, run_id).state != PayRun.State.WAITING
