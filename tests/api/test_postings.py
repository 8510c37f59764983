"""One journal by the API: approved as it was seen, posted once, looked up, decided about, reversed."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from sync.configuring import configure_flow
from sync.models import Posting
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.api.caller import Caller
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


def address_of(payday: Payday) -> str:
    [posting] = payday.postings(kind=Posting.Kind.PAYROLL)
    return f"postings/{posting.pk}/"


def test_a_journal_is_approved_as_it_was_seen_and_replaying_it_posts_nothing(
    payday: Payday, cast: Cast, ann: Caller, pat: Caller
) -> None:
    address = address_of(payday)
    seen = ann.get(address).ok()
    assert ann.post(f"{address}replay/").problem(409)["detail"].endswith("it must be approved first.")
    ann.post(f"{address}approve/", {"content_hash": "0" * 64}).problem(409)
    body = {"content_hash": seen["content_hash"], "reason": "As agreed"}
    assert ann.post(f"{address}approve/", body).ok()["state"] == "approved"
    post(cast.acme.id)

    posted = ann.get(address).ok()
    [journal] = payday.ours()
    assert (posted["state"], posted["journal_number"]) == ("reconciled", str(journal["number"]))
    assert [(one["decision"], one["by"], one["reason"]) for one in posted["approvals"]] == [
        ("approved", "ann", "As agreed")
    ]
    for act in ("post", "replay"):
        told = ann.post(f"{address}{act}/").problem(409)["detail"]
        assert f"as journal {journal['number']} – nothing to do" in told
    post(cast.acme.id)
    assert len(payday.ours()) == 1


def test_where_a_person_posts_nothing_leaves_before_they_do_and_writing_is_on(
    payday: Payday, cast: Cast, ada: Caller, ann: Caller
) -> None:
    ada.patch(f"payroll-settings/{payday.story.integration.pk}/", {"post_by_itself": False}).ok()
    address = address_of(payday)
    ann.post(f"{address}approve/", {"content_hash": ann.get(address).ok()["content_hash"]}).ok()
    post(cast.acme.id)
    assert payday.ours() == []
    with payday.scope():
        configure_flow(payday.story.flows["payroll"], {"writes_enabled": False}, now=timezone.now())
    assert "Writing is switched off" in ann.post(f"{address}post/").problem(409)["detail"]
    with payday.scope():
        configure_flow(payday.story.flows["payroll"], {"writes_enabled": True}, now=timezone.now())
    ann.post(f"{address}post/").ok()
    post(cast.acme.id)
    assert len(payday.ours()) == 1


def test_a_journal_is_validated_again_or_rejected(payday: Payday, cast: Cast, pat: Caller, ann: Caller) -> None:
    address = address_of(payday)
    run = pat.post(f"{address}validate/").ok(201)
    work(cast.acme.id)
    assert pat.get(f"runs/{run['id']}/").ok()["state"] == "succeeded"
    rejected = ann.post(f"{address}reject/", {"reason": "Wrong month"}).ok()
    assert (rejected["state"], rejected["message"]) == ("rejected", "Wrong month")
    ann.post(f"{address}reject/", {"reason": "Wrong month"}).problem(409)
    assert "cannot know it" in pat.post(f"{address}verify/").problem(409)["detail"]


def test_a_posted_journal_is_read_back_when_asked(payday: Payday, cast: Cast, pat: Caller, ann: Caller) -> None:
    address = address_of(payday)
    ann.post(f"{address}approve/", {"content_hash": ann.get(address).ok()["content_hash"]}).ok()
    post(cast.acme.id)
    first = len(pat.all("reconciliations/"))
    pat.post(f"{address}verify/").ok()
    post(cast.acme.id)
    assert len(pat.all("reconciliations/")) == first + 1
    assert pat.get(address).ok()["state"] == "reconciled"


def test_what_became_of_a_journal_is_decided_by_an_approver(
    payday: Payday, cast: Cast, pat: Caller, ann: Caller
) -> None:
    address = address_of(payday)
    ann.post(f"{address}decide/", {"decision": "give_up", "reason": "Not there"}).problem(409)
    ann.post(f"{address}approve/", {"content_hash": ann.get(address).ok()["content_hash"]}).ok()
    with tenant_scope(cast.acme.id):
        Posting.objects.update(state=Posting.State.ATTENTION, sent_at=timezone.now() - timedelta(hours=1))
    assert "needs a decision" in pat.post(f"{address}verify/").problem(409)["detail"]
    pat.post(f"{address}decide/", {"decision": "give_up", "reason": "Not there"}).problem(403)
    assert set(ann.post(f"{address}decide/", {"decision": "guess"}).errors()) == {"decision"}
    ann.post(f"{address}decide/", {"decision": "post_again"}).problem(409)
    again = ann.post(f"{address}decide/", {"decision": "post_again", "reason": "I looked: it is not there"}).ok()
    assert again["state"] == "approved"
    post(cast.acme.id)
    assert ann.get(address).ok()["state"] == "reconciled"
    assert len(payday.ours()) == 1
    with tenant_scope(cast.acme.id):
        assert AuditEntry.objects.get(action="journal.decided").why == "I looked: it is not there"


def test_a_posted_journal_is_reversed_by_another_that_somebody_else_approves(
    payday: Payday, cast: Cast, ann: Caller
) -> None:
    address = address_of(payday)
    ann.post(f"{address}approve/", {"content_hash": ann.get(address).ok()["content_hash"]}).ok()
    assert "nothing to reverse" in ann.post(f"{address}reverse/", {"reason": "Too early"}).problem(409)["detail"]
    post(cast.acme.id)
    draft = ann.post(f"{address}reverse/", {"reason": "Booked twice by hand"}, Idempotency_Key="one")
    again = ann.post(f"{address}reverse/", {"reason": "Booked twice by hand"}, Idempotency_Key="one")
    reversal = draft.ok(201)
    assert again.ok(201) == reversal
    assert draft.headers["Location"].endswith(f"/postings/{reversal['id']}/")
    assert (reversal["kind"], reversal["why"]) == ("reversal", "Booked twice by hand")
    body = {"content_hash": reversal["content_hash"]}
    ann.post(f"postings/{reversal['id']}/approve/", body).problem(409)
    otto = Caller(make_key(cast.acme, Role.APPROVER, name="otto"))
    otto.post(f"postings/{reversal['id']}/approve/", body).ok()
    post(cast.acme.id)
    assert otto.get(address).ok()["state"] == "reversed"
    assert {payday.balance(line["accountNo"]) for line in payday.ours()[0]["lines"]} == {Decimal(0)}
    assert otto.get(f"pay-runs/{reversal['pay_run']}/").ok()["state"] == "reversed"


def test_the_evidence_pack_is_taken_away_by_those_who_work_with_pay_runs(
    payday: Payday, cast: Cast, pat: Caller, vera: Caller
) -> None:
    address = address_of(payday)
    vera.get(f"{address}evidence/").problem(403)
    run = pat.get(address).ok()["pay_run"]
    for taken in (pat.get(f"{address}evidence/"), pat.get(f"pay-runs/{run}/evidence/")):
        assert (taken.status, taken.type) == (200, "application/zip")
        with zipfile.ZipFile(io.BytesIO(taken.content)) as pack:
            assert {"manifest.json", "journals.jsonl", "verify_export.py"} <= set(pack.namelist())
    with tenant_scope(cast.acme.id):
        assert AuditEntry.objects.filter(action="pay_run.evidence").count() == 2
