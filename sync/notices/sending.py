"""Messages leave here: by mail, or signed to an address of the customer's.

At least once: a message is claimed before it is sent and marked sent afterwards, so that one whose sender died is sent
again. Its Message-ID, or delivery id, stays the same, by which a second copy can be told.
"""

from __future__ import annotations

import smtplib
import uuid
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.mail import get_connection
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from connectors.seal import SealBroken
from sync.models import AlertHook, Dispatch, Notice
from sync.notices.addresses import AddressRefused
from sync.notices.digests import Digest, digest_of
from sync.notices.hooks import HookFailed, HookPost, body_of, post, secret_of
from sync.notices.mails import Mail, digest_mail, notices_mail
from tenants.models import Membership, Role, Tenant
from tenants.scope import current_tenant_id

logger = structlog.get_logger(__name__)

WAITS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 360, 900))
"""How long after each attempt the next one comes: eight attempts over a day."""

ATTEMPTS = len(WAITS) + 1
KEPT_FOR = timedelta(days=90)
AT_MOST = 200
"""So many mails of one tenant are sent in one go."""
POSTS_AT_MOST = 10
"""So many messages of one tenant are posted in one go: each may take as long as an address is waited for."""


class Undeliverable(Exception):
    """This message has nobody to go to any more. ``str()`` says why."""


class Outbox:
    """What one pass over many tenants shares: the mail server's connection, and that it does not answer."""

    def __init__(self) -> None:
        self.server: Any = None
        self.is_down = False
        self.sent = 0

    def send(self, mail: Mail, address: str) -> None:
        """Hand the mail to the server; raises OSError or SMTPException when it does not take it."""
        if self.server is None:
            self.server = get_connection(timeout=settings.EMAIL_TIMEOUT)
            try:
                self.server.open()
            except (OSError, smtplib.SMTPException):
                self.server, self.is_down = None, True
                raise
        try:
            message = mail.to(address)
            message.connection = self.server
            message.send()
        except (OSError, smtplib.SMTPException):
            self.close()
            raise

    def close(self) -> None:
        """The next mail opens a new connection."""
        if self.server is not None:
            server, self.server = self.server, None
            try:
                server.close()
            except (OSError, smtplib.SMTPException):
                logger.info("mail_server_left_without_goodbye")


def send_due(outbox: Outbox, now: datetime) -> int:
    """Afterwards every mail of the tenant that is due at ``now`` was tried once; returns how many left. While the mail
    server does not answer, the others stay due: nobody waits for it more than once."""
    sent = 0
    with timezone.override(ZoneInfo(Tenant.objects.values_list("time_zone", flat=True).get(pk=current_tenant_id()))):
        digests: dict[date, Digest] = {}
        for _ in range(AT_MOST):
            message = None if outbox.is_down else _claim(now, hook=None)
            if message is None:
                break
            sent += _try(message, outbox, digests, now)
    outbox.sent += sent
    return sent


def posts_are_due(now: datetime) -> bool:
    """True when there is something for ``post_due`` to do."""
    return Dispatch.objects.filter(next_at__lte=now, hook__isnull=False).exists()


def post_due(now: datetime) -> int:
    """As ``send_due``, of the messages to addresses: POSTS_AT_MOST of them, one to each that does not answer. Returns
    how many left."""
    sent, silent = 0, set[uuid.UUID]()
    for _ in range(POSTS_AT_MOST):
        message = _claim(now, ~Q(hook=None), ~Q(hook__in=silent))
        if message is None:
            break
        left = _try(message, Outbox(), {}, now)
        sent += left
        if not left and message.hook_id is not None:
            silent.add(message.hook_id)
    return sent


def send_one(message: Dispatch, now: datetime) -> str:
    """Try this message once, now; returns what went wrong, empty when it left."""
    outbox = Outbox()
    claimed = _claim(now, pk=message.pk)
    if claimed is not None:
        _try(claimed, outbox, {}, now)
    outbox.close()
    message.refresh_from_db()
    return message.error


def forget_sent(now: datetime) -> None:
    """Messages that left long ago are removed, some at a time."""
    old = Dispatch.objects.filter(created_at__lt=now - KEPT_FOR, next_at=None).order_by("created_at")
    Dispatch.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_MOST])).delete()


def _claim(now: datetime, *conditions: Q, **lookups: Any) -> Dispatch | None:
    """The next of these messages that is due, counted as tried: whoever asks next gets another one, and this one again
    only when it has not left by its next time."""
    with transaction.atomic():
        due = Dispatch.objects.select_for_update(skip_locked=True).filter(*conditions, next_at__lte=now, **lookups)
        message = due.order_by("next_at", "pk").first()
        if message is None:
            return None
        message.attempts += 1
        message.next_at = now + WAITS[min(message.attempts, len(WAITS)) - 1]
        message.save(update_fields=["attempts", "next_at"])
    return message


def _try(message: Dispatch, outbox: Outbox, digests: dict[date, Digest], now: datetime) -> bool:
    try:
        if message.hook_id is not None:
            _send_to_hook(message, now)
        else:
            _send_mail(message, outbox, digests, now)
    except Undeliverable as reason:
        _settle(message, error=str(reason), next_at=None, attempts=0)
    except (HookFailed, AddressRefused, SealBroken) as refusal:
        _note_not_sent(message, str(refusal)[:300], now)
    except (OSError, smtplib.SMTPException) as error:
        # What a server says may repeat the recipient's address: its kind is enough.
        _note_not_sent(message, f"The mail server did not take it ({type(error).__name__}).", now)
        logger.warning("mail_not_sent", dispatch=message.pk, attempts=message.attempts, error=type(error).__name__)
    except Exception as error:
        # Ours to mend: until then one message holds up no other, and ends as any that cannot be delivered.
        _note_not_sent(message, f"It could not be sent ({type(error).__name__}). Tell the operator.", now)
        logger.exception("message_not_sent", dispatch=message.pk, attempts=message.attempts)
    else:
        _settle(message, error="", next_at=None, sent_at=now)
        if message.hook_id is not None:
            _note_failing(message, None)
        return True
    return False


def _note_not_sent(message: Dispatch, said: str, now: datetime) -> None:
    is_test = message.purpose == Dispatch.Purpose.TEST
    last = message.attempts >= ATTEMPTS or is_test
    _settle(message, error=said, **({"next_at": None} if last else {}))
    if last and not is_test:
        _note_failing(message, now)


def _settle(message: Dispatch, **values: Any) -> None:
    Dispatch.objects.filter(pk=message.pk, attempts=message.attempts).update(**values)


def _note_failing(message: Dispatch, since: datetime | None) -> None:
    hooks = AlertHook.objects.filter(dispatches=message.pk, failing_since__isnull=since is not None)
    hooks.update(failing_since=since)


def _send_mail(message: Dispatch, outbox: Outbox, digests: dict[date, Digest], now: datetime) -> None:
    member = Membership.objects.select_related("user", "tenant").filter(user=message.user_id).first()
    if member is None or not member.user.is_active:
        raise Undeliverable("This person does not work here any more.")
    if not member.user.email:
        raise Undeliverable("This person has no e-mail address.")
    if message.purpose == Dispatch.Purpose.DIGEST:
        assert message.day is not None
        if message.day not in digests:
            digests[message.day] = digest_of(message.day, now)
        sees_money = Role(member.role).covers(Role.PREPARER)
        mail = digest_mail(message, digests[message.day], with_money=sees_money, now=now)
    else:
        mail = notices_mail(message, member.tenant.name, _told_of(message))
    outbox.send(mail, member.user.email)


def _send_to_hook(message: Dispatch, now: datetime) -> None:
    hook = AlertHook.objects.get(dispatches=message.pk)
    if hook.paused and message.purpose != Dispatch.Purpose.TEST:
        raise Undeliverable("This address is paused.")
    slug = Tenant.objects.values_list("slug", flat=True).get(pk=current_tenant_id())
    notices = [] if message.purpose == Dispatch.Purpose.TEST else _told_of(message)
    delivery = f"{message.tenant_id}-{message.pk}"
    post(HookPost(url=hook.url, secret=secret_of(hook), delivery=delivery, body=body_of(message, slug, notices)), now)


def _told_of(message: Dispatch) -> list[Notice]:
    return list(Notice.objects.filter(pk__in=message.notices).order_by("pk"))
