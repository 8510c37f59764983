"""Whatever is changed behind the triggers' back is found, and the first broken entry is named."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import AuditEntry
from audit.verify import verify
from tenants.models import Tenant
from tenants.scope import NoTenantScope, tenant_scope
from tests.audit.trail import behind_the_triggers_back, company_with_trail, entries_of, verified, worker_entry, write
from tests.cast import make_tenant

REHASH = "hash = sha256(previous_hash || convert_to(replace(body, 'Assembly', 'Paint'), 'UTF8'))"


def tamper(tenant: Tenant, *statements: str, params: list[Any] | None = None) -> None:
    with behind_the_triggers_back(tenant) as cursor:
        for sql in statements:
            cursor.execute(sql, params)
            assert cursor.rowcount > 0


def test_an_untouched_trail_verifies() -> None:
    acme = company_with_trail(10)

    found = verified(acme)

    assert (found.ok, found.entries, found.first_broken_seq, found.reason) == (True, 10, None, "")
    assert found.head_matches
    assert found.last_hash == bytes(entries_of(acme)[-1].hash).hex()


def test_an_empty_trail_verifies() -> None:
    found = verified(make_tenant("Acme"))

    assert (found.ok, found.entries, found.head_matches) == (True, 0, True)


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        "action = 'worker.created'",
        "actor_kind = 'system'",
        "actor_label = 'ann@example.com'",
        "subject_kind = 'employee'",
        "subject_id = 'w-99'",
        "subject_label = '3 J… R…'",
        "source_system = 'workday'",
        "source_id = ''",
        "target_system = 'dynamics'",
        "target_id = E'1003\\t'",
        "run_id = 8",
        "run_id = NULL",
        "correlation_id = 'another'",
        "body = replace(body, 'Assembly', 'Paint')",
        "body = body || ' '",
        "body = 'not JSON'",
        "body = ''",
        "hash = sha256('')",
        "hash = ''",
        "previous_hash = sha256('')",
        "seq = 33",
        "seq = -3",
    ],
)
def test_a_change_of_any_column_is_found(change: str) -> None:
    acme = company_with_trail(6)

    tamper(acme, f"UPDATE audit_auditentry SET {change} WHERE seq = 3")

    found = verified(acme)
    assert not found.ok
    assert found.first_broken_seq == (-3 if change == "seq = -3" else 3)
    assert found.reason
    assert found.entries == (0 if change == "seq = -3" else 2)


def test_every_column_is_covered_by_the_story_above() -> None:
    [mark] = getattr(test_a_change_of_any_column_is_found, "pytestmark")  # noqa: B009 - pytest puts it there
    changes = mark.args[1]

    untested = {field.column for field in AuditEntry._meta.fields} - {change.split(" ")[0] for change in changes}

    # The key of the row says nothing, and a row of another tenant is a row missing here.
    assert untested == {"id", "tenant_id"}


def test_the_reason_names_the_column() -> None:
    acme = company_with_trail(6)

    tamper(acme, "UPDATE audit_auditentry SET run_id = 8, subject_label = 'somebody else' WHERE seq = 3")

    assert verified(acme).reason == "Entry 3 was changed: subject_label, run_id is not what was recorded."


def test_a_change_with_its_hash_computed_anew_breaks_the_next_entry() -> None:
    acme = company_with_trail(6)

    tamper(acme, f"UPDATE audit_auditentry SET {REHASH}, body = replace(body, 'Assembly', 'Paint') WHERE seq = 3")

    found = verified(acme)
    assert (found.ok, found.first_broken_seq, found.entries) == (False, 4, 3)
    assert found.reason == "Entry 4 does not continue entry 3: one of the two was rewritten."


def test_a_change_of_the_last_entry_with_its_hash_is_known_to_the_head() -> None:
    acme = company_with_trail(6)

    tamper(acme, f"UPDATE audit_auditentry SET {REHASH}, body = replace(body, 'Assembly', 'Paint') WHERE seq = 6")

    found = verified(acme)
    assert (found.ok, found.first_broken_seq, found.head_matches) == (False, 6, False)


def test_a_body_nobody_can_read_is_named_even_with_a_perfect_hash() -> None:
    acme = company_with_trail(6)

    tamper(
        acme,
        "UPDATE audit_auditentry SET body = 'gone', hash = sha256(previous_hash || convert_to('gone', 'UTF8'))"
        " WHERE seq = 6",
    )

    found = verified(acme)
    assert (found.first_broken_seq, found.reason) == (6, "The content of entry 6 cannot be read.")


@pytest.mark.parametrize(
    ("removed", "first", "reason"),
    [
        ("seq = 1", 1, "Entry 1 is missing."),
        ("seq = 3", 3, "Entry 3 is missing."),
        ("seq IN (3, 4, 5)", 3, "Entries 3 to 5 are missing."),
        ("seq = 6", 6, "Entry 6 is missing at the end."),
        ("seq > 3", 4, "Entries 4 to 6 are missing at the end."),
        ("true", 1, "Entries 1 to 6 are missing at the end."),
    ],
)
def test_a_removed_entry_is_named(removed: str, first: int, reason: str) -> None:
    acme = company_with_trail(6)

    tamper(acme, f"DELETE FROM audit_auditentry WHERE {removed}")

    found = verified(acme)
    assert (found.ok, found.first_broken_seq, found.reason) == (False, first, reason)
    assert found.entries == first - 1
    assert found.head_matches is (first < 6 and "end" not in reason)


def insert_after_the_end(tenant: Tenant) -> None:
    last = entries_of(tenant)[-1]
    body = last.body.replace(f'"seq":{last.seq}', f'"seq":{last.seq + 1}')
    digest = hashlib.sha256(bytes(last.hash) + body.encode()).digest()
    tamper(
        tenant,
        f"""
        INSERT INTO audit_auditentry (tenant_id, seq, body, previous_hash, hash, at, action, actor_kind, actor_label,
            subject_kind, subject_id, subject_label, source_system, source_id, target_system, target_id, run_id,
            correlation_id)
        SELECT tenant_id, seq + 1, %s, hash, %s, at, action, actor_kind, actor_label, subject_kind, subject_id,
            subject_label, source_system, source_id, target_system, target_id, run_id, correlation_id
        FROM audit_auditentry WHERE seq = {last.seq}
        """,
        params=[body, digest],
    )


def test_an_inserted_entry_is_named_even_with_a_perfect_hash() -> None:
    acme = company_with_trail(6)

    insert_after_the_end(acme)

    found = verified(acme)
    assert (found.ok, found.first_broken_seq, found.head_matches) == (False, 7, False)
    assert found.reason == "The head of the chain is at entry 6, but entries go on to 7."


def test_two_entries_that_changed_places_are_found() -> None:
    acme = company_with_trail(6)

    tamper(
        acme,
        "UPDATE audit_auditentry SET seq = 99 WHERE seq = 3",
        "UPDATE audit_auditentry SET seq = 3 WHERE seq = 4",
        "UPDATE audit_auditentry SET seq = 4 WHERE seq = 99",
    )

    assert verified(acme).first_broken_seq == 3


@pytest.mark.parametrize("change", ["UPDATE audit_auditchain SET hash = sha256('')", "DELETE FROM audit_auditchain"])
def test_a_head_that_was_tampered_with_is_found(change: str) -> None:
    acme = company_with_trail(6)

    tamper(acme, change)

    found = verified(acme)
    assert not found.ok
    assert not found.head_matches
    assert "head" in found.reason


def test_the_trail_of_another_company_cannot_be_verified() -> None:
    acme, other = company_with_trail(2), make_tenant("Other")

    with tenant_scope(other.id), pytest.raises(NoTenantScope):
        verify(acme.id)
    with pytest.raises(NoTenantScope):
        verify(acme.id)


def test_head_and_entries_are_read_as_of_one_moment() -> None:
    acme = company_with_trail(2)

    with tenant_scope(acme.id), transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        verify(acme.id)


anything = st.text(max_size=80) | st.text(alphabet='\x00\t\n\r\\"\x7f\u2028\ud800👷é ', max_size=80)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(st.tuples(anything, anything, anything, anything), min_size=1, max_size=5))
def test_whatever_a_vendor_sends_survives(texts: list[tuple[str, str, str, str]]) -> None:
    acme = make_tenant("Acme")

    write(
        acme,
        *(
            worker_entry(
                subject_kind="mapping", subject_id=a, subject_label=b, target_id=c, why=d,
                before={"department": a, d: b}, after={"department": d}, detail={"fields": [b, c]},
            )
            for a, b, c, d in texts
        ),
    )  # fmt: skip

    found = verified(acme)
    assert (found.ok, found.reason, found.entries) == (True, "", len(texts))
    for entry, (a, b, c, d) in zip(entries_of(acme), texts, strict=True):
        a, b, c, d = (kept(text) for text in (a, b, c, d))
        assert (entry.subject_id, entry.subject_label, entry.target_id, entry.why) == (a, b, c, d)
        assert entry.content.detail == {"fields": [b, c]}


def kept(text: str) -> str:
    """What no database can keep is replaced, everything else stays."""
    return "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)


def test_the_command_says_what_it_found_and_exits_with_1_when_a_trail_is_broken() -> None:
    acme, other = company_with_trail(4), company_with_trail(6)
    said = io.StringIO()
    call_command("verify_audit", tenant=acme.slug, stdout=said)
    assert said.getvalue().startswith(f"{acme.slug}: 4 entries verified. Last hash ")

    tamper(other, "UPDATE audit_auditentry SET action = 'worker.created' WHERE seq = 5")

    said, complained = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError) as broken:
        call_command("verify_audit", all=True, stdout=said, stderr=complained)
    assert broken.value.returncode == 1
    assert f"{acme.slug}: 4 entries verified." in said.getvalue()
    assert f"{other.slug}: broken at entry 5. Entry 5 was changed: action is not" in complained.getvalue()
    with pytest.raises(CommandError, match="no company with the slug 'nobody'"):
        call_command("verify_audit", tenant="nobody")
