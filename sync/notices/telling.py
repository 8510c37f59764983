"""Who hears of what, and how: by each person's choice, else as their role usually does. Messages are decided here, in
the transaction of the notices they tell of, and sent by ``sending``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.contrib.auth.models import User

from sync.models import AlertHook, Dispatch, Notice, NoticeChoice, NoticeKind
from tenants.models import Membership, Role

How = NoticeChoice.How

DIGEST = "digest"
"""What the choice about the daily digest itself is filed under, beside the kinds of notices."""

ONE_MAIL_PER = timedelta(minutes=1)
"""Whatever is new for one recipient within this time is in one message."""

AT_ONCE_FROM: dict[NoticeKind, Role] = {
    NoticeKind.FAILED: Role.PREPARER,
    NoticeKind.HELD: Role.PREPARER,
    NoticeKind.BLOCKED: Role.PREPARER,
    NoticeKind.MISSED: Role.PREPARER,
    NoticeKind.CREDENTIALS: Role.ADMINISTRATOR,
    NoticeKind.APPROVAL: Role.APPROVER,
    NoticeKind.ATTENTION: Role.PREPARER,
    NoticeKind.VOLUME: Role.PREPARER,
    NoticeKind.WEBHOOKS: Role.ADMINISTRATOR,
    NoticeKind.ALERTS: Role.ADMINISTRATOR,
    NoticeKind.CALENDAR: Role.PREPARER,
}
"""The least role that hears at once of a kind, unless a person chose otherwise."""


Recipient = tuple[str, int | str]
"""The column that names who gets a message, and its value."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the tenant and their choices, by kind."""

    user: User
    role: Role
    choices: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where mail for them goes; empty for somebody who cannot be told."""
        return self.user.email if self.user.is_active and settings.MAIL_IS_SET_UP else ""

    def how(self, kind: str) -> How:
        """How they hear of this kind of notice, or of the digest itself."""
        return How(self.choices[kind]) if kind in self.choices else usual(self.role, kind)


def usual(role: Role, kind: str) -> How:
    """How somebody in this role hears of a kind who has not chosen: viewers nothing."""
    if not role.covers(Role.PREPARER):
        return How.NEVER
    if kind != DIGEST and role.covers(AT_ONCE_FROM[NoticeKind(kind)]):
        return How.AT_ONCE
    return How.DIGEST


def listeners() -> list[Listener]:
    """Everybody in the tenant, by name. Two queries."""
    choices: dict[int, dict[str, str]] = defaultdict(dict)
    for user, kind, how in NoticeChoice.objects.values_list("user", "kind", "how"):
        choices[user][kind] = how
    members = Membership.objects.select_related("user").order_by("user__username", "pk")
    return [Listener(user=one.user, role=Role(one.role), choices=choices[one.user.pk]) for one in members]


def tell(notices: Sequence[Notice], now: datetime) -> None:
    """Afterwards everybody who wants to hear of these at once has a message waiting, and every address of the tenant's
    that takes their kind. The caller's transaction makes both true together."""
    if not notices:
        return
    people, hooks = [one for one in listeners() if one.address], list(AlertHook.objects.filter(paused=False))
    wanted: dict[Recipient, list[Notice]] = {}
    for notice in notices:
        for one in people:
            if one.how(notice.kind) == How.AT_ONCE:
                wanted.setdefault(("user_id", one.user.pk), []).append(notice)
        for hook in hooks:
            if notice.kind in (hook.kinds or NoticeKind.values) and notice.cause != f"hook:{hook.pk}":
                wanted.setdefault(("hook_id", str(hook.pk)), []).append(notice)
    _dispatch(wanted, Dispatch.Purpose.NOTICE, now)
    for notice in notices:
        notice.told_at = now
    Notice.objects.bulk_update(notices, ["told", "told_at"], batch_size=500)


def tell_mended(notices: Sequence[Notice], now: datetime) -> None:
    """Afterwards everybody who was told of these has a message waiting that they are mended."""
    messages = {pk for notice in notices for pk in notice.told}
    wanted: dict[Recipient, list[Notice]] = {}
    for message in Dispatch.objects.filter(pk__in=messages).order_by("pk"):
        told = [notice for notice in notices if message.pk in notice.told]
        wanted.setdefault(_recipient(message), []).extend(told)
    _dispatch(wanted, Dispatch.Purpose.MENDED, now)


def _dispatch(wanted: Mapping[Recipient, list[Notice]], purpose: str, now: datetime) -> None:
    """One message per recipient: the one still waiting, else a new one, a minute after the one before at the earliest.

    A message that somebody is sending right now is locked, and cannot be added to.
    """
    lately = Dispatch.objects.filter(purpose=purpose, created_at__gt=now - ONE_MAIL_PER).order_by("pk")
    latest = {_recipient(one): one for one in lately.select_for_update(skip_locked=True, of=("self",))}
    added, new = [], []
    for key, notices in wanted.items():
        ids = list(dict.fromkeys(notice.pk for notice in notices))
        before = latest.get(key)
        if before is not None and before.attempts == 0 and before.sent_at is None:
            before.notices = list(dict.fromkeys([*before.notices, *ids]))
            added.append((before, notices))
        else:
            due = before.created_at + ONE_MAIL_PER if before is not None else now
            message = Dispatch(purpose=purpose, notices=ids, created_at=now, next_at=max(now, due), **{key[0]: key[1]})
            new.append((message, notices))
    Dispatch.objects.bulk_update([message for message, _ in added], ["notices"])
    Dispatch.objects.bulk_create([message for message, _ in new])
    for message, notices in [*added, *new]:
        for notice in notices:
            notice.told = [*notice.told, message.pk] if message.pk not in notice.told else notice.told


def _recipient(message: Dispatch) -> Recipient:
    return ("user_id", message.user_id) if message.user_id else ("hook_id", str(message.hook_id))
