"""What the API tells of account rules in money: how much they cover, and what others would have made of past runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from sync.api.amounts import Masked, Money, unless
from sync.api.findings import CODES
from sync.api.payroll_sight import hidden_rows, shows_people
from sync.models import PayRun
from sync.models.payroll import PAY_KINDS
from sync.payroll.coverage import ItemCoverage, ItemState, RunCoverage, Weight
from sync.payroll.findings import Finding
from sync.payroll.item_masks import SORTS, ItemMasks
from sync.payroll.simulating import SimulatedRun
from sync.payroll.visibility import Cell, Sight, masked


class WeightSerializer(serializers.Serializer[Any]):
    """Money without its signs, on how many lines of the register, and how many people it concerns."""

    amount = Money()
    masked = Masked()
    lines = serializers.IntegerField()
    people = serializers.IntegerField()


class CoveredSerializer(serializers.Serializer[Any]):
    """What was paid in one currency: by a rule for a department or other place, by an item's default, and without."""

    currency = serializers.CharField()
    total = WeightSerializer()
    override = WeightSerializer()
    default = WeightSerializer()
    without = WeightSerializer()


class RunCoverageSerializer(CoveredSerializer):
    """One currency of one pay run, by the rules as they are now and hold on its check date."""

    pay_run = serializers.IntegerField()
    check_date = serializers.DateField()
    percent = serializers.IntegerField(allow_null=True, help_text="The share of the money that has a rule.")


class ItemCoverageSerializer(serializers.Serializer[Any]):
    """One pay item with its rules, and what the latest runs paid of it."""

    item = serializers.CharField(help_text="Its key, as rules name it.")
    kind = serializers.ChoiceField(choices=PAY_KINDS)
    name = serializers.CharField()
    state = serializers.ChoiceField(
        choices=[state.value for state in ItemState],
        help_text="unmapped: some of it has no rule; inactive: a rule names an account that is not active; default: "
        "one rule for all of it; mapped: rules for departments or other places too.",
    )
    rules = serializers.ListField(child=serializers.IntegerField(), help_text="Their ids, whatever their dates.")
    paid = CoveredSerializer(many=True)


class AccountChangeSerializer(serializers.Serializer[Any]):
    """The net debit of one account in one run, by the rules as they are and as proposed."""

    company = serializers.CharField()
    currency = serializers.CharField()
    account = serializers.CharField()
    before = Money()
    after = Money()
    difference = Money()
    people_before = serializers.IntegerField()
    people = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="How many people's own part of it changes.")
    masked = Masked()


class GainSerializer(WeightSerializer):
    """What gains or loses its rule, in one currency."""

    currency = serializers.CharField()


class SimulatedFindingSerializer(serializers.Serializer[Any]):
    """A finding that only one set of rules has."""

    code = serializers.ChoiceField(choices=CODES)
    kind = serializers.CharField()
    culprit = serializers.CharField()
    detail = serializers.CharField()
    currency = serializers.CharField()
    amount = Money()
    masked = Masked()
    people_count = serializers.IntegerField()


class SimulatedRunSerializer(serializers.Serializer[Any]):
    """One past run by the proposed rules."""

    pay_run = serializers.IntegerField()
    title = serializers.CharField()
    check_date = serializers.DateField()
    accounts = AccountChangeSerializer(many=True)
    covered = GainSerializer(many=True, help_text="What would gain a rule.")
    uncovered = GainSerializer(many=True, help_text="What would lose its rule.")
    appeared = SimulatedFindingSerializer(many=True, help_text="Findings that only the proposed rules have.")
    vanished = SimulatedFindingSerializer(many=True, help_text="Findings that only the present rules have.")


def run_told(pay_run: PayRun, found: RunCoverage, sight: Sight, fewest: int) -> dict[str, Any]:
    """One currency of a run."""
    told = _covered(found.currency, found.total, [found.override, found.default, found.without], sight, fewest)
    is_masked = any(told[name]["masked"] for name in ("total", *SORTS))
    percent = None if is_masked else found.percent
    return told | {"pay_run": pay_run.pk, "check_date": pay_run.check_date, "percent": percent}


def item_told(found: ItemCoverage, masks: ItemMasks) -> dict[str, Any]:
    """One pay item, masked as the page of the rules is."""
    return {
        "item": found.item,
        "kind": found.kind.value,
        "name": found.name,
        "state": found.state.value,
        "rules": [rule.pk for rule in found.rules],
        "paid": [
            {
                "currency": currency,
                "total": _weight(total, masks.hides(found, currency, *SORTS)),
                **{
                    sort: _weight(getattr(found, sort).get(currency, Weight()), masks.hides(found, currency, sort))
                    for sort in SORTS
                },
            }
            for currency, total in found.total.items()
        ],
    }


def simulated_told(run: SimulatedRun, sight: Sight, fewest: int) -> dict[str, Any]:
    """One run of a simulation."""
    hidden = hidden_rows(run.accounts, sight, fewest, [False] * len(run.accounts))
    return {
        "pay_run": run.pay_run.pk,
        "title": run.pay_run.title,
        "check_date": run.pay_run.check_date,
        "accounts": [
            {
                "company": row.company,
                "currency": row.currency,
                "account": row.account,
                "before": unless(is_hidden, row.before),
                "after": unless(is_hidden, row.after),
                "difference": unless(is_hidden, row.difference),
                "people_before": row.people_before,
                "people": row.people,
                "moved": row.moved,
                "masked": is_hidden,
            }
            for row, is_hidden in zip(run.accounts, hidden, strict=True)
        ],
        "covered": _gains(run.covered, sight, fewest),
        "uncovered": _gains(run.uncovered, sight, fewest),
        "appeared": [_finding(finding, sight, fewest) for finding in run.appeared],
        "vanished": [_finding(finding, sight, fewest) for finding in run.vanished],
    }


def _covered(currency: str, total: Weight, parts: Sequence[Weight], sight: Sight, fewest: int) -> dict[str, Any]:
    """A total and what it is made of. The same people may be in all parts."""
    masks = masked([Cell(groups=("total",), people=part.people) for part in parts], sight, fewest)
    told = {name: _weight(part, hidden) for name, part, hidden in zip(SORTS, parts, masks.cells, strict=True)}
    return told | {"currency": currency, "total": _weight(total, "total" in masks.totals)}


def _weight(weight: Weight, hidden: bool) -> dict[str, Any]:
    return {
        "amount": unless(hidden, weight.amount),
        "masked": hidden,
        "lines": weight.lines,
        "people": weight.people,
    }


def _gains(gained: Mapping[str, Weight], sight: Sight, fewest: int) -> list[dict[str, Any]]:
    return [
        _weight(weight, not shows_people(sight, fewest, weight.people)) | {"currency": currency}
        for currency, weight in gained.items()
    ]


def _finding(finding: Finding, sight: Sight, fewest: int) -> dict[str, Any]:
    hidden = finding.amount is not None and not shows_people(sight, fewest, finding.people_count)
    return {
        "code": finding.code.value,
        "kind": finding.kind,
        "culprit": finding.culprit,
        "detail": finding.detail,
        "currency": finding.currency,
        "amount": unless(hidden, finding.amount),
        "masked": hidden,
        "people_count": finding.people_count,
    }
