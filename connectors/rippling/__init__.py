"""Rippling: people, organisation and payroll, by the REST API (v2) or the older Platform API (v1), with an API token.

v2: cursor pages of at most 100, no published rate limit, no Retry-After promised; a field the token may not see is
absent or null and named in ``__meta.redacted_fields``. v1: limit and offset, at most 100, no filter by time, fields
out of scope left out without a word. A token unused for 30 days is dead. Source: rippling §1.1, §2, §4, §6, §9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import ConnectorContext, SettingField

if TYPE_CHECKING:
    from connectors.rippling.connector import RipplingConnector

PRODUCT = "Rippling"
HOSTS = frozenset(
    {
        "rest.ripplingapis.com",
        "api.rippling.com",
        "rest.ripplingsandboxapis.com",
        "rest.ripplingpreviewapis.com",
        "sandbox.rippling.com",
    }
)

SETTINGS: tuple[SettingField, ...] = (
    SettingField(
        name="api_token",
        label="API token",
        help="Made in Rippling under API Tokens, by an administrator. It is shown once, can do no more than its maker, "
        "and dies after 30 days without use.",
        secret=True,
        required=True,
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
    ),
    SettingField(
        name="payroll_report_id",
        label="Payroll report",
        help="The id of a report saved in Rippling with one row for each pay item of each person, the net pay "
        "included. Only for pay runs from a report.",
    ),
    SettingField(
        name="payroll_report_format",
        label="Format of the report",
        help="How Rippling hands the report out. Both give the same pay runs; choose CSV if JSON is not understood.",
        default="JSON",
        choices=(("JSON", "JSON"), ("CSV", "CSV")),
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
    ),
    SettingField(
        name="employer_tax_names",
        label="Taxes the employer pays",
        help="The Platform API does not say who pays a tax; most names tell. Names of others that the employer pays, "
        "separated by semicolons, exactly as they are in Rippling.",
        origin="ours",
    ),
    SettingField(
        name="employee_tax_names",
        label="Taxes employees pay",
        help="The same for taxes that are withheld from people's pay.",
        origin="ours",
    ),
)


def open(context: ConnectorContext) -> RipplingConnector:
    """A connector for one connection; ConnectionConfigError when its settings cannot work."""
    # Forms and lists of vendors need the fields above without the HTTP client below.
    from connectors.rippling.connector import RipplingConnector

    return RipplingConnector(context)
