"""Journals as an accountant would write them: what is on which account, on which day, and in which words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from connectors.dynamics.display import escaped
from sync.payroll.findings import FindingCode
from sync.payroll.journals import Built, Detail, JournalKind, minor_unit
from sync.payroll.register import DEBITED, PaidLine, totals
from sync.payroll.rules import Rule
from sync.payroll.validation import control_totals
from tests.sync.payroll.example import AROUND, FACTS, RULES, RUN, journals_of, money, paid, written


def test_a_run_of_two_departments_in_one_journal() -> None:
    built = journals_of()

    assert built.findings == ()
    (journal,) = built.journals
    assert (journal.key, journal.posting_date, journal.people) == ("payroll:10:USD:1", date(2026, 6, 15), 3)
    assert journal.description == "Payroll 2026-06-15 Regular 2026-05-25 to 2026-06-07"
    assert written(journal) == [
        ("6000-310", "4515.75", "", "Regular pay, Overtime · Assembly"),
        ("6000-320", "2750.00", "", "Regular pay · Welding"),
        ("6010-320", "310.00", "", "Overtime · Welding"),
        ("6100-310", "345.46", "", "Employer FICA · Assembly"),
        ("6100-320", "234.09", "", "Employer FICA · Welding"),
        ("2110-000", "", "690.92", "Employee FICA, Employer FICA · Assembly"),
        ("2110-000", "", "468.18", "Employee FICA, Employer FICA · Welding"),
        ("2200-000", "", "4170.29", "Net pay · Assembly"),
        ("2200-000", "", "2825.91", "Net pay · Welding"),
    ]
    assert [(line.department, line.cost_center, line.people) for line in journal.lines[:2]] == [
        ("ASM", "310", 2),
        ("WLD", "320", 1),
    ]
    assert [(share.item, share.rule, share.amount, share.people) for share in journal.lines[0].shares] == [
        ("earning:OT", 2, Decimal("135.50"), 1),
        ("earning:REG", 1, Decimal("4380.25"), 2),
    ]
    assert control_totals(built.journals, totals(RUN)) == []


def test_one_line_per_account() -> None:
    (journal,) = journals_of(detail=Detail.ACCOUNT).journals

    assert [(line.account, line.credit, line.people) for line in journal.lines[-2:]] == [
        ("2110-000", Decimal("1159.10"), 3),
        ("2200-000", Decimal("6996.20"), 3),
    ]
    assert {line.department for line in journal.lines} == {""}


def test_lines_per_worker_carry_the_number_and_no_name() -> None:
    (journal,) = journals_of(detail=Detail.WORKER).journals

    net = [line for line in journal.lines if line.account == "2200-000"]
    assert [(line.worker, line.credit, line.description, line.people) for line in net] == [
        ("w1", Decimal("2341.53"), "Net pay · 101", 1),
        ("w2", Decimal("1828.76"), "Net pay · 102", 1),
        ("w3", Decimal("2825.91"), "Net pay · 103", 1),
    ]


def test_what_is_owed_is_paid_in_a_journal_of_its_own() -> None:
    accrual, settlement = journals_of(separate_settlement=True).journals

    assert (accrual.kind, accrual.posting_date) == (JournalKind.ACCRUAL, date(2026, 6, 7))
    assert (settlement.kind, settlement.posting_date) == (JournalKind.SETTLEMENT, date(2026, 6, 15))
    assert settlement.description == "Payroll settlement 2026-06-15 Regular 2026-05-25 to 2026-06-07"
    assert money(settlement) == {"2200-000": Decimal("6996.20"), "1010-000": Decimal("-6996.20")}
    assert money(accrual)["2200-000"] + money(settlement)["2200-000"] == 0


def test_without_anything_to_settle_there_is_no_settlement_and_no_period_means_the_check_date() -> None:
    rules = [msgspec.structs.replace(rule, settlement="") for rule in RULES]
    facts = msgspec.structs.replace(FACTS, period_start=None, period_end=None)

    (accrual,) = journals_of(separate_settlement=True, rules=rules, facts=facts).journals

    assert (accrual.kind, accrual.posting_date) == (JournalKind.ACCRUAL, date(2026, 6, 15))


def thirds() -> list[PaidLine]:
    """Three workers in three departments, whose pay has more decimals than the currency."""
    around = ("ASM", "WLD", "ASM")
    return [
        line
        for n, department in enumerate(around)
        for line in paid(f"w{n}", department, regular="100.0040", tax="0.0020", net="100.0020")
    ]


def test_what_rounding_leaves_is_a_line_of_its_own() -> None:
    (journal,) = journals_of(thirds()).journals

    # Exactly 300.012 on each side; rounded 200.01 + 100.00 debits, 0.00 + 0.00 + 200.00 + 100.00 credits.
    assert [(line.account, line.debit - line.credit) for line in journal.lines] == [
        ("6000-310", Decimal("200.01")),
        ("6000-320", Decimal("100.00")),
        ("2200-000", Decimal("-200.00")),
        ("2200-000", Decimal("-100.00")),
        ("6990-000", Decimal("-0.01")),
    ]
    assert (journal.lines[-1].description, journal.lines[-1].people, journal.lines[-1].shares) == ("Rounding", 0, ())
    assert sum(share.amount for share in journal.unposted) == Decimal("-0.0060")
    assert control_totals([journal], totals(thirds())) == []


def test_rounding_needs_an_account_and_has_a_limit() -> None:
    built = journals_of(thirds(), rounding_account="", rounding_limit=Decimal("0.005"))

    assert [(f.code, f.amount, f.journal) for f in built.findings] == [
        (FindingCode.NO_ROUNDING_ACCOUNT, Decimal("0.01"), "payroll:10:USD:1"),
        (FindingCode.ROUNDING, Decimal("0.01"), "payroll:10:USD:1"),
    ]


def test_a_register_that_does_not_balance_is_not_rounded() -> None:
    built = journals_of(paid("w1", "ASM", regular="100.00", net="99.99"))

    assert [(f.code, f.amount) for f in built.findings] == [(FindingCode.UNBALANCED, Decimal("0.01"))]
    assert {line.account for line in built.journals[0].lines} == {"6000-310", "2200-000"}


def test_what_is_paid_in_whole_cents_of_finer_amounts_is_rounding() -> None:
    built = journals_of(paid("w1", "ASM", regular="100.0050", net="100.00"))

    assert built.findings == ()
    (journal,) = built.journals
    assert journal.debit == sum(line.credit for line in journal.lines)
    assert [str(line.credit) for line in journal.lines if not line.shares] == ["0.01"]


def test_a_cent_too_much_is_no_rounding_however_fine_the_amounts_are() -> None:
    built = journals_of(paid("w1", "ASM", regular="100.0150", net="100.00"))

    assert [(f.code, f.amount) for f in built.findings] == [(FindingCode.UNBALANCED, Decimal("0.0150"))]


def test_nothing_without_a_place_is_left_out_in_silence() -> None:
    strange = paid("w9", "PNT", regular="10.00", overtime="5.00", employer="1.00", net="15.00", tax="0.00")
    rules = [rule for rule in RULES if rule.item != "earning:OT"]
    rules = [msgspec.structs.replace(rule, credit="") if rule.id == 4 else rule for rule in rules]

    built = journals_of([*RUN, *strange], rules=rules)

    assert [(f.code, f.kind, f.culprit, f.detail, f.amount, f.people) for f in built.findings] == [
        (FindingCode.NO_RULE, "item", "earning:OT", "", Decimal("450.50"), ("101", "103", "109")),
        (
            FindingCode.NO_RULE,
            "item",
            "employer_tax:FICA",
            "credit account",
            Decimal("580.55"),
            ("101", "102", "103", "109"),
        ),
        (FindingCode.NO_COST_CENTER, "department", "PNT", "", Decimal("11.00"), ("109",)),
    ]


def test_money_that_lacks_the_same_twice_is_counted_once() -> None:
    rules = [Rule(id=1, item="employer_tax:FICA", debit="6100-{cost_center}", credit="2110-{cost_center}")]

    (finding,) = journals_of(paid("w9", "PNT", employer="7.00"), rules=rules).findings

    assert (finding.code, finding.amount, finding.people) == (FindingCode.NO_COST_CENTER, Decimal("7.00"), ("109",))


def test_an_account_takes_the_department_and_the_location_of_its_line_on_the_ledger() -> None:
    around = msgspec.structs.replace(AROUND, departments={"ASM": "022"}, locations={"": "D|T"}, account_part=escaped)
    rules = [
        msgspec.structs.replace(rule, debit="6000|Dep={department}|Loc={location}|CC={cost_center}")
        if rule.item == "earning:REG"
        else rule
        for rule in RULES
    ]

    built = journals_of(paid("w1", "ASM", regular="100.00", net="100.00"), rules=rules, around=around)

    assert built.findings == ()
    accounts = {line.account: line.debit for journal in built.journals for line in journal.lines}
    assert accounts["6000|Dep=022|Loc=D\\|T|CC=310"] == Decimal("100.00")


def test_a_department_that_means_nothing_on_the_ledger_is_named_with_its_money_and_people() -> None:
    rules = [Rule(id=1, item="employer_tax:FICA", debit="6100-{department}", credit="2110-{department}-{cost_center}")]

    findings = journals_of(paid("w9", "PNT", employer="7.00"), rules=rules).findings

    assert [(f.code, f.kind, f.culprit, f.amount, f.people) for f in findings] == [
        (FindingCode.NO_COST_CENTER, "department", "PNT", Decimal("7.00"), ("109",)),
        (FindingCode.NOT_MAPPED, "department", "PNT", Decimal("7.00"), ("109",)),
    ]


def test_a_company_the_ledger_does_not_know_is_named() -> None:
    around = msgspec.structs.replace(AROUND, default_company=None, companies={"BOLT": "20"})

    built = journals_of(around=around)

    assert [(f.code, f.kind, f.culprit, f.people_count) for f in built.findings] == [
        (FindingCode.NO_COMPANY, "company", "ACME", 3)
    ]
    assert built.journals == ()


def test_somebody_without_any_money_is_not_counted_to_hide_another() -> None:
    run = [*paid("w1", "ASM", regular="10.00", net="10.00"), *paid("w2", "ASM", regular="0.00", net="0.00")]

    (journal,) = journals_of(run).journals

    assert [line.people for line in journal.lines] == [1, 1]


def test_money_taken_back_changes_sides() -> None:
    (journal,) = journals_of(paid("w1", "ASM", regular="-100.00", net="-100.00")).journals

    assert money(journal) == {"6000-310": Decimal("-100.00"), "2200-000": Decimal("100.00")}
    assert [line.account for line in journal.lines] == ["2200-000", "6000-310"]


def test_a_long_journal_comes_in_parts_that_balance_with_departments_together() -> None:
    built = journals_of(max_lines=5)

    assert [journal.description for journal in built.journals] == [
        "Payroll 2026-06-15 Regular 2026-05-25 to 2026-06-07 1/2",
        "Payroll 2026-06-15 Regular 2026-05-25 to 2026-06-07 2/2",
    ]
    assert [{line.department for line in journal.lines} for journal in built.journals] == [{"ASM"}, {"WLD"}]
    assert [len(journal.lines) for journal in built.journals] == [4, 5]
    for journal in built.journals:
        assert sum(money(journal).values()) == 0
    assert control_totals(built.journals, totals(RUN)) == []


@pytest.mark.parametrize("max_lines", [2, 3, 4])
def test_cutting_lines_changes_no_account_and_no_item(max_lines: int) -> None:
    whole, parts = journals_of().journals, journals_of(max_lines=max_lines).journals

    sums: dict[str, Decimal] = {}
    for journal in parts:
        assert len(journal.lines) <= max_lines
        assert sum(money(journal).values()) == 0
        for account, amount in money(journal).items():
            sums[account] = sums.get(account, Decimal(0)) + amount
    assert sums == money(whole[0])
    assert control_totals(parts, totals(RUN)) == []


def test_descriptions_are_short_plain_and_say_how_much_more_there_is() -> None:
    facts = msgspec.structs.replace(FACTS, kind="off_cycle", pay_group="Prämie\nJuni " + "x" * 200)
    words = {("item", f"earning:{n}"): f"Earning {n}" for n in range(5)} | {("department", "ASM"): "Assembly " * 20}
    rules = [*RULES, *(Rule(id=10 + n, item=f"earning:{n}", debit="6000") for n in range(5))]
    run = [
        *(
            msgspec.structs.replace(line, item=f"earning:{n}")
            for n in range(5)
            for line in paid("w1", "ASM", regular=f"{n + 1}.00")
        ),
        *paid("w1", "ASM", net="15.00"),
    ]

    (journal,) = journals_of(
        run, facts=facts, rules=rules, around=msgspec.structs.replace(AROUND, words=words)
    ).journals

    assert journal.description.startswith("Payroll 2026-06-15 Off cycle 2026-05-25 to 2026-06-07 Pramie Juni xxx")
    assert len(journal.description) == 120
    assert journal.lines[0].description.startswith("Earning 4, Earning 3, Earning 2 and 2 more · Assembly")
    assert len(journal.lines[0].description) <= 100


def test_an_empty_register_makes_no_journal() -> None:
    assert journals_of([]) == Built(journals=(), findings=())


def test_minor_units() -> None:
    assert [minor_unit(currency) for currency in ("USD", "JPY", "KWD", "CLF")] == [
        Decimal("0.01"),
        Decimal(1),
        Decimal("0.001"),
        Decimal("0.0001"),
    ]


def test_all_costs_of_the_example_are_debits_of_its_journal() -> None:
    (journal,) = journals_of().journals

    assert journal.debit == sum(line.amount for line in RUN if line.kind in DEBITED) == Decimal("8155.30")
