"""What a refused line means, in a sentence that says where to mend it.

Dynamics speaks the language of the service's user (dynamics §9): what is not understood is quoted as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connectors.dynamics.mistakes import RefusedError
from connectors.errors import RecordRejectedError

_REASONS = (
    (
        re.compile(r"\bperiod\b", re.IGNORECASE),
        "posting_date",
        "The fiscal period is not open. Have it opened in Dynamics, or choose another posting date.",
    ),
    (
        re.compile(r"format for data entities|active dimensions", re.IGNORECASE),
        "account",
        "Dynamics has no dimension format for accounts. Make one active for data entities.",
    ),
    (
        re.compile(r"number sequence", re.IGNORECASE),
        "",
        "Dynamics lacks a number sequence. Have it set up there (General ledger parameters > Number sequences).",
    ),
    (
        re.compile(r"currency|exchange rate", re.IGNORECASE),
        "currency",
        "The currency is not accepted. Set it up, with a rate, in Dynamics.",
    ),
    (
        re.compile(r"dimension|combination|main account|segment", re.IGNORECASE),
        "account",
        "An account or a dimension is not accepted{accounts}. Correct it in Dynamics, or the rule that leads to it.",
    ),
)
_IN_USE = re.compile(r"\bin use by\b", re.IGNORECASE)


def is_in_use(refused: RefusedError) -> bool:
    """True when somebody has the journal open: nothing is wrong with it, and nothing of it can be removed either."""
    return bool(_IN_USE.search(refused.said))


def explained(refused: RefusedError, accounts: Sequence[str]) -> RecordRejectedError:
    """The refusal of a header, or of lines with these accounts (in our words): its remedy, and Dynamics' own words."""
    for pattern, field, remedy in _REASONS:
        if pattern.search(refused.said):
            named = f": one of {', '.join(sorted(set(accounts)))}" if accounts else ""
            sentence = f"{remedy.format(accounts=named)} {refused.sentence}"
            return RecordRejectedError(sentence, detail=refused.detail, field=field)
    return refused
