"""Who may see and do what: by role, by company, and never by a mere link."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from sync.models import Flow, Run
from tenants.models import Membership, Role
from tenants.scope import tenant_scope
from tests.admin.conftest import Office
from tests.cast import make_user

P, A, D = Role.PREPARER, Role.APPROVER, Role.ADMINISTRATOR

ACTS: dict[str, Role] = {
    "sync_flow_run_now": P,
    "sync_flow_read_everybody": P,
    "sync_flow_preview": P,
    "sync_flow_settings": D,
    "sync_flow_pause": D,
    "sync_flow_resume": D,
    "sync_flow_writes_on": D,
    "sync_flow_writes_off": D,
    "sync_run_cancel": P,
    "sync_run_release": A,
    "sync_run_replay": P,
    "sync_run_replay_failed": P,
    "sync_runitem_replay": P,
    "sync_problem_replay": P,
    "sync_integration_rename": D,
    "connectors_connection_settings": D,
    "connectors_connection_credentials": D,
    "connectors_connection_test": D,
    "connectors_connection_pause": D,
    "connectors_connection_resume": D,
    "connectors_connection_remove": D,
}
PAGES: dict[str, Role] = {
    "sync_integration_add": D,
    "connectors_connection_add": D,
    "tenants_membership_changelist": D,
    "tenants_membership_add": D,
    "tenants_apikey_changelist": D,
    "tenants_apikey_add": D,
}


def address_of(office: Office, name: str) -> str:
    ids = {
        "sync_flow": office.story.flows["people"].pk,
        "sync_run": office.run.pk,
        "sync_runitem": office.item.pk,
        "sync_problem": office.problem.pk,
        "sync_integration": office.story.integration.pk,
        "connectors_connection": office.story.source.pk,
    }
    model = max((key for key in ids if name.startswith(f"{key}_")), key=len)
    return reverse(f"admin:{name}", args=[ids[model]])


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_refused_to_whoever_is_not_trusted_with_it(office: Office, name: str) -> None:
    """Nothing is sent by those who may, so that one act does not disturb another: who is refused is refused first."""
    refused = [role for role in Role if not role.covers(ACTS[name])]
    assert refused
    for role in refused:
        answer = office.at(role).post(address_of(office, name), {"name": "Taken over"})
        assert answer.status_code == HTTPStatus.FORBIDDEN, f"{role} at {name}"
        assert "Ask an administrator of your company" in answer.content.decode()
    allowed = office.at(ACTS[name]).get(address_of(office, name))
    assert allowed.status_code != HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_administrators_is_refused_to_others(office: Office, name: str) -> None:
    for role in Role:
        expected = HTTPStatus.OK if role.covers(PAGES[name]) else HTTPStatus.FORBIDDEN
        assert office.at(role).get(reverse(f"admin:{name}")).status_code == expected


def test_acts_happen_by_post_with_the_forms_token_only(office: Office) -> None:
    ada = office.at(D)
    with office.story.scope():
        runs = Run.objects.count()
    for name in ACTS:
        ada.get(address_of(office, name))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(office.cast.people[D])
    for name in ACTS:
        assert strict.post(address_of(office, name)).status_code == HTTPStatus.FORBIDDEN
    with office.story.scope():
        assert Run.objects.count() == runs
        assert Flow.objects.get(pk=office.story.flows["people"].pk).writes_enabled


def test_a_viewer_sees_no_button_that_would_be_refused(office: Office) -> None:
    vera = office.at(Role.VIEWER)
    for name in ("sync_flow", "sync_run", "sync_runitem", "sync_problem", "sync_integration", "connectors_connection"):
        address = address_of(office, f"{name}_change")
        shown = vera.get(address).content.decode().replace('<button class="button small">Log out', "")
        assert '<button class="button' not in shown, name
        assert "Replay" not in shown, name
    workbench = reverse("admin:sync_mapping_workbench", args=[office.story.integration.pk, "department"])
    assert "Save changes" not in vera.get(workbench).content.decode()
    assert vera.post(workbench, {"act": "suggest"}).status_code == HTTPStatus.FORBIDDEN
    assert "API keys" not in vera.get("/admin/").content.decode()


def test_somebody_without_a_company_is_told_so_and_can_leave() -> None:
    operator = User.objects.create_superuser(username="operator@example.com", password="correct horse")
    client = Client()
    client.force_login(operator)
    for path in ("/admin/", "/admin/sync/run/", "/admin/audit/auditentry/", "/admin/connectors/connection/"):
        answer = client.get(path)
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert "You do not work for any company here yet" in answer.content.decode()
    client.post("/admin/logout/")
    assert "_auth_user_id" not in client.session


def test_pages_that_know_no_company_are_nowhere(office: Office) -> None:
    """Users, groups, jobs and the package's own keys: an administrator of Acme, even as superuser, finds none."""
    ada = make_user("super", office.cast.acme, D)
    ada.is_superuser = True
    ada.save()
    client = office.at(ada)
    for path in ("auth/user", "auth/group", "django_q/success", "django_q/ormq", "rest_framework_api_key/apikey"):
        assert client.get(f"/admin/{path}/").status_code == HTTPStatus.NOT_FOUND


def test_who_works_for_two_companies_switches_between_them(office: Office) -> None:
    pat = make_user("both", office.cast.acme, P)
    with tenant_scope(office.cast.other.id):
        Membership.objects.create(user=pat, role=Role.VIEWER)
    client = office.at(pat)
    assert office.story.integration.name in client.get("/admin/").content.decode()
    switch = reverse("admin:switch_company")
    assert client.get(switch).status_code == HTTPStatus.METHOD_NOT_ALLOWED

    client.post(switch, {"tenant": str(office.cast.other.id)})
    shown = client.get("/admin/").content.decode()
    assert office.story.integration.name not in shown
    assert client.get(address_of(office, "sync_run_change")).status_code == HTTPStatus.NOT_FOUND

    client.post(switch, {"tenant": "00000000-0000-0000-0000-000000000000"})
    assert "Viewer" in client.get("/admin/").content.decode()
    client.post(switch, {"tenant": str(office.cast.acme.id)})
    assert office.story.integration.name in client.get("/admin/").content.decode()
