"""What a finding says to staff: cause, money, people, remedy. One table, in accountants' words."""

from __future__ import annotations

from collections.abc import Mapping

from sync.payroll.findings import Finding, FindingCode

_C = FindingCode

SENTENCES: dict[FindingCode, str] = {
    _C.EMPTY_RUN: "This pay run pays nobody anything.",
    _C.FEW_PEOPLE: "This pay run pays {people}; at least {detail} were expected.",
    _C.UNREADABLE_PAY: "{source} sent pay of {people} that cannot be used ({culprit}): {detail}",
    _C.UNKNOWN_WORKER: "{source} paid {people} we do not know, so their department is unknown.",
    _C.NET_DIFFERS: "For {people}, gross pay less taxes and deductions is not the net pay.",
    _C.GROSS_DIFFERS: "For {people}, the earnings do not add up to the gross pay.",
    _C.DIRECTION: "{Culprit} is below zero for {people}.",
    _C.TOTALS_DIFFER: "The journals and the register differ ({culprit}).",
    _C.NO_RULE: "{name} has no {detail} ({people}).",
    _C.NO_COST_CENTER: "{Kind} {name} has no cost center ({people}).",
    _C.NOT_MAPPED: "{Kind} {name} is not mapped to a {kind} of {target} ({people}).",
    _C.NO_COMPANY: "Legal entity {name} is not mapped to a company of {target} ({people}).",
    _C.NO_ROUNDING_ACCOUNT: "Rounding needs an account of its own, and none is chosen.",
    _C.NO_ACCRUAL_ACCOUNT: "Sharing out over the month end needs an accrued payroll account, and none is chosen.",
    _C.ACCOUNT_FORM: "Account {culprit} cannot be one of {target}: {detail}",
    _C.ACCOUNT_UNKNOWN: "{target} has no account {culprit}.",
    _C.ACCOUNT_INACTIVE: "Account {culprit} is not active in {target}.",
    _C.PERIOD_UNKNOWN: "{target} shows no fiscal period for {culprit}.",
    _C.PERIOD_CLOSED: "Period {culprit} is closed in {target}.",
    _C.PERIOD_SOFT_CLOSED: "Period {culprit} is soft-closed in {target}: only users with a special right may post.",
    _C.CURRENCY: "{target} keeps its books in {detail}; this journal is in {currency}.",
    _C.UNBALANCED: "Debits and credits differ.",
    _C.ROUNDING: "Rounding comes to more than is allowed.",
    _C.SAME_PERIOD: "Another regular pay run of this pay group was posted for the same period: {culprit}.",
    _C.ALREADY_POSTED: "This pay run is on the ledger already as journal {culprit}.",
    _C.LEDGER_REFUSED: "{target} refused the journal: {detail}",
}
REMEDIES: dict[FindingCode, str] = {
    _C.EMPTY_RUN: "If that is right, say so below; there is nothing to post then.",
    _C.FEW_PEOPLE: "Look at the pay run in {source}. If it is complete, say so below.",
    _C.UNREADABLE_PAY: "Correct it in {source}, then check again.",
    _C.UNKNOWN_WORKER: "Let {source} show these people to the connection, then check again.",
    _C.NET_DIFFERS: "Correct the statements in {source}, then check again.",
    _C.GROSS_DIFFERS: "Correct the statements in {source}, then check again.",
    _C.DIRECTION: "Correct it in {source}, or say below that it is right as it is.",
    _C.TOTALS_DIFFER: "This must not happen. Check again; if it stays, tell support.",
    _C.NO_RULE: "Choose its accounts, then check again.",
    _C.NO_COST_CENTER: "Map it to a cost center, then check again.",
    _C.NOT_MAPPED: "Map it, then check again.",
    _C.NO_COMPANY: "Map the legal entity, then check again.",
    _C.NO_ROUNDING_ACCOUNT: "Choose a rounding account in the payroll settings.",
    _C.NO_ACCRUAL_ACCOUNT: "Choose the account in the payroll settings.",
    _C.ACCOUNT_FORM: "Correct the account in its rule.",
    _C.ACCOUNT_UNKNOWN: "Create it in {target}, or choose another account in the rule; then check again.",
    _C.ACCOUNT_INACTIVE: "Activate it in {target}, or choose another account in the rule; then check again.",
    _C.PERIOD_UNKNOWN: "Create the period in {target}, then check again.",
    _C.PERIOD_CLOSED: "Reopen it in {target}, then check again.",
    _C.PERIOD_SOFT_CLOSED: "Reopen it, or say below that our user has the right.",
    _C.CURRENCY: "Map the legal entity to a company with books in {currency}, or post this journal by hand.",
    _C.UNBALANCED: "Correct the statements in {source}, then check again.",
    _C.ROUNDING: "Look at the pay items with fractions of a cent, or raise the limit in the payroll settings.",
    _C.SAME_PERIOD: "Look at both runs. If both are right, say so below.",
    _C.ALREADY_POSTED: "Nothing to do. To correct it, reverse it.",
    _C.LEDGER_REFUSED: "Mend what it says, then check again and approve anew.",
}


def sentence_of(finding: Finding, *, source: str, target: str, words: Mapping[tuple[str, str], str]) -> str:
    """Cause and people, in a sentence. The money is told apart from it, so that it can be masked."""
    return SENTENCES[finding.code].format(**_words(finding, source, target, words))[:600]


def remedy_of(finding: Finding, *, source: str, target: str, words: Mapping[tuple[str, str], str]) -> str:
    """What to do about it."""
    return REMEDIES[finding.code].format(**_words(finding, source, target, words))[:300]


def _words(finding: Finding, source: str, target: str, words: Mapping[tuple[str, str], str]) -> dict[str, str]:
    name = words.get((finding.kind, finding.culprit)) or finding.culprit or "(none given)"
    kind = finding.kind.replace("_", " ")
    culprit = name if finding.kind in ("item", "kind") else finding.culprit
    return {
        "source": source,
        "target": target,
        "culprit": culprit.replace("_", " ") if finding.kind == "kind" else culprit,
        "Culprit": culprit.replace("_", " ").capitalize(),
        "name": name,
        "kind": kind,
        "Kind": kind.capitalize(),
        "currency": finding.currency,
        "detail": finding.detail or "account rule",
        "people": people_words(finding.people, finding.people_count),
    }


def people_words(labels: tuple[str, ...], count: int) -> str:
    """ "employee 1042", "employees 1042, 1077 and 12 more", "1 person" where there is no number to name."""
    if not count:
        return "nobody"
    if not labels:
        return "1 person" if count == 1 else f"{count} people"
    shown = ", ".join(labels[:3])
    if count == 1:
        return f"employee {shown}"
    more = f" and {count - 3} more" if count > 3 else ""
    return f"employees {shown}{more}"
