"""What people decide about notices: how each hears of what, and programs' addresses; each with its entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from audit.record import Entry, record
from sync.models import AlertHook, Dispatch, NoticeChoice, NoticeKind
from sync.notices.addresses import AddressRefused, check_form
from sync.notices.hooks import new_secret
from sync.notices.sending import send_one
from sync.notices.telling import DIGEST

HOOK_FIELDS = ("name", "url", "kinds", "paused")


def choose(user: User, chosen: Mapping[str, str], *, now: datetime) -> None:
    """Afterwards the person hears of each of these kinds as chosen; an empty choice is what is usual for their role.
    Raises ValidationError naming the kind."""
    for kind, how in chosen.items():
        if kind not in {*NoticeKind.values, DIGEST} or how not in {"", *NoticeChoice.How.values}:
            raise ValidationError({kind: "This cannot be chosen."})
    with transaction.atomic():
        before = dict(NoticeChoice.objects.select_for_update().filter(user=user).values_list("kind", "how"))
        changed = {kind: how for kind, how in chosen.items() if before.get(kind, "") != how}
        if not changed:
            return
        NoticeChoice.objects.filter(user=user, kind__in=changed).delete()
        NoticeChoice.objects.bulk_create(
            NoticeChoice(user=user, kind=kind, how=how) for kind, how in changed.items() if how
        )
        entry = Entry(
            action="notice_choice.changed",
            subject_kind="member",
            subject_id=str(user.pk),
            subject_label=user.get_username(),
            detail={"outcome": [f"{kind}: {how or 'usual'}" for kind, how in sorted(changed.items())]},
        )
        record([entry], at=now)


def create_hook(name: str, url: str, kinds: list[str], *, now: datetime) -> tuple[AlertHook, str]:
    """A new address, and the secret its messages are signed with, which is shown once. Raises ValidationError naming
    the field."""
    hook = AlertHook(name=name, url=url, kinds=_known(kinds))
    text = _with_new_secret(hook)
    with transaction.atomic():
        hook.save(force_insert=True)
        _record("alert_hook.created", hook, now, after=_shown(hook, HOOK_FIELDS))
    return hook, text


def change_hook(hook: AlertHook, values: Mapping[str, Any], *, now: datetime) -> None:
    """Afterwards the address has these values (names of HOOK_FIELDS). Raises ValidationError naming the field."""
    assert set(values) <= set(HOOK_FIELDS)
    before = _shown(hook, HOOK_FIELDS)
    for name, value in values.items():
        setattr(hook, name, _known(value) if name == "kinds" else value)
    _check(hook)
    after = _shown(hook, HOOK_FIELDS)
    changed = [name for name in HOOK_FIELDS if before[_NAMES[name]] != after[_NAMES[name]]]
    if not changed:
        return
    if "url" in changed:
        hook.failing_since = None
    with transaction.atomic():
        hook.save(update_fields=[*changed, "failing_since"])
        names = [_NAMES[name] for name in changed]
        _record(
            "alert_hook.changed",
            hook,
            now,
            before={name: before[name] for name in names},
            after={name: after[name] for name in names},
        )


def replace_secret(hook: AlertHook, *, now: datetime) -> str:
    """A new secret, shown once; the former signs nothing any more."""
    text = _with_new_secret(hook)
    with transaction.atomic():
        hook.save(update_fields=["sealed", "sealed_by"])
        _record("alert_hook.secret_replaced", hook, now)
    return text


def remove_hook(hook: AlertHook, *, now: datetime) -> None:
    """Afterwards nothing is sent there any more."""
    with transaction.atomic():
        _record("alert_hook.removed", hook, now, before=_shown(hook, HOOK_FIELDS))
        hook.delete()


def try_hook(hook: AlertHook, *, now: datetime) -> str:
    """Send a sample now. What went wrong, as a sentence; empty when the address took it."""
    with transaction.atomic():
        message = Dispatch.objects.create(purpose=Dispatch.Purpose.TEST, hook=hook, created_at=now, next_at=now)
        _record("alert_hook.tested", hook, now)
    return send_one(message, now)


_NAMES = {"name": "name", "url": "base_url", "kinds": "kind", "paused": "enabled"}
"""What the audit trail calls the fields."""


def _shown(hook: AlertHook, names: tuple[str, ...]) -> dict[str, Any]:
    # The path of an address may hold a secret of the program's: the host says where it goes.
    host = urlsplit(hook.url).hostname
    values = {"name": hook.name, "url": host, "kinds": list(hook.kinds), "paused": not hook.paused}
    return {_NAMES[name]: values[name] for name in names}


def _known(kinds: list[str]) -> list[str]:
    if unknown := sorted(set(kinds) - set(NoticeKind.values)):
        raise ValidationError({"kinds": f"There is no kind of notice called {unknown[0]}."})
    return [kind for kind in NoticeKind.values if kind in kinds]


def _check(hook: AlertHook) -> None:
    try:
        check_form(hook.url, allow_loopback=settings.ALLOW_LOOPBACK_VENDORS)
    except AddressRefused as refusal:
        raise ValidationError({"url": str(refusal)}) from None
    hook.clean_fields(exclude=["url", "sealed", "kinds"])
    hook.validate_constraints()


def _with_new_secret(hook: AlertHook) -> str:
    _check(hook)
    return new_secret(hook)


def _record(verb: str, hook: AlertHook, now: datetime, **values: Any) -> None:
    entry = Entry(action=verb, subject_kind="alert_hook", subject_id=str(hook.pk), subject_label=hook.name, **values)
    record([entry], at=now)
