"""Notices, alert addresses and expected pay dates through the API."""

from __future__ import annotations

from datetime import date

from sync.models import AlertHook, Notice, PayCalendar
from tenants.scope import tenant_scope
from tests.api.caller import Caller
from tests.api.company import NOW, found
from tests.cast import Cast


def test_open_notices_are_found(cast: Cast, vera: Caller) -> None:
    with tenant_scope(cast.acme.id):
        for n, resolved in enumerate((None, NOW)):
            Notice.objects.create(
                kind="missed", cause=f"{n}", sentence=f"Matter {n}.", opened_at=NOW, last_seen_at=NOW,
                resolved_at=resolved,
            )  # fmt: skip
    assert [row["sentence"] for row in vera.all("notices/?open=true")] == ["Matter 0."]
    assert [row["sentence"] for row in vera.all("notices/?open=false&kind=missed")] == ["Matter 1."]
    assert vera.all("notices/?kind=failed") == []


def test_a_secret_is_in_one_answer(cast: Cast, ada: Caller) -> None:
    made = ada.post("alert-hooks/", {"name": "Pager", "url": "https://pager.example.com/", "kinds": ["missed"]}).ok(201)
    assert made["secret"].startswith("whsec_")
    address = f"alert-hooks/{made['id']}/"
    assert "secret" not in ada.get(address).ok()
    other = ada.post(f"{address}secret/").ok()
    assert other["secret"] not in ("", made["secret"])
    assert ada("PATCH", address, {"paused": True}).ok()["paused"] is True
    assert set(ada.post("alert-hooks/", {"name": "Pager", "url": "http://x.example/"}).errors()) == {"url"}
    assert set(ada.post("alert-hooks/", {"name": "P", "url": "https://x.example/", "kinds": ["x"]}).errors()) == {
        "kinds.0"
    }
    ada("DELETE", address).ok(204)
    with tenant_scope(cast.acme.id):
        assert not AlertHook.objects.exists()


def test_pay_dates_can_be_expected(cast: Cast, ada: Caller) -> None:
    acme = found(cast.acme)
    with tenant_scope(cast.acme.id):
        calendar = PayCalendar.objects.create(
            name="Fridays", rule="weekly", anchor=date(2026, 3, 6), time_zone="America/Detroit"
        )
    body = {
        "integration": str(acme.integration.pk), "calendar": str(calendar.pk), "at": "17:00", "starts_on": "2026-03-01",
    }  # fmt: skip
    made = ada.post("expectations/", body).ok(201)
    assert (made["within_days"], made["company"], made["least_people"]) == (1, "", None)
    assert ada.post("expectations/", body).status == 400
    assert ada("PATCH", f"expectations/{made['id']}/", {"within_days": -2}).ok()["within_days"] == -2
    assert set(ada("PATCH", f"expectations/{made['id']}/", {"within_days": 99}).errors()) == {"within_days"}
    ada("DELETE", f"expectations/{made['id']}/").ok(204)
    assert ada.all("expectations/") == []
