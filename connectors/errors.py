"""Errors named for what happens next.

ConnectorError
├── TemporaryError            nothing happened; try again later (``retry_after`` seconds if the vendor said so)
│   └── RateLimitedError      the vendor asked us to slow down
├── ConnectionConfigError     pause the connection and tell its owner
├── RecordRejectedError       this record is refused; mark it and go on with the others
├── UnexpectedReplyError      the vendor answered something we do not understand; stop the run, alert us
└── OutcomeUnknownError       a write may have happened; look it up, never send it again blindly

Each carries ``sentence`` (for staff: cause and remedy) and ``detail`` (for us: redacted, no secrets, no personal
data). ``sync/failures.py`` turns the class into a state.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Something a connector could not do. ``str(error)`` is the sentence for staff."""

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail


class TemporaryError(ConnectorError):
    """Nothing was changed on the other side; the same call may work later."""

    def __init__(self, sentence: str, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = retry_after


class RateLimitedError(TemporaryError):
    """The vendor answered that we call too often, and kept doing so for as long as we were willing to wait."""


class ConnectionConfigError(ConnectorError):
    """Credentials, permissions or settings are wrong; only a person can mend it."""


class AccessEndedError(ConnectionConfigError):
    """The vendor itself refused the credential, and not one permission of it: what we hold opens nothing any more."""


class RecordRejectedError(ConnectorError):
    """The vendor refused one record. ``field`` names our field where the vendor said which one."""

    def __init__(self, sentence: str, *, detail: str = "", field: str = "") -> None:
        super().__init__(sentence, detail=detail)
        self.field = field


class UnexpectedReplyError(ConnectorError):
    """The vendor's answer is not what its documentation says; nothing is inferred from it."""


class OutcomeUnknownError(ConnectorError):
    """A write left us and no trustworthy answer came back: it may or may not have happened."""
