"""How the product comes to run by itself, every click real: pay calendars, an installed app, announcements, notices.

Each story is told twice, once where no script runs.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import Settings

from connectors.models import Connection
from sync.models import AlertHook, Delivery, Notice, NoticeChoice, PayCalendar, PayRun, Timing
from sync.notices.keeping import keep
from sync.notices.sending import Outbox, send_due
from sync.scheduling.upcoming import NextPayDay, next_pay_days
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.browser.conftest import Camera
from tests.cast import Cast, make_cast
from tests.connectors.installs import company_with_app, operators_app
from tests.sync.hands import last
from tests.sync.payroll.payday import Payday, ready
from tests.sync.story import tell
from tests.sync.webhooks.site import TOKEN, own_app, work

NUMBERS = itertools.count(1)
GRACE = timedelta(days=6)
"""A pay date that is longer ago than this has passed its deadline, whatever holidays there were."""


# The pictures are those of the second telling.
@pytest.fixture(params=[False, True], ids=["without script", "with script"])
def page(request: pytest.FixtureRequest, browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(**browser_context_args, java_script_enabled=request.param)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


class Desk:
    """Somebody of Acme's at a browser."""

    def __init__(self, page: Page, site: str, cast: Cast) -> None:
        self.page, self.site, self.cast = page, site, cast
        number = next(NUMBERS)
        for user in cast.people.values():
            # For the pictures: short, and nobody else's in this database.
            user.username = user.email = f"{user.username.partition('-')[0]}@acme{number}.example"
            user.save()

    def sign_in(self, role: Role) -> None:
        self.page.context.clear_cookies()
        self.page.goto(f"{self.site}/admin/")
        self.log_in(role)

    def log_in(self, role: Role) -> None:
        """On the page that asks who it is."""
        self.page.get_by_label("Username").fill(self.cast.people[role].username)
        self.page.get_by_label("Password").fill("correct horse")
        self.page.get_by_role("button", name="Log in").click()

    def go(self, name: str) -> None:
        """By the side bar."""
        self.page.locator("#nav-sidebar").get_by_text(name, exact=True).click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def scope(self) -> Any:
        return tenant_scope(self.cast.acme.id)


def elsewhere(work: Callable[[], Any]) -> None:
    """In a process of its own, as far as the database can tell."""

    def do() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


@pytest.fixture
def desk(page: Page, site: str) -> Desk:
    return Desk(page, site, make_cast())


def test_pay_day_starts_by_itself_and_one_that_does_not_come_is_told(
    desk: Desk, sandbox: dict[str, str], settings: Settings, camera: Camera
) -> None:
    settings.MAIL_IS_SET_UP = True
    desk.sign_in(Role.ADMINISTRATOR)
    calendar = the_pay_calendar_is_made(desk, camera)
    today = datetime.now(UTC).date()
    with desk.scope():
        past = [one for one in next_pay_days(calendar, today - timedelta(days=60)) if one.pay_date < today - GRACE]
    payday = the_first_is_posted(desk, sandbox, past[-2].pay_date)

    the_payroll_is_tied_to_it(desk, payday, camera)
    the_pay_dates_are_expected(desk, past[-2:], camera)
    somebody_is_told(desk, past[-1].pay_date, camera)
    they_choose_how(desk, camera)
    a_program_is_told_too(desk, camera)


def the_pay_calendar_is_made(desk: Desk, camera: Camera) -> PayCalendar:
    page = desk.page
    desk.go("Pay calendars")
    desk.follow("New pay calendar")
    page.get_by_label("Name").fill("Salaried staff")
    page.get_by_label("Pays", exact=True).select_option(label="Twice a month")
    page.get_by_label("Day of the month", exact=True).fill("15")
    page.get_by_label("Second day of the month").fill("31")
    page.get_by_label("On a weekend or holiday").select_option(label="The business day before")
    page.get_by_label("Public holidays of").select_option(label="United States (US)")
    page.get_by_label("Time zone").fill("America/Detroit")
    desk.press("Make")
    with desk.scope():
        calendar = PayCalendar.objects.get()
        coming = next_pay_days(calendar, datetime.now(UTC).date() + timedelta(days=14))
    closed = next(one.pay_date for one in coming if one.pay_date == one.nominal)
    page.get_by_label("What it is").select_option(label="Holiday")
    page.get_by_label("Day", exact=True).fill(closed.isoformat())
    page.get_by_label("Name", exact=True).fill("Inventory day")
    desk.press("Enter")
    moved = f"moved from {closed:%a} {closed.day} {closed:%b}: Inventory day"
    expect(page.get_by_role("row").filter(has_text=moved)).to_be_visible()
    camera("pay-calendar")
    return calendar


def the_first_is_posted(desk: Desk, sandbox: dict[str, str], day: date) -> Payday:
    """Acme's payroll of this pay date is on the ledger; there is none of the one after it."""
    payroll = {"runs": 1, "frequency": "SEMIMONTHLY", "first_check_date": day.isoformat(), "route": "v2"}
    rippling = {"size": 12, "now": datetime.now(UTC).isoformat(), "payroll": payroll}
    payday, pay_run = ready(sandbox, tenant=desk.cast.acme, rippling=rippling)
    payday.approve(pay_run, by="auditor")
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    return payday


def the_payroll_is_tied_to_it(desk: Desk, payday: Payday, camera: Camera) -> None:
    page = desk.page
    desk.go("Integrations")
    page.get_by_role("link", name=str(payday.story.integration)).first.click()
    page.get_by_role("link", name="Payroll", exact=True).first.click()
    desk.follow("Add a timing…")
    page.get_by_label("By", exact=True).select_option(label="Pay calendar")
    page.get_by_label("Pay calendar", exact=True).select_option(label="Salaried staff")
    page.get_by_label("Business days from the pay date").fill("-2")
    page.get_by_label("At", exact=True).fill("06:00")
    desk.press("Add")
    expect(page.get_by_text("Added.", exact=False)).to_be_visible()
    starts = page.locator("section.card").filter(has_text="Next starts").get_by_role("row")
    expect(starts).to_have_count(20)
    expect(starts.first).to_contain_text("06:00")
    camera("timing-preview")
    with desk.scope():
        timing = Timing.objects.get()
    assert (timing.offset_days, timing.calendar_id is not None, timing.next_at is not None) == (-2, True, True)


def the_pay_dates_are_expected(desk: Desk, days: list[NextPayDay], camera: Camera) -> None:
    page = desk.page
    desk.go("Expected pay dates")
    desk.follow("Expect pay dates")
    page.get_by_label("Integration").select_option(index=1)
    page.get_by_label("Pay calendar").select_option(label="Salaried staff")
    page.get_by_label("From the pay date", exact=True).fill(days[0].pay_date.isoformat())
    desk.press("Save")
    expect(page.get_by_text("Expected. People are told when a pay date is missed.")).to_be_visible()
    camera("expected-pay-dates")
    desk.go("Pay runs")
    board = page.locator(".board")
    missed = f"{days[1].pay_date.day} {days[1].pay_date:%b}"
    expect(board.get_by_text("Missed").first).to_be_visible()
    expect(board.get_by_text(missed, exact=True).first).to_be_visible()
    expect(board.get_by_text("Reconciled").first).to_be_visible()
    camera("payroll-board-missed")


def somebody_is_told(desk: Desk, missed: date, camera: Camera) -> None:
    def the_minutes_work() -> None:
        with desk.scope():
            keep(datetime.now(UTC))
            send_due(Outbox(), datetime.now(UTC))

    elsewhere(the_minutes_work)
    page = desk.page
    desk.go("Notices")
    row = page.get_by_role("row").filter(has_text=f"the pay run of {missed:%d %b %Y} did not come")
    expect(row).to_contain_text("Look in payroll whether it was finished, then run Payroll.")
    expect(row).to_contain_text(desk.cast.people[Role.ADMINISTRATOR].username)
    camera("notices")
    with desk.scope():
        assert Notice.objects.filter(kind="missed", resolved_at=None).count() == 1


def they_choose_how(desk: Desk, camera: Camera) -> None:
    page = desk.page
    desk.go("How I hear of things")
    page.get_by_label("A run is held for a decision").select_option(label="In the daily digest")
    camera("notice-choices")
    desk.press("Save")
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    with desk.scope():
        kept = list(NoticeChoice.objects.values_list("user__username", "kind", "how"))
    assert kept == [(desk.cast.people[Role.ADMINISTRATOR].username, "held", "digest")]


def a_program_is_told_too(desk: Desk, camera: Camera) -> None:
    page = desk.page
    desk.go("Alert addresses")
    desk.follow("Add an address")
    page.get_by_label("Name").fill("Night desk")
    page.get_by_label("Address", exact=True).fill("https://alerts.acme.example/payroll")
    page.get_by_label("Something did not happen when it was due").check()
    desk.press("Add")
    expect(page.get_by_text("It is shown this once.", exact=False)).to_be_visible()
    secret = page.locator(".secret").inner_text()
    camera("alert-address")
    page.get_by_text("I have copied it").click()
    expect(page.get_by_role("heading", name="Night desk", exact=True)).to_be_visible()
    assert len(secret) > 20
    assert secret not in page.content()
    with desk.scope():
        assert AlertHook.objects.get().kinds == ["missed"]


def test_rippling_is_connected_from_here_by_agreeing_there(
    desk: Desk, sandbox: dict[str, str], settings: Settings, camera: Camera
) -> None:
    customer = company_with_app(sandbox["rippling"], app={"redirect_uri": f"{desk.site}/connect/rippling/"})
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    page = desk.page
    desk.sign_in(Role.ADMINISTRATOR)
    desk.go("Connections")
    desk.follow("Add connection")
    desk.follow("Connect Rippling")
    page.get_by_label("Name").fill("Rippling")
    page.get_by_label("Signing in").select_option(label="App Shop install")
    for label, setting in (("REST address", "rest_url"), ("Platform address", "platform_url"),
                           ("Install address", "authorize_url"), ("Token address", "token_url")):  # fmt: skip
        page.get_by_label(label).fill(settings.VENDOR_APPS["rippling"]["settings"][setting])
    desk.press("Store")
    expect(page.get_by_text("Stored. Connect with Rippling next.")).to_be_visible()
    camera("connect-rippling")
    desk.press("Connect with Rippling")
    expect(page.get_by_text("Rippling is connected.")).to_be_visible()
    camera("connected-rippling")
    assert "code=" not in page.url
    with desk.scope():
        made = Connection.objects.get()
    assert (made.company, made.state) == (customer.connect["company_id"], Connection.State.LIMITED), (
        "pay runs are not in the listing"
    )
    assert customer.snapshot()["app"]["installed"]


def test_rippling_is_connected_from_there_by_saying_whose_it_is(
    desk: Desk, sandbox: dict[str, str], settings: Settings, camera: Camera
) -> None:
    customer = company_with_app(sandbox["rippling"], app={"redirect_uri": f"{desk.site}/connect/rippling/"})
    settings.VENDOR_APPS = {"rippling": operators_app(customer)}
    page = desk.page
    page.route("https://app.rippling.com/**", lambda route: route.fulfill(body="Rippling again"))
    page.goto(customer.change("install")["url"])
    desk.log_in(Role.ADMINISTRATOR)
    expect(page.get_by_text("Go on only if you or a colleague installed it.")).to_be_visible()
    page.get_by_label("A new connection").check()
    camera("connect-rippling-confirm")
    desk.press("Connect")
    expect(page.get_by_text("Rippling again")).to_be_visible()
    page.goto(f"{desk.site}/admin/")
    desk.go("Connections")
    expect(page.get_by_role("row").filter(has_text="Rippling").get_by_text("Works, with limits")).to_be_visible()
    with desk.scope():
        assert Connection.objects.get().company == customer.connect["company_id"]


def test_what_rippling_announces_is_seen_and_followed_again(
    desk: Desk, sandbox: dict[str, str], camera: Camera
) -> None:
    page = desk.page
    story = tell(sandbox, tenant=desk.cast.acme)
    own_app(story)
    story.map_everything()
    story.run()
    with story.scope():
        story.source.refresh_from_db()
    address = f"{desk.site}/webhooks/rippling/{story.source.webhook_key}/"
    story.rippling.change("webhooks", url=address, bearer=TOKEN)
    [leaver] = last(story)
    story.rippling.change("terminate", worker=leaver["id"])
    story.rippling.change("announce", event_name="leave_request.created", id="a-leave-request")
    assert set(story.rippling.change("deliver")["statuses"]) == {"200"}
    elsewhere(lambda: work(story))
    assert story.employees()[str(leaver["number"])]["status"] == "Terminated"

    desk.sign_in(Role.PREPARER)
    desk.go("Announcements")
    expect(page.get_by_role("row").filter(has_text="employee.terminated")).to_contain_text(leaver["id"])
    expect(page.get_by_role("row").filter(has_text="leave_request.created")).to_contain_text("Leave is not synced.")
    page.get_by_role("row").filter(has_text="employee.terminated").get_by_role("link").first.click()
    desk.follow("Follow again…")
    desk.press("Follow again")
    expect(page.get_by_text("It is followed again in a moment.")).to_be_visible()
    elsewhere(lambda: work(story))
    page.reload()
    camera("announcement")
    desk.go("Announcements")
    camera("announcements")
    with story.scope():
        again = Delivery.objects.get(replay_of__isnull=False)
    assert (again.event, again.state) == ("employee.terminated", Delivery.State.SETTLED)
