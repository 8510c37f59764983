"""An address of one company's that is slow, or cannot be one, silences nobody else."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from django_q.models import OrmQ

from audit.context import acting_as
from sync import jobs
from sync.models import AlertHook, Timing
from sync.notices import addresses, hooks
from sync.notices.configuring import change_hook, create_hook, try_hook
from sync.watching.watch import watch
from tenants.models import Role
from tests.sync.notices.company import Company, found_company
from tests.sync.notices.receiver import Receiver, add


def test_an_address_that_drips_is_left_after_the_time_for_a_delivery(
    company: Company, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = add(company, receiver)
    receiver.drips = True
    monkeypatch.setattr(hooks, "SECONDS", 1)
    before = time.monotonic()
    with company.scope(), acting_as("user", "Ada"):
        assert try_hook(hook, now=company.now) == "The address did not answer within 1 seconds."
    assert 0.9 < time.monotonic() - before < 3
    assert len(receiver.got) == 1


def test_a_name_that_is_looked_up_for_long_is_left_too(
    company: Company, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = add(company, receiver)
    monkeypatch.setattr(hooks, "SECONDS", 1)
    asked = threading.Event()

    def look_up_slowly(*args: Any, **kwargs: Any) -> addresses.Destination:
        asked.set()
        receiver.over.wait(10)
        raise addresses.AddressRefused("too late")

    monkeypatch.setattr(hooks, "look_up", look_up_slowly)
    before = time.monotonic()
    with company.scope(), acting_as("user", "Ada"):
        assert "did not answer within" in try_hook(hook, now=company.now)
    receiver.over.set()
    assert asked.is_set()
    assert time.monotonic() - before < 3


def test_a_slow_address_of_one_company_keeps_no_mail_of_another_waiting(
    company: Company, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = found_company("Lakeside")
    monkeypatch.setattr(hooks, "SECONDS", 1)
    receiver.drips = True
    add(company, receiver)
    for one in (company, other):
        one.now = timezone.now()
        one.run()
    OrmQ.objects.all().delete()
    jobs.tell()
    recipients = {address for message in mail.outbox for address in message.to}
    for one in (company, other):
        assert {user.email for user in one.people.values()} & recipients, one.tenant
    assert receiver.got == [], "nobody waited for it"
    queued = list(OrmQ.objects.filter(key=f"alerts:{company.tenant.id}"))
    assert [(job.func(), job.args()) for job in queued] == [("sync.jobs.send_hooks", (str(company.tenant.id),))]
    assert not OrmQ.objects.filter(key=f"alerts:{other.tenant.id}").exists()
    # It is quick again when its turn comes.
    receiver.drips = False
    jobs.send_hooks(str(company.tenant.id))
    assert len(receiver.got) == 1
    assert company.messages(hook__isnull=False, sent_at=None) == []


def test_the_watch_mails_and_leaves_programs_to_the_workers(company: Company, receiver: Receiver) -> None:
    company.now = datetime.now(UTC).replace(microsecond=0)
    _, secret = add(company, receiver)
    with company.scope():
        Timing.objects.create(
            flow=company.flows["payroll"],
            kind="cron",
            cron="0 9 * * *",
            time_zone="America/Detroit",
            next_at=company.now - timedelta(minutes=11),
        )
    watch(company.now)
    assert any(company.people[Role.ADMINISTRATOR].email in message.to for message in mail.outbox)
    assert receiver.got == []
    jobs.send_hooks(str(company.tenant.id))
    assert [notice["kind"] for told in receiver.believed(secret) for notice in told["notices"]] == ["missed"]
    with company.scope():
        Timing.objects.all().delete()


def test_programs_of_one_company_are_told_a_few_at_a_time(company: Company, receiver: Receiver) -> None:
    with company.scope(), acting_as("user", "Ada"):
        for number in range(12):
            create_hook(f"Pager {number}", receiver.url, [], now=company.now)
    company.run()
    company.keep()
    company.send()
    assert len(receiver.got) == 10
    company.send()
    assert len(receiver.got) == 12


@pytest.mark.parametrize(
    "fault", [UnicodeError("label empty or too long"), RuntimeError("can't start new thread")], ids=["name", "thread"]
)
def test_whatever_goes_wrong_with_one_address_is_an_attempt_and_holds_up_no_other(
    fault: Exception, company: Company, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with company.scope(), acting_as("user", "Ada"):
        broken, _ = create_hook("A", receiver.url, ["failed"], now=company.now)
        create_hook("B", receiver.url.replace("/alerts", "/pager"), ["failed"], now=company.now)
    found = addresses.look_up

    def fail_for_one(url: str, **values: Any) -> addresses.Destination:
        if "/alerts" in url:
            raise fault
        return found(url, **values)

    monkeypatch.setattr(hooks, "look_up", fail_for_one)
    company.run()
    company.keep()
    for _ in range(12):
        company.send()
        company.later(hours=20)
    assert len(receiver.got) == 1
    (message,) = company.messages(hook=broken)
    assert (message.attempts, message.next_at) == (8, None)
    assert message.error == f"It could not be sent ({type(fault).__name__}). Tell the operator."
    company.keep()
    assert company.open()["alerts"].cause == f"hook:{broken.pk}"


def test_an_address_that_was_kept_with_a_typing_error_is_told_of_and_can_be_mended(
    company: Company, receiver: Receiver
) -> None:
    hook, _ = add(company, receiver)
    with company.scope():
        AlertHook.objects.update(url="https://hooks..example.com/x")
        hook.refresh_from_db()
    company.run()
    company.keep()
    for _ in range(9):
        company.send()
        company.later(hours=20)
    (message,) = company.messages(hook=hook)
    assert message.next_at is None
    assert "typing error" in message.error
    company.keep()
    assert company.open()["alerts"].cause == f"hook:{hook.pk}"
    with company.scope(), acting_as("user", "Ada"):
        assert "typing error" in try_hook(hook, now=company.now)
        change_hook(hook, {"url": receiver.url}, now=company.now)
        assert try_hook(hook, now=company.now) == ""
