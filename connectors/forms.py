"""The form of a connection, made from what its vendor asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from connectors.contract import SettingField
from connectors.models import Connection
from connectors.vendors import Vendor

ORIGINS = {
    "real": "from the vendor's API",
    "documents": "from the product documents",
    "ours": "ours, for this integration",
}
"""Where the need for a value comes from, as the form says it."""


class RefusableForm(forms.Form):
    """A form whose values are checked elsewhere, which then says what is wrong by input."""

    def refuse(self, refusal: ValidationError) -> None:
        """Show each sentence at its input."""
        if not hasattr(refusal, "error_dict"):
            self.add_error(None, refusal)
            return
        for name, sentences in refusal.message_dict.items():
            self.add_error(name if name in self.fields else None, sentences)


class ConnectionForm(RefusableForm):
    """Name, environment, and the vendor's settings; nothing secret. Values are checked by ``administration``."""

    name = forms.CharField(max_length=120, help_text="As your colleagues will know it, such as “Plex Detroit”.")
    environment = forms.ChoiceField(
        choices=Connection.Environment.choices, help_text="A test environment is marked as such wherever it is shown."
    )

    def __init__(self, vendor: Vendor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.vendor = vendor
        self.settings = [field for field in vendor.settings if not field.secret]
        for field in self.settings:
            self.fields[_name(field)] = _input(field)

    @classmethod
    def initial_of(cls, connection: Connection) -> dict[str, str]:
        """What the form shows of a connection that is there."""
        settings = {f"settings.{name}": value for name, value in connection.settings.items()}
        return {"name": connection.name, "environment": connection.environment, **settings}

    def entered(self) -> dict[str, str]:
        """The settings by name. One that was left out before and still shows its default stays left out; one that
        was emptied is empty, which can be a choice of its own."""
        values = {field: str(self.cleaned_data[_name(field)]) for field in self.settings}
        return {
            field.name: text for field, text in values.items() if text != field.default or _name(field) in self.initial
        }


class CredentialsForm(RefusableForm):
    """The vendor's credentials, always empty: what is stored is never shown again."""

    def __init__(self, vendor: Vendor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.secrets = [field for field in vendor.settings if field.secret]
        for field in self.secrets:
            secret = forms.CharField(
                label=field.label,
                help_text=field.help,
                required=False,
                strip=True,
                widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
            )
            self.fields[f"credentials.{field.name}"] = secret

    def entered(self) -> Mapping[str, str]:
        """The credentials that were entered, by name."""
        named = {field.name: self.cleaned_data[f"credentials.{field.name}"] for field in self.secrets}
        return {name: text for name, text in named.items() if text}


def _name(field: SettingField) -> str:
    return f"settings.{field.name}"


def _input(field: SettingField) -> forms.Field:
    shared: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": field.required}
    if field.choices:
        made: Any = forms.ChoiceField(choices=field.choices, initial=field.default, **shared)
    else:
        lines = field.name in ("plants",)
        made = forms.CharField(
            initial=field.default, widget=forms.Textarea(attrs={"rows": 2}) if lines else forms.TextInput(), **shared
        )
    made.origin = ORIGINS.get(field.origin, field.origin)
    return cast("forms.Field", made)
