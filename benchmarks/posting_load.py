"""Sends the same POST again and again and times the answers, in a process of its own. See ``benchmarks.webhooks``.

Its task says how: with ``rate`` that many a second, each timed from the moment it was to leave, so that a server that
falls behind cannot hide it; without, as fast as ``connections`` connections get answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from benchmarks.timing import report


class Sender:
    """One connection that is kept open."""

    def __init__(self, task: dict[str, Any]) -> None:
        address = urlsplit(task["url"])
        self._host, self._port = address.hostname, address.port
        body = task["body"].encode()
        lines = [f"POST {address.path} HTTP/1.1", f"Host: {address.netloc}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in task["headers"].items()]
        self._request = "\r\n".join([*lines, "", ""]).encode() + body

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def send(self) -> int:
        """The status of the answer, which has been read whole."""
        self._writer.write(self._request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if int(length or b"0"):
            await self._reader.readexactly(int(length))
        return int(head[9:12])


async def run(task: dict[str, Any]) -> dict[str, Any]:
    senders = [Sender(task) for _ in range(task["connections"])]
    await asyncio.gather(*(sender.open() for sender in senders))
    began = time.perf_counter()
    until, taken, statuses = began + task["seconds"], list[float](), set[int]()
    rate = float(task.get("rate", 0))
    due = iter(range(int(task["seconds"] * rate))) if rate else None

    async def work(sender: Sender) -> None:
        while (left := time.perf_counter()) < until:
            if due is not None:
                number = next(due, None)
                if number is None:
                    return
                left = began + number / rate
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
