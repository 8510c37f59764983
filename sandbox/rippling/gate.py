"""Who gets past the door of either API: tokens that still count, not too many requests. Source: rippling §1.4, §9."""

from __future__ import annotations

import math
from datetime import timedelta

from sandbox.rippling.answers import Refusal
from sandbox.rippling.company import RipplingCompany

WINDOW = timedelta(minutes=1)


def let_in(company: RipplingCompany, token: str) -> bool:
    """Whether the token is good now. Raises Refusal for an installer who is no administrator and for a busy minute."""
    if token != company.token:
        access = company.app.access.get(token)
        if access is None or not access.is_live(company.server_time):
            return False
        if not access.installer.is_admin:
            raise Refusal(403, "The user who installed this app is not an administrator any more.")
        company.app.counts["token_uses"] += 1
    _count(company)
    return True


def _count(company: RipplingCompany) -> None:
    """One more request in the last minute, or 429; whether it says how long to wait is an option."""
    limit, moment, calls = company.behaviour.rate_limit_per_minute, company.server_time, company.calls
    if limit is None:
        return
    while calls and calls[0] <= moment - WINDOW:
        calls.popleft()
    if len(calls) >= limit:
        company.throttled += 1
        wait = math.ceil((calls[0] + WINDOW - moment).total_seconds())
        headers = {"Retry-After": str(wait)} if company.behaviour.retry_after else {}
        raise Refusal(429, "Request was throttled.", headers)
    calls.append(moment)
