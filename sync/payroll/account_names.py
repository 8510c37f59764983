"""What a ledger calls the accounts that journals are posted to."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.records import RefKind
from sync.models import Integration, ReferenceValue


def account_names(integration: Integration, accounts: Iterable[str]) -> dict[str, str]:
    """The chart's name of each of these accounts that it has, whatever dimensions the account has besides. One
    query."""
    numbers = {account: integration.target.product.chart_number(account) for account in set(accounts)}
    chart = ReferenceValue.objects.filter(
        connection=integration.target_id, kind=RefKind.ACCOUNT, external_id__in=set(numbers.values())
    )
    names = dict(chart.values_list("external_id", "name"))
    return {account: names[number] for account, number in numbers.items() if number in names}
