"""Rippling: people, organisation and payroll, by the REST API (v2) or the older Platform API (v1), with an API token
or as an app of the App Shop.

v2: cursor pages of at most 100, no published rate limit, no Retry-After promised; a field the token may not see is
absent or null and named in ``__meta.redacted_fields``. v1: limit and offset, at most 100, no filter by time, fields
out of scope left out without a word. A token unused for 30 days is dead. Source: rippling §1.1, §2, §4, §6, §9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from connectors.contract import ConnectorContext, SettingField
from connectors.errors import ConnectionConfigError

if TYPE_CHECKING:
    from connectors.rippling.app_shop import AppShop
    from connectors.rippling.connector import RipplingConnector

PRODUCT = "Rippling"
HOSTS = frozenset(
    {
        "rest.ripplingapis.com",
        "api.rippling.com",
        "app.rippling.com",
        "rest.ripplingsandboxapis.com",
        "rest.ripplingpreviewapis.com",
        "sandbox.rippling.com",
    }
)

POLLING_FLOOR_MINUTES = 5
"""By the product documents; Rippling publishes no limit."""
UNUSED_TOKENS_DIE_AFTER_DAYS = 30
"""Source: rippling §1.1."""

SETTINGS: tuple[SettingField, ...] = (
    SettingField(
        name="auth",
        label="Signing in",
        help="An API token of your company, or our app, which an administrator of yours installs from Rippling's App "
        "Shop and which alone gets announcements. Rippling's terms want the app for other companies' products.",
        required=True,
        default="token",
        choices=(("token", "API token"), ("app_shop", "App Shop install")),
    ),
    SettingField(
        name="api_token",
        label="API token",
        help="Made in Rippling under API Tokens, by an administrator. It is shown once, can do no more than its maker, "
        "and dies after 30 days without use.",
        secret=True,
        needed_with=("auth", "token"),
    ),
    SettingField(
        name="api",
        label="Rippling API",
        help="REST is today's API. Platform is the older one: it cannot be asked for changes only, and knows neither "
        "legal entities nor job codes.",
        required=True,
        default="v2",
        choices=(("v2", "REST API (v2)"), ("v1", "Platform API (v1)")),
    ),
    SettingField(
        name="rest_url",
        label="REST address",
        help="The address of Rippling's REST API. Change it only for a Rippling test environment.",
        default="https://rest.ripplingapis.com",
        origin="documents",
        is_url=True,
    ),
    SettingField(
        name="platform_url",
        label="Platform address",
        help="The address of Rippling's Platform API. Change it only for a Rippling test environment.",
        default="https://api.rippling.com/platform/api",
        origin="documents",
        is_url=True,
    ),
    SettingField(
        name="api_version",
        label="API version",
        help="The date of the REST API's version. Empty: the version the token was made for.",
        default="2024-08-01",
        signs_in=False,
    ),
    SettingField(
        name="app_name",
        label="App",
        help="App Shop install: the name of your own app as in its address. Empty, with the client ID: the operator's.",
    ),
    SettingField(
        name="client_id",
        label="Client ID",
        help="App Shop install: the client ID of your own app. Empty: the operator's app is installed.",
    ),
    SettingField(
        name="client_secret",
        label="Client secret",
        help="App Shop install: the secret of your own app. Not needed for the operator's.",
        secret=True,
    ),
    SettingField(
        name="redirect_uri",
        label="Redirect address",
        help="App Shop install: where Rippling sends the browser back, exactly as registered for the app. Empty: the "
        "address of this site that ends in /connect/rippling/.",
        origin="ours",
    ),
    SettingField(
        name="authorize_url",
        label="Install address",
        help="App Shop install: where an administrator agrees. Empty: app.rippling.com, the page of the app.",
        is_url=True,
    ),
    SettingField(
        name="token_url",
        label="Token address",
        help="Where access is given and renewed. https://api.rippling.com/api/o/token/ is today's, "
        "https://app.rippling.com/api/o/token/ the older one; https://api.rippling.com/auth/oauth2/token is in product "
        "documents alone. Mind the last slash.",
        default="https://api.rippling.com/api/o/token/",
        is_url=True,
    ),
    SettingField(
        name="webhook_token",
        label="Webhook token",
        help="The bearer token your own app's webhooks carry: the one you entered in Rippling with our address.",
        secret=True,
        signs_in=False,
    ),
    SettingField(
        name="webhook_token_next",
        label="Next webhook token",
        help="Accepted beside it while you change it in Rippling.",
        secret=True,
        signs_in=False,
    ),
    SettingField(
        name="webhook_secret",
        label="Webhook secret",
        help="Only if Rippling signs your webhooks (HMAC-SHA256 of the body, in hex): it documents no such thing. Once "
        "set, unsigned webhooks are refused.",
        secret=True,
        origin="documents",
        signs_in=False,
    ),
    SettingField(
        name="webhook_secret_next",
        label="Next webhook secret",
        help="Accepted beside it while it is changed.",
        secret=True,
        origin="documents",
        signs_in=False,
    ),
    SettingField(
        name="webhook_header",
        label="Signature header",
        help="The header a signature is in. Unconfirmed by Rippling, and read only where there is a webhook secret.",
        default="X-Rippling-Signature",
        origin="documents",
        signs_in=False,
    ),
    SettingField(
        name="payroll_route",
        label="Pay runs come from",
        help="What the last test of the connection found, or one way for good. REST needs “Global Payroll” in your "
        "Rippling contract, Platform the permission “employee:payroll”, a saved report “Reports API”.",
        default="auto",
        choices=(
            ("auto", "What the last test found"),
            ("v2", "REST API (v2)"),
            ("v1", "Platform API (v1)"),
            ("report", "A saved payroll report"),
            ("none", "Nowhere: no payroll"),
        ),
        signs_in=False,
    ),
    SettingField(
        name="payroll_report_id",
        label="Payroll report",
        help="The id of a report saved in Rippling with one row for each pay item of each person, the net pay "
        "included. Only for pay runs from a report.",
        signs_in=False,
    ),
    SettingField(
        name="payroll_report_format",
        label="Format of the report",
        help="How Rippling hands the report out. Both give the same pay runs; choose CSV if JSON is not understood.",
        default="JSON",
        choices=(("JSON", "JSON"), ("CSV", "CSV")),
        signs_in=False,
    ),
    SettingField(
        name="payroll_report_columns",
        label="Columns of the report",
        help="Which of our fields is which column of the report: field=Column; field=Column. Leave out fields the "
        "report does not have. A department, location or job code column (department_id, location_id, job_code_id) "
        "must hold Rippling's ids as they were in the pay period; without it those of the person on the check date "
        "are taken.",
        default="run_id=Run ID; run_title=Run title; run_type=Run type; state=Run state; check_date=Check date; "
        "period_start=Pay period start; period_end=Pay period end; company_id=Legal entity ID; worker_id=Worker ID; "
        "worker_number=Worker number; item=Pay item; code=Pay item code; kind=Kind; amount=Amount; hours=Hours; "
        "currency=Currency",
        origin="ours",
        signs_in=False,
    ),
    SettingField(
        name="employer_tax_names",
        label="Taxes the employer pays",
        help="The Platform API does not say who pays a tax; most names tell. Names of others that the employer pays, "
        "separated by semicolons, exactly as they are in Rippling.",
        origin="ours",
        signs_in=False,
    ),
    SettingField(
        name="employee_tax_names",
        label="Taxes employees pay",
        help="The same for taxes that are withheld from people's pay.",
        origin="ours",
        signs_in=False,
    ),
)


INSTALLED = {"auth": "app_shop"}


def is_installed(settings: Mapping[str, str]) -> bool:
    """True when access is given by installing an app, so that no token is entered."""
    return settings.get("auth", "") == "app_shop"


def open(context: ConnectorContext) -> RipplingConnector:
    """A connector for one connection; ConnectionConfigError when its settings cannot work."""
    # Forms and lists of vendors need the fields above without the HTTP client below.
    from connectors.rippling.connector import RipplingConnector

    return RipplingConnector(context)


def open_app(context: ConnectorContext) -> AppShop:
    """Our app at one customer; ConnectionConfigError when none is set up or the connection is not to be installed."""
    from connectors.rippling.app_shop import AppShop

    if not is_installed(context.settings):
        raise ConnectionConfigError("This connection signs in with an API token. Choose “App Shop install” first.")
    return AppShop(context)
