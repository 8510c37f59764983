"""What a refused journal means, in a sentence that says where to mend it.

Plex publishes no list of its reasons (plex §2.7), so its words are searched; they are quoted in any case, without
the descriptions we sent, which may name a person.
"""

from __future__ import annotations

import re

from connectors.errors import ConnectorError, RecordRejectedError
from connectors.http import RefusedReply
from connectors.journals import Journal
from connectors.plex.refusals import AccessError, blanked, words
from connectors.plex.settings import Plant

_REASONS = (
    (
        re.compile(r"soft.?closed", re.IGNORECASE),
        "posting_date",
        "The fiscal period is soft closed: only users with a special right may post to it. Have it opened in Plex.",
    ),
    (
        re.compile(r"\bclosed\b", re.IGNORECASE),
        "posting_date",
        "The fiscal period is closed. Have it opened in Plex, or choose another posting date.",
    ),
    (
        re.compile(r"period", re.IGNORECASE),
        "posting_date",
        "Plex does not accept the fiscal period. Have the periods of this year checked in Plex.",
    ),
    (
        re.compile(r"account[^;]*\b(inactive|not active|deactivated)|\binactive account", re.IGNORECASE),
        "account",
        "An account is not active in Plex{accounts}. Activate it there, or change the rule that leads to it.",
    ),
    (
        re.compile(r"account", re.IGNORECASE),
        "account",
        "Plex does not accept an account{accounts}. Create it there, or change the rule that leads to it.",
    ),
    (
        re.compile(r"status", re.IGNORECASE),
        "",
        "Plex does not know the journal status. Correct 'Journal status' in the settings of the Plex connection.",
    ),
    (
        re.compile(r"currency", re.IGNORECASE),
        "currency",
        "Plex does not accept the currency. Correct 'Currency of the books' in the settings of the Plex connection.",
    ),
    (
        re.compile(r"\bat most\b|too many|maximum", re.IGNORECASE),
        "lines",
        "The journal is too long for Plex. Lower 'Lines per journal' in the settings of the Plex connection.",
    ),
)


def explain_journal(refused: RefusedReply, plant: Plant, journal: Journal) -> ConnectorError:
    """After a refusal nothing was posted. ``field`` of the error is our name of what Plex complains about."""
    personal = [journal.description, *(line.description for line in journal.lines)]
    said, shown = words(refused.reply, personal)
    detail = blanked(refused.detail, personal)
    if refused.status == 403:
        return AccessError(
            f"Plex does not allow this connection to post journals in PCN {plant.pcn}. Ask your Plex administrator for "
            f"a role that may create journal entries.",
            access="forbidden",
            detail=detail,
        )
    if refused.status == 404:
        return AccessError(
            f"Plex has no journals at the address of this connection, so nothing was posted in PCN {plant.pcn}. Check "
            f"the address, and test the connection.",
            access="unknown",
            detail=detail,
        )
    for pattern, field, reason in _REASONS:
        if pattern.search(said):
            sentence = reason.format(accounts=_named(said, journal))
            return RecordRejectedError(
                f"Plex refused this journal. {sentence} Plex says: {shown}", detail=detail, field=field
            )
    return RecordRejectedError(f"Plex refused this journal: {shown}", detail=detail)


def _named(said: str, journal: Journal) -> str:
    """The accounts Plex means, by their number or by the place of their line; account numbers are no secret."""
    numbers = [line.account for line in journal.lines]
    meant = {
        numbers[int(place)] for place in re.findall(r"lines\[(\d+)\]", said, re.IGNORECASE) if int(place) < len(numbers)
    }
    meant |= {number for number in numbers if re.search(rf"(?<![\w-]){re.escape(number)}(?![\w-])", said)}
    return f": {', '.join(sorted(meant))}" if meant else ""
