"""Journals that go wrong on purpose, and what other people do to the books."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.plex_journals import CONNECT, DOCUMENTS, PAYABLE, WAGES, documented, exact, journals, payroll, post
from tests.sandbox.plex_world import Plex, complaint


def script(plex: Plex, **fault: Any) -> None:
    httpx.post(f"{plex.base}/_control/companies/{plex.made['key']}/faults", json=fault).raise_for_status()


def test_an_answer_lost_after_the_commit_leaves_the_journal_behind() -> None:
    plex = Plex()
    script(plex, kind="cut_after", method="POST", path=CONNECT)
    with pytest.raises(httpx.HTTPError):
        plex.connect("POST", CONNECT, json=payroll())
    assert [journal["number"] for journal in journals(plex)] == [1]


@pytest.mark.parametrize("fault", [{"kind": "status", "status_code": 503}, {"kind": "html"}])
def test_an_answer_instead_of_the_work_leaves_nothing_behind(fault: dict[str, Any]) -> None:
    plex = Plex()
    script(plex, method="POST", path=CONNECT, **fault)
    assert plex.connect("POST", CONNECT, json=payroll()).status_code == fault.get("status_code", 200)
    assert journals(plex) == []
    post(plex)


@pytest.mark.parametrize(("profile", "path"), [("connect", CONNECT), ("documents", DOCUMENTS)])
def test_an_error_after_the_commit_leaves_the_journal_behind(profile: str, path: str) -> None:
    plex = Plex()
    plex.change("fail_after_commit", times=2)
    body = payroll() if profile == "connect" else documented(payroll())

    answers = [getattr(plex, profile)("POST", path, json=body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 500, 201]
    assert complaint(answers[0])[1] == "REQUEST_PROCESSING_ERROR"
    assert len(journals(plex)) == 3
    assert plex.snapshot()["writes"]["journals"] == 3


def test_a_refused_journal_is_no_commit_to_fail_after() -> None:
    plex = Plex()
    plex.change("fail_after_commit")
    assert plex.connect("POST", CONNECT, json={}).status_code == 400
    assert plex.connect("POST", CONNECT, json=payroll()).status_code == 500


def test_an_answer_may_show_another_journal_than_the_one_kept() -> None:
    plex = Plex()
    plex.change("distort_next_journal", answer={"lines": "drop_last"})
    plex.change("distort_next_journal", answer={"amount_factor": "2"})

    short, double, right = (post(plex) for _ in range(3))

    assert [len(journal["lines"]) for journal in (short, double, right)] == [2, 3, 3]
    assert [str(journal["lines"][0]["debit"]) for journal in (double, right)] == ["2500.20", "1250.10"]
    kept = journals(plex)
    assert [journal["lines"] for journal in kept] == [kept[2]["lines"]] * 3
    assert len(exact(plex.connect("GET", f"{CONNECT}/{short['id']}"))["lines"]) == 3


def test_the_ledger_may_keep_another_journal_than_the_one_answered() -> None:
    plex = Plex()
    plex.change("distort_next_journal", ledger={"lines": "swap_sides", "fields": {"description": "CUT"}})

    answered = post(plex)

    assert answered["description"] == payroll()["description"]
    assert str(answered["lines"][0]["debit"]) == "1250.10"
    (kept,) = journals(plex)
    assert kept["description"] == "CUT"
    assert kept["lines"][0] == {"accountNo": WAGES, "debit": "0.00", "credit": "1250.10"}


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("distort_next_journal", {}),
        ("distort_next_journal", {"reply": {}}),
        ("distort_next_journal", {"answer": {"lines": "shuffle"}}),
        ("set_period", {"period": "06-2026", "status": "Shut"}),
        ("set_period", {"period": "06-2099", "status": "Open"}),
        ("add_journal", {"description": "x", "lines": [{"accountNumber": "1-2-3", "debit": "1"}]}),
        ("change_journal", {"journalNumber": 99, "fields": {}}),
        ("set_options", {"description_filter": "fuzzy"}),
        ("set_options", {"journal_custom_field": {"field": "x"}}),
    ],
)
def test_a_slip_in_a_script_is_said(action: str, arguments: dict[str, Any]) -> None:
    plex = Plex()
    url = f"{plex.base}/_control/companies/{plex.made['key']}/changes/{action}"
    assert httpx.post(url, json=arguments).status_code == 400
    assert journals(plex) == []


def test_people_enter_change_and_delete_journals_by_hand() -> None:
    plex = Plex()
    ours = post(plex)
    lines = [{"accountNumber": WAGES, "debit": "10.50"}, {"accountNumber": PAYABLE, "credit": 10.5}]

    theirs = plex.change("add_journal", description="Correction", lines=lines)

    assert theirs["journalNumber"] == 2
    shown = exact(plex.connect("GET", f"{CONNECT}/{theirs['id']}"))
    assert (shown["status"], shown["createdById"] == ours["createdById"]) == ("Posted", False)
    assert [str(one["debit"]) for one in shown["lines"]] == ["10.50", "0.00"]
    plex.change("change_journal", id=ours["id"], fields={"description": "edited"}, lines=lines)
    edited = exact(plex.connect("GET", f"{CONNECT}?description=edited"))[0]
    assert [str(one["credit"]) for one in edited["lines"]] == ["0.00", "10.50"]
    assert edited["modifiedById"] == shown["createdById"]
    plex.change("delete_journal", journalNumber=1)
    assert plex.connect("GET", f"{CONNECT}/{ours['id']}").status_code == 404
    assert post(plex)["journalNumber"] == 3
    assert [journal["description"] for journal in journals(plex)] == ["Correction", payroll()["description"]]
    assert plex.snapshot()["writes"]["journals"] == 2


def test_the_compact_snapshot_counts_journals_without_listing_them() -> None:
    plex = Plex()
    post(plex)
    (plant,) = plex.snapshot("?compact=1")["plants"]
    assert plant["counts"]["journals"] == 1
    assert "journals" not in plant
