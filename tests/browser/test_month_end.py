"""The month end in a browser: posted, read back, everything agrees."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from sync.execution import read_ledger_month
from sync.models import Flow
from tenants.models import Role
from tests.browser.conftest import Camera
from tests.browser.test_account_rules import sign_in
from tests.cast import make_cast
from tests.sync.payroll.payday import ready


def test_a_month_is_closed_with_both_systems_side_by_side(
    page: Page, site: str, sandbox: dict[str, str], camera: Camera
) -> None:
    cast = make_cast()
    payday, pay_run = ready(sandbox, tenant=cast.acme, rippling={"size": 60})
    payday.story.map_everything()
    payday.story.run(flow=Flow.Kind.PEOPLE)
    payday.approve(pay_run)
    payday.advance(pay_run)
    with payday.scope():
        read_ledger_month(str(payday.story.integration.pk), pay_run.check_date, payday.story.world)
    sign_in(page, site, cast.people[Role.PREPARER])
    page.locator("#nav-sidebar").get_by_text("Month end", exact=True).click()
    expect(page.get_by_role("heading", name="June 2026", exact=False)).to_be_visible()
    expect(page.get_by_text("accounts agree")).to_be_visible()
    camera("month-end")
    with page.expect_download() as file:
        page.get_by_role("link", name="Download CSV").first.click()
    assert file.value.suggested_filename == "month-end-2026-06-payroll.csv"
    page.get_by_role("button", name="Read the ledger again").click()
    expect(page.get_by_text("The ledger is being read.", exact=False)).to_be_visible()
    page.get_by_role("heading", name="Heads by department", exact=True).scroll_into_view_if_needed()
    camera("month-end-heads")
