"""A pay run by the API: looked at, approved by another person, posted once, tied out, corrected."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from audit.models import AuditEntry
from sync.models import PayrollSettings, PayRun, Posting, RememberedAnswer
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.company import found
from tests.api.payroll_rows import SALARY, add_pay_runs
from tests.api.worker import post, work
from tests.cast import Cast, make_key
from tests.sync.payroll.payday import Payday, ready


@pytest.fixture
def ann(cast: Cast) -> Caller:
    """Acme's approver."""
    return Caller(make_key(cast.acme, Role.APPROVER, name="ann"))


@pytest.fixture
def payday(cast: Cast, sandbox: dict[str, str]) -> Payday:
    """Acme with one pay run that is ready for review."""
    payday, _ = ready(sandbox, tenant=cast.acme)
    return payday


def amounts(value: Any) -> Iterator[Any]:
    """Every amount of an answer with whether it is masked."""
    if isinstance(value, dict):
        if "masked" in value:
            yield from ((value["masked"], value[name]) for name in MONEY if name in value)
        for inner in value.values():
            yield from amounts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from amounts(inner)


MONEY = ("amount", "debit", "credit", "before", "after", "current", "previous", "change", "median", "expected", "found")


def hashes_of(caller: Caller, pay_run: int) -> dict[str, str]:
    return {str(row["id"]): row["content_hash"] for row in caller.get(f"pay-runs/{pay_run}/").ok()["postings"]}


def test_a_pay_run_is_checked_approved_posted_once_and_tied_out(
    payday: Payday, cast: Cast, pat: Caller, ann: Caller
) -> None:
    [row] = pat.all("pay-runs/?state=ready")
    address = f"pay-runs/{row['id']}/"
    checked = pat.post(f"{address}check/").ok(201)
    work(cast.acme.id)
    assert pat.get(f"runs/{checked['id']}/").ok()["state"] == "succeeded"
    hashes = hashes_of(ann, row["id"])

    pat.post(f"{address}approve/", {"hashes": hashes}).problem(403)
    stale = ann.post(f"{address}approve/", {"hashes": dict.fromkeys(hashes, "0" * 64)}).problem(409)
    assert "changed since you looked" in stale["detail"]
    assert set(ann.post(f"{address}approve/", {"hashes": {"987654": "0"}}).errors()) == {"hashes.987654"}
    assert ann.post(f"{address}approve/", {"hashes": hashes}, Idempotency_Key="one").ok()["state"] == "approved"
    assert ann.post(f"{address}approve/", {"hashes": hashes}, Idempotency_Key="one").ok()["state"] == "approved"
    post(cast.acme.id)

    done = pat.get(address).ok()
    [posting] = done["postings"]
    [journal] = payday.ours()
    assert (done["state"], posting["state"]) == ("reconciled", "reconciled")
    assert posting["journal_number"] == str(journal["number"])
    assert done["reconciliation"]["tied_out"] is True
    again = ann.post(f"{address}post/").problem(409)["detail"]
    assert again.startswith("Already posted on")
    assert f"as journal {journal['number']} – nothing to do." in again
    effect = ann.get(f"{address}effect/").ok()
    assert (effect["kind"], effect["reverses"]) == ("nothing", [])
    assert effect["sentence"] == again
    ann.post(f"{address}repost/", {"reason": "Again"}).problem(409)
    ann.post(f"{address}adjust/", {"reason": "Again"}).problem(409)
    post(cast.acme.id)
    assert len(payday.ours()) == 1


def test_whoever_prepared_it_cannot_approve_it_by_a_key_either(payday: Payday, cast: Cast) -> None:
    prepared = Caller(make_key(cast.acme, Role.APPROVER, name="both"))
    [row] = prepared.all("pay-runs/")
    prepared.post(f"pay-runs/{row['id']}/check/").ok(201)
    work(cast.acme.id)
    with tenant_scope(cast.acme.id):
        Posting.objects.update(prepared_keys=["api_key:both"])
    hashes = hashes_of(prepared, row["id"])

    refused = prepared.post(f"pay-runs/{row['id']}/approve/", {"hashes": hashes}).problem(409)

    assert "Somebody else must approve it" in refused["detail"]
    assert payday.ours() == []


def test_a_rejected_run_is_not_posted(payday: Payday, cast: Cast, ann: Caller) -> None:
    [row] = ann.all("pay-runs/")
    address = f"pay-runs/{row['id']}/"
    assert set(ann.post(f"{address}reject/", {}).errors()) == {"reason"}
    assert ann.post(f"{address}reject/", {"reason": "Wrong accounts"}).ok()["state"] == "rejected"
    ann.post(f"{address}post/").problem(409)
    ann.post(f"{address}approve/", {"hashes": {"999999999": "0"}}).problem(400)
    post(cast.acme.id)
    assert payday.ours() == []


def test_a_changed_pay_run_is_reversed_and_posted_anew_after_the_effect_was_shown(
    payday: Payday, cast: Cast, ann: Caller
) -> None:
    [row] = ann.all("pay-runs/")
    address = f"pay-runs/{row['id']}/"
    ann.post(f"{address}approve/", {"hashes": hashes_of(ann, row["id"])}).ok()
    post(cast.acme.id)
    with payday.scope():
        wages = payday.pay_run().integration
    for rule in ann.all(f"account-rules/?integration={wages.pk}"):
        if rule["debit"].startswith("61200"):
            ann.patch(f"account-rules/{rule['id']}/", {"debit": "61300-{cost_center}-0100"}).ok()

    effect = ann.get(f"{address}effect/").ok()
    assert effect["kind"] == "reverse_and_repost"
    drafts = ann.post(f"{address}repost/", {"reason": "Taxes belong to benefits"}).ok(201)["results"]
    reversal, anew = sorted(drafts, key=lambda draft: draft["kind"] != "reversal")
    assert reversal["reverses"] == effect["reverses"][0]
    assert (reversal["state"], anew["after"]) == ("drafted", reversal["id"])

    hashes = {str(draft["id"]): draft["content_hash"] for draft in drafts}
    mine = ann.post(f"{address}approve/", {"hashes": hashes}).problem(409)
    assert "Somebody else" in mine["detail"]
    other = Caller(make_key(cast.acme, Role.APPROVER, name="otto"))
    other.post(f"{address}approve/", {"hashes": hashes}).ok()
    post(cast.acme.id)
    post(cast.acme.id)
    done = other.get(address).ok()
    assert done["state"] == "reconciled", done
    assert payday.balance("61200-210-0100") == 0
    assert len(payday.ours()) == 3


def test_amounts_are_seen_by_role_and_single_people_after_a_reasoned_reveal(
    cast: Cast, sandbox: dict[str, str], vera: Caller, pat: Caller, ann: Caller
) -> None:
    payday, _ = ready(sandbox, tenant=cast.acme, rippling={"size": 30})
    [row] = vera.all("pay-runs/")
    [posting] = vera.all("postings/")
    tables = [
        f"pay-runs/{row['id']}/",
        f"pay-runs/{row['id']}/register/",
        f"pay-runs/{row['id']}/variance/",
        f"pay-runs/{row['id']}/effect/",
        f"postings/{posting['id']}/",
        f"account-rules/coverage/?integration={row['integration']}",
        f"account-rules/pay-items/?integration={row['integration']}",
    ]
    for table in tables:
        seen = list(amounts(vera.get(table).ok()))
        assert seen or table.endswith(f"{row['id']}/effect/"), table
        assert {amount for _, amount in seen} <= {None}, table
    for caller in (pat, ann):
        lines = caller.get(f"postings/{posting['id']}/").ok()["lines"]
        assert {line["debit"] for line in lines if line["people"] == 1} <= {None}
        assert any(line["debit"] for line in lines)
    assert any(line["people"] == 1 for line in lines), "a department of one is what this is about"
    pat.post(f"pay-runs/{row['id']}/reveal/", {"reason": "Curious"}).problem(403)
    assert set(ann.post(f"pay-runs/{row['id']}/reveal/", {}).errors()) == {"reason"}
    ann.post(f"pay-runs/{row['id']}/reveal/", {"reason": "The auditor asks for employee 7"}).ok(201)
    for table in tables[:5]:
        assert not any(hidden for hidden, _ in amounts(ann.get(table).ok())), table
    register = payday.register()["totals"]
    [totals] = ann.get(tables[1]).ok()["totals"]
    shown = {kind["kind"]: Decimal(kind["amount"]) for kind in totals["by_kind"]}
    assert shown["earning"] == Decimal(register["earning"])
    assert any(hidden for hidden, _ in amounts(pat.get(tables[4]).ok()))
    with tenant_scope(cast.acme.id):
        entry = AuditEntry.objects.get(action="pay_run.revealed")
        assert entry.why == "The auditor asks for employee 7"


def test_a_remembered_answer_holds_nobodys_pay(payday: Payday, cast: Cast, ann: Caller) -> None:
    [row] = ann.all("pay-runs/")
    ann.post(f"pay-runs/{row['id']}/reveal/", {"reason": "Audit"}, Idempotency_Key="one").ok(201)
    ann.post(f"pay-runs/{row['id']}/approve/", {"hashes": hashes_of(ann, row["id"])}, Idempotency_Key="two").ok()
    with tenant_scope(cast.acme.id):
        kept = "".join(RememberedAnswer.objects.values_list("body", flat=True))
        money = [str(posting.debit.normalize()) for posting in Posting.objects.all()]
        money += PayRun.objects.get().totals[0]["by_kind"].values()
    assert '"state":"approved"' in kept
    assert not any(amount in kept for amount in money)


def test_pay_runs_are_found_by_their_dates_and_their_integration(cast: Cast, vera: Caller) -> None:
    acme = found(cast.acme)
    with tenant_scope(cast.acme.id):
        add_pay_runs(acme.integration, 2)
    assert len(vera.all("pay-runs/?check_date_from=2026-02-27&check_date_to=2026-02-27")) == 2
    assert vera.all("pay-runs/?check_date_from=2026-02-28") == []
    assert len(vera.all(f"pay-runs/?integration={acme.integration.pk}&state=ready")) == 2
    assert set(vera.get("pay-runs/?check_date_from=soon&state=lost").errors()) == {"check_date_from", "state"}


def test_what_one_person_earns_is_nowhere_in_what_a_preparer_reads(cast: Cast, pat: Caller, ann: Caller) -> None:
    acme = found(cast.acme)
    with tenant_scope(cast.acme.id):
        add_pay_runs(acme.integration, 1)
    ids = acme.ids()
    run, posting, finding, tie = (ids[n][0] for n in ("pay-runs", "postings", "findings", "reconciliations"))
    addresses = [
        *(f"{name}/" for name in ("pay-runs", "postings", "findings", "reconciliations")),
        *(f"pay-runs/{run}/{table}" for table in ("", "register/", "variance/", "effect/")),
        *(f"postings/{posting}/", f"findings/{finding}/", f"reconciliations/{tie}/"),
        *(f"account-rules/{name}/?integration={acme.integration.pk}" for name in ("coverage", "pay-items")),
    ]
    for address in addresses:
        for caller in (pat, ann):
            assert str(SALARY) not in caller.get(address).content.decode(), address
    ann.post(f"pay-runs/{run}/reveal/", {"reason": "Audit"}).ok(201)
    for address in (f"pay-runs/{run}/register/", f"postings/{posting}/", f"reconciliations/{tie}/", "findings/"):
        assert str(SALARY) in ann.get(address).content.decode(), address


def test_a_pay_run_costs_as_many_queries_with_many_journals_as_with_one(cast: Cast, pat: Caller) -> None:
    acme = found(cast.acme)
    with tenant_scope(cast.acme.id):
        add_pay_runs(acme.integration, 1)
    pat.get("me/").ok()  # notes the use of the key
    run, posting = acme.ids()["pay-runs"][0], acme.ids()["postings"][0]
    addresses = [f"pay-runs/{run}/", f"pay-runs/{run}/register/", f"pay-runs/{run}/variance/", f"postings/{posting}/"]

    def queries() -> list[int]:
        counted = []
        for address in addresses:
            with CaptureQueriesContext(connection) as captured:
                pat.get(address).ok()
            counted.append(len(captured))
        return counted

    few = queries()
    with tenant_scope(cast.acme.id):
        add_pay_runs(acme.integration, 3)
        for n, other in enumerate(Posting.objects.exclude(pk=posting)):
            Posting.objects.filter(pk=other.pk).update(pay_run=run, key=f"payroll::USD:{n + 2}")
    assert queries() == few
    assert max(few) <= 32, few


def test_a_check_of_a_paused_flow_is_refused(payday: Payday, cast: Cast, pat: Caller) -> None:
    with payday.scope():
        flow = payday.story.flows["payroll"]
        flow.paused = True
        flow.save()
    [row] = pat.all("pay-runs/")
    OrmQ.objects.all().delete()
    assert "is paused" in pat.post(f"pay-runs/{row['id']}/check/").problem(409)["detail"]
    assert not OrmQ.objects.exists()


def test_a_finding_is_accepted_with_a_reason_unless_it_must_be_mended(cast: Cast, pat: Caller, ann: Caller) -> None:
    acme = found(cast.acme)
    with tenant_scope(cast.acme.id):
        add_pay_runs(acme.integration, 1)
        PayRun.objects.update(state=PayRun.State.HELD)
        PayrollSettings.objects.update(fewest_people=2)
    [finding] = pat.all("findings/?code=same_period")
    assert (finding["acceptable"], finding["amount"], finding["masked"]) == (True, None, True)
    pat.post(f"findings/{finding['id']}/accept/", {"reason": "A bonus run"}).problem(403)
    accepted = ann.post(f"findings/{finding['id']}/accept/", {"reason": "A bonus run"}).ok()
    assert (accepted["accepted_why"], accepted["amount"]) == ("A bonus run", None)
    assert pat.all("pay-runs/")[0]["state"] == "ready"
