"""What correcting would do, before it is done."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sync.api.amounts import Masked, Money, unless
from sync.api.payroll_sight import RunView, hidden_rows
from sync.payroll.effects import Effect, EffectKind


class AccountEffectSerializer(serializers.Serializer[Any]):
    """The net debit of one account by our journals: on the ledger now, and afterwards."""

    company = serializers.CharField()
    currency = serializers.CharField()
    account = serializers.CharField()
    before = Money()
    after = Money()
    difference = Money()
    people_before = serializers.IntegerField()
    people = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="How many people's own part of it changes at least.")
    masked = Masked()


class EffectOfCorrectingSerializer(serializers.Serializer[Any]):
    """What `repost` would do now."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in EffectKind])
    sentence = serializers.CharField()
    reverses = serializers.ListField(child=serializers.IntegerField(), help_text="Journals that would be taken back.")
    accounts = AccountEffectSerializer(many=True)


def effect_told(effect: Effect, view: RunView) -> dict[str, Any]:
    """The effect, with the amounts that may be seen. An account with a hidden line of the run is hidden."""
    known = {line.account for lines in view.lines.values() for line in lines}
    small = [row.account in known and view.hides_account(row.account) for row in effect.accounts]
    hidden = hidden_rows(effect.accounts, view.sight, view.fewest, small)
    return {
        "kind": effect.kind.value,
        "sentence": effect.sentence,
        "reverses": [posting.pk for posting in effect.reversed],
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
            for row, is_hidden in zip(effect.accounts, hidden, strict=True)
        ],
    }
