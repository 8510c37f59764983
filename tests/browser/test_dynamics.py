"""Somebody of Acme connects Dynamics 365: what is missing there is said, and what works once it is mended."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from connectors.models import Connection
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.browser.conftest import Camera
from tests.cast import Cast, make_cast
from tests.connectors.customers import Customer


def test_connecting_dynamics(page: Page, site: str, sandbox: dict[str, str], camera: Camera) -> None:
    page.set_default_timeout(20_000)
    cast = make_cast()
    dynamics = Customer.create(sandbox["dynamics"], workers=12, registered=False)
    sign_in(page, site, cast)

    fill_in(page, site, dynamics)
    camera("connection-dynamics-new")
    page.get_by_role("button", name="Store").click()
    assert dynamics.connect["client_secret"] not in page.content()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Microsoft Entra signed the app in.")).to_be_visible()
    expect(page.get_by_text("Microsoft Entra ID applications").first).to_be_visible()
    camera("connection-dynamics-unlisted")

    dynamics.change("set_options", registered=True)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Accounts are written as MainAccount-Department-CostCenter")).to_be_visible()
    camera("connection-dynamics")
    with tenant_scope(cast.acme.id):
        stored = Connection.objects.get(vendor="dynamics")
    assert stored.state == Connection.State.READY
    assert "ledger_format" in stored.learned


def sign_in(page: Page, site: str, cast: Cast) -> None:
    page.goto(f"{site}/admin/")
    page.get_by_label("Username").fill(cast.people[Role.ADMINISTRATOR].username)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()


def fill_in(page: Page, site: str, dynamics: Customer) -> None:
    page.locator("#nav-sidebar").get_by_text("Connections", exact=True).click()
    page.get_by_role("link", name="Add connection").click()
    page.get_by_role("link", name="Connect Dynamics 365").click()
    there = dynamics.connect
    page.get_by_label("Name", exact=True).fill("Dynamics")
    for name, value in {
        "base_url": dynamics.url,
        "directory_id": there["directory_id"],
        "client_id": there["client_id"],
        "authority": dynamics.url,
        "legal_entities": ", ".join(there["legal_entities"]),
        "journal_name": "PAYJRN",
        "time_zone": "America/Chicago",
        "department_dimension": "Department",
        "rate_limit_per_minute": "0",
    }.items():
        page.locator(f"[name='settings.{name}']").fill(value)
    page.get_by_label("Client secret").fill(there["client_secret"])
