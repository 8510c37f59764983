"""One person's pay is told by nothing beside the journals either: findings, previews, words on the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum

from audit.models import AuditEntry
from sync.api.effects import effect_told
from sync.api.findings import told
from sync.api.payroll_sight import RunView
from sync.models import AccountRule, PaidLine, PayrollSettings, PayRun
from sync.payroll.account_rules import save_rule
from sync.payroll.correcting import adjust
from sync.payroll.masks import kinds_of, masks_of
from sync.payroll.variances import load_journals
from sync.payroll.visibility import Sight
from tests.sync.payroll.payday import Payday, open_books, ready
from tests.sync.payroll.test_correcting import NET, correct, effect, pay_more, take_back
from tests.sync.payroll.test_reading import GOOD, pay, read_odd, run_of, workers

EARNED = "61000-210-0100"


def amounts_told(payday: Payday, pay_run: PayRun, sight: Sight) -> dict[str, Any]:
    """By code and culprit what the API says of the findings' money."""
    found = payday.findings(pay_run)
    with payday.scope():
        return {f"{one.code} {one.culprit}": told(one, sight, 2).shown["amount"] for one in found}  # type: ignore[attr-defined]


def test_what_is_wrong_with_the_ledger_does_not_tell_one_persons_pay(sandbox: dict[str, str]) -> None:
    payday, _ = ready(sandbox)
    payday.story.plex.change("set_period", period="06-2026", status="Closed")
    with payday.scope():
        AccountRule.objects.filter(item="net_pay:net_pay").update(credit="99999-000-0000")
    alone = read_odd(payday, GOOD)

    assert alone.people == 1
    assert amounts_told(payday, alone, Sight.GROUPS) == {
        "account_unknown 99999-000-0000": None,
        "period_closed 06-2026": None,
    }
    assert None not in amounts_told(payday, alone, Sight.ALL).values()


def test_what_is_wrong_with_the_ledger_tells_what_many_are_paid(sandbox: dict[str, str]) -> None:
    payday, _ = ready(sandbox)
    with payday.scope():
        AccountRule.objects.filter(item="net_pay:net_pay").update(credit="99999-000-0000")
        PayrollSettings.objects.update(detail="account")
        AccountRule.objects.filter(item__startswith="earning").update(debit="61000-210-0100")
    three = [worker["id"] for worker in workers(payday)[:3]]
    run_id = pay(payday, dict.fromkeys(three, GOOD))
    payday.read()
    payday.write_rules()
    payday.check_again(run_of(payday, run_id))

    shown = amounts_told(payday, run_of(payday, run_id), Sight.GROUPS)
    assert shown == {"account_unknown 99999-000-0000": 2700}


def lone_department(payday: Payday) -> tuple[str, Decimal]:
    """A department with one paid person, and what that person earns."""
    with payday.scope():
        paid = PaidLine.objects.filter(item="earning:REG").values("department")
        alone = paid.annotate(people=Count("worker", distinct=True), earned=Sum("amount")).filter(people=1)[0]
    return alone["department"], alone["earned"]


def effect_shown(payday: Payday, sight: Sight) -> dict[str, Any]:
    """By account what the API says that correcting would change, None where it is masked."""
    pay_run = payday.pay_run()
    with payday.scope():
        postings, lines = load_journals([pay_run])[pay_run.pk]
        kinds = kinds_of(postings)
        view = RunView(
            sight=sight,
            fewest=2,
            masks=masks_of(pay_run, postings, lines, kinds, sight, 2),
            postings=postings,
            lines=lines,
            kinds=frozenset[str]().union(*kinds.values()),
        )
    return {row["account"]: row["difference"] for row in effect_told(effect(payday), view)["accounts"]}


def posted_by_account(sandbox: dict[str, str]) -> Payday:
    """The run is on the ledger with one line per account, on which every department is."""
    payday = open_books(sandbox)
    with payday.scope():
        PayrollSettings.objects.update(detail="account")
    payday.read()
    payday.write_rules()
    with payday.scope():
        AccountRule.objects.filter(item__startswith="earning").update(debit=EARNED)
    payday.check_again(payday.pay_run())
    payday.approve(payday.pay_run())
    assert payday.advance(payday.pay_run()).state == PayRun.State.RECONCILED
    return payday


def test_the_effect_of_a_rule_for_one_person_is_masked(sandbox: dict[str, str]) -> None:
    payday = posted_by_account(sandbox)
    department, earned = lone_department(payday)
    with payday.acting("pat"):
        now = payday.story.world.now()
        save_rule(payday.story.integration, item="earning:REG", department=department, debit=NET, now=now)

    assert effect_shown(payday, Sight.ALL)[NET] == earned
    shown = effect_shown(payday, Sight.GROUPS)
    assert (shown[NET], shown[EARNED]) == (None, None)


def test_what_one_person_gets_more_is_masked_in_the_effect_and_in_the_adjustment(sandbox: dict[str, str]) -> None:
    payday = posted_by_account(sandbox)
    pay_more(payday)

    assert effect_shown(payday, Sight.ALL)[NET] == -250
    assert effect_shown(payday, Sight.GROUPS)[NET] is None
    (draft,) = correct(payday, adjust)
    with payday.scope():
        assert set(draft.lines.values_list("people", flat=True)) == {1}


def test_the_effect_of_a_rule_for_everybody_is_shown(sandbox: dict[str, str]) -> None:
    payday = posted_by_account(sandbox)
    before = payday.balance(EARNED)
    with payday.scope():
        AccountRule.objects.filter(item__startswith="earning").update(debit=NET)

    assert effect_shown(payday, Sight.GROUPS)[NET] == before


def test_a_name_in_the_title_of_a_run_reaches_neither_the_ledger_nor_the_audit_trail(sandbox: dict[str, str]) -> None:
    payday, _ = ready(sandbox)
    alone = read_odd(payday, GOOD, title="Severance Jane Doe")
    payday.approve(alone)
    assert payday.advance(alone).state == PayRun.State.RECONCILED
    (posting,) = payday.postings(alone)
    take_back(payday, posting)
    payday.approve(alone)
    payday.advance(alone)

    assert alone.title == "Severance Jane Doe", "people of the company see it"
    on_ledger = [journal["description"] for journal in payday.ours()]
    assert len(on_ledger) == 2
    assert not any("Jane" in text for text in on_ledger)
    with payday.scope():
        entries = AuditEntry.objects.filter(body__contains=alone.source_id)
        assert entries.filter(body__contains="journal.posted").exists()
        assert not AuditEntry.objects.filter(body__contains="Jane").exists()
