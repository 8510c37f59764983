"""The queues: who serves them, how long their jobs may take, and the broker that keeps them (Q_CLUSTER)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from config import env

HOUR = 3600


def q_cluster() -> dict[str, Any]:
    """django-q2's settings, from the environment: ``mlc`` is the default cluster, the others stand beside it."""
    workers = env.number("WORKER_PROCESSES", 2)
    timeout = env.number("WORKER_TASK_TIMEOUT", 6 * HOUR)
    runs = {"workers": workers, "timeout": timeout, "retry": env.number("WORKER_RETRY", timeout + 600)}
    return {
        "name": "mlc",
        **broker(env.text("BROKER", "orm")),
        "workers": 2,
        "timeout": 600,
        "retry": 900,
        "ALT_CLUSTERS": {
            "alerts": {"workers": 2},
            "webhooks": {"workers": workers, "timeout": HOUR, "retry": HOUR + 600},
            "people": runs,
            "payroll": dict(runs),
        },
        # A job is handed out again when its worker died, and never because it failed.
        "ack_failures": True,
        # Failures are always kept. Keeping 1,000 successes would read all of them after every job.
        "save_limit": -1,
        # A worker process is replaced after so many jobs, or when it has grown to so many KiB.
        "recycle": 500,
        "max_rss": env.number("WORKER_MAX_RSS_MB", 512) * 1024,
        "catch_up": False,
        "poll": 0.5,
        "label": "Jobs",
    }


def broker(name: str) -> dict[str, Any]:
    """The part of Q_CLUSTER that says where jobs wait: ``orm``, ``redis://…`` or ``sqs:<region>:<queue prefix>``.
    Raises ImproperlyConfigured for anything else."""
    if name == "orm":
        return {"orm": "default", "broker_class": "sync.broker.FairBroker"}
    if name.startswith(("redis://", "rediss://", "unix://")):
        return {"redis": name, "broker_class": "sync.redis_broker.RedisBroker"}
    kind, _, rest = name.partition(":")
    region, _, prefix = rest.partition(":")
    if kind == "sqs" and region and prefix:
        where = {"aws_region": region, "queue_prefix": prefix}
        return {"sqs": where, "broker_class": "sync.sqs_broker.SqsBroker"}
    # Not what it says: an address may hold a password.
    raise ImproperlyConfigured("BROKER must be orm, redis://… or sqs:<region>:<queue prefix>.")


def clusters(conf: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Queue → its settings, the default cluster first."""
    common = {name: value for name, value in conf.items() if name != "ALT_CLUSTERS"}
    return {conf["name"]: common} | {name: common | more for name, more in conf["ALT_CLUSTERS"].items()}


def faults(conf: Mapping[str, Any]) -> list[str]:
    """What must be mended before anybody works with these settings: a sentence each."""
    found = []
    for queue, its in clusters(conf).items():
        if its["workers"] < 1:
            found.append(f"WORKER_PROCESSES must be at least 1: nobody would work on the queue {queue}.")
        if its["timeout"] < 1:
            found.append(f"WORKER_TASK_TIMEOUT must be at least 1 second (queue {queue}).")
        elif its["retry"] <= its["timeout"]:
            found.append(
                f"WORKER_RETRY ({its['retry']} s) must be longer than WORKER_TASK_TIMEOUT ({its['timeout']} s): "
                f"otherwise a job of the queue {queue} is handed out again while it is worked on."
            )
    return found


def check_queues() -> None:
    """Returns when the queues are set up soundly; raises ImproperlyConfigured with every fault otherwise."""
    if found := faults(settings.Q_CLUSTER):
        raise ImproperlyConfigured(" ".join(found))


@checks.register("queues")
def _check(**kwargs: Any) -> list[checks.CheckMessage]:
    return [checks.Error(fault, id="config.E001") for fault in faults(settings.Q_CLUSTER)]
