"""What proves to Rippling who asks: a customer's API token, or the access an administrator gave to our app.

Source: rippling §1.1–§1.4.
"""

from __future__ import annotations

from connectors import rippling
from connectors.auth import BearerToken
from connectors.contract import ConnectorContext
from connectors.errors import ConnectionConfigError
from connectors.http import Auth
from connectors.oauth import AuthorizedApp, TokenEndpoint


def setting(context: ConnectorContext, name: str) -> str:
    """A setting of this connection, or its default where the connection has none. An empty text is a value."""
    default = next(field.default for field in rippling.SETTINGS if field.name == name)
    return context.settings.get(name, default).strip()


def credential(context: ConnectorContext) -> Auth:
    """What the connection's requests carry; ConnectionConfigError when nothing was entered or no app is known."""
    if is_app(context):
        return AuthorizedApp(context, token_endpoint(context), product=rippling.PRODUCT)
    return BearerToken(context.credentials.get("api_token", ""))


def is_app(context: ConnectorContext) -> bool:
    """True when an administrator installs our app instead of entering a token."""
    return rippling.is_installed(context.settings)


def token_endpoint(context: ConnectorContext) -> TokenEndpoint:
    """Rippling's token endpoint for the app of this connection: form-encoded, the client by Basic."""
    return TokenEndpoint(
        context,
        product=rippling.PRODUCT,
        token_url=setting(context, "token_url"),
        client_id=app(context, "client_id"),
        client_secret=app(context, "client_secret"),
        client_auth="basic",
    )


def app(context: ConnectorContext, name: str) -> str:
    """A part of the connection's own app, or of the operator's where the connection names no client ID.

    ConnectionConfigError when there is neither. ``redirect_uri`` may be empty: then it is our own address.
    """
    is_own = bool(setting(context, "client_id"))
    if not is_own:
        value = context.app.get(name, "")
    elif name == "client_secret":
        value = context.credentials.get(name, "").strip()
    else:
        value = setting(context, "app_name" if name == "name" else name)
    if not value and name != "redirect_uri":
        raise ConnectionConfigError(
            "The name, client ID or client secret of the Rippling app is missing. Enter those of your own app on the "
            "connection's page, or ask your operator to set up theirs."
        )
    return value
