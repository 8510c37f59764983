"""What people see of notices, how they choose, and what administrators do about programs and pay dates."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AuditEntry
from sync.models import AlertHook, NoticeChoice, PayCalendar, PayExpectation
from tenants.models import Role
from tests.sync.notices.company import Company, found_company


@pytest.fixture(autouse=True)
def _mail_is_set_up(settings: Any) -> None:
    settings.MAIL_IS_SET_UP = True


@pytest.fixture
def company() -> Company:
    return found_company()


def at(company: Company, role: Role) -> Client:
    client = Client()
    client.force_login(company.people[role])
    return client


def see(company: Company, role: Role, page: str, *args: Any, **query: str) -> str:
    answer = at(company, role).get(reverse(f"admin:sync_{page}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def verbs(company: Company) -> list[str]:
    with company.scope():
        return list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))


def test_open_notices_say_what_to_do_since_when_and_who_was_told(company: Company) -> None:
    company.problem()
    company.keep()
    company.send()
    shown = see(company, Role.VIEWER, "notice_changelist")
    assert "Department D7 is not mapped. It blocks 14 records." in shown
    assert "Map it." in shown
    assert company.people[Role.PREPARER].username in shown
    assert company.people[Role.VIEWER].username not in shown.split("</table>")[0].split("<tbody>")[1]
    pk = company.open()["blocked"].pk
    assert "Who was told" in see(company, Role.VIEWER, "notice_change", pk)
    assert "Department D7" not in see(company, Role.VIEWER, "notice_changelist", state="mended")
    dashboard = at(company, Role.VIEWER).get(reverse("admin:index")).content.decode()
    assert "1 notice" in dashboard


def test_who_cannot_be_told_is_named(company: Company) -> None:
    user = company.people[Role.APPROVER]
    user.email = ""
    user.save()
    shown = see(company, Role.VIEWER, "notice_changelist")
    assert f"Cannot be told by mail: {user.username}." in shown
    assert "You cannot be told by mail" in see(company, Role.APPROVER, "noticechoice_changelist")


def test_everybody_chooses_for_themselves(company: Company) -> None:
    page = reverse("admin:sync_noticechoice_changelist")
    assert "As usual for viewers: not at all" in see(company, Role.VIEWER, "noticechoice_changelist")
    answer = at(company, Role.VIEWER).post(page, {"missed": "at_once", "digest": "digest"}, follow=True)
    assert "Saved." in answer.content.decode()
    with company.scope():
        chosen = set(NoticeChoice.objects.values_list("user", "kind", "how"))
    vera = company.people[Role.VIEWER].pk
    assert chosen == {(vera, "missed", "at_once"), (vera, "digest", "digest")}
    assert verbs(company)[-1] == "notice_choice.changed"
    at(company, Role.VIEWER).post(page, {"missed": "", "digest": ""})
    with company.scope():
        assert not NoticeChoice.objects.exists()


def test_a_secret_is_shown_once_and_only_to_administrators(company: Company) -> None:
    page = reverse("admin:sync_alerthook_add")
    values = {"name": "Pager", "url": "https://pager.example.com/in", "kinds": ["missed"]}
    for role in (Role.VIEWER, Role.PREPARER, Role.APPROVER):
        assert at(company, role).post(page, values).status_code == 403
        assert at(company, role).get(reverse("admin:sync_alerthook_changelist")).status_code == 403
    shown = at(company, Role.ADMINISTRATOR).post(page, values).content.decode()
    secret = shown.split('class="secret">')[1].split("<")[0]
    assert secret.startswith("whsec_")
    with company.scope():
        hook = AlertHook.objects.get()
    assert hook.kinds == ["missed"]
    for name in ("alerthook_changelist", "alerthook_change"):
        args = [hook.pk] if name.endswith("change") else []
        assert secret not in see(company, Role.ADMINISTRATOR, name, *args)
    for act in ("pause", "resume", "test", "remove"):
        at(company, Role.ADMINISTRATOR).post(reverse(f"admin:sync_alerthook_{act}", args=[hook.pk]))
    assert [verb for verb in verbs(company) if verb.startswith("alert_hook")] == [
        "alert_hook.created",
        "alert_hook.changed",
        "alert_hook.changed",
        "alert_hook.tested",
        "alert_hook.removed",
    ]


@pytest.mark.parametrize("url", ["https://10.0.0.8/", "http://example.com/", "https://a@b.example/"])
def test_an_address_inside_a_network_gets_nothing(url: str, company: Company) -> None:
    values = {"name": "Inside", "url": url}
    shown = at(company, Role.ADMINISTRATOR).post(reverse("admin:sync_alerthook_add"), values).content.decode()
    with company.scope():
        hook = AlertHook.objects.first()
    if hook is None:
        assert "https://" in shown.split('class="error"')[1]
        return
    test = reverse("admin:sync_alerthook_test", args=[hook.pk])
    shown = at(company, Role.ADMINISTRATOR).post(test, follow=True).content.decode()
    assert "is not a public address" in shown


def test_pay_dates_are_expected_by_administrators(company: Company) -> None:
    with company.scope():
        calendar = PayCalendar.objects.create(
            name="Fridays", rule="weekly", anchor=date(2026, 3, 6), time_zone="America/Detroit"
        )
    values = {
        "integration": company.integration.pk, "calendar": calendar.pk, "within_days": 1, "at": "17:00",
        "starts_on": "2026-03-01",
    }  # fmt: skip
    page = reverse("admin:sync_payexpectation_add")
    assert at(company, Role.APPROVER).post(page, values).status_code == 403
    at(company, Role.ADMINISTRATOR).post(page, values)
    again = at(company, Role.ADMINISTRATOR).post(page, values).content.decode()
    assert "This is expected already." in again
    assert "Fridays" in see(company, Role.VIEWER, "payexpectation_changelist")
    with company.scope():
        made = PayExpectation.objects.get()
    change = reverse("admin:sync_payexpectation_settings", args=[made.pk])
    at(company, Role.ADMINISTRATOR).post(change, {**values, "within_days": -2})
    with company.scope():
        assert PayExpectation.objects.get().within_days == -2
    at(company, Role.ADMINISTRATOR).post(reverse("admin:sync_payexpectation_remove", args=[made.pk]))
    with company.scope():
        assert not PayExpectation.objects.exists()


def test_the_list_asks_as_much_for_fifty_notices_as_for_one(company: Company) -> None:
    def questions(address: str) -> int:
        client = at(company, Role.VIEWER)
        client.get(address)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    company.problem()
    company.keep()
    pages = [reverse("admin:sync_notice_changelist"), reverse("admin:index")]
    few = [questions(page) for page in pages]
    for _ in range(49):
        company.problem()
    company.later(minutes=1).keep()
    assert [questions(page) for page in pages] == few


def test_the_outsider_sees_no_notice_of_acmes(company: Company) -> None:
    company.problem()
    company.keep()
    other = found_company("Other Corp")
    notice = company.open()["blocked"]
    olga: User = other.people[Role.ADMINISTRATOR]
    client = Client()
    client.force_login(olga)
    assert client.get(reverse("admin:sync_notice_change", args=[notice.pk])).status_code == 404
    assert "Department D7" not in client.get(reverse("admin:sync_notice_changelist")).content.decode()
