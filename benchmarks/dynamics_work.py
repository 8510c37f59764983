"""Work of ``benchmarks.dynamics`` in a process of its own. Its task says which: ``post`` a journal of many lines with
the connector alone, or ``advance`` the journals of a pay run as a worker does."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


Work = Callable[[], dict[str, Any]]


def post(task: dict[str, Any]) -> Work:
    """The whole of posting: look up, check, write, read back, compare."""
    from connectors.dynamics.connector import DynamicsConnector
    from tests.connectors.surroundings import context

    connect = task["connect"]
    surroundings = context(
        settings={
            "base_url": task["url"],
            "authority": task["url"],
            "directory_id": connect["directory_id"],
            "client_id": connect["client_id"],
            "legal_entities": "usmf",
            "journal_name": "PAYJRN",
        },
        credentials={"client_secret": connect["client_secret"]},
    )
    journal = payroll(task["lines"], balanced=task["balanced"])

    def work() -> dict[str, Any]:
        with closing(DynamicsConnector(surroundings)) as connector:
            assert not connector.find_journal(journal)
            posted = connector.post_journal(journal)
        assert posted.complete
        assert posted.lines == journal.lines
        return {"debit": str(posted.debit)}

    return work


def payroll(lines: int, *, balanced: bool) -> Any:
    """A journal of so many lines: for each person five on either side that balance, or wages against one net pay."""
    from decimal import Decimal

    from tests.connectors.dynamics.books import NET_PAY, TAXES, WAGES, line, payroll

    if not balanced:
        wages = [line(WAGES, f"Person {number}", debit=f"{1000 + number}.01") for number in range(1, lines)]
        total = sum((one.debit for one in wages), Decimal(0))
        return payroll(lines=(*wages, line(NET_PAY, credit=str(total))))
    made = []
    for number in range(1, lines // 10 + 1):
        amounts = [f"{1000 + number + part}.{part}1" for part in range(5)]
        made += [line(WAGES, f"Person {number}", debit=amount) for amount in amounts]
        made += [line(TAXES, f"Person {number}", credit=amount) for amount in amounts]
    return payroll(lines=tuple(made))


def advance(task: dict[str, Any]) -> Work:
    from sync.jobs import advance

    def work() -> dict[str, Any]:
        advance(task["tenant"], task["pay_run"])
        return {}

    return work


TASKS = {"post": post, "advance": advance}


def main() -> None:
    task = json.load(sys.stdin)
    django.setup()
    from benchmarks.timing import report

    work = TASKS[task["do"]](task)
    started, used = time.perf_counter(), time.process_time()
    said = work()
    report(time.perf_counter() - started, time.process_time() - used, **said)


if __name__ == "__main__":
    main()
