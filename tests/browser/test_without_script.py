"""Everything but the live bar works where no script runs."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tenants.models import Role
from tests.browser.test_story import Acme


def test_signing_in_and_adding_a_connection_need_no_script(
    browser: Browser, site: str, sandbox: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    acme = Acme(context.new_page(), site, sandbox)
    acme.sign_in(Role.ADMINISTRATOR)
    expect(acme.page.get_by_role("heading", name="Setting up Acme")).to_be_visible()
    acme.go("Connections")
    acme.page.get_by_role("link", name="Add connection").click()
    acme.page.get_by_role("link", name="Connect Rippling").click()
    acme.page.get_by_label("Name").fill("Rippling")
    acme.page.get_by_label("API token").fill("made up")
    acme.page.get_by_role("button", name="Store").click()
    expect(acme.page.get_by_text("Stored. Test the connection next.")).to_be_visible()
    acme.page.get_by_role("button", name="Log out").click()
    expect(acme.page.get_by_text("Logged out")).to_be_visible()
    context.close()
