"""Sends the same POSTs again and again and times the answers, in a process of its own. See ``benchmarks.webhooks``.

Its task says which, in turn, and how: with ``rate`` that many a second, each timed from the moment it was to leave, so
that a server that falls behind cannot hide it; without, as fast as ``connections`` connections get answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

from benchmarks.timing import report


class Sender:
    """One connection that is kept open."""

    def __init__(self, task: dict[str, Any], requests: Iterator[bytes]) -> None:
        address = urlsplit(task["posts"][0]["url"])
        self._host, self._port = address.hostname, address.port
        self._requests = requests

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def send(self) -> int:
        """The status of the answer, which has been read whole."""
        self._writer.write(next(self._requests))
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if int(length or b"0"):
            await self._reader.readexactly(int(length))
        return int(head[9:12])


def request_of(post: dict[str, str], headers: dict[str, str]) -> bytes:
    """What is sent for this address and body."""
    address, body = urlsplit(post["url"]), post["body"].encode()
    lines = [f"POST {address.path} HTTP/1.1", f"Host: {address.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def run(task: dict[str, Any]) -> dict[str, Any]:
    requests = cycle([request_of(post, task["headers"]) for post in task["posts"]])
    senders = [Sender(task, requests) for _ in range(task["connections"])]
    await asyncio.gather(*(sender.open() for sender in senders))
    began = time.perf_counter()
    until, taken, statuses = began + task["seconds"], list[float](), set[int]()
    rate = float(task.get("rate", 0))

    def departures() -> Iterator[float]:
        """When each is to leave; with a rate every one of them does, however late."""
        if rate:
            yield from (began + number / rate for number in range(int(task["seconds"] * rate)))
        else:
            while (now := time.perf_counter()) < until:
                yield now

    leaving = departures()

    async def work(sender: Sender) -> None:
        for left in leaving:
            if (pause := left - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            statuses.add(await sender.send())
            taken.append(time.perf_counter() - left)

    await asyncio.gather(*(work(sender) for sender in senders))
    seconds = time.perf_counter() - began
    taken.sort()
    return {
        "statuses": sorted(statuses),
        "answers": len(taken),
        "rate": len(taken) / seconds,
        "median": taken[len(taken) // 2],
        "p99": taken[int(len(taken) * 0.99)],
    }


def main() -> None:
    task = json.load(sys.stdin)
    started, used = time.perf_counter(), time.process_time()
    said = asyncio.run(run(task))
    report(time.perf_counter() - started, time.process_time() - used, **said)


if __name__ == "__main__":
    main()
