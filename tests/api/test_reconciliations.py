"""Tie-outs by the API: asked for, read with their figures, and with a difference that somebody made on the ledger."""

from __future__ import annotations

import pytest

from tenants.models import Role
from tests.api.caller import Caller
from tests.api.worker import post
from tests.cast import Cast, make_key
from tests.sync.payroll.payday import Payday, ready


@pytest.fixture
def posted(cast: Cast, sandbox: dict[str, str]) -> Payday:
    """Acme's pay run is on the ledger and tied out."""
    payday, pay_run = ready(sandbox, tenant=cast.acme, rippling={"size": 30})
    payday.approve(pay_run)
    payday.advance(pay_run)
    return payday


def test_a_tie_out_shows_its_figures_side_by_side(posted: Payday, cast: Cast, vera: Caller) -> None:
    [row] = vera.all("reconciliations/?tied_out=true")
    assert "figures" not in row
    ann = Caller(make_key(cast.acme, Role.APPROVER))
    ann.post(f"pay-runs/{row['pay_run']}/reveal/", {"reason": "Closing the month"}).ok(201)
    told = ann.get(f"reconciliations/{row['id']}/").ok()
    register = posted.register()
    figures = {(figure["where"], figure["measure"]): figure["amount"] for figure in told["figures"]}
    assert figures["register", "net_pay"] == figures["clearing", "net_pay"] == register["net_pay"]
    assert figures["register", "cost"] == figures["journal", "cost"]
    assert told["differences"] == []
    hidden = vera.get(f"reconciliations/{row['id']}/").ok()
    assert {(figure["amount"], figure["masked"]) for figure in hidden["figures"]} == {(None, True)}


def test_what_somebody_changed_on_the_ledger_is_found_when_asked_for(
    posted: Payday, cast: Cast, pat: Caller, vera: Caller
) -> None:
    [run] = pat.all("pay-runs/?state=reconciled")
    vera.post(f"pay-runs/{run['id']}/reconcile/").problem(403)
    [journal] = posted.ours()
    posted.story.plex.change("delete_journal", journalNumber=journal["number"])
    pat.post(f"pay-runs/{run['id']}/reconcile/").ok()
    post(cast.acme.id)
    [broken] = pat.all("reconciliations/?tied_out=false")
    told = pat.get(f"reconciliations/{broken['id']}/").ok()
    assert {(one["where"], one["measure"]) for one in told["differences"]} >= {("posted", "presence")}
    assert pat.get(f"pay-runs/{run['id']}/").ok()["state"] == "posted"


def test_nothing_is_tied_out_before_it_was_posted(cast: Cast, sandbox: dict[str, str], pat: Caller) -> None:
    ready(sandbox, tenant=cast.acme)
    [run] = pat.all("pay-runs/")
    assert "nothing to tie out" in pat.post(f"pay-runs/{run['id']}/reconcile/").problem(409)["detail"]
    assert pat.get(f"pay-runs/{run['id']}/").ok()["reconciliation"] is None
    ann = Caller(make_key(cast.acme, Role.APPROVER))
    assert "approved first" in ann.post(f"pay-runs/{run['id']}/post/").problem(409)["detail"]
