"""One person's pay is told by nothing beside the journals either: findings, previews, words on the ledger."""

from __future__ import annotations

from typing import Any

from sync.api.findings import told
from sync.models import AccountRule, PayrollSettings, PayRun
from sync.payroll.visibility import Sight
from tests.sync.payroll.payday import Payday, ready
from tests.sync.payroll.test_reading import GOOD, pay, read_odd, run_of, workers


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
