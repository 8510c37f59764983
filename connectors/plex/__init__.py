"""Plex Smart Manufacturing Platform: employees and the ledger, by the *connect* or the *documents* profile.

``connect`` is the developer portal's API (static key, ``/mdm/v1/…``), ``documents`` the one the product documents
describe (OAuth2 client credentials, ``/api/Employee`` …). Source: plex §1, §2, §9.
Limits: about 200 calls a minute, no paging (connect), no date filter on employees and accounts; their lists are
read whole. Employee writes end when a PCN is fully migrated to IAM. A journal has no external id and no idempotency
key; ours is in its description and note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import ConnectorContext, SettingField

if TYPE_CHECKING:
    from connectors.plex.connector import PlexConnector

PRODUCT = "Plex"
HOSTS = frozenset(
    {
        "connect.plex.com",
        "test.connect.plex.com",
        "cloud.plex.com",
        "test.cloud.plex.com",
        "accounts.plex.com",
        ".on.plex.com",
    }
)

POLLING_FLOOR_MINUTES = 5
"""By the product documents."""

_YES_NO = (("no", "No"), ("yes", "Yes"))

SETTINGS: tuple[SettingField, ...] = (
    SettingField(
        name="profile",
        label="Plex API",
        help="Connect is what Plex's developer portal offers today; cloud API is the one with client id and secret.",
        required=True,
        default="connect",
        choices=(("connect", "Connect (API key)"), ("documents", "Cloud API (client id and secret)")),
    ),
    SettingField(
        name="base_url",
        label="Address",
        help="Leave empty for Plex's own: connect.plex.com or cloud.plex.com/api, with 'test.' for the test system.",
        is_url=True,
    ),
    SettingField(
        name="pcn",
        label="PCN",
        help="The Plex Customer Number of the plant, digits only.",
        required=True,
        is_number=True,
    ),
    SettingField(
        name="company_code",
        label="Company code",
        help="What people type as company on the Plex login screen. Compared with what Plex answers before any write.",
        required=True,
    ),
    SettingField(name="tenant_id", label="Tenant id", help="The plant's tenant id, if you know it; also compared."),
    SettingField(
        name="plants",
        label="Further plants",
        help="One per line as PCN:company code:tenant id, for people who move between plants. The tenant id may be "
        "left out.",
    ),
    SettingField(
        name="tenant_header",
        label="Plant header",
        help="The header that names the plant; empty when the credentials belong to one plant only.",
        default="X-Plex-Connect-Customer-Id",
    ),
    SettingField(
        name="tenant_header_value",
        label="Plant header holds",
        help="X-Plex-Connect-Customer-Id holds the PCN, X-Plex-Connect-Tenant-Id the tenant id.",
        default="pcn",
        choices=(("pcn", "PCN"), ("tenant_id", "Tenant id"), ("company_code", "Company code")),
    ),
    SettingField(
        name="api_key",
        label="Consumer key",
        help="Connect: the consumer key of your app in the Plex developer portal.",
        secret=True,
    ),
    SettingField(
        name="api_key_header",
        label="Key header",
        help="The header the key is sent in.",
        default="X-Plex-Connect-Api-Key",
    ),
    SettingField(
        name="api_secret",
        label="Consumer secret",
        help="Connect: only where Plex asks for it; most apps need the key alone.",
        secret=True,
    ),
    SettingField(
        name="api_secret_header",
        label="Secret header",
        help="Usually X-Plex-Connect-Api-Secret; empty when no secret is sent.",
    ),
    SettingField(
        name="key_expires_on",
        label="Key expires on",
        help="YYYY-MM-DD. Some consumer keys live 31 days; you are warned two weeks ahead.",
    ),
    SettingField(name="client_id", label="Client id", help="Cloud API: the client id.", origin="documents"),
    SettingField(
        name="client_secret", label="Client secret", help="Cloud API: its secret.", secret=True, origin="documents"
    ),
    SettingField(
        name="token_url",
        label="Token address",
        help="Where client id and secret are exchanged for an access token.",
        default="https://accounts.plex.com/oauth2/token",
        origin="documents",
        is_url=True,
    ),
    SettingField(
        name="client_auth",
        label="Secret is sent",
        help="How the token address wants client id and secret.",
        default="post",
        choices=(("post", "in the form"), ("basic", "as Basic authentication")),
        origin="documents",
    ),
    SettingField(name="scope", label="Scope", help="Only if Plex gave you one.", origin="documents"),
    SettingField(name="audience", label="Audience", help="Only if Plex gave you one.", origin="documents"),
    SettingField(
        name="rate_limit_per_minute",
        label="Calls per minute",
        help="Plex allows about 200 for most of its APIs.",
        default="180",
        origin="ours",
        is_number=True,
    ),
    SettingField(
        name="account_number_pattern",
        label="Account number pattern",
        help="A regular expression with the groups base, cost_center and sub.",
        default="(?P<base>[^-]+)-(?P<cost_center>[^-]+)-(?P<sub>[^-]+)",
        origin="ours",
    ),
    SettingField(
        name="journal_status",
        label="Journal status",
        help="The status new journals get, spelled as in Plex. Needed for posting; Plex publishes no list.",
    ),
    SettingField(
        name="base_currency",
        label="Currency of the books",
        help="The three-letter code of the currency the plants keep their books in.",
        default="USD",
        origin="ours",
    ),
    SettingField(
        name="journal_max_lines",
        label="Lines per journal",
        help="The most lines one journal may have; Plex publishes no limit.",
        default="1000",
        origin="ours",
        is_number=True,
    ),
    SettingField(
        name="duplicate_check",
        label="Posted journals are recognised by",
        help="Every journal has its reference in description and note. A custom field also survives a person who "
        "changes both.",
        default="description",
        choices=(("description", "Description and note"), ("custom_field", "Custom field as well (Connect only)")),
        origin="ours",
    ),
    SettingField(
        name="journal_custom_field_object",
        label="Standard object of journals",
        help="For the custom field: Plex's internal name of the object that stands for a journal.",
    ),
    SettingField(
        name="journal_custom_field",
        label="Custom field of journals",
        help="The internal name of a text field that your Plex administrator added to that object, made unique.",
    ),
    SettingField(
        name="status_active",
        label="Status of active employees",
        help="Written for hires and rehires; must exist in Plex's Employee Status table.",
        default="Active",
        origin="ours",
    ),
    SettingField(
        name="status_inactive",
        label="Statuses of inactive employees",
        help="Separated by commas. The first is written for terminations; people with any of them count as inactive.",
        default="Terminated",
        origin="ours",
    ),
    SettingField(
        name="employee_match",
        label="Employee number is kept in",
        help="The Plex field that holds the employee number of your HR system.",
        default="badgeNumber",
        choices=(("badgeNumber", "Badge number"), ("userId", "User id")),
        origin="ours",
    ),
    SettingField(
        name="user_id_rule",
        label="User id of new employees",
        help="Plex wants a user id for every new employee and never lets it change.",
        default="email_local_part",
        choices=(("email_local_part", "Work e-mail before the @"), ("number", "Employee number")),
        origin="ours",
    ),
    SettingField(
        name="default_shift",
        label="Shift of new employees",
        help="Used when no shift is mapped; empty leaves the shift to Plex.",
        origin="ours",
    ),
    SettingField(
        name="default_type",
        label="Type of new employees",
        help="Used when no employment type is mapped; empty leaves the type to Plex.",
        origin="ours",
    ),
    *(
        SettingField(
            name=f"known_{name}",
            label=f"Further {label}",
            help=f"{label.capitalize()} that exist in Plex but that no employee has yet; separated by commas.",
            origin="ours",
        )
        for name, label in (
            ("statuses", "statuses"),
            ("positions", "positions"),
            ("departments", "departments"),
            ("shifts", "shifts"),
            ("types", "employee types"),
        )
    ),
    SettingField(
        name="may_be_empty",
        label="A plant may be empty",
        help="Plex shows an empty list when a role is missing, so an empty list stops the run. Say yes only while a "
        "new plant really has no employees or accounts yet.",
        default="no",
        choices=_YES_NO,
        origin="ours",
    ),
)


def open(context: ConnectorContext) -> PlexConnector:
    """A connector for one run; raises ``ConnectionConfigError`` for settings that cannot work."""
    from connectors.plex.connector import PlexConnector

    return PlexConnector(context)
