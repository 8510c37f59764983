"""An app of the App Shop at one company: who installed it, and the codes and tokens that they were given.

Source: rippling §1.2–§1.5. Nothing here speaks HTTP; every instant is passed in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox.core import new_key

RETURN_TO = "https://app.rippling.com/apps/PLATFORM/{name}/redirect"
"""Where Rippling wants the browser back when the app is done."""


@dataclass(frozen=True)
class App:
    """What is registered with Rippling. Several companies may install one app."""

    name: str
    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(eq=False)
class Installer:
    """The administrator on whose behalf the app acts."""

    is_admin: bool = True
    terminated: bool = False


@dataclass(frozen=True)
class Code:
    installer: Installer
    expires_at: datetime


@dataclass
class Access:
    """An access token; ``expires_at`` moves back when it is ended early."""

    installer: Installer
    expires_at: datetime

    def is_live(self, moment: datetime) -> bool:
        return moment < self.expires_at and not self.installer.terminated


@dataclass
class Refresh:
    """A refresh token and the access token that came with it."""

    installer: Installer
    access: str
    spent: bool = False


@dataclass(frozen=True)
class Terms:
    """How tokens are handed out: the options of the same names of a company."""

    expires_in: int
    rotate: bool
    revoke_on_reuse: bool
    refresh_ends_access: bool


class RefusedGrant(Exception):
    """The code or refresh token gives no token: 400 ``invalid_grant``."""


@dataclass
class InstalledApp:
    """The app at one company, installed or not."""

    app: App
    signed_in_at: datetime
    """When the company's administrator last signed in to Rippling: who agrees on the page of an app of several."""
    installer: Installer = field(default_factory=Installer)
    installed: bool = False
    """The app has called v1 with a token of an installer, and was not uninstalled since."""
    uninstalled: bool = False
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    refresh: dict[str, Refresh] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def code(self, expires_at: datetime) -> str:
        """A new code. Where the last installer has left the company, another administrator installs."""
        if self.installer.terminated:
            self.installer = Installer()
        code = new_key()
        self.codes[code] = Code(self.installer, expires_at)
        return code

    def install_url(self, code: str, buy: bool, return_to: str | None) -> str:
        """Rippling's own way in: it carries no state, for the app has not asked. Source: rippling §1.2."""
        back = RETURN_TO.format(name=self.app.name) if return_to is None else return_to
        query = urlencode({"code": code, "buy": "true" if buy else "false", "redirect_uri": back})
        return f"{self.app.redirect_uri}?{query}"

    def exchange(self, code: str, redirect_uri: str, terms: Terms, moment: datetime) -> dict[str, Any]:
        """Tokens for a code, which is gone with the first try. Raises RefusedGrant."""
        known = self.codes.pop(code, None)
        agreed = redirect_uri == self.app.redirect_uri
        if known is None or known.expires_at <= moment or known.installer.terminated or not agreed:
            self.counts["refused_exchanges"] += 1
            raise RefusedGrant("the code is unknown, used or expired, or was made for another address")
        self.counts["exchanges"] += 1
        self.uninstalled = False
        return self._tokens(known.installer, terms, moment, True)

    def renew(self, token: str, terms: Terms, moment: datetime) -> dict[str, Any]:
        """New tokens for a refresh token, which is good once while tokens rotate. Raises RefusedGrant."""
        known = self.refresh.get(token)
        if known is None or known.spent or known.installer.terminated:
            self.counts["refused_refreshes"] += 1
            if known is not None and terms.revoke_on_reuse:
                self.revoke(known.installer, moment)
            raise RefusedGrant("the refresh token is unknown, used or revoked")
        self.counts["refreshes"] += 1
        known.spent = terms.rotate
        if terms.refresh_ends_access:
            self.access[known.access].expires_at = moment
        return self._tokens(known.installer, terms, moment, terms.rotate)

    def revoke(self, installer: Installer, moment: datetime) -> None:
        """No code and no token of this installer works any more."""
        self.codes = {code: one for code, one in self.codes.items() if one.installer is not installer}
        self.expire(moment, installer)
        for refresh in self.refresh.values():
            refresh.spent = refresh.spent or refresh.installer is installer

    def expire(self, moment: datetime, installer: Installer | None = None) -> None:
        """The access tokens, of one installer or of all, have run out by this moment at the latest."""
        for access in self.access.values():
            if installer is None or access.installer is installer:
                access.expires_at = min(access.expires_at, moment)

    def snapshot(self, moment: datetime) -> dict[str, Any]:
        counted = ("exchanges", "refused_exchanges", "refreshes", "refused_refreshes", "token_uses")
        return {
            "installed": self.installed,
            **{name: self.counts[name] for name in counted},
            "live_access_tokens": sum(one.is_live(moment) for one in self.access.values()),
            "live_refresh_tokens": sum(not one.spent and not one.installer.terminated for one in self.refresh.values()),
        }

    def _tokens(self, installer: Installer, terms: Terms, moment: datetime, with_refresh: bool) -> dict[str, Any]:
        access, refresh = new_key() + new_key(), new_key() + new_key()
        self.access[access] = Access(installer, moment + timedelta(seconds=terms.expires_in))
        given = {"access_token": access, "token_type": "Bearer", "expires_in": terms.expires_in}
        if with_refresh:
            self.refresh[refresh] = Refresh(installer, access)
            given["refresh_token"] = refresh
        return given


def registered(key: str, given: dict[str, str] | None) -> App:
    """The app from the option of a control request; what is not given is invented. Raises ValueError."""
    rest = dict(given or {})
    if unknown := set(rest) - {one.name for one in fields(App)}:
        raise ValueError(f"an app has no {', '.join(sorted(unknown))}")
    invented = {
        "name": f"connector-{key[:8]}",
        "client_id": new_key(),
        "client_secret": new_key() + new_key(),
        "redirect_uri": "https://connector.example.com/connect/rippling/",
    }
    return App(**{**invented, **rest})
