"""Account rules in a browser: an override is tried on a past pay run, then saved, and the run checked again."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from playwright.sync_api import Page, expect

from sync.models import AccountRule
from tenants.models import Role
from tests.browser.conftest import Camera
from tests.cast import make_cast
from tests.sync.payroll.payday import ready

CHEAPER = "61000-910-0100"


def sign_in(page: Page, site: str, user: Any) -> None:
    page.goto(f"{site}/admin/")
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()


def test_an_override_is_tried_before_it_is_kept(page: Page, site: str, sandbox: dict[str, str], camera: Camera) -> None:
    cast = make_cast()
    payday, _ = ready(sandbox, tenant=cast.acme, rippling={"size": 60})
    with payday.scope():
        regular = payday.pay_run().lines.filter(item="earning:REG").order_by()
        place = regular.values("department").annotate(people=Count("pk")).order_by("-people")[0]["department"]
        department = payday.story.source.reference_values.get(kind="department", external_id=place).name
        AccountRule.objects.filter(item="earning:OT").delete()
    sign_in(page, site, cast.people[Role.PREPARER])
    page.locator("#nav-sidebar").get_by_text("Account rules", exact=True).click()
    expect(page.get_by_text("of the money of the latest pay runs has a rule")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Overtime")).to_contain_text("Unmapped")
    camera("account-rules")

    page.get_by_label("Select Regular Pay").check()
    page.get_by_text("Add an override, or one rule for several pay items").click()
    added = page.locator("details.add")
    added.get_by_label("Department").fill(department)
    added.get_by_label("Debit").fill(CHEAPER)
    page.get_by_role("button", name="Try on the last 3 runs").click()
    expect(page.get_by_role("heading", name="Nothing is saved yet")).to_be_visible()
    camera("simulation")
    with payday.scope():
        assert not AccountRule.objects.filter(debit=CHEAPER).exists()

    page.get_by_role("button", name="Save these rules").click()
    expect(page.get_by_text("1 rule saved.", exact=False)).to_be_visible()
    expect(page.get_by_role("heading", name="1 pay run to check again")).to_be_visible()
    with payday.scope():
        assert AccountRule.objects.get(debit=CHEAPER).department == place
    page.get_by_role("link", name="Which rule wins?").click()
    page.get_by_label("Pay item").select_option("earning:REG")
    page.get_by_label("Department").fill(department)
    page.get_by_role("button", name="Tell me").click()
    expect(page.get_by_text("Wins: it is for this department.")).to_be_visible()
