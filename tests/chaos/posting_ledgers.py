"""The ledgers that journals are posted to in the trials: how each is set up, spoken to, and read when all is over."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from types import ModuleType
from typing import Any
from unittest import mock

import httpx

from connectors.dynamics import journal_writing, odata
from connectors.dynamics.journals import Journals
from connectors.errors import ConnectionConfigError, RecordRejectedError, TemporaryError
from connectors.journals import Journal, PostedJournal
from connectors.plex import client as plex_client
from sync.models import Posting
from tests.connectors.customers import Customer
from tests.sync.payroll.dynamics_payday import FOUR, DynamicsPayday, ready_dynamics
from tests.sync.payroll.payday import Payday, ready

Ended = Callable[[str, str], None]
"""Told the name and the fate of an attempt: *taken*, *refused* (nothing of it is there), or *unknown*."""
SIX = 6


class Ledger:
    """A ledger as trials see it. Patterns are of paths: ``posts`` of what writes a journal, ``look_up`` of what finds
    it, ``read_back`` of what shows it and its accounts, ``rest`` of whatever else is asked on the way. ``writes`` is
    how many requests write a journal of a trial."""

    name: str
    module: ModuleType
    posts: str
    look_up: str
    read_back: tuple[str, ...]
    rest: str
    writes = 1

    def profile(self, seed: int) -> str:
        """How the company of the trial of this seed is connected."""
        raise NotImplementedError

    def open(self, sandbox: dict[str, str], profile: str, rippling: dict[str, Any]) -> Payday:
        """A company whose pay runs are drafted, with books in this ledger."""
        raise NotImplementedError

    def is_post(self, method: str, path: str) -> bool:
        """Whether a request writes a journal or something of it."""
        raise NotImplementedError

    def fate(self, response: httpx.Response) -> str:
        """What the sender of a post may conclude: *taken*, *refused*, or nothing."""
        raise NotImplementedError

    def attempt(self) -> str:
        """The attempt to which the requests that leave now belong; empty where each is one of its own."""
        return ""

    @contextmanager
    def watched(self, ended: Ended) -> Iterator[None]:
        """Around everything a worker process does."""
        yield

    def calm(self, customer: Customer) -> None:
        """Nothing goes wrong any more."""
        customer.heal()

    def is_as_approved(self, payday: Payday, posting: Posting, journal: dict[str, Any]) -> bool:
        raise NotImplementedError


class PlexLedger(Ledger):
    name = "plex"
    module = plex_client
    posts = look_up = r"/accounting/v2/journal-entries|/api/Journal_Entry"
    read_back = (rf"({posts})/[^/]+", r".*/general-ledger-activity/journal-entries|/api/GL_Activity")
    rest = r".*(fiscal|Fiscal|tenant|Tenant|chart|GL_Account|oauth2).*"

    def profile(self, seed: int) -> str:
        return "documents" if seed % 4 == 0 else "connect"

    def open(self, sandbox: dict[str, str], profile: str, rippling: dict[str, Any]) -> Payday:
        return ready(sandbox, profile=profile, rippling=rippling)[0]

    def is_post(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith(("/journal-entries", "/Journal_Entry"))

    def fate(self, response: httpx.Response) -> str:
        if 400 <= response.status_code < 500 and response.status_code != 408:
            return "refused"
        response.read()
        try:
            body = response.json() if response.is_success else {}
            return "taken" if {"id", "Journal_Entry_Id"} & body.keys() else "unknown"
        except ValueError:
            return "unknown"

    def calm(self, customer: Customer) -> None:
        customer.heal()
        customer.change("set_options", activity_lag_reads=0)

    def is_as_approved(self, payday: Payday, posting: Posting, journal: dict[str, Any]) -> bool:
        totals = [sum(Decimal(line[side] or 0) for line in journal["lines"]) for side in ("debit", "credit")]
        return totals == [posting.debit, posting.credit]


class DynamicsLedger(Ledger):
    """A journal is a header and several requests with lines; all that ``Journals.post`` sends is one attempt."""

    name = "dynamics"
    module = odata
    posts = r"/data/LedgerJournalHeaders|/data/\$batch|/api/services/.*"
    look_up = r"/data/LedgerJournalHeaders.*"
    read_back = (r"/data/LedgerJournalHeaders\(.*", "/data/LedgerJournalLines")
    rest = r".*(Fiscal|Ledgers|Names|Dimension|MainAccount|AccountStructure|oauth2).*"
    writes = 6

    def __init__(self) -> None:
        self._attempt = ""

    def profile(self, seed: int) -> str:
        return "custom_service" if seed % 4 == 0 else "finance"

    def open(self, sandbox: dict[str, str], profile: str, rippling: dict[str, Any]) -> Payday:
        return ready_dynamics(sandbox, posted_by=profile, settings=FOUR, rippling=rippling)[0]

    def is_post(self, method: str, path: str) -> bool:
        """Taking back what was refused counts as well."""
        return method != "GET" and (
            path.startswith(("/data/LedgerJournal", "/api/services/")) or path == "/data/$batch"
        )

    def fate(self, response: httpx.Response) -> str:
        return "unknown"

    def attempt(self) -> str:
        return self._attempt

    @contextmanager
    def watched(self, ended: Ended) -> Iterator[None]:
        post = Journals.post

        def noted(journals: Journals, journal: Journal) -> PostedJournal:
            around, self._attempt = self._attempt, uuid.uuid4().hex
            name, fate = self._attempt, "unknown"
            try:
                posted = post(journals, journal)
                fate = "taken" if posted.complete else "unknown"
            except (RecordRejectedError, TemporaryError, ConnectionConfigError):
                fate = "refused"
                raise
            finally:
                self._attempt = around
                ended(name, fate)
            return posted

        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(Journals, "post", noted))
            stack.enter_context(mock.patch.object(journal_writing, "LINES_A_REQUEST", SIX))
            yield

    def calm(self, customer: Customer) -> None:
        customer.heal()
        customer.change("behave")
        for journal in customer.snapshot()["journals"]:
            customer.change("lock_journal", number=journal["number"], user="")

    def is_as_approved(self, payday: Payday, posting: Posting, journal: dict[str, Any]) -> bool:
        assert isinstance(payday, DynamicsPayday)
        booked = {account: amount for account, amount in payday.booked(journal).items() if amount}
        return booked == payday.approved(posting) and not any(payday.vouchers(journal).values())


LEDGERS: dict[str, Callable[[], Ledger]] = {ledger.name: ledger for ledger in (PlexLedger, DynamicsLedger)}
