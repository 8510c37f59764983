"""Who hears of what, how often, and what a mail must never say."""

from __future__ import annotations

import threading

from django.core import mail
from django.db import connection

from audit.context import acting_as
from sync.models import Dispatch, Notice, Run
from sync.notices.configuring import choose
from tenants.models import Role
from tests.sync.notices.company import Company, found_company, join


def recipients(company: Company) -> set[str]:
    """Who got a mail since the last time this was asked."""
    company.send()
    found = {address.split("-")[0] for message in mail.outbox for address in message.to}
    mail.outbox.clear()
    return found


def test_each_role_hears_at_once_of_what_it_can_mend(company: Company) -> None:
    company.journal(company.pay_run())
    company.keep()
    assert recipients(company) == {"ann", "ada"}
    company.later(minutes=5).problem()
    company.keep()
    assert recipients(company) == {"pat", "ann", "ada"}


def test_people_choose_for_themselves(company: Company) -> None:
    with company.scope(), acting_as("user", "Ann"):
        choose(company.people[Role.APPROVER], {"failed": "never"}, now=company.now)
        choose(company.people[Role.PREPARER], {"failed": "digest"}, now=company.now)
        choose(company.people[Role.VIEWER], {"failed": "at_once"}, now=company.now)
    company.run()
    company.keep()
    assert recipients(company) == {"vera", "ada"}


def test_everything_new_within_a_minute_is_in_one_mail(company: Company) -> None:
    for _ in range(5):
        company.problem()
    company.run()
    company.keep()
    company.send()
    pat = [message for message in mail.outbox if message.to[0].startswith("pat")]
    assert len(pat) == 1
    assert "6 things need somebody" in pat[0].subject
    # More of it right afterwards comes together too, a minute later.
    mail.outbox.clear()
    for _ in range(3):
        company.later(seconds=10).problem()
        company.keep()
        company.send()
    assert mail.outbox == []
    company.later(seconds=40).send()
    assert len([message for message in mail.outbox if message.to[0].startswith("pat")]) == 1
    assert "3 things need somebody" in mail.outbox[0].subject


def test_who_was_told_hears_that_it_is_mended_once_it_has_stayed_so(company: Company) -> None:
    company.run()
    company.keep()
    company.send()
    mail.outbox.clear()
    company.later(minutes=5).run(Run.State.SUCCEEDED)
    company.keep()
    # It comes back, and goes again: nobody is told of either.
    company.later(minutes=10).run()
    company.keep()
    company.later(minutes=10).run(Run.State.SUCCEEDED)
    company.keep()
    company.later(minutes=29).keep()
    assert recipients(company) == set()
    company.later(minutes=2).keep()
    company.send()
    assert {message.to[0].split("-")[0] for message in mail.outbox} == {"pat", "ann", "ada"}
    assert all("mended: Northfield · People: the latest run failed." in message.subject for message in mail.outbox)
    with company.scope():
        assert Notice.objects.get().times == 2
    mail.outbox.clear()
    company.later(hours=1).run()
    company.keep()
    assert recipients(company) == {"pat", "ann", "ada"}, "later it is another matter"


def test_a_mail_leads_back_and_names_nobody(company: Company, settings: object) -> None:
    settings.SITE_URL = "https://connector.example"  # type: ignore[attr-defined]
    journal = company.journal(company.pay_run())
    company.problem("Rippling sent a record we cannot use: Jane Roe", code="unreadable")
    company.keep()
    company.send()
    for message in mail.outbox:
        html = message.alternatives[0][0]  # type: ignore[union-attr]
        for text in (message.subject, message.body, str(html)):
            assert not any(word in text for word in ("Jane", "Roe", "Bonus", "12345", "12,345"))
    ann = next(message for message in mail.outbox if message.to[0].startswith("ann"))
    assert f"https://connector.example/admin/sync/payrun/{journal.pay_run_id}/" in ann.body
    assert ann.from_email.startswith("ML Connector <no-reply@")


def test_a_person_of_two_companies_never_reads_of_both_in_one_mail() -> None:
    acme, other = found_company("Acme"), found_company("Other Corp")
    ada = acme.people[Role.ADMINISTRATOR]
    join(ada, other, Role.ADMINISTRATOR)
    for company in (acme, other):
        company.run()
        company.keep()
        company.send()
    mine = [message for message in mail.outbox if message.to == [ada.email]]
    assert len(mine) == 2
    for message, name in zip(mine, ("Acme", "Other Corp"), strict=True):
        text = f"{message.subject} {message.body}"
        assert name in text
        assert {"Acme": "Other Corp", "Other Corp": "Acme"}[name] not in text


def test_who_left_the_company_gets_nothing_that_was_waiting(company: Company) -> None:
    company.run()
    company.keep()
    with company.scope():
        company.people[Role.PREPARER].memberships.all().delete()
    assert recipients(company) == {"ann", "ada"}
    (message,) = company.messages(user=company.people[Role.PREPARER])
    assert (message.sent_at, message.next_at) == (None, None)
    assert message.error == "This person does not work here any more."


def test_without_a_mail_server_nothing_waits_for_one(company: Company, settings: object) -> None:
    settings.MAIL_IS_SET_UP = False  # type: ignore[attr-defined]
    company.run()
    company.keep()
    assert company.messages() == []
    assert list(company.open()) == ["failed"]


def test_two_who_keep_the_notices_at_once_open_one(company: Company) -> None:
    company.run()

    def keep() -> None:
        company.keep()
        connection.close()

    threads = [threading.Thread(target=keep) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(company.open()) == ["failed"]
    assert len(company.messages()) == 3


def test_a_mail_server_that_is_down_is_tried_again_over_a_day_with_the_same_message_id(
    company: Company, settings: object
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    company.run()
    company.keep()
    company.send()
    assert [message.attempts for message in company.messages()] == [1, 0, 0], "one try tells that it is down"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]
    company.later(minutes=2).send()
    assert len(mail.outbox) == 3
    ids = {message.message()["Message-ID"] for message in mail.outbox}
    pks = {str(message.pk) for message in company.messages()}
    assert {name.split("@")[0].rsplit("-", 1)[1] for name in ids} == pks
    company.later(minutes=2).send()
    assert len(mail.outbox) == 3


def test_a_mail_that_nobody_takes_is_given_up_after_a_day_and_told_on_the_page(
    company: Company, settings: object
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    company.run()
    company.keep()
    with company.scope():
        Dispatch.objects.exclude(user=company.people[Role.PREPARER]).delete()
    for _ in range(10):
        company.later(hours=16).send()
    (message,) = company.messages()
    assert (message.attempts, message.next_at, message.sent_at) == (8, None, None)
    assert message.error == "The mail server did not take it (ConnectionRefusedError)."
    company.keep()
    assert "alerts" not in company.open(), "eight attempts took a day, not six"
