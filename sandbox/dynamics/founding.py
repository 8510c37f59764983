"""Make an environment from creation options; whatever is not said is plausible and follows from the seed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sandbox.core import new_key
from sandbox.dynamics import defaults, entering
from sandbox.dynamics.dimensions import DEFAULT_FORMAT, DELIMITERS, LEDGER_FORMAT, MAIN_ACCOUNT
from sandbox.dynamics.environment import Environment
from sandbox.dynamics.model import Record
from sandbox.dynamics.settings import Settings

DATA_OPTIONS = frozenset(
    {
        "seed",
        "legal_entities",
        "accounts",
        "dimensions",
        "format",
        "delimiter",
        "structures",
        "journal_names",
        "workers",
        "vendors",
        "directory_id",
        "client_id",
        "client_secret",
        "certificate",
        "log_requests",
    }
)
Options = Mapping[str, Any]


def found(options: Options, now: Callable[[], datetime]) -> Environment:
    """ValueError names an option or value that is unknown."""
    settings = Settings()
    settings.set({name: value for name, value in options.items() if name not in DATA_OPTIONS})
    seed = options.get("seed", 1)
    environment = Environment(
        key=new_key(),
        seed=seed,
        log_requests=options.get("log_requests", True),
        now=now,
        directory_id=options.get("directory_id") or str(uuid.uuid4()),
        client_id=options.get("client_id") or str(uuid.uuid4()),
        client_secret=options.get("client_secret") or new_key(),
        certificate=options.get("certificate", ""),
        settings=settings,
    )
    entities = [_entity(given) for given in options.get("legal_entities", defaults.LEGAL_ENTITIES)]
    environment.default_company = settings.default_company.lower() or entities[0]["id"]
    _companies(environment, entities, options)
    _ledger_setup(environment, options)
    _dimensions(environment, options)
    _structures(environment, options.get("structures", defaults.STRUCTURES))
    _calendar(environment, entities)
    _hire(environment, options.get("workers", 0))
    _vendors(environment, options.get("vendors", []))
    client = {"AADClientId": environment.client_id, "UserId": "MLConnector", "Name": "Connector"}
    environment.tables["SysAADClients"].add(client)
    environment.undo.clear()
    return environment


def _entity(given: str | Record) -> Record:
    known = {entity["id"]: entity for entity in defaults.LEGAL_ENTITIES}
    named = {"id": given} if isinstance(given, str) else given
    code = named["id"].lower()
    return {"name": code.upper(), "currency": "USD"} | known.get(code, {}) | named | {"id": code}


def _companies(environment: Environment, entities: list[Record], options: Options) -> None:
    tables = environment.tables
    structures = options.get("structures", defaults.STRUCTURES)
    names = {f"AccountStructureName{place}": one["name"] for place, one in enumerate(structures, start=1)}
    for number, entity in enumerate(entities, start=1):
        code, party = entity["id"], f"{number:09}"
        tables["Companies"].add({"DataArea": code, "Name": entity["name"], "LanguageId": "en-us", "PartyNumber": party})
        tables["LegalEntities"].add({"LegalEntityId": code.upper(), "Name": entity["name"], "PartyNumber": party})
        ledger = {
            "LegalEntityId": code,
            "Name": entity["name"],
            "LedgerRecId": number,
            "ChartOfAccounts": entity.get("chart", defaults.CHART),
            "AccountingCurrency": entity["currency"],
            "ReportingCurrency": entity["currency"],
            "FiscalCalendar": defaults.CALENDAR,
        }
        tables["Ledgers"].add(ledger | names)
        for given in options.get("journal_names", defaults.JOURNAL_NAMES):
            tables["JournalNames"].add(defaults.JOURNAL_NAME | {"dataAreaId": code} | given)
        for group, description in defaults.VENDOR_GROUPS.items():
            tables["VendorGroups"].add({"dataAreaId": code, "VendorGroupId": group, "Description": description})


def _ledger_setup(environment: Environment, options: Options) -> None:
    for code, name in defaults.CURRENCIES.items():
        environment.tables["Currencies"].add({"CurrencyCode": code, "Name": name})
    given = options.get("accounts", defaults.ACCOUNTS)
    for number, name, kind in given:
        entering.add_account(environment, {"MainAccountId": number, "Name": name, "MainAccountType": kind})


def _dimensions(environment: Environment, options: Options) -> None:
    dimensions: Mapping[str, Any] = options.get("dimensions", defaults.DIMENSIONS)
    mark = options.get("delimiter", "Hyphen")
    if mark not in DELIMITERS:
        raise ValueError(f"delimiter is one of {sorted(DELIMITERS)}")
    environment.tables["DimensionParameters"].add({"Key": 0, "DimensionSegmentDelimiter": mark})
    for name, values in dimensions.items():
        backed = defaults.BACKED_BY.get(name, "")
        environment.tables["DimensionAttributes"].add({"DimensionName": name, "UseValuesFrom": backed})
        if isinstance(values, int):
            values = {f"{number:06}": f"{name} {number}" for number in range(1, values + 1)}
        for value, description in (values if isinstance(values, dict) else dict.fromkeys(values, "")).items():
            entering.add_value(environment, name, value, description)
    names = options.get("format", [MAIN_ACCOUNT, *dimensions] if "dimensions" in options else defaults.FORMAT)
    entering.set_format(environment, LEDGER_FORMAT, names)
    entering.set_format(environment, DEFAULT_FORMAT, [name for name in names if name != MAIN_ACCOUNT])


def _structures(environment: Environment, structures: list[Record]) -> None:
    for given in structures:
        segments = {f"SegmentName{place:02}": name for place, name in enumerate(given["segments"], start=1)}
        base = {"AccountStructureName": given["name"], "StructureType": "AccountStructure"}
        environment.tables["AccountStructures"].add(base | {"Status": "Active"} | segments)
        # Somebody is always about to change one; the draft means nothing.
        environment.tables["AccountStructures"].add(base | {"Status": "Draft"} | {"SegmentName01": MAIN_ACCOUNT})
        for position, criteria in enumerate(given["constraints"], start=1):
            columns = {f"SegmentCriteria{place:02}": text for place, text in enumerate(criteria, start=1)}
            entering.add_constraint(environment, given["name"], position, columns)


def _calendar(environment: Environment, entities: list[Record]) -> None:
    this_year = environment.now().year
    for year in range(this_year - 2, this_year + 2):
        for entity in entities:
            record = {"LegalEntityId": entity["id"], "Calendar": defaults.CALENDAR, "FiscalYear": str(year)}
            environment.tables["FiscalYears"].add(record | {"Status": "Open", "LegalEntityName": entity["name"]})
        for month in range(1, 13):
            first = date(year, month, 1)
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            _period(environment, first, last, f"Period {month}", "Operating")
        _period(environment, date(year, 12, 31), date(year, 12, 31), "Closing", "Closing")


def _period(environment: Environment, first: date, last: date, name: str, kind: str) -> None:
    environment.tables["FiscalPeriods"].add(
        {
            "Calendar": defaults.CALENDAR,
            "FiscalYear": str(first.year),
            "StartDate": first,
            "EndDate": last,
            "PeriodName": name,
            "Type": kind,
            "Month": f"Month{first.month}",
            "Days": (last - first).days + 1,
        }
    )


def _hire(environment: Environment, workers: int | list[Record]) -> None:
    given = list(defaults.people(workers, environment.seed)) if isinstance(workers, int) else workers
    for record in given:
        entering.add_worker(environment, record)


def _vendors(environment: Environment, vendors: list[Record]) -> None:
    for given in vendors:
        entering.add_vendor(environment, given)
