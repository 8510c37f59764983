"""Sending the events that wait, many at a time, in any order and as often as asked."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import aiohttp

from sandbox.rippling.company import RipplingCompany
from sandbox.rippling.webhooks import Event, Hook, Outcome

DeliveryOrder = Literal["as_is", "random"]
ATTEMPTS, PAUSE = 4, 0.05
"""Where a failed delivery is repeated: how often it is tried, and the seconds before the second try, then doubled."""


async def deliver(
    company: RipplingCompany,
    order: DeliveryOrder = "as_is",
    copies: int = 1,
    seed: int = 1,
    limit: int | None = None,
    concurrency: int = 16,
    timeout_seconds: float = 30,
) -> dict[str, Any]:
    """The first ``limit`` events that wait are sent, each ``copies`` times, and wait no longer whatever is answered.

    ``random`` shuffles events and copies by the seed. With a concurrency of 1 the order is kept to the letter;
    otherwise it is the order in which deliveries begin. Raises ValueError where there is no hook.
    """
    hook, queue = company.webhooks.hook, company.webhooks.queue
    if hook is None:
        raise ValueError("no webhooks are set up")
    if order not in get_args(DeliveryOrder) or copies < 1 or concurrency < 1:
        raise ValueError(f"order is one of {get_args(DeliveryOrder)}; copies and concurrency are at least 1")
    taken = [queue.popleft() for _ in range(len(queue) if limit is None else min(limit, len(queue)))]
    sent = [event for event in taken for _ in range(copies)]
    if order == "random":
        random.Random(seed).shuffle(sent)
    began = time.perf_counter()
    outcomes = await send_all(hook, sent, concurrency, timeout_seconds)
    for outcome in outcomes:
        company.webhooks.delivered(outcome)
    summary = _summary(outcomes) | {"seconds": round(time.perf_counter() - began, 3), "queued": len(queue)}
    return {"events": len(taken), "deliveries": len(sent), **summary}


async def send_all(hook: Hook, events: list[Event], concurrency: int, timeout_seconds: float) -> list[Outcome]:
    """The outcomes, in the order in which the deliveries ended."""
    waiting, outcomes = iter(events), list[Outcome]()
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency), timeout=timeout) as session:

        async def work() -> None:
            for event in waiting:
                outcomes.append(await _send(session, hook, event))

        await asyncio.gather(*(work() for _ in range(min(concurrency, len(events)))))
    return outcomes


async def _send(session: aiohttp.ClientSession, hook: Hook, event: Event) -> Outcome:
    body, headers = hook.written(event)
    began, at = time.perf_counter(), datetime.now(UTC).isoformat()
    status, error, attempts = None, None, 0
    for attempt in range(ATTEMPTS if hook.retry_on_5xx else 1):
        if attempt:
            await asyncio.sleep(PAUSE * 2 ** (attempt - 1))
        attempts += 1
        try:
            async with session.post(hook.url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as failed:
            error = type(failed).__name__
            break
        if status < 500:
            break
    milliseconds = round((time.perf_counter() - began) * 1000, 2)
    return Outcome(
        event.get("event_name", ""), event.get("id"), None if error else status, error, attempts, at, milliseconds
    )


def _summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Statuses counted, and latency in milliseconds; empty where nothing was sent."""
    taken = sorted(outcome.milliseconds for outcome in outcomes)
    shares = {"median": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1.0}
    latency = {name: taken[min(len(taken) - 1, int(len(taken) * share))] for name, share in shares.items() if taken}
    return {"statuses": dict(Counter(outcome.result for outcome in outcomes)), "milliseconds": latency}
