"""Acme's desk on pay day: a pay run, and a browser for everybody who works there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.urls import reverse

from sync.models import PayRun, Posting, PostingLine
from tenants.models import Role
from tests.cast import Cast, make_cast
from tests.sync.payroll.payday import Payday, ready


@dataclass
class Desk:
    """One pay run, and who looks at it."""

    cast: Cast
    payday: Payday
    pay_run: PayRun

    def at(self, role: Role) -> Client:
        """A browser in which this person is signed in."""
        client = Client()
        client.force_login(self.cast.people[role])
        return client

    def see(self, role: Role, tab: str = "journal", **values: str) -> str:
        """A tab of the pay run's page, or one of its files."""
        address = reverse("admin:sync_payrun_change", args=[self.pay_run.pk])
        answer = self.at(role).get(address, {"tab": tab, **values})
        assert answer.status_code == 200
        return answer.content.decode()

    def see_journal(self, role: Role, **values: str) -> str:
        """The page of the run's first journal."""
        posting = self.payday.postings(self.pay_run)[0]
        answer = self.at(role).get(reverse("admin:sync_posting_change", args=[posting.pk]), values)
        assert answer.status_code == 200
        return answer.content.decode()

    def act(self, role: Role, name: str, **values: Any) -> str:
        """What the page says after this act on the pay run."""
        address = reverse(f"admin:sync_payrun_{name}", args=[self.pay_run.pk])
        return self.at(role).post(address, values, follow=True).content.decode()

    def hashes(self) -> dict[str, str]:
        """What the form of the approval carries."""
        drafts = self.payday.postings(self.pay_run, state=Posting.State.DRAFTED)
        return {f"hash:{draft.pk}": draft.content_hash for draft in drafts}

    def state(self) -> str:
        with self.payday.scope():
            return str(PayRun.objects.get(pk=self.pay_run.pk).state)

    def amounts(self, **lookup: Any) -> set[str]:
        """The amounts of the run's journal lines, as pages write them."""
        with self.payday.scope():
            lines = list(PostingLine.objects.filter(posting__pay_run=self.pay_run, **lookup))
        return {f"{line.debit or line.credit:,.2f}" for line in lines}

    def post(self) -> None:
        """The run is approved by somebody else, posted, and tied out."""
        self.payday.approve(self.pay_run, by="auditor")
        self.payday.advance(self.pay_run)


def desk_with(sandbox: dict[str, str], **values: Any) -> Desk:
    """A pay run that is ready for review: read by Pat's run, by rules of Rita's."""
    cast = make_cast()
    payday, pay_run = ready(sandbox, tenant=cast.acme, **values)
    return Desk(cast, payday, pay_run)
