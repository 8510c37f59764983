"""Planning without any system: who is employed on which day, what is to be done, and that a plan settles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from connectors.contract import TargetField
from connectors.records import Employee, EmploymentStatus, RefKind, Worker
from sync import fingerprints
from sync.mapping import MappingTable, Rule, Value, suggest
from sync.planning import (
    Act,
    CauseCode,
    LinkState,
    Match,
    Plan,
    Surroundings,
    active_on,
    differences,
    pending_of,
    plan,
    refine,
)

TODAY = date(2026, 3, 2)
FIELDS = (
    TargetField(name="department", kind=RefKind.DEPARTMENT, required=True),
    TargetField(name="position", kind=RefKind.POSITION, required=True),
    TargetField(name="location", kind=RefKind.LOCATION),
)


def worker(number: str = "1001", **values: object) -> Worker:
    plain: dict[str, object] = {
        "id": f"w{number}",
        "person_id": f"p{number}",
        "number": number,
        "given_name": "Ana",
        "middle_name": None,
        "family_name": "Okafor",
        "work_email": f"a{number}@example.com",
        "status": EmploymentStatus.ACTIVE,
        "start_date": date(2024, 1, 8),
        "end_date": None,
        "manager_id": None,
        "department_id": "D1",
        "location_id": None,
        "position": "Welder",
    }
    return Worker(**{**plain, **values})  # type: ignore[arg-type]


def around(
    *,
    links: Sequence[LinkState] = (),
    persons: dict[str, LinkState] | None = None,
    matches: dict[str, list[Match]] | None = None,
    numbers: dict[str, str] | None = None,
    rules: Sequence[Rule] | None = None,
    today: date = TODAY,
    holds_managers: bool = True,
) -> Surroundings:
    if rules is None:
        rules = [rule(RefKind.DEPARTMENT, "D1", "Welding"), rule(RefKind.POSITION, "Welder", "Welder I")]
    values = {
        (RefKind.DEPARTMENT, "Welding"): frozenset({""}),
        (RefKind.DEPARTMENT, "Closed"): frozenset[str](),
        (RefKind.POSITION, "Welder I"): frozenset({""}),
    }
    return Surroundings(
        today=today,
        fields=FIELDS,
        mappings=MappingTable(rules, today, values),
        links={link.source_id: link for link in links},
        persons=persons or {},
        numbers=numbers or {},
        matches=matches or {},
        reference_for=lambda worker_id: f"ref-{worker_id}",
        holds_managers=holds_managers,
    )


def rule(kind: RefKind, source: str, target: str, start: date = date(2020, 1, 1), stop: date | None = None) -> Rule:
    return Rule(kind=kind, source_key=source, target_key=target, valid_from=start, valid_to=stop)


def link_of(planned: Plan, *, active: bool = True, **values: object) -> LinkState:
    """The link that settling this plan leaves behind."""
    link = LinkState(
        source_id=planned.worker_id,
        target_id="t1",
        company="",
        active=active,
        fingerprint=planned.fingerprint,
        manager=planned.manager,
        number=planned.label,
    )
    return msgspec.structs.replace(link, **values)


def planned(one: Worker, surroundings: Surroundings) -> Plan:
    [found] = plan([one], surroundings)
    return found


@pytest.mark.parametrize(
    ("status", "start", "end", "active", "announces"),
    [
        # Future hire, announced in any status.
        (EmploymentStatus.PENDING, TODAY + timedelta(7), None, False, (Act.CREATE, TODAY + timedelta(7))),
        (EmploymentStatus.ACTIVE, TODAY + timedelta(7), None, False, (Act.CREATE, TODAY + timedelta(7))),
        # Should have started, but the source does not say so yet: never hired on our own judgement, looked at again.
        (EmploymentStatus.PENDING, TODAY - timedelta(1), None, False, (Act.CREATE, TODAY)),
        # Future termination: active through the last day of work.
        (EmploymentStatus.ACTIVE, date(2024, 1, 8), TODAY, True, (Act.TERMINATE, TODAY + timedelta(1))),
        (EmploymentStatus.TERMINATED, date(2024, 1, 8), TODAY, True, (Act.TERMINATE, TODAY + timedelta(1))),
        (EmploymentStatus.TERMINATED, date(2024, 1, 8), TODAY - timedelta(1), False, None),
        # The source's status rules over a stale end date.
        (EmploymentStatus.ACTIVE, date(2024, 1, 8), TODAY - timedelta(90), True, None),
        (EmploymentStatus.TERMINATED, date(2024, 1, 8), None, False, None),
        (EmploymentStatus.ACTIVE, UNSET, UNSET, True, None),
    ],
)
def test_who_is_employed_on_the_local_day(
    status: EmploymentStatus, start: object, end: object, active: bool, announces: tuple[Act, date] | None
) -> None:
    one = worker(status=status, start_date=start, end_date=end)

    assert active_on(one, TODAY) is active
    pending = pending_of(one, TODAY)
    assert (None if pending is None else (pending.change, pending.effective_on)) == announces


def test_a_newcomer_is_hired_and_then_unchanged() -> None:
    hired = planned(worker(), around())
    assert hired.act is Act.CREATE
    assert hired.employee is not None
    assert (hired.employee.department, hired.employee.position) == ("Welding", "Welder I")
    assert hired.employee.reference == "ref-w1001"

    assert planned(worker(), around(links=[link_of(hired)])).act is Act.UNCHANGED


def test_first_and_last_day_are_told_and_change_nothing_by_themselves() -> None:
    hired = planned(worker(start_date=date(2024, 1, 8)), around())
    assert hired.employee is not None
    assert hired.employee.start_date == date(2024, 1, 8)
    later = planned(worker(start_date=date(2024, 2, 1)), around(links=[link_of(hired)]))
    assert later.act is Act.UNCHANGED
    left = worker(status=EmploymentStatus.TERMINATED, end_date=TODAY - timedelta(1))
    leaver = planned(left, around(links=[link_of(hired)])).employee
    assert leaver is not None
    assert leaver.end_date == TODAY - timedelta(1)


def test_a_target_that_holds_no_managers_is_given_none() -> None:
    boss = LinkState("boss", "t-boss", "", True, b"")
    known, unknown = worker(manager_id="boss"), worker(manager_id="nobody")
    for one in (known, unknown):
        hired = planned(one, around(links=[boss], holds_managers=False))
        assert hired.employee is not None
        assert (hired.employee.manager_id, hired.manager) == (UNSET, "")
        moved = msgspec.structs.replace(one, manager_id="other")
        assert planned(moved, around(links=[boss, link_of(hired)], holds_managers=False)).act is Act.UNCHANGED


def test_a_leaver_never_seen_is_nobodys_business() -> None:
    gone = worker(status=EmploymentStatus.TERMINATED, end_date=TODAY - timedelta(9))
    assert planned(gone, around()).act is Act.UNCHANGED


def test_a_leaver_known_by_number_waits_until_everybody_was_seen() -> None:
    gone = worker(status=EmploymentStatus.TERMINATED, end_date=TODAY - timedelta(9))
    left = planned(gone, around(matches={"1001": [Match("t9", "", True)]}))
    assert (left.act, left.by_number) == (Act.TERMINATE, True)
    taken = planned(gone, around(matches={"1001": [Match("t9", "", True)]}, numbers={"1001": "w2"}))
    assert taken.act is Act.UNCHANGED


@pytest.mark.parametrize(
    ("status", "start"),
    [
        (EmploymentStatus.PENDING, TODAY + timedelta(7)),
        (EmploymentStatus.PENDING, TODAY - timedelta(1)),
        (EmploymentStatus.PENDING, None),
        (EmploymentStatus.ACTIVE, TODAY + timedelta(1)),
        (EmploymentStatus.TERMINATED, TODAY + timedelta(1)),
    ],
)
def test_somebody_entered_before_the_first_day_is_no_leaver(status: EmploymentStatus, start: date | None) -> None:
    matches = {"1001": [Match("t9", "", True)]}
    coming = worker(status=status, start_date=start)
    assert planned(coming, around(matches=matches)).act is Act.UNCHANGED
    begun = planned(worker(start_date=start), around(matches=matches, today=TODAY + timedelta(7)))
    assert (begun.act, begun.employee.id if begun.employee else None) == (Act.UPDATE, "t9")


def test_a_rehire_under_a_new_id_continues_the_former_employee() -> None:
    former = link_of(planned(worker(), around()), active=False)
    again = worker(id="w-new")
    back = planned(again, around(persons={"p1001": former}))
    assert back.act is Act.REHIRE
    assert back.employee is not None
    assert back.employee.id == "t1"

    waiting = planned(again, around(persons={"p1001": msgspec.structs.replace(former, active=True)}))
    assert [cause.code for cause in waiting.causes] == [CauseCode.PERSON_ACTIVE]


@pytest.mark.parametrize(
    ("changes", "surroundings", "code", "kind"),
    [
        ({"department_id": "D9"}, {}, CauseCode.UNMAPPED, "department"),
        ({"department_id": None}, {}, CauseCode.MISSING_VALUE, "department"),
        ({"department_id": UNSET}, {}, CauseCode.WITHHELD, "department"),
        ({"number": None}, {}, CauseCode.MISSING_VALUE, "number"),
        ({"number": UNSET}, {}, CauseCode.WITHHELD, "number"),
        ({}, {"numbers": {"1001": "w2"}}, CauseCode.DUPLICATE_NUMBER, "number"),
        ({}, {"matches": {"1001": [Match("a", "", True), Match("b", "", True)]}}, CauseCode.AMBIGUOUS_TARGET, "number"),
        (
            {},
            {"rules": [rule(RefKind.DEPARTMENT, "D1", "Closed"), rule(RefKind.POSITION, "Welder", "Welder I")]},
            CauseCode.TARGET_INACTIVE,
            "department",
        ),
    ],
)
def test_what_cannot_be_right_is_blocked_with_its_cause(
    changes: dict[str, object], surroundings: dict[str, object], code: CauseCode, kind: str
) -> None:
    blocked = planned(worker(**changes), around(**surroundings))  # type: ignore[arg-type]

    assert blocked.act is Act.BLOCKED
    assert [(cause.code, cause.kind) for cause in blocked.causes] == [(code, kind)]


def test_every_cause_is_named_at_once() -> None:
    blocked = planned(worker(department_id="D9", position="Pilot"), around())
    assert {(c.kind, c.culprit) for c in blocked.causes} == {("department", "D9"), ("position", "Pilot")}


def test_two_of_one_number_on_one_page_never_both_move() -> None:
    plans = plan([worker(), worker(id="w2", person_id="p2")], around())
    assert [p.act for p in plans] == [Act.CREATE, Act.BLOCKED]


def test_a_withheld_field_of_a_known_employee_is_neither_change_nor_loss() -> None:
    hired = planned(worker(), around())
    withheld = planned(worker(department_id=UNSET), around(links=[link_of(hired)]))
    assert withheld.act is Act.UNCHANGED

    renamed = planned(worker(department_id=UNSET, family_name="Adeyemi"), around(links=[link_of(hired)]))
    assert renamed.act is Act.UPDATE
    assert renamed.employee is not None
    assert renamed.employee.department is UNSET
    shown_again = planned(worker(family_name="Adeyemi"), around(links=[link_of(renamed)]))
    assert shown_again.act is Act.UNCHANGED


def test_a_mapping_holds_from_its_first_day_until_the_day_it_ends() -> None:
    rules = [
        rule(RefKind.DEPARTMENT, "D1", "Old", date(2025, 1, 1), TODAY),
        rule(RefKind.DEPARTMENT, "D1", "Welding", TODAY),
    ]
    values: dict[tuple[RefKind, str], frozenset[str]] = {}
    for day, target in ((TODAY - timedelta(1), "Old"), (TODAY, "Welding"), (date(2024, 12, 31), None)):
        assert MappingTable(rules, day, values).target_of(RefKind.DEPARTMENT, "D1") == target


def test_suggestions_prefer_code_then_name_then_likeness() -> None:
    targets = [Value(key="T1", code="5300", name="Weld shop"), Value(key="T2", code="", name="Paint Shop")]
    found = suggest(
        [
            Value(key="a", code="5300", name="Something else"),
            Value(key="b", code="", name="paint  shop"),
            Value(key="c", code="", name="Paint Shop Nights"),
            Value(key="d", code="", name="Legal"),
        ],
        targets,
    )
    assert [(s.source_key, s.target_key, s.reason) for s in found] == [
        ("a", "T1", "same code"),
        ("b", "T2", "same name"),
        ("c", "T2", "similar name"),
    ]


texts = st.one_of(st.none(), st.text(max_size=12))
optional = st.one_of(st.just(UNSET), texts)


@st.composite
def employees(draw: st.DrawFn) -> Employee:
    values = {name: draw(optional) for name in fingerprints.FIELDS}
    return msgspec.structs.replace(Employee(reference="r"), **values)


@given(employees(), employees())
def test_a_fingerprint_names_exactly_the_fields_that_differ(before: Employee, after: Employee) -> None:
    changed = fingerprints.changed(after, fingerprints.make(before))
    for name in fingerprints.FIELDS:
        old, new = getattr(before, name), getattr(after, name)
        if new is UNSET:
            assert name not in changed
        elif old is UNSET:
            assert name in changed
        else:
            assert (name in changed) == ((old or "") != (new or ""))


@given(employees(), employees())
def test_what_is_made_true_is_unchanged_afterwards(wanted: Employee, held: Employee) -> None:
    """Refining against the target and writing the differences leaves no difference."""
    found = differences(wanted, held)
    after = msgspec.structs.replace(held, **{name: new for name, (_, new) in found.items()})
    assert differences(wanted, after) == {}
    settled, _ = refine(Plan(worker_id="w", person_id="p", label="", act=Act.UPDATE, employee=wanted), after)
    assert settled.act is Act.UNCHANGED


@given(st.lists(st.sampled_from(["1", "2", "3", ""]), max_size=8))
def test_no_number_is_ever_hired_twice(numbers: list[str]) -> None:
    workers = [worker(number, id=f"w{i}", person_id=f"p{i}") for i, number in enumerate(numbers)]
    hired = [p.label for p in plan(workers, around()) if p.act is Act.CREATE]
    assert len(hired) == len(set(hired))
    assert set(hired) == {n for n in numbers if n}
