"""What people enter for a connection, checked against what its vendor asks for. Used by the admin and the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from django.conf import settings as configuration
from django.core.exceptions import ValidationError

from connectors.contract import SettingField
from connectors.errors import ConnectionConfigError
from connectors.hosts import check_address
from connectors.vendors import Vendor

LONGEST_SETTING = 4_000
LONGEST_CREDENTIAL = 20_000


def allowed_hosts(vendor: Vendor) -> frozenset[str]:
    """Host names and ".suffixes" requests of this vendor's connections may go to: its own, and the operator's."""
    return vendor.hosts | frozenset(host.lower() for host in configuration.ALLOWED_VENDOR_HOSTS)


def clean_settings(vendor: Vendor, settings: Mapping[str, object]) -> dict[str, str]:
    """The settings as the connection keeps them: text, without surrounding blanks, those left out left out.

    Raises ValidationError with a sentence per field: unknown, secret, missing, not a choice, not a whole number,
    or an address requests may not go to.
    """
    fields = {field.name: field for field in vendor.settings if not field.secret}
    secret = {field.name for field in vendor.settings if field.secret}

    def clean(field: SettingField, text: str) -> str:
        _check_setting(vendor, field, text)
        return text

    def reason(name: str) -> str:
        return "This is a credential; enter it with the credentials." if name in secret else "There is no such setting."

    return _cleaned(fields, settings, LONGEST_SETTING, clean, reason)


def clean_credentials(
    vendor: Vendor, credentials: Mapping[str, object], settings: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The credentials as they are sealed, empty ones left out. Raises ValidationError with a sentence per field.

    Which ones are needed may depend on ``settings``, the connection's, with its vendor's defaults.
    """
    values = {field.name: field.default for field in vendor.settings} | dict(settings or {})
    fields = {
        field.name: msgspec.structs.replace(field, required=_is_needed(field, values))
        for field in vendor.settings
        if field.secret
    }
    cleaned = _cleaned(
        fields, credentials, LONGEST_CREDENTIAL, lambda _, text: text, lambda _: "There is no such credential."
    )
    return {name: text for name, text in cleaned.items() if text}


def _is_needed(field: SettingField, values: Mapping[str, str]) -> bool:
    return field.required or (field.needed_with is not None and values[field.needed_with[0]] == field.needed_with[1])


def _cleaned(
    fields: Mapping[str, SettingField],
    values: Mapping[str, object],
    longest: int,
    clean: Callable[[SettingField, str], str],
    why_unknown: Callable[[str], str],
) -> dict[str, str]:
    errors = {str(name): why_unknown(str(name)) for name in values if name not in fields}
    cleaned: dict[str, str] = {}
    for name, field in fields.items():
        try:
            text = _text(values.get(name), longest)
            if field.required and not (text or field.default):
                raise ValidationError(f"{field.label} is needed.")
            if name in values:
                cleaned[name] = clean(field, text)
        except ValidationError as error:
            errors[name] = error.messages[0]
    if errors:
        raise ValidationError({name: [sentence] for name, sentence in errors.items()})
    return cleaned


def _text(value: object, longest: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValidationError("Enter text.")
    text = str(value).replace("\r\n", "\n").strip()
    if len(text) > longest:
        raise ValidationError(f"This is longer than {longest:,} characters.")
    if not all(character.isprintable() or character in "\n\t" for character in text):
        raise ValidationError("This contains characters that cannot be sent. Type it, or copy it again.")
    return text


def _check_setting(vendor: Vendor, field: SettingField, text: str) -> None:
    if not text:
        return
    if field.choices and text not in dict(field.choices):
        known = ", ".join(label for _, label in field.choices)
        raise ValidationError(f"{field.label} must be one of: {known}.")
    if field.is_number and not (text.isascii() and text.isdigit()):
        raise ValidationError(f"{field.label} must be a whole number, digits only.")
    if field.is_url:
        try:
            check_address(
                text,
                allowed=allowed_hosts(vendor),
                allow_loopback=configuration.ALLOW_LOOPBACK_VENDORS,
                product=vendor.product,
            )
        except ConnectionConfigError as error:
            raise ValidationError(error.sentence) from None
