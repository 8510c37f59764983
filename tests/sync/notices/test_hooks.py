"""Programs of the customer's are told too: signed, once per delivery id, never where they should not be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting_as
from audit.models import AuditEntry
from sync.models import AlertHook, Run
from sync.notices.addresses import AddressRefused, is_public, look_up
from sync.notices.configuring import change_hook, create_hook, replace_secret, try_hook
from tests.sync.notices.company import Company
from tests.sync.notices.receiver import Receiver, add


def test_a_program_is_told_what_opened_and_what_was_mended(company: Company, receiver: Receiver) -> None:
    _, secret = add(company, receiver)
    company.run()
    company.pay_run("rejected")
    company.keep()
    company.send()
    company.later(minutes=5).run(Run.State.SUCCEEDED)
    company.keep()
    company.later(minutes=31).keep()
    company.send()
    opened, mended = receiver.believed(secret)
    assert (opened["event"], mended["event"]) == ("notices.opened", "notices.mended")
    assert {notice["kind"] for notice in opened["notices"]} == {"failed", "attention"}
    assert [notice["kind"] for notice in mended["notices"]] == ["failed"]
    assert opened["company"] == company.tenant.slug
    assert opened["id"] == opened["delivery"]
    assert b"Jane" not in b"".join(body for _, body in receiver.got)
    assert receiver.believed("whsec_another") == []


def test_a_program_is_told_only_of_the_kinds_it_wants(company: Company, receiver: Receiver) -> None:
    _, secret = add(company, receiver, ["attention"])
    company.run()
    company.pay_run("rejected")
    company.keep()
    company.send()
    (told,) = receiver.believed(secret)
    assert [notice["kind"] for notice in told["notices"]] == ["attention"]


def test_a_delivery_is_tried_eight_times_over_a_day_under_one_id_and_then_told_of(
    company: Company, receiver: Receiver
) -> None:
    hook, secret = add(company, receiver)
    receiver.status = 500
    company.run()
    company.keep()
    begin = company.now
    times = []
    for _ in range(200):
        before = len(receiver.got)
        company.send()
        if len(receiver.got) > before:
            times.append(company.now - begin)
        company.later(minutes=10)
    assert len(times) == 8
    assert timedelta(hours=23) < times[-1] < timedelta(hours=26)
    assert len({told["id"] for told in receiver.believed(secret)}) == 1
    company.keep()
    with company.scope():
        hook.refresh_from_db()
    assert hook.failing_since is not None
    assert company.open()["alerts"].cause == f"hook:{hook.pk}"
    # It answers again: that mends it.
    receiver.status = 204
    company.problem()
    company.keep()
    company.send()
    company.keep()
    assert "alerts" not in company.open()


def test_an_address_that_does_not_answer_is_waited_for_once(company: Company, receiver: Receiver) -> None:
    add(company, receiver)
    receiver.status = 503
    for _ in range(5):
        company.problem()
        company.keep()
        company.later(minutes=2)
    company.send()
    assert len(receiver.got) == 1


def test_a_redirect_is_not_followed(company: Company, receiver: Receiver) -> None:
    hook, _ = add(company, receiver)
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    with company.scope(), acting_as("user", "Ada"):
        refusal = try_hook(hook, now=company.now)
    assert "redirect" in refusal
    assert len(receiver.got) == 1


def test_a_new_secret_signs_what_comes_after_and_neither_is_kept_in_clear(company: Company, receiver: Receiver) -> None:
    hook, former = add(company, receiver)
    with company.scope(), acting_as("user", "Ada"):
        secret = replace_secret(hook, now=company.now)
        assert try_hook(hook, now=company.now) == ""
        entries = "".join(entry.body.tobytes().decode() if hasattr(entry.body, "tobytes") else str(entry.body)
                          for entry in AuditEntry.objects.all())  # fmt: skip
        stored = str(AlertHook.objects.values().get())
    assert [told["event"] for told in receiver.believed(secret)] == ["test"]
    assert receiver.believed(former) == []
    for text in (entries, stored.replace(receiver.url, "")):
        assert former not in text
        assert secret not in text
        assert "program-key" not in text


def test_what_is_sent_elsewhere_was_paused_or_removed_in_time(company: Company, receiver: Receiver) -> None:
    hook, _ = add(company, receiver)
    company.run()
    company.keep()
    with company.scope(), acting_as("user", "Ada"):
        change_hook(hook, {"paused": True}, now=company.now)
    company.send()
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://user:word@example.com/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "ftp://example.com/",
        "https:///nothing",
        "https://example.com/#part",
        "https://hooks..example.com/x",
        f"https://{'a' * 64}.example.com/",
        f"https://{'.'.join(['a' * 60] * 5)}/",
        "https://exa mple.com/",
        "https://example.com/\x01x",
        "https://exam\nple.com/",
        "https://example.com:99999/",
        "https://ex\u200bample\udc80.com/",
        "https://\uff11\uff12\uff17.0.0.1/",
    ],
)
def test_addresses_that_are_refused_when_they_are_entered(url: str, company: Company, settings: Any) -> None:
    settings.ALLOW_LOOPBACK_VENDORS = False
    with company.scope(), acting_as("user", "Ada"), pytest.raises(ValidationError) as refused:
        create_hook("Pager", url, [], now=company.now)
    assert "url" in refused.value.message_dict


@pytest.mark.parametrize(
    "ip",
    [
        "10.0.0.8",
        "127.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "0.0.0.0",
        "224.0.1.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "::ffff:10.0.0.8",
        "64:ff9b::7f00:1",
        "2002:0a00:0001::1",
        "fec0::1",
        "64:ff9b:1::a00:1",
        "::10.0.0.1",
        "168.63.129.16",
        "::ffff:168.63.129.16",
    ],
)
def test_a_name_that_leads_inside_is_refused_whatever_it_is_called(ip: str) -> None:
    assert not is_public(ip)
    with pytest.raises(AddressRefused):
        look_up(
            "https://alerts.example.com/",
            allow_loopback=True,
            resolve=lambda *args, **kwargs: [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", (ip, 443))],
        )


def test_the_address_that_was_looked_up_is_the_one_spoken_to() -> None:
    to = look_up(
        "https://alerts.example.com/in?key=1",
        allow_loopback=False,
        resolve=lambda *args, **kwargs: [(0, 0, 0, "", ("93.184.216.34", 443))],
    )
    assert (to.url, to.host, to.name) == (
        "https://93.184.216.34:443/in?key=1",
        "alerts.example.com",
        "alerts.example.com",
    )


def test_a_name_in_other_letters_is_asked_for_as_the_web_writes_it() -> None:
    asked: list[str] = []

    def resolve(name: str, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(name)
        return [(0, 0, 0, "", ("93.184.216.34", 443))]

    to = look_up("https://stra\u00dfe.example.com:8443/\u00fc?k=\u00fc", allow_loopback=False, resolve=resolve)
    assert asked == ["xn--strae-oqa.example.com"]
    assert (to.host, to.name) == ("xn--strae-oqa.example.com:8443", "xn--strae-oqa.example.com")
    assert to.url == "https://93.184.216.34:8443/%C3%BC?k=%C3%BC"
