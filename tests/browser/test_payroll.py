"""Pay day as a preparer and an approver meet it: a new pay item, its accounts, what changed, posted, tied out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Page, expect

from sandbox.rippling.pay_calendar import last_friday
from sync.execution import execute_run
from sync.models import PayRun, Run
from tenants.models import Role
from tests.browser.conftest import Camera
from tests.cast import Cast, make_cast
from tests.sync.payroll.payday import Payday, ready

FORTNIGHT = timedelta(days=14)
SALARIES = "61000-{cost_center}-0100"


class Office:
    """Acme's pay day, and the browser somebody of it sits at."""

    def __init__(self, page: Page, site: str, sandbox: dict[str, str]) -> None:
        self.page, self.site = page, site
        self.cast: Cast = make_cast()
        self.friday = last_friday(datetime.now(UTC).date())
        for user in self.cast.people.values():
            # For the pictures: these names are this story's own.
            user.username = f"{user.username.partition('-')[0]}@acme-payroll.example"
            user.save()
        first = self.friday - 3 * FORTNIGHT
        payroll = {"runs": 3, "frequency": "BIWEEKLY", "first_check_date": first.isoformat(), "route": "v2"}
        rippling = {"size": 60, "now": datetime.now(UTC).isoformat(), "payroll": payroll}
        self.payday: Payday
        self.payday, _ = ready(sandbox, tenant=self.cast.acme, rippling=rippling)

    def post_everything(self) -> None:
        """What was paid so far is on the ledger and tied out."""
        for pay_run in self.payday.pay_runs():
            self.payday.approve(pay_run, by="auditor")
            assert self.payday.advance(pay_run).state == PayRun.State.RECONCILED

    def pay(self) -> None:
        """This fortnight's payroll, with a bonus for fourteen people that nobody has seen before."""
        paid = self.payday.story.rippling.snapshot()["workers"]
        bonus = {"kind": "earning", "code": "BON2", "name": "Spot bonus", "amount": "1314.28"}
        self.payday.story.rippling.change(
            "run_payroll",
            check_date=self.friday.isoformat(),
            type="REGULAR",
            extra=[{"worker": worker["id"], **bonus} for worker in paid[:14]],
        )
        self.payday.read()

    def work(self) -> None:
        """A worker takes the run that waits."""
        with self.payday.scope():
            run = Run.objects.get(state=Run.State.SCHEDULED)
        self._elsewhere(lambda: execute_run(run.pk, self.payday.story.world))

    def post(self) -> None:
        """A worker takes the journals of this fortnight's run to the ledger."""
        pay_run = self.payday.pay_runs()[-1]
        self._elsewhere(lambda: self.payday.advance(pay_run))

    def _elsewhere(self, work: Callable[[], Any]) -> None:
        """In a process of its own, as far as the database can tell."""

        def do() -> None:
            try:
                with self.payday.scope():
                    work()
            finally:
                connections.close_all()

        thread = threading.Thread(target=do)
        thread.start()
        thread.join()

    def sign_in(self, role: Role) -> None:
        self.page.context.clear_cookies()
        self.page.goto(f"{self.site}/admin/")
        self.page.get_by_label("Username").fill(self.cast.people[role].username)
        self.page.get_by_label("Password").fill("correct horse")
        self.page.get_by_role("button", name="Log in").click()

    def open_board(self) -> None:
        self.page.locator("#nav-sidebar").get_by_text("Pay runs", exact=True).click()

    def open_run(self) -> None:
        """The page of this fortnight's run, from the board."""
        self.open_board()
        day = f"{self.friday.day} {self.friday:%b}"
        self.page.locator(".board").get_by_role("link", name=day, exact=True).click()

    def tab(self, name: str) -> None:
        self.page.get_by_role("navigation", name="What to look at").get_by_role("link", name=name).click()


@pytest.fixture
def office(page: Page, site: str, sandbox: dict[str, str]) -> Office:
    page.set_default_timeout(20_000)
    told = Office(page, site, sandbox)
    told.post_everything()
    told.pay()
    return told


def test_pay_day(office: Office, page: Page, camera: Camera) -> None:
    a_new_pay_item_holds_the_run(office, page, camera)
    the_preparer_chooses_its_accounts(office, page, camera)
    the_approver_sees_what_changed(office, page, camera)
    it_is_posted_once_and_ties_out(office, page, camera)
    it_is_reversed(office, page, camera)


def a_new_pay_item_holds_the_run(office: Office, page: Page, camera: Camera) -> None:
    office.sign_in(Role.PREPARER)
    office.open_board()
    row = page.locator(".board")
    for words in ("Reconciled", "Needs mapping", "Expected"):
        expect(row.get_by_text(words).first).to_be_visible()
    camera("payroll-board")
    office.open_run()
    expect(page.get_by_text("Spot bonus has no account rule").first).to_be_visible()
    expect(page.get_by_text("USD 18,399.92")).to_be_visible()
    camera("pay-run-held")


def the_preparer_chooses_its_accounts(office: Office, page: Page, camera: Camera) -> None:
    page.get_by_role("link", name="Choose accounts…").first.click()
    page.get_by_label("Spot bonus: debit account").fill(SALARIES)
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("1 rule saved.", exact=False)).to_be_visible()
    office.open_run()
    page.get_by_role("button", name="Check again").click()
    office.work()
    page.reload()
    page.get_by_role("link", name="Back to").click()
    expect(page.get_by_text("Ready for review").first).to_be_visible()
    expect(page.get_by_role("link", name="Approve…")).to_have_count(0)


def the_approver_sees_what_changed(office: Office, page: Page, camera: Camera) -> None:
    office.sign_in(Role.APPROVER)
    office.open_run()
    camera("pay-run")
    office.tab("Variance")
    expect(page.get_by_role("heading", name="Compared with")).to_contain_text("change by more than 10 %")
    expect(page.locator("figure.chart svg")).to_be_visible()
    camera("variance")
    page.get_by_role("link", name="Approve…").click()
    expect(page.get_by_text("You approve exactly this content", exact=False)).to_be_visible()
    camera("pay-run-approve")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved.", exact=True)).to_be_visible()
    assert len(office.payday.ours()) == 3


def it_is_posted_once_and_ties_out(office: Office, page: Page, camera: Camera) -> None:
    office.post()
    office.open_run()
    expect(page.get_by_text("Posted and tied out to the cent. Nothing to do.")).to_be_visible()
    assert len(office.payday.ours()) == 4
    page.get_by_role("link", name="Show them for a reason…").click()
    page.get_by_label("Why do you need to see them?").fill("Month-end review of the bonus")
    page.get_by_role("button", name="Show the amounts").click()
    expect(page.get_by_text("You see single people's pay until", exact=False)).to_be_visible()
    camera("pay-run-reconciled")
    office.tab("Reconciliation")
    expect(page.get_by_text("Everything agrees to the cent")).to_be_visible()
    camera("reconciliation")
    page.locator("figure.chart svg").scroll_into_view_if_needed()
    camera("gross-to-net")
    office.tab("History")
    expect(page.get_by_text("Month-end review of the bonus").first).to_be_visible()
    camera("pay-run-history")


def it_is_reversed(office: Office, page: Page, camera: Camera) -> None:
    page.get_by_role("link", name="Correct…").click()
    expect(page.get_by_text("Already posted on", exact=False)).to_be_visible()
    camera("pay-run-correct")
    page.get_by_role("link", name="Back", exact=True).click()
    page.locator("section.card h2 a").first.click()
    page.get_by_role("link", name="Reverse…").click()
    page.get_by_label("Why is it reversed?").fill("The bonus was to be paid in December")
    page.get_by_role("button", name="Draft the reversal").click()
    expect(page.get_by_text("Reversal of journal", exact=False).first).to_be_visible()
    assert len(office.payday.ours()) == 4
