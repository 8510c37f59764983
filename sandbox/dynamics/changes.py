"""What happens inside Dynamics without us: scripted through the control endpoint, never refused by its rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.dynamics import defaults, dimensions, entering, posting, vouchers
from sandbox.dynamics.model import ENUMS, OPEN_END, Record
from sandbox.dynamics.tables import Row
from sandbox.dynamics.vouchers import ZERO

if TYPE_CHECKING:
    from sandbox.dynamics.environment import Environment

Arguments = dict[str, Any]


def set_format(environment: Environment, arguments: Arguments) -> Arguments:
    """``names`` of the dimensions in order; ``type`` ledger (default) or default. Journals show their accounts anew."""
    kind = dimensions.DEFAULT_FORMAT if arguments.get("type") == "default" else dimensions.LEDGER_FORMAT
    entering.set_format(environment, kind, arguments["names"])
    _show_accounts(environment)
    return {}


def deactivate_format(environment: Environment, arguments: Arguments) -> Arguments:
    """No format of ``type`` (ledger by default) is active any more."""
    kind = dimensions.DEFAULT_FORMAT if arguments.get("type") == "default" else dimensions.LEDGER_FORMAT
    table = environment.tables["DimensionIntegrationFormats"]
    for row in table:
        if row.record["DimensionFormatType"] == kind:
            table.change(row, {"IsActive": "No"})
    return {}


def set_delimiter(environment: Environment, arguments: Arguments) -> Arguments:
    """``delimiter`` by its name (Hyphen, DoubleBar, …); the formats are joined by it too."""
    mark = dimensions.DELIMITERS[arguments["delimiter"]]
    formats, parameters = environment.tables["DimensionIntegrationFormats"], environment.tables["DimensionParameters"]
    before = dimensions.delimiter(environment)
    for row in list(formats):
        names = row.record["FinancialDimensionFormat"].split(before)
        formats.change(row, {"FinancialDimensionFormat": mark.join(names)})
    parameters.change(next(iter(parameters)), {"DimensionSegmentDelimiter": arguments["delimiter"]})
    _show_accounts(environment)
    return {}


def deactivate_dimension(environment: Environment, arguments: Arguments) -> Arguments:
    """``dimension`` is not activated for data entities (``active`` true: it is again)."""
    change = environment.inactive_dimensions.discard if arguments.get("active") else environment.inactive_dimensions.add
    change(arguments["dimension"])
    return {}


def add_value(environment: Environment, arguments: Arguments) -> Arguments:
    """``dimension``, ``value``, ``description``, and further properties under ``fields``."""
    more = {name: _value(value) for name, value in arguments.get("fields", {}).items()}
    given = arguments["dimension"], arguments["value"], arguments.get("description", "")
    entering.add_value(environment, *given, **more)
    return {}


def change_value(environment: Environment, arguments: Arguments) -> Arguments:
    """``fields`` of ``value`` of ``dimension``; with ``company`` they are that company's override."""
    name, value, company = arguments["dimension"], arguments["value"], arguments.get("company")
    fields = {key: _value(one) for key, one in arguments["fields"].items()}
    if company is None:
        _change(environment, "FinancialDimensionValues", (name, "", value), fields)
        return {}
    table = environment.tables["FinancialDimensionValueLegalEntityOverrides"]
    row = table.find(name, value, company)
    if row is None:
        row = table.add({"FinancialDimension": name, "DimensionValue": value, "LegalEntityId": company.lower()})
    table.change(row, fields)
    return {}


def suspend_value(environment: Environment, arguments: Arguments) -> Arguments:
    """``value`` of ``dimension`` is suspended, in ``company`` alone when that is given."""
    return change_value(environment, arguments | {"fields": {"IsSuspended": "Yes"}})


def add_account(environment: Environment, arguments: Arguments) -> Arguments:
    """Properties of MainAccounts; at least MainAccountId and Name."""
    entering.add_account(environment, {name: _value(value) for name, value in arguments.items()})
    return {}


def change_account(environment: Environment, arguments: Arguments) -> Arguments:
    """``fields`` of main account ``account``; with ``company`` they are that company's override."""
    number, company, chart = arguments["account"], arguments.get("company"), arguments.get("chart", "Shared")
    fields = {key: _value(one) for key, one in arguments["fields"].items()}
    if company is None:
        _change(environment, "MainAccounts", (chart, number), fields)
        return {}
    table = environment.tables["MainAccountLegalEntities"]
    row = table.find(number, chart, company)
    if row is None:
        row = table.add({"MainAccountId": number, "ChartOfAccounts": chart, "LegalEntityId": company.lower()})
    table.change(row, fields)
    return {}


def set_structure(environment: Environment, arguments: Arguments) -> Arguments:
    """Account structure ``name`` gets ``segments`` and ``constraints`` (a list of criteria for each row)."""
    name, table = arguments["name"], environment.tables["AccountStructures"]
    row = table.find(name, "Active")
    if row is None:
        raise KeyError(name)
    empty = {f"SegmentName{place:02}": "" for place in range(1, 12)}
    named = {f"SegmentName{place:02}": segment for place, segment in enumerate(arguments["segments"], start=1)}
    table.change(row, empty | named)
    constraints = environment.tables["AccountStructureConstraints"]
    for old in list(constraints.matching({"AccountStructure": name.casefold()})):
        constraints.remove(old)
    for position, criteria in enumerate(arguments["constraints"], start=1):
        columns = {f"SegmentCriteria{place:02}": text for place, text in enumerate(criteria, start=1)}
        entering.add_constraint(environment, name, position, columns)
    return {}


def change_journal_name(environment: Environment, arguments: Arguments) -> Arguments:
    """``fields`` of journal name ``name`` in ``company`` (default: the default company)."""
    company = arguments.get("company", environment.default_company)
    _change(environment, "JournalNames", (company, arguments["name"]), arguments["fields"])
    return {}


def close_period(environment: Environment, arguments: Arguments) -> Arguments:
    """``period`` YYYY-MM is closed in ``company``, or with ``open`` true open again; nothing shows it."""
    key = (arguments.get("company", environment.default_company).lower(), arguments["period"])
    change = environment.closed.discard if arguments.get("open") else environment.closed.add
    change(key)
    return {}


def close_year(environment: Environment, arguments: Arguments) -> Arguments:
    """``year`` is closed in ``company``, as FiscalYears shows."""
    company = arguments.get("company", environment.default_company)
    _change(environment, "FiscalYears", (company, defaults.CALENDAR, arguments["year"]), {"Status": "Close"})
    return {}


def post_journals(environment: Environment, arguments: Arguments) -> Arguments:
    """The posting job: all unposted journals, or those of ``company``, ``name`` or ``number``. What cannot be posted
    stays, with the reasons under ``refused``."""
    posted, refused = [], {}
    for row in environment.tables["LedgerJournalHeaders"]:
        record = row.record
        wanted = {
            "company": record["dataAreaId"],
            "name": record["JournalName"],
            "number": record["JournalBatchNumber"],
        }
        if record["IsPosted"] == "Yes" or any(arguments.get(key, value) != value for key, value in wanted.items()):
            continue
        faults = posting.post(environment, row)
        if faults:
            refused[record["JournalBatchNumber"]] = faults
        else:
            posted.append(record["JournalBatchNumber"])
    return {"posted": posted, "refused": refused}


def change_journal(environment: Environment, arguments: Arguments) -> Arguments:
    """Journal ``number`` of ``company`` gets header ``fields``; posted or not, it is a person who does it."""
    environment.tables["LedgerJournalHeaders"].change(_journal(environment, arguments), arguments["fields"])
    return {}


def change_line(environment: Environment, arguments: Arguments) -> Arguments:
    """Line ``line`` of journal ``number`` gets ``fields``; amounts may be text."""
    header, row = _journal(environment, arguments), _line(environment, arguments)
    fields = {name: _amount(name, value) for name, value in arguments["fields"].items()}
    vouchers.count(environment, header, row.record, -1)
    environment.tables["LedgerJournalLines"].change(row, fields)
    vouchers.count(environment, header, row.record, 1)
    return {}


def delete_line(environment: Environment, arguments: Arguments) -> Arguments:
    row = _line(environment, arguments)
    vouchers.count(environment, _journal(environment, arguments), row.record, -1)
    environment.tables["LedgerJournalLines"].remove(row)
    return {}


def add_line(environment: Environment, arguments: Arguments) -> Arguments:
    """A copy of the last line of journal ``number`` with ``fields`` said differently, in the same voucher."""
    header = _journal(environment, arguments)
    last = environment.lines_of(header.record)[-1].record
    fields = {name: _amount(name, value) for name, value in arguments.get("fields", {}).items()}
    record = last | fields | {"LineNumber": last["LineNumber"] + 1}
    environment.tables["LedgerJournalLines"].add(record)
    environment.tables["LedgerJournalHeaders"].change(header, {"_last_line": int(record["LineNumber"])})
    vouchers.count(environment, header, record, 1)
    return {"line": int(record["LineNumber"])}


def delete_journal(environment: Environment, arguments: Arguments) -> Arguments:
    """The journal and its lines are gone, posted or not."""
    header = _journal(environment, arguments)
    for row in environment.lines_of(header.record):
        environment.balance(header.record, row.record["Voucher"], ZERO)
        environment.tables["LedgerJournalLines"].remove(row)
    environment.tables["LedgerJournalHeaders"].remove(header)
    return {}


def lock_journal(environment: Environment, arguments: Arguments) -> Arguments:
    """Somebody (``user``, empty: nobody any more) has the journal open."""
    fields = {"_in_use_by": arguments.get("user", "ALICIA")}
    environment.tables["LedgerJournalHeaders"].change(_journal(environment, arguments), fields)
    return {}


def conflict_next(environment: Environment, arguments: Arguments) -> Arguments:
    """The next ``times`` (1) units that write journal lines meet an update conflict."""
    environment.conflicts += int(arguments.get("times", 1))
    return {}


def fault_in_batch(environment: Environment, arguments: Arguments) -> Arguments:
    """The next ``times`` (1) changesets, after ``skip`` (0), answer ``status`` (429 with ``retry_after`` 1) inside of a
    batch's 200; ``committed`` true: they happen all the same."""
    known = {"status": 429, "retry_after": 1, "times": 1, "skip": 0, "committed": False, "message": ""}
    if arguments.keys() - known.keys():
        raise ValueError(f"one of {sorted(known)}")
    environment.inner_faults.append(known | arguments)
    return {}


def behave(environment: Environment, arguments: Arguments) -> Arguments:
    """What was scripted for changesets and line writes, and did not happen yet, does not happen any more."""
    environment.inner_faults.clear()
    environment.conflicts = 0
    return {}


def add_worker(environment: Environment, arguments: Arguments) -> Arguments:
    """Properties of Workers, and LegalEntityId, EmploymentStartDate, EmploymentEndDate of the employment."""
    return {"PersonnelNumber": entering.add_worker(environment, arguments)}


def change_worker(environment: Environment, arguments: Arguments) -> Arguments:
    """``fields`` of worker ``number``."""
    _change(environment, "Workers", (arguments["number"],), arguments["fields"])
    return {}


def end_employment(environment: Environment, arguments: Arguments) -> Arguments:
    """Every open employment of worker ``number`` ends at the instant ``at``, or now."""
    table, at = environment.tables["EmploymentsV2"], _value(arguments.get("at", "")) or environment.now()
    ended = 0
    for row in list(table.matching({"PersonnelNumber": arguments["number"].casefold()})):
        if row.record["EmploymentEndDate"] == OPEN_END:
            table.change(row, {"EmploymentEndDate": at})
            ended += 1
    return {"ended": ended}


def add_vendor(environment: Environment, arguments: Arguments) -> Arguments:
    """Properties of VendorsV2."""
    return {"VendorAccountNumber": entering.add_vendor(environment, arguments)}


def change_vendor(environment: Environment, arguments: Arguments) -> Arguments:
    """``fields`` of vendor ``number`` in ``company``."""
    company = arguments.get("company", environment.default_company)
    _change(environment, "VendorsV2", (company, arguments["number"]), arguments["fields"])
    return {}


def expire_tokens(environment: Environment, arguments: Arguments) -> Arguments:
    """Every token issued so far is refused from now on."""
    for token, (_, audience) in environment.tokens.items():
        environment.tokens[token] = (environment.now(), audience)
    return {"expired": len(environment.tokens)}


def expire_secret(environment: Environment, arguments: Arguments) -> Arguments:
    """Entra refuses the client secret from now on, or with ``secret`` takes that one."""
    environment.secret_expired = "secret" not in arguments
    environment.client_secret = arguments.get("secret", environment.client_secret)
    return {}


def forget_counts(environment: Environment, arguments: Arguments) -> Arguments:
    """The counts of requests begin again."""
    environment.counted.clear()
    return {}


def set_options(environment: Environment, arguments: Arguments) -> Arguments:
    environment.settings.set(arguments)
    return {}


def _change(environment: Environment, name: str, key: tuple[Any, ...], fields: Record) -> None:
    row = environment.tables[name].find(*key)
    if row is None:
        raise KeyError(key)
    for field, value in fields.items():
        kind = row.record.get(field) is not None and environment.tables[name].entity.kinds[field]
        if kind in ENUMS and value not in ENUMS[kind]:
            raise ValueError(f"{field} is one of {ENUMS[kind]}")
    environment.tables[name].change(row, {field: _value(value) for field, value in fields.items()})


def _journal(environment: Environment, arguments: Arguments) -> Row:
    company = arguments.get("company", environment.default_company)
    row = environment.tables["LedgerJournalHeaders"].find(company, arguments["number"])
    if row is None:
        raise KeyError(arguments["number"])
    return row


def _line(environment: Environment, arguments: Arguments) -> Row:
    header = _journal(environment, arguments).record
    row = environment.tables["LedgerJournalLines"].find(
        header["dataAreaId"], header["JournalBatchNumber"], Decimal(arguments["line"])
    )
    if row is None:
        raise KeyError(arguments["line"])
    return row


def _amount(name: str, value: Any) -> Any:
    return Decimal(str(value)) if name.endswith("Amount") else _value(value)


def _value(value: Any) -> Any:
    """A text in the form of a date or an instant becomes one."""
    if isinstance(value, str) and len(value) == 10 and value[4:8:3] == "--":
        return date.fromisoformat(value)
    if isinstance(value, str) and "T" in value and value.endswith("Z") and value[:4].isdigit():
        return entering.instant(value)
    return value


def _show_accounts(environment: Environment) -> None:
    """Display values follow the active format, those of old lines too."""
    table = environment.tables["LedgerJournalLines"]
    for row in table:
        if row.record.get("_segments"):
            shown = dimensions.display(environment, dimensions.LEDGER_FORMAT, row.record["_segments"])
            table.change(row, {"AccountDisplayValue": shown})


ACTIONS: dict[str, Callable[[Environment, Arguments], Arguments]] = {
    action.__name__: action
    for action in (
        set_format,
        deactivate_format,
        set_delimiter,
        deactivate_dimension,
        add_value,
        change_value,
        suspend_value,
        add_account,
        change_account,
        set_structure,
        change_journal_name,
        close_period,
        close_year,
        post_journals,
        change_journal,
        change_line,
        delete_line,
        add_line,
        delete_journal,
        lock_journal,
        conflict_next,
        fault_in_batch,
        behave,
        add_worker,
        change_worker,
        end_employment,
        add_vendor,
        change_vendor,
        expire_tokens,
        expire_secret,
        forget_counts,
        set_options,
    )
}
