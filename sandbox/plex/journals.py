"""Journal entries: create, replace, find (plex §2.4.3). There is no idempotency: what is sent twice exists twice."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from sandbox.plex.books import compose, compose_lines, distorted
from sandbox.plex.call import Call
from sandbox.plex.journal_bodies import read_new, read_replacement
from sandbox.plex.ledger import PERIOD_FORM
from sandbox.plex.lists import Listing, json_response
from sandbox.plex.naming import JOURNAL, JOURNAL_BODY, LINE_BODY
from sandbox.plex.refusals import invalid, not_found
from sandbox.plex.tables import Record, Row

FILTERS = {
    name: name
    for name in (
        "id",
        "journalNumber",
        "periodDisplay",
        "reversing",
        "status",
        "createdById",
        "modifiedById",
        "booked",
        "period13",
    )
} | {"periodAdjustmentEntries": "periodAdjustment"}


def create(call: Call) -> web.Response:
    """201 with the whole entry under the names of answers; the id, the number and the line ids are ours."""
    company, plant = call.company, call.plant
    given = read_new(call)
    _check(call, given)
    record = compose(company, plant, given, company.user_id)
    distortion = company.distortions.popleft() if company.distortions else {}
    kept = plant.books.enter(distorted(record, distortion.get("ledger", {})), company.settings.activity_lag_reads)
    company.writes["journals"] += 1
    sent = record | {"journalNumber": kept.record["journalNumber"]}
    answer = Row(distorted(sent, distortion.get("answer", {})))
    return json_response(answer.json(JOURNAL, call.profile), 201)


def replace(call: Call) -> web.Response:
    """200 with the entry; a booked one, and one of or for a closed period, stays as it is."""
    company, plant = call.company, call.plant
    row = plant.books.journals.rows.get(call.path_id)
    if row is None:
        raise not_found()
    given = read_replacement(call)
    if given.pop("id", row.record["id"]) != row.record["id"]:
        raise invalid(f"{_quoted(call, 'id')} is not the id in the path.")
    if row.record["booked"]:
        raise invalid("The journal entry is booked and cannot be changed.")
    faults = list(_period_faults(call, row.record["periodDisplay"]))
    if faults:
        raise invalid(*faults)
    lines = _continued(call, row, given.pop("lines", None))
    _check(call, row.record | given | {"lines": lines})
    by = {"modifiedById": company.user_id, "modifiedDate": company.stamp()}
    replaced = compose_lines(company, plant, lines, company.user_id)
    plant.books.journals.change(row, given | {"lines": replaced} | by)
    company.writes["journal_updates"] += 1
    return json_response(row.json(JOURNAL, call.profile))


def _continued(call: Call, row: Row, given: list[Record] | None) -> list[Record]:
    """The lines of an entry after its replacement, as a body states them."""
    old = {line["lineId"]: line for line in row.record["lines"]}
    if given is None:
        given = [line | {side: line[side] or None for side in ("debit", "credit")} for line in old.values()]
    unknown = [line["lineId"] for line in given if line.get("lineId") is not None and line["lineId"] not in old]
    if unknown:
        raise invalid(*[f"The journal entry has no line '{line_id}'." for line_id in unknown])
    return [
        {"createdDate": old[line["lineId"]]["createdDate"]} | line if line.get("lineId") else line for line in given
    ]


def _described(call: Call) -> dict[str, tuple[str, ...]]:
    """What the description filter comes to: exact, contained, or as if nobody had asked (open, plex §10)."""
    asked = [values[0] for wire, values in call.query.items() if JOURNAL.kept(call.profile, wire) == "description"]
    style = call.company.settings.description_filter
    if not asked or style == "ignored":
        return {}
    if style == "exact":
        return {"description": (asked[0],)}
    known = {row.record["description"] for row in call.plant.books.journals}
    return {"description": tuple(sorted(text for text in known if asked[0] in text))}


JOURNALS = Listing(
    lambda plant: plant.books.journals,
    FILTERS,
    narrowed=_described,
    dates=("postDate", "createdDate", "modifiedDate"),
)


def _check(call: Call, record: Record) -> None:
    """Everything Plex knows better than the form of the body, said at once."""
    settings, faults = call.company.settings, []
    if record["status"] not in settings.journal_statuses:
        faults.append(f"The value of {_quoted(call, 'status')} is not a journal status.")
    if record["currency"] not in settings.currencies:
        faults.append(f"The value of {_quoted(call, 'currency')} is not a currency that is set up.")
    faults += _period_faults(call, record["periodDisplay"])
    faults += _line_faults(call, record["lines"])
    if faults:
        raise invalid(*faults)


def _period_faults(call: Call, display: str) -> Iterator[str]:
    name = _quoted(call, "periodDisplay")
    if not PERIOD_FORM.fullmatch(display):
        yield f"The value of {name} is not a period MM-YYYY."
        return
    period = call.plant.periods.rows.get(display)
    if period is None:
        yield f"The value of {name} is not a fiscal period."
    elif period.record["periodStatus"] == "Closed":
        yield f"The period {display} is closed."
    elif period.record["periodStatus"] == "Soft Closed" and not call.company.settings.may_post_soft_closed:
        yield f"The period {display} is soft closed and the user is not permitted to post to it."


def _line_faults(call: Call, lines: list[Record]) -> Iterator[str]:
    most = call.company.settings.max_journal_lines
    if most is not None and len(lines) > most:
        yield f"A journal entry has at most {most} lines."
    account_name = LINE_BODY.on_wire(call.profile, "accountNumber")
    for number, line in enumerate(lines):
        place = f"{JOURNAL_BODY.on_wire(call.profile, 'lines')}[{number}]"
        hits = call.plant.accounts.find("accountNumber", line["accountNumber"])
        if not hits:
            yield f"The value of '{place}.{account_name}' is not an account."
        elif not hits[0].record["active"]:
            yield f"The account of '{place}.{account_name}' is not active."
        if (line.get("debit") is None) is (line.get("credit") is None):
            yield f"The line '{place}' needs a debit or a credit, and not both."
    if sum(line.get("debit") or 0 for line in lines) != sum(line.get("credit") or 0 for line in lines):
        yield "The debits and the credits of the journal entry are not equal."


def _quoted(call: Call, name: str) -> str:
    return f"'{JOURNAL_BODY.on_wire(call.profile, name)}'"
