"""The floor: what no product could leave out, and nothing else. No Django, no checks, no memory of what was done.

Its task says which: ``load`` reads the pages and issues the writes, with as many threads as the product; ``hash``
reads the pages and upserts each worker's hash into PostgreSQL where it differs.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import psycopg

from benchmarks.timing import report

WRITE = msgspec.json.Encoder().encode


class Name(msgspec.Struct):
    given_name: str
    family_name: str


class User(msgspec.Struct):
    name: Name


class Worker(msgspec.Struct):
    id: str
    user: User
    number: int
    work_email: str
    department_id: str
    title: str


class Page(msgspec.Struct):
    results: list[Worker]
    next_link: str | None = None


class RawPage(msgspec.Struct):
    results: list[msgspec.Raw]
    next_link: str | None = None


class Identified(msgspec.Struct):
    id: str


def bodies(task: dict[str, Any]) -> Iterator[bytes]:
    """Every page of workers, one after the other."""
    link = f"{task['rippling']}/workers/?expand=user&order_by=created_at%2Cid&limit=100"
    headers = {"Authorization": f"Bearer {task['token']}"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        while link:
            answer = client.get(link).raise_for_status()
            yield answer.content
            link = msgspec.json.decode(answer.content, type=RawPage).next_link or ""


def load(task: dict[str, Any]) -> dict[str, Any]:
    """Create everybody, then make as many updates as the product made."""
    headers = {"X-Plex-Connect-Api-Key": task["key"], "X-Plex-Connect-Customer-Id": task["pcn"]}
    headers["Content-Type"] = "application/json"
    base = f"{task['plex']}/mdm/v1/employees"
    created = 0
    again: list[dict[str, Any]] = []
    decoder = msgspec.json.Decoder(Page)
    with (
        httpx.Client(headers=headers, timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(task["threads"]) as pool,
    ):

        def post(body: dict[str, Any]) -> None:
            client.post(base, content=WRITE(body)).raise_for_status()

        def put(body: dict[str, Any]) -> None:
            content = WRITE({name: value for name, value in body.items() if name not in ("id", "userId")})
            client.put(f"{base}/{body['id']}", content=content).raise_for_status()

        for content in bodies(task):
            page = [employee(worker, task) for worker in decoder.decode(content).results]
            list(pool.map(post, page))
            created += len(page)
            again += page[: task["updates"] - len(again)]
        list(pool.map(put, again))
    return {"creates": created, "updates": len(again)}


def employee(worker: Worker, task: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "badgeNumber": str(worker.number),
        "userId": worker.work_email.partition("@")[0],
        "firstName": worker.user.name.given_name,
        "lastName": worker.user.name.family_name,
        "email": worker.work_email,
        "department": task["departments"][worker.department_id],
        "position": worker.title,
        "shift": "1st",
        "type": "Full Time",
        "status": "Active",
    }


def upsert_hashes(task: dict[str, Any]) -> dict[str, Any]:
    """Hash and upsert page by page, as something that is to survive a crash must; a row that is equal is left."""
    decoder, identified = msgspec.json.Decoder(RawPage), msgspec.json.Decoder(Identified)
    changed = total = 0
    with psycopg.connect(task["database"]) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS benchmark_floor (id text PRIMARY KEY, hash bytea NOT NULL, body jsonb NOT NULL)"
        )
        connection.commit()
        for content in bodies(task):
            rows = decoder.decode(content).results
            ids = [identified.decode(row).id for row in rows]
            hashes = [hashlib.sha256(row).digest() for row in rows]
            texts = [bytes(row).decode() for row in rows]
            changed += connection.execute(
                "INSERT INTO benchmark_floor (id, hash, body) SELECT id, hash, body::jsonb FROM "
                "unnest(%s::text[], %s::bytea[], %s::text[]) AS page (id, hash, body) "
                "ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, body = excluded.body "
                "WHERE benchmark_floor.hash <> excluded.hash",
                [ids, hashes, texts],
            ).rowcount
            connection.commit()
            total += len(rows)
    return {"read": total, "changed": changed}


TASKS = {"load": load, "hash": upsert_hashes}


def main() -> None:
    task = json.load(sys.stdin)
    started, used = time.perf_counter(), time.process_time()
    said = TASKS[task["do"]](task)
    report(time.perf_counter() - started, time.process_time() - used, **said)


if __name__ == "__main__":
    main()
