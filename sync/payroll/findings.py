"""What is wrong with a pay run or its journals: all of it at once, each with whom and how much it concerns. Pure.

The sentence and the remedy for staff are made of these in ``sync/payroll/wording.py``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from decimal import Decimal

import msgspec


class FindingCode(enum.StrEnum):
    """Causes. The first group is about the register, the second about rules, the third about the ledger."""

    EMPTY_RUN = "empty_run"
    FEW_PEOPLE = "few_people"
    UNREADABLE_PAY = "unreadable_pay"
    UNKNOWN_WORKER = "unknown_worker"
    NET_DIFFERS = "net_differs"
    GROSS_DIFFERS = "gross_differs"
    DIRECTION = "direction"
    TOTALS_DIFFER = "totals_differ"

    NO_RULE = "no_rule"
    NO_COST_CENTER = "no_cost_center"
    NOT_MAPPED = "not_mapped"
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
    {
        FindingCode.EMPTY_RUN,
        FindingCode.FEW_PEOPLE,
        FindingCode.DIRECTION,
        FindingCode.SAME_PERIOD,
        FindingCode.PERIOD_SOFT_CLOSED,
    }
)
"""A person may say, with a reason, that these are right as they are. All others must be mended."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One cause. ``kind`` and ``culprit`` name what is wrong (an item's key, an account's number, a department's id).

    ``amount`` is the money it concerns in ``currency``, None where that means nothing. ``people`` are employee
    numbers (source ids where there is none), sorted, at most SHOWN_PEOPLE of the ``people_count``. Where the amount is
    a journal's and nobody is named, that is how many people the least of its lines concerns; 0 says that the amount
    is nobody's pay. ``journal`` is the key of the journal it is about, empty when it is about the whole run.
    ``detail`` are further words for the sentence, without personal data or pay.
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


def refused(reference: str, key: str, sentence: str) -> Finding:
    """LEDGER_REFUSED of the journal with this reference and key, for the reason the ledger gives."""
    return Finding(
        code=FindingCode.LEDGER_REFUSED, kind="journal", culprit=reference, journal=key, detail=sentence[:400]
    )


SHOWN_PEOPLE = 50


class Tally:
    """Collects findings: the same cause met again adds its money and its people to one finding."""

    def __init__(self) -> None:
        self._found: dict[tuple[FindingCode, str, str, str, str, str], tuple[Decimal | None, set[str], int]] = {}

    def add(
        self,
        code: FindingCode,
        kind: str = "",
        culprit: str = "",
        *,
        amount: Decimal | None = None,
        currency: str = "",
        people: Iterable[str] = (),
        fewest: int = 0,
        journal: str = "",
        detail: str = "",
    ) -> None:
        """Meet this cause once more. ``people`` are labels, ``fewest`` is the least of several people that the amount
        tells of where they are not named; ``amount`` is added to what is there."""
        key = (code, kind, culprit, currency, journal, detail)
        so_far, concerned, least = self._found.get(key, (None, set[str](), fewest))
        concerned.update(people)
        total = amount if so_far is None else so_far + (amount or 0)
        self._found[key] = (total, concerned, min(filter(None, (least, fewest)), default=0))

    def findings(self) -> list[Finding]:
        """One finding per cause, in the order of FindingCode, then by kind, culprit and currency."""
        order = list(FindingCode)
        return [
            Finding(
                code=code,
                kind=kind,
                culprit=culprit,
                amount=amount,
                currency=currency,
                people=tuple(sorted(people)[:SHOWN_PEOPLE]),
                people_count=len(people) or least,
                journal=journal,
                detail=detail,
            )
            for (code, kind, culprit, currency, journal, detail), (amount, people, least) in sorted(
                self._found.items(), key=lambda found: (order.index(found[0][0]), found[0][1:])
            )
        ]
