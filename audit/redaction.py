"""What an audit entry may show: one list of field names, and masks for everything that is not on it.

An entry is kept for years and can never be changed, so personal data and pay must not get in. A name that is not in
``SHOWN`` is masked, by its own mask where there is one, completely otherwise; pay and secrets are refused, because
whoever passes them has a defect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

HIDDEN = "•••"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHOWN = (
    # What a worker's record says about the organisation, not about the person.
    _names("""
        number status active state company location department cost_center position manager_id employment_type shift
        company_id location_id department_id position_id employment_type_id shift_id reference plant pcn building
        legal_entity job_code job_dimension start_date end_date hire_date original_hire_date rehire_date
        termination_date effective_date effective_on local_date due_on updated_at source_updated_at
    """)
    # Reference values, mappings, settings.
    | _names("""
        id kind code name description parent_id segments category account dimension source_value target_value
        source_code target_code valid_from valid_to confirmed suggested score rule default vendor environment settings
        schedule time_zone enabled writes_enabled write_guard threshold mode interval role expires_at prefix base_url
        source target flow integration connection integration_id connection_id flow_id mapping_id link_id run_id
        item_id problem_id fields missing inactive renamed findings every_minutes full_every_hours max_change_percent
    """)
    # Account rules: which ledger account a pay item goes to says nothing about anybody's pay.
    | _names("debit_account credit_account settlement_account")
    # Calendars and timings: when flows run.
    | _names("calendar anchor first_day second_day roll holidays_of offset_days local_time cron day least_records")
    # Payroll settings: what a tenant decided, limits and thresholds included.
    | _names("""
        post_when separate_settlement detail cost_center_from rounding_account rounding_limit month_end
        accrued_account two_people second_approver_above post_by_itself variance_percent variance_amount fewest_people
    """)
    # What a run did, and why something stopped.
    | _names("""
        counts read planned created updated terminated rehired transferred unchanged blocked rejected verifying failed
        queued total expected limit watermark since until keys_digest content_digest started_at finished_at seconds
        attempts outcome change problem problems cause sentence remedy error preview complete trigger replay_of file
        rows entries from_seq to_seq last_hash ok
    """)
    # Pay runs and journals by their identity; their money is refused below.
    | _names("""
        pay_run pay_run_id pay_group pay_date pay_period pay_item check_date posting_date period voucher journal
        reference reverses adjusts after decision revealed
    """)
)
"""Names whose value is recorded as it is. Under them, a nested name is masked only if it has a mask of its own."""

_REFUSED = _names("""
    salary salaries pay wage wages amount amounts compensation rate earnings gross net bonus tax taxes deduction
    deductions bank iban ssn sin social token tokens secret secrets password passwords passphrase credential
    credentials authorization cookie
""")
"""A name outside ``SHOWN`` with one of these words is refused."""

_PERSON_KINDS = frozenset({"worker", "employee", "item"})
"""Subjects that are persons: the label of such an entry is masked, and so is a plain ``name``."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_DIGIT = re.compile(r"\d")
_NUL_AND_SURROGATES = re.compile("[\x00\ud800-\udfff]")


def readable(text: str) -> str:
    """The text without what no database can keep: NUL and lone surrogates become the replacement character."""
    if text.isascii() and "\x00" not in text:
        return text
    return _NUL_AND_SURROGATES.sub("\ufffd", text)


def mask_name(text: str) -> str:
    """The initials: ``Jane Doe`` becomes ``J… D…``. A word that is mostly digits is a record's number and stays."""
    return " ".join([word if _is_number(word) else f"{word[0]}…" for word in readable(text).split()])


def _is_number(word: str) -> bool:
    return not word.isalpha() and 2 * len(_DIGIT.findall(word)) >= len(word)


def mask_email(text: str) -> str:
    """The first letter and the domain: ``jane@example.com`` becomes ``j…@example.com``."""
    local, at, domain = readable(text).rpartition("@")
    return f"{local[:1]}…@{domain}" if at else HIDDEN


def mask_phone(text: str) -> str:
    """The last two digits: ``+1 313 555 0142`` becomes ``…42``."""
    digits = [c for c in text if c.isdigit()]
    return "…" + "".join(digits[-2:]) if len(digits) > 4 else HIDDEN


_MASKS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(
        _names("""
            given_name middle_name family_name first_name last_name preferred_name display_name full_name legal_name
            worker_name employee_name manager_name
        """),
        mask_name,
    ),
    **dict.fromkeys(_names("email work_email personal_email"), mask_email),
    **dict.fromkeys(_names("phone work_phone mobile_phone personal_phone"), mask_phone),
}


def redact(values: Mapping[str, Any], *, subject_kind: str) -> dict[str, Any]:
    """A copy that may be recorded. Raises ValueError when a field is pay or a secret; the message holds no value.

    A field that is UNSET was withheld by its source and is left out.
    """
    person = subject_kind in _PERSON_KINDS
    return {
        readable(name): _field("full_name" if person and name == "name" else name, value, name in SHOWN)
        for name, value in values.items()
        if value is not msgspec.UNSET
    }


def redact_both(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, *, subject_kind: str
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Both sides of a change, redacted. Where masks hide a difference, the later one says ``(changed)``."""
    old = None if before is None else redact(before, subject_kind=subject_kind)
    new = None if after is None else redact(after, subject_kind=subject_kind)
    if before and after and old is not None and new is not None:
        for name, value in new.items():
            if isinstance(value, str) and old.get(name) == value and before.get(name) != after.get(name):
                new[name] = f"{value} (changed)"
    return old, new


def redact_label(label: str, *, subject_kind: str) -> str:
    """The static name of a subject: a person's is masked, anything else stays."""
    return mask_name(label) if subject_kind in _PERSON_KINDS else readable(label)


def _field(name: str, value: Any, shown: bool) -> Any:
    mask = _MASKS.get(name)
    if mask is None and name not in SHOWN:
        _refuse_pay_and_secrets(name)
    if value is None or value == "":
        return value
    if mask is not None:
        return mask(value) if isinstance(value, str) else HIDDEN
    return _shown(value) if shown else HIDDEN


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return {
            readable(str(name)): _field(str(name), inner, shown=True)
            for name, inner in value.items()
            if inner is not msgspec.UNSET
        }
    if isinstance(value, list | tuple):
        return [_shown(inner) for inner in value]
    return value


def _refuse_pay_and_secrets(name: str) -> None:
    if _REFUSED & {word.lower() for word in _WORD.findall(name)}:
        raise ValueError(f"The field {name!r} is pay or a secret and must not be recorded in the audit trail.")
