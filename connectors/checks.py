"""Testing a connection: every failure becomes a finding, a sentence on the connection's page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from django.db import transaction

from audit.record import Entry, record
from connectors.contract import CheckResult, Finding, Level
from connectors.errors import ConnectionConfigError, ConnectorError, TemporaryError
from connectors.models import Connection
from connectors.registry import open_to_check


def check_connection(
    connection: Connection,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    correlation_id: str,
) -> CheckResult:
    """Ask the vendor what this connection may do; afterwards the answer is stored, audited, and decides its state.

    Must be called in the scope of the connection's tenant and outside a transaction: it may take minutes. A paused
    connection can be checked and stays paused. ``connection`` holds the stored state afterwards.
    """
    try:
        opened = open_to_check(connection, now=now, sleep=sleep, random=random, correlation_id=correlation_id)
        with closing(opened):
            result = opened.check()
    except ConnectorError as error:
        result = CheckResult(findings=[_failure(error)])
    return _store(connection, result, now())


def _failure(error: ConnectorError) -> Finding:
    access = {TemporaryError: "unreachable", ConnectionConfigError: "forbidden"}
    known = (access[kind] for kind in access if isinstance(error, kind))
    return Finding(
        entity="Connection", level=Level.FAILED, access=next(known, "unknown"), sentence=error.sentence, affects=()
    )


def _asked_with(connection: Connection) -> tuple[object, ...]:
    return connection.environment, connection.settings, connection.sealed


def _of_its_company(stored: Connection, result: CheckResult) -> CheckResult:
    """The result, unless the access turns out to be another company's: then nothing is learned, and the check fails.
    People are linked to those of the company we know."""
    told = result.learned.get("company_id", "")[:64]
    if not told or not stored.company or told == stored.company:
        return result
    sentence = (
        f"This access belongs to another {stored.product.product} company than before, and its people would be mixed "
        "up. Enter the former company's access again, or add a new connection for this company."
    )
    other = Finding(entity="Connection", level=Level.FAILED, access="forbidden", sentence=sentence, affects=())
    return CheckResult(findings=[other, *result.findings], account=stored.account)


def _store(connection: Connection, result: CheckResult, at: datetime) -> CheckResult:
    """What we asked with may have changed meanwhile; then the answer is about the past and only audited."""
    with transaction.atomic():
        stored = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        result = _of_its_company(stored, result)
        if _asked_with(stored) == _asked_with(connection):
            stored.note_check(result, at=at)
            stored.save(
                update_fields=["findings", "learned", "account", "company", "checked_at", "state", "state_reason"]
            )
        entry = Entry(
            action="connection.checked",
            subject_kind="connection",
            subject_id=str(stored.id),
            subject_label=stored.name,
            detail={
                "ok": result.ok,
                "findings": [f"{finding.entity} ({finding.level}): {finding.sentence}" for finding in result.findings],
            },
        )
        record([entry], at=at)
    connection.refresh_from_db()
    return result
