"""How long a call is still tried, and how long to wait in between. Source of the figures: rippling §9."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from connectors.contract import ConnectorContext
from connectors.errors import RateLimitedError, TemporaryError
from connectors.replies import Reply

WAIT_CEILING = 900.0
BACKOFF_BASE, BACKOFF_CAP = 1.0, 60.0
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Patience:
    """How long one call is still tried: ``attempts`` for failures, a ceiling of waiting for 429s."""

    def __init__(self, context: ConnectorContext, product: str, call: str, attempts: int) -> None:
        self._context = context
        self._product = product
        self._call = call
        self._left = attempts
        self._failures = self._limits = 0
        self._waited = 0.0

    def after_loss(self, error: httpx.HTTPError) -> None:
        """Wait before the next attempt after no or half an answer; TemporaryError when this was the last."""
        self._after(_loss(error), f"{self._call} -> {type(error).__name__}", None)

    def after_failure(self, reply: Reply, detail: str) -> None:
        """Wait before the next attempt after a 5xx; TemporaryError when this was the last."""
        self._after(f"reported a failure of its own (status {reply.status})", detail, reply)

    def _after(self, what: str, detail: str, reply: Reply | None) -> None:
        self._left -= 1
        self._failures += 1
        asked = self._asked(reply) if reply else None
        if self._left <= 0 or (asked is not None and self._waited + asked > WAIT_CEILING):
            raise TemporaryError(
                f"{self._product} {what}. Nothing was changed; it will be tried again.",
                detail=detail,
                retry_after=asked,
            )
        self._pause(asked, self._failures)

    def after_429(self, reply: Reply) -> None:
        """Wait as long as the vendor says, or ever longer; RateLimitedError beyond the ceiling."""
        self._limits += 1
        asked = self._asked(reply)
        # Without jitter in the sum the number of tries is bounded whatever the dice say.
        nominal = asked if asked is not None else _backoff(self._limits)
        if self._waited + nominal > WAIT_CEILING:
            raise RateLimitedError(
                f"{self._product} keeps asking us to slow down. It will be tried again later.",
                detail=f"{self._call} -> 429 after {self._waited:.0f} s",
                retry_after=asked,
            )
        self._pause(asked, self._limits, everyone=True)

    def _pause(self, asked: float | None, times: int, *, everyone: bool = False) -> None:
        nominal = _backoff(times)
        seconds = asked if asked is not None else nominal * self._context.random()
        self._waited += max(asked if asked is not None else nominal, 1.0)
        if everyone:
            self._context.budget.slow_down(seconds)
        self._context.sleep(seconds)

    def _asked(self, reply: Reply) -> float | None:
        """The Retry-After of an answer in seconds from now, None when there is none that can be read."""
        value = reply.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - self._context.now()).total_seconds())


def _backoff(times: int) -> float:
    return min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(times - 1, 10))


def _loss(error: httpx.HTTPError) -> str:
    if isinstance(error, NOT_SENT):
        return "could not be reached"
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time"
    return "broke off its answer"
