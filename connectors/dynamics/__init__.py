"""Microsoft Dynamics 365 Finance & Operations by OData: general journals, workers, contractors as vendors.

Sign-in: an app registration in Microsoft Entra (client credentials, secret or certificate) that an administrator
listed in Dynamics together with a user; every call has that user's rights, language and company. Source: dynamics §1.
Limits: no idempotency key, no search for parts of a text but by a star, no time of change on any entity, and no
standard way to post a journal: lists are read whole, our reference is in a field of the journal's header, and what we
write stays unposted unless the customer has a custom service for it. Source: dynamics §2, §4, §10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import ConnectorContext, SettingField

if TYPE_CHECKING:
    from connectors.dynamics.connector import DynamicsConnector

PRODUCT = "Dynamics 365"
HOSTS = frozenset({".dynamics.com", "login.microsoftonline.com"})

POLLING_FLOOR_MINUTES = 15
"""Lists are read whole, and the customer's own people work on the same servers."""

SETTINGS: tuple[SettingField, ...] = (
    SettingField(
        name="base_url",
        label="Environment address",
        help="What people type to open Dynamics, like https://contoso.operations.dynamics.com; on-premises with "
        "/namespaces/AXSF at the end.",
        required=True,
        is_url=True,
    ),
    SettingField(
        name="directory_id",
        label="Directory (tenant) id",
        help="Of the Microsoft Entra directory the environment belongs to; shown on the app registration's overview.",
        required=True,
    ),
    SettingField(
        name="client_id",
        label="Application (client) id",
        help="Of the app registration. List it in Dynamics under System administration > Setup > Microsoft Entra ID "
        "applications, with a user of its own.",
        required=True,
    ),
    SettingField(
        name="client_secret",
        label="Client secret",
        help="The secret's value, not its id. Leave empty when you use a certificate.",
        secret=True,
    ),
    SettingField(
        name="certificate_key",
        label="Certificate key",
        help="Instead of a secret: the private RSA key of the app's certificate, in PEM form without a password.",
        secret=True,
    ),
    SettingField(
        name="certificate_thumbprint",
        label="Certificate thumbprint",
        help="Of the same certificate, as the app registration shows it: SHA-1 (40 digits) or SHA-256 (64).",
    ),
    SettingField(
        name="authority",
        label="Sign-in address",
        help="Only national clouds have another one.",
        default="https://login.microsoftonline.com",
        is_url=True,
    ),
    SettingField(
        name="legal_entities",
        label="Legal entities",
        help="Their ids in Dynamics, like usmf, separated by commas. The first is used where none is said.",
        required=True,
    ),
    SettingField(
        name="journal_name",
        label="Journal name",
        help="The journal name that payroll journals get, of type Daily. Needed for posting.",
    ),
    SettingField(
        name="marker_field",
        label="Journals are recognised by",
        help="Where our reference is kept in a journal's header.",
        default="description",
        choices=(("description", "Description"), ("integration_key", "Integration key")),
        origin="ours",
    ),
    SettingField(
        name="posting_mode",
        label="Journals are posted by",
        help="Dynamics has no standard way to post a journal from outside. Your finance department posts what was "
        "reviewed, or a custom service that your developers added does.",
        default="finance",
        choices=(("finance", "Finance, in Dynamics"), ("custom_service", "Custom service")),
        origin="ours",
    ),
    SettingField(
        name="posting_service",
        label="Custom service",
        help="Its path: /api/services/group/service/operation.",
        needed_with=("posting_mode", "custom_service"),
        origin="ours",
    ),
    SettingField(
        name="lines_per_voucher",
        label="Lines per voucher",
        help="Microsoft advises about ten; a hundred at most.",
        default="10",
        origin="ours",
        is_number=True,
    ),
    SettingField(
        name="lines_per_journal",
        label="Lines per journal",
        help="Microsoft advises ten thousand at most. Lines that vouchers part among them count as they are written.",
        default="10000",
        origin="ours",
        is_number=True,
    ),
    SettingField(
        name="dimension_outside",
        label="A dimension outside of the account structure",
        help="Dynamics refuses a value in a dimension that the structure of the main account does not have.",
        default="refuse",
        choices=(("refuse", "Refuse the journal"), ("blank", "Leave the value out")),
        origin="ours",
    ),
    SettingField(
        name="time_zone",
        label="Time zone",
        help="Where employments begin and end at midnight, like America/Chicago; usually the legal entity's.",
        required=True,
        default="UTC",
        origin="ours",
    ),
    SettingField(
        name="reference_field",
        label="People are recognised by",
        help="Where our reference is kept on workers and vendors we create. The search name leaves the personnel "
        "number to your HR system.",
        default="search_name",
        choices=(("search_name", "Search name"), ("known_as", "Known as")),
        origin="ours",
    ),
    SettingField(
        name="department_dimension",
        label="Dimension of departments",
        help="The financial dimension of an employment that holds the department, like Department. Empty: none.",
        origin="ours",
    ),
    SettingField(
        name="location_dimension",
        label="Dimension of locations",
        help="The financial dimension of an employment that holds the location or cost center. Empty: none.",
        origin="ours",
    ),
    SettingField(
        name="contractors",
        label="Contractors are",
        help="What people become whose employment type is mapped to Contractor.",
        default="workers",
        choices=(("workers", "Workers"), ("vendors", "Vendors")),
        origin="ours",
    ),
    SettingField(
        name="vendor_set",
        label="Vendor entity",
        help="Which of Dynamics' two vendor entities is used; newer environments have both.",
        default="VendorsV2",
        choices=(("VendorsV2", "Vendors V2"), ("VendorsV3", "Vendors V3")),
    ),
    SettingField(
        name="vendor_group",
        label="Vendor group",
        help="The vendor group of new contractors.",
        needed_with=("contractors", "vendors"),
        origin="ours",
    ),
    SettingField(
        name="rate_limit_per_minute",
        label="Calls per minute",
        help="Dynamics tells us when it is busy; a limit of our own leaves room for your people.",
        default="300",
        origin="ours",
        is_number=True,
    ),
)


def open(context: ConnectorContext) -> DynamicsConnector:
    """A connector for one run; raises ``ConnectionConfigError`` for settings that cannot work."""
    from connectors.dynamics.connector import DynamicsConnector

    return DynamicsConnector(context)
