"""What people do on the pages ends in the state they were told, and a refusal says what to do instead."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from http import HTTPStatus
from pathlib import Path

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry
from connectors.models import Connection
from sync.models import Flow, Mapping, Run
from tenants.models import ApiKey, Membership, Role
from tenants.scope import tenant_scope
from tests.admin.conftest import Office


def said(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_a_file_with_bad_rows_is_refused_row_by_row_and_changes_nothing(office: Office) -> None:
    pat = office.at(Role.PREPARER)
    with office.story.scope():
        before = list(Mapping.objects.order_by("pk").values_list("pk", "target_key"))
        known = Mapping.objects.filter(kind="department").order_by("pk")[0]
    rows = f"kind,source_key,target_key,valid_from\ndepartment,{known.source_key},Nowhere,\ndepartment,x,,31.12.2026\n"
    path = reverse("admin:sync_mapping_import", args=[office.story.integration.pk])
    answer = pat.post(path, {"file": io.BytesIO(rows.encode())})
    shown = answer.content.decode()
    assert "Row 2, target_key:" in shown
    assert "Row 3, target_key: empty." in shown
    assert "Row 3, valid_from:" in shown
    assert "Nothing was imported." in shown
    with office.story.scope():
        assert list(Mapping.objects.order_by("pk").values_list("pk", "target_key")) == before


def test_what_was_exported_can_be_imported_again(office: Office) -> None:
    pat = office.at(Role.PREPARER)
    integration = office.story.integration.pk
    exported = pat.get(reverse("admin:sync_mapping_export", args=[integration])).content
    path = reverse("admin:sync_mapping_import", args=[integration])
    answer = pat.post(path, {"file": io.BytesIO(exported)}, follow=True)
    with office.story.scope():
        number = Mapping.objects.count()
        assert AuditEntry.objects.filter(action="mapping.exported", actor_kind="user").count() == 1
    assert f"{number} mappings imported and confirmed." in answer.content.decode()


def form_of(client: Client, path: str) -> dict[str, str]:
    """What a browser would send if nothing was touched."""
    form = client.get(path).context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def test_settings_that_cannot_work_are_refused_at_their_input(office: Office) -> None:
    ada, target = office.at(Role.ADMINISTRATOR), office.story.target
    path = reverse("admin:connectors_connection_settings", args=[target.pk])
    wrong = {"settings.base_url": "https://evil.example/", "settings.pcn": "x"}
    shown = ada.post(path, form_of(ada, path) | wrong).content.decode()
    assert "must be a whole number, digits only" in shown
    assert "evil.example" in shown
    with office.story.scope():
        assert Connection.objects.get(pk=target.pk).settings == target.settings


def test_an_untouched_form_changes_nothing_of_a_connection(office: Office) -> None:
    """Defaults that a form shows are not choices somebody made, and what the last test found stays."""
    ada = office.at(Role.ADMINISTRATOR)
    for connection in (office.story.source, office.story.target):
        path = reverse("admin:connectors_connection_settings", args=[connection.pk])
        with office.story.scope():
            before = Connection.objects.get(pk=connection.pk)
        assert ada.post(path, form_of(ada, path)).status_code == HTTPStatus.FOUND
        with office.story.scope():
            after = Connection.objects.get(pk=connection.pk)
        assert (after.settings, after.checked_at, after.state) == (before.settings, before.checked_at, before.state)
        assert after.checked_at is not None


def test_credentials_go_in_and_never_come_out(office: Office) -> None:
    ada = office.at(Role.ADMINISTRATOR)
    secret = "tok-7d1f-never-shown"
    with office.story.scope():
        made = Connection.objects.create(vendor="rippling", name="Second source")
    path = reverse("admin:connectors_connection_credentials", args=[made.pk])
    assert "Enter all credentials" in ada.post(path, {"credentials.api_token": ""}).content.decode()
    answer = ada.post(path, {"credentials.api_token": secret}, follow=True)
    shown = answer.content.decode()
    assert "Stored on" in shown
    for page in (shown, said(ada, path), said(ada, reverse("admin:audit_auditentry_changelist"))):
        assert secret not in page
    with office.story.scope():
        assert Connection.objects.get(pk=made.pk).open_credentials() == {"api_token": secret}


def test_instants_are_shown_in_the_companys_time_zone_with_its_name(office: Office) -> None:
    shown = said(office.at(Role.VIEWER), reverse("admin:sync_run_change", args=[office.run.pk]))
    assert office.run.finished_at is not None
    with timezone.override("America/Detroit"):
        local = timezone.localtime(office.run.finished_at)
    assert f"{local.day} {local:%b %Y %H:%M} {local.tzname()}" in shown
    assert "America/Detroit" in shown


def test_an_export_of_the_trail_verifies_without_us(office: Office, tmp_path: Path) -> None:
    vera = office.at(Role.VIEWER)
    answer = vera.post(reverse("admin:audit_auditentry_export"), {"from_seq": "2", "to_seq": ""})
    packed = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    answer.close()
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    done = subprocess.run([sys.executable, "-I", tmp_path / "verify_export.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    with office.story.scope():
        assert AuditEntry.objects.filter(action="audit.exported").exists()
    refused = vera.post(reverse("admin:audit_auditentry_export"), {"from_seq": "5", "to_seq": "1"}, follow=True)
    assert "Entries 5 to 1 were asked for" in refused.content.decode()


def test_verifying_says_how_far_the_trail_is_sound_and_is_recorded(office: Office) -> None:
    answer = office.at(Role.VIEWER).post(reverse("admin:audit_auditentry_verify"))
    assert "The audit trail is as it was recorded" in answer.content.decode()
    with office.story.scope():
        entry = AuditEntry.objects.get(action="audit.verified")
    assert entry.actor_label == office.cast.people[Role.VIEWER].username


def test_a_second_run_of_a_flow_is_refused_with_the_first_ones_number(office: Office) -> None:
    pat = office.at(Role.PREPARER)
    flow = office.story.flows[Flow.Kind.REFERENCE]
    path = reverse("admin:sync_flow_run_now", args=[flow.pk])
    first = pat.post(path)
    assert "in progress" in pat.post(path, follow=True).content.decode()
    with office.story.scope():
        run = Run.objects.get(flow=flow, state=Run.State.SCHEDULED)
    assert first["Location"] == reverse("admin:sync_run_change", args=[run.pk])
    cancelled = pat.post(reverse("admin:sync_run_cancel", args=[run.pk]), follow=True)
    assert "Cancelled." in cancelled.content.decode()


def test_the_last_administrator_stays_one(office: Office) -> None:
    with tenant_scope(office.cast.other.id):
        olga = Membership.objects.get(user=office.cast.olga)
    client = office.at(office.cast.olga)
    changed = client.post(reverse("admin:tenants_membership_role", args=[olga.pk]), {"role": "viewer"}, follow=True)
    assert "Make somebody else one first" in changed.content.decode()
    removed = client.post(reverse("admin:tenants_membership_remove", args=[olga.pk]), follow=True)
    assert "Make somebody else one first" in removed.content.decode()
    with tenant_scope(office.cast.other.id):
        assert Membership.objects.get(pk=olga.pk).role == Role.ADMINISTRATOR


def test_a_key_is_shown_once_opens_the_api_and_can_be_revoked(office: Office) -> None:
    ada = office.at(Role.ADMINISTRATOR)
    answer = ada.post(reverse("admin:tenants_apikey_add"), {"name": "Payroll", "role": "viewer", "expires_on": ""})
    text = answer.context["text"]
    assert text in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert text not in said(ada, reverse("admin:tenants_apikey_changelist"))

    program = Client(headers={"Authorization": f"Api-Key {text}"})
    assert program.get("/api/v1/connections/").status_code == HTTPStatus.OK
    with office.story.scope():
        key = ApiKey.objects.get(name="Payroll")
    assert key.hashed_key not in said(ada, reverse("admin:tenants_apikey_changelist"))
    ada.post(reverse("admin:tenants_apikey_revoke", args=[key.prefix]))
    assert program.get("/api/v1/connections/").status_code == HTTPStatus.UNAUTHORIZED
