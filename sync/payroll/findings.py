"""What is wrong with a pay run or its journals: all of it at once, each with whom and how much it concerns. Pure.

The sentence and the remedy for staff are made of these in ``sync/payroll/wording.py``.
"""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec


class FindingCode(enum.StrEnum):
    """Causes. The first group is about the register, the second about rules, the third about the ledger."""

    EMPTY_RUN = "empty_run"
    UNREADABLE_PAY = "unreadable_pay"
    UNKNOWN_WORKER = "unknown_worker"
    NET_DIFFERS = "net_differs"
    GROSS_DIFFERS = "gross_differs"
    DIRECTION = "direction"
    TOTALS_DIFFER = "totals_differ"

    NO_RULE = "no_rule"
    NO_COST_CENTER = "no_cost_center"
    NO_COMPANY = "no_company"
    NO_ROUNDING_ACCOUNT = "no_rounding_account"
    NO_ACCRUAL_ACCOUNT = "no_accrual_account"

    ACCOUNT_FORM = "account_form"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_INACTIVE = "account_inactive"
    PERIOD_UNKNOWN = "period_unknown"
    PERIOD_CLOSED = "period_closed"
    PERIOD_SOFT_CLOSED = "period_soft_closed"
    CURRENCY = "currency"
    UNBALANCED = "unbalanced"
    ROUNDING = "rounding"
    SAME_PERIOD = "same_period"
    ALREADY_POSTED = "already_posted"
    LEDGER_REFUSED = "ledger_refused"


ACCEPTABLE = frozenset(
    {FindingCode.EMPTY_RUN, FindingCode.DIRECTION, FindingCode.SAME_PERIOD, FindingCode.PERIOD_SOFT_CLOSED}
)
"""A person may say, with a reason, that these are right as they are. All others must be mended."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One cause. ``kind`` and ``culprit`` name what is wrong (an item's key, an account's number, a department's id).

    ``amount`` is the money it concerns in ``currency``, None where that means nothing. ``people`` are employee
    numbers (source ids where there is none), sorted, at most SHOWN_PEOPLE of the ``people_count``. ``journal`` is the
    key of the journal it is about, empty when it is about the whole run. ``detail`` are further words for the
    sentence, without personal data or pay.
    """

    code: FindingCode
    kind: str = ""
    culprit: str = ""
    amount: Decimal | None = None
    currency: str = ""
    people: tuple[str, ...] = ()
    people_count: int = 0
    journal: str = ""
    detail: str = ""


SHOWN_PEOPLE = 50
