"""Whose job a worker's lines are about, and one line for each job that ended."""

from __future__ import annotations

import os
import time
import uuid
from multiprocessing import current_process
from typing import Any

import structlog
from django_q.conf import Conf
from django_q.signals import post_execute_in_worker, pre_execute

from config.logging import describe_traceback

log = structlog.get_logger()

_begun = 0.0
"""When this process began the job it is at, on its monotonic clock: a worker does one job at a time."""


def follow_jobs() -> None:
    """From now on every line of a job names its queue, worker, function and tenant."""
    pre_execute.connect(_begin, dispatch_uid="logging")
    post_execute_in_worker.connect(_end, dispatch_uid="logging")


def _begin(task: dict[str, Any], **kwargs: Any) -> None:
    global _begun
    _begun = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        queue=os.environ.get("Q_CLUSTER_NAME") or Conf.CLUSTER_NAME or Conf.PREFIX,
        worker=f"{os.getpid()} {current_process().name}",
        job=str(task["func"]),
        **_tenant(task["args"]),
    )


def _tenant(given: tuple[Any, ...]) -> dict[str, str]:
    """A job of a tenant has its id as the first argument."""
    try:
        return {"tenant": str(uuid.UUID(given[0]))}
    except (IndexError, ValueError, AttributeError, TypeError):
        return {}


def _end(task: dict[str, Any], **kwargs: Any) -> None:
    if not task["success"]:
        # django-q2 hands on the error as text: its message and its traceback.
        log.error("job.failed", task=task["id"], **describe_traceback(str(task["result"])))
    log.info("job.ended", success=task["success"], seconds=round(time.monotonic() - _begun, 3))
    structlog.contextvars.clear_contextvars()
